"""A daemon that has nothing to do: memory (proportional set size of all its processes) and how often it wakes up.

    at_rest.py [--certificates 10] [--seconds 20]"""

import argparse
import time

from common import Scene, write
from meter import pss_kib


def switches(pid):
    """Context switches so far: each is a wake-up, or the end of one."""
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        return sum(int(line.split()[1]) for line in text if "ctxt_switches" in line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificates", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with Scene() as scene:
        names = [f"c{number}.example" for number in range(options.certificates)]
        client = scene.evercert(scene.pebble(), config={"certificates": [{"domains": [name]} for name in names]})
        client.run("renew", status=0)
        client.run_daemon()
        time.sleep(2)
        fresh = {name: pss_kib(pid) for name, pid in scene.members(client.daemon).items()}
        client.renew("c0.example", force=True)
        time.sleep(5)
        members = scene.members(client.daemon)
        before = {name: switches(pid) for name, pid in members.items()}
        time.sleep(options.seconds)
        woken = {name: switches(pid) - before[name] for name, pid in members.items()}
        used = {name: pss_kib(pid) for name, pid in members.items()}
        client.stop_daemon()
    write(
        "at-rest",
        {
            "certificates": options.certificates,
            "seconds": options.seconds,
            "pss_kib_after_start": {**fresh, "all": sum(one["pss"] for one in fresh.values())},
            "pss_kib_after_a_renewal": {**used, "all": sum(one["pss"] for one in used.values())},
            "wake_ups": {**woken, "all": sum(woken.values())},
        },
    )


main()
