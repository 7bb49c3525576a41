"""What a hundred thousand certificates cost. Part "list": `evercert list --json` and `evercert list` of a running
daemon, the time and the memory of every process meanwhile.

    hundred_thousand.py [--parts list] [--counts 10 1000 100000] [--rounds 5]"""

import argparse
import os
import subprocess
import threading
import time

from common import ROOT, Scene, middle, say, spread, write
from meter import pss_kib, run


class Peak:
    """The largest Pss of each process from begin to end, looked at every few milliseconds."""

    def __init__(self, members):
        self._members, self._over = members, threading.Event()
        self.kib = {}
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, value, traceback):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.is_set():
            for name, pid in self._members.items():
                self.kib[name] = max(self.kib.get(name, 0), pss_kib(pid)["pss"])
            time.sleep(0.02)


def pss(members):
    return {name: pss_kib(pid)["pss"] for name, pid in members.items()}


def command_peak_kib(argv, env):
    """The most memory that the command has had, of the system's own account (resident, shared pages included)."""
    with open(os.devnull, "wb") as nowhere:
        one = subprocess.Popen(argv, env=env, stdout=nowhere)
        _, status, usage = os.wait4(one.pid, 0)
        one.returncode = status
    return usage.ru_maxrss


def list_part(scene, count, rounds):
    client = scene.evercert()
    fill = ROOT / "build/release/tests/fill_state"
    subprocess.run([os.environ.get("EVERCERT_FILL", fill), client.state, str(count)], check=True)
    client.run_daemon(timeout=300)
    members = scene.members(client.daemon)
    env = {**os.environ, **client.environment()}
    found = {"before_kib": pss(members)}
    for name, words in (("json", ("list", "--json")), ("table", ("list",))):
        argv = client.argv(*words)
        with Peak(members) as peak:
            costs = [run(argv, env, os.devnull) for _ in range(rounds)]
        found[name] = {
            "wall_ms": spread([cost.wall_ms for cost in costs]),
            "cpu_ms": middle([cost.cpu_ms for cost in costs]),
            "peak_kib": {**peak.kib, "command": command_peak_kib(argv, env)},
        }
    found["after_kib"] = pss(members)
    client.stop_daemon()
    say(f"{count}: list --json {found['json']['wall_ms'][1]} ms")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", nargs="*", default=["list"], choices=["list"])
    parser.add_argument("--counts", nargs="*", type=int, default=[10, 1000, 100000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = {}
    for part in options.parts:
        found[part] = {}
        for count in options.counts:
            with Scene() as scene:
                found[part][str(count)] = list_part(scene, count, options.rounds)
    write("hundred-thousand", {"rounds": options.rounds, **found})


main()
