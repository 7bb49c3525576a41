"""Processes of a test: started with a log, waited for with a deadline, ended whatever happens.

The process that runs the tests makes itself the reaper of orphans, so every descendant of what a test starts stays
findable under it, whatever sessions and groups it makes for itself: leftovers() finds them all."""

import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)

SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|SUMMARY: \w+Sanitizer|: runtime error: ")


def become_reaper():
    """Once per run, before anything is started."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def wait_until(condition, what, timeout=10.0):
    """Calls `condition` until it returns something true, and returns that; fails after `timeout` seconds, naming
    `what`. An exception of the condition passes through."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(0.01)


def sanitizer_reports(text):
    """The lines that a sanitizer wrote, with some that follow."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if SANITIZER.search(line):
            return "\n".join(lines[number : number + 40])
    return ""


class Process:
    """A started program. Standard output and error go to `log` together, unless `stdout` says otherwise."""

    def __init__(self, argv, log, env=None, cwd=None, stdout=None):
        self.argv = [str(word) for word in argv]
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=out,
                env=env,
                cwd=cwd,
                start_new_session=True,
                # A run of the tests that is killed takes everything with it.
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),
            )

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def status(self):
        """The exit status (negative: the signal), None while it runs."""
        return self.popen.poll()

    def text(self):
        """Its log so far."""
        return self.log.read_text(errors="replace")

    def send(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, timeout=10.0):
        """Waits for it to end by itself; returns the exit status."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} did not end in {timeout:g} s; its log:\n{self.text()[-4000:]}") from None

    def stop(self, timeout=10.0, number=signal.SIGTERM):
        """Asks it to end and returns its exit status; one that does not is killed, and that fails the test."""
        self.send(number)
        try:
            return self.wait(timeout)
        except AssertionError:
            self.kill()
            raise

    def kill(self):
        """Ends it and its session's leader group at once, as a power failure would."""
        if self.alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.popen.wait()

    def __str__(self):
        return f"{pathlib.Path(self.argv[0]).name}[{self.pid}]"


def _parents():
    """{pid: (parent's pid, state, name)} of all processes."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text(errors="replace")
            except OSError:
                continue  # gone meanwhile
            name, rest = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
            table[int(entry)] = (int(rest[1]), rest[0], name)
    return table


# What outlives a test (a Docker engine): for every test's leftovers() it is as a peer.
_lasting = []


class Processes:
    """All that one test starts. Peers (Pebble, nginx) stay until the end of the test; everything else must be gone
    before. With `lasting` they are no test's, and all of them are peers until stop_all()."""

    def __init__(self, lasting=False):
        self._all = []
        self._peers = []
        self._is_lasting = lasting

    def start(self, argv, log, peer=False, **options):
        process = Process(argv, log, **options)
        self._all.append(process)
        if self._is_lasting:
            _lasting.append(process)
        elif peer:
            self._peers.append(process)
        return process

    def leftovers(self):
        """{pid: name} of the descendants that belong to no peer. Orphans that have ended are reaped on the way."""
        table = _parents()
        known = {process.pid for process in (*self._all, *_lasting)}
        for pid, (parent, state, _) in table.items():
            if parent == os.getpid() and state == "Z" and pid not in known:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
        for process in self._all:
            process.popen.poll()
        table = _parents()
        peers = {process.pid for process in (*self._peers, *_lasting)}
        found = {}
        for pid, (parent, _, name) in table.items():
            line, above = [pid], parent
            while above in table and above != os.getpid():
                line.append(above)
                above = table[above][0]
            if above == os.getpid() and not peers.intersection(line):
                found[pid] = name
        return found

    def expect_none_left(self, timeout=5.0):
        """Fails when anything but peers still runs after `timeout` seconds; what is left is killed first."""
        try:
            wait_until(lambda: not self.leftovers(), "all processes to end", timeout)
        except AssertionError:
            left = self.leftovers()
            self._kill(left)
            if left:
                raise AssertionError(f"left running at the end of the test: {left}") from None

    def stop_all(self):
        """Ends everything, peers too; for the end of a test."""
        for process in reversed(self._all):
            process.send(signal.SIGTERM)
        for process in reversed(self._all):
            try:
                process.popen.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        self._peers.clear()
        for process in self._all:
            if process in _lasting:
                _lasting.remove(process)
        self._kill(self.leftovers())
        wait_until(lambda: not self.leftovers(), "killed processes to be gone", 5.0)

    @staticmethod
    def _kill(pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
