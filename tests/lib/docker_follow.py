"""The program docker_run (tests/runners/docker_run.c), which follows one engine, and what it said so far.

    with Follower(folder, engine.host) as follower:            # Follower(folder, "tcp://...", ca, certificate, key)
        follower.wait_synced()
        follower.containers[ID]["labels"]                       # what is told now, by id
        follower.named("web-1")                                 # the one of that name, or None
        follower.states, follower.puts, follower.deaths, follower.gone        # everything, in its order
        follower.act("signal", ID, "HUP")                       # {"done": bool, "output", "error", "code"}

At the end it must have ended by itself with 0, without a word of a sanitizer."""

import json
import pathlib
import subprocess
import threading

from evercert import build_folder
from processes import sanitizer_reports, wait_until


class Follower:
    def __init__(self, folder, url, *files, insecure=False):
        self._log = pathlib.Path(folder) / "follower.log"
        argv = [build_folder() / "tests/docker_run", url, *files, *(["insecure"] if insecure else [])]
        self._argv = [str(word) for word in argv]
        self.containers, self.states, self.puts, self.deaths, self.gone = {}, [], [], [], []
        self.said, self._memory, self._done = [], [], []

    def __enter__(self):
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the follower does not end") from None
        self._reader.join(5)
        log = self._log.read_text(errors="replace")
        report = sanitizer_reports(log)
        assert not report, report
        if kind is None:
            assert status == 0, f"the follower ended with {status}: {log[-4000:]}"

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "put" in said:
                self.containers[said["put"]] = said
                self.puts.append(said["put"])
            elif "gone" in said:
                self.containers.pop(said["gone"], None)
                self.gone.append(said["gone"])
            elif "died" in said:
                self.deaths.append(said["died"])
            elif "done" in said:
                self._done.append(said)
            elif "memory" in said:
                self._memory.append(said["memory"])
            elif "connected" in said:
                self.states.append(said)
            self.said.append(said)

    # What is told

    @property
    def state(self):
        return self.states[-1] if self.states else {"connected": False, "synced": False, "error": ""}

    def named(self, name):
        return next((one for one in list(self.containers.values()) if one["name"] == name), None)

    def wait(self, condition, what, timeout=20.0):
        try:
            return wait_until(condition, what, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said[-5:]}") from None

    def wait_synced(self, timeout=30.0):
        return self.wait(lambda: self.state["synced"], "the follower to know all", timeout)

    def wait_lost(self, text="", timeout=60.0):
        """Waits until it is not connected, with `text` in the error; returns the error."""

        def lost():
            state = self.state
            return state["error"] if not state["connected"] and state["error"] and text in state["error"] else None

        return self.wait(lost, f"the follower to say {text!r}", timeout)

    # What it is told

    def say(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def act(self, *words, timeout=30.0):
        number = len(self._done)
        self.say(*words)
        return self.wait(lambda: self._done[number:], f"the end of {words}", timeout)[0]

    def rescan(self):
        self.say("rescan")

    def memory(self):
        """Its resident memory now, in octets."""
        number = len(self._memory)
        self.say("memory")
        return self.wait(lambda: self._memory[number:], "the follower's memory")[0]
