"""Many certificates at once through the daemon, beside lego run as often, one after another.

    many_certificates.py [--count 200] [--lego-runs 10] [--pebble 2.10,2.4] [--rounds 3]

The daemon runs and knows its account; then its configuration gets `count` certificates more, and SIGHUP. The time
ends when the last of them is live. lego needs seconds for each, most of which it sleeps, so it is run `lego-runs`
times and its mean is taken `count` times; --lego-runs 200 is the whole truth."""

import argparse
import collections
import os
import signal
import time

import clients
import meter
from common import Scene, middle, say, write

TIMEOUT_S = 300
LOOK_EVERY_S = 0.02


def live(client):
    folder = client.state / "live"
    return {name for name in os.listdir(folder) if not name.startswith(".")} if folder.is_dir() else set()


def wait_for(client, names, began):
    """Seconds until all are live; and how many were when time was up."""
    while True:
        there = names & live(client)
        passed = time.monotonic() - began
        if len(there) == len(names) or passed > TIMEOUT_S:
            return passed, len(there)
        time.sleep(LOOK_EVERY_S)


def through_the_daemon(scene, version, count, round_number):
    ca = scene.pebble(version)
    client = scene.evercert(ca)
    client.run_daemon()
    client.issue("first.example")
    names = {f"m{round_number}-{number}.example" for number in range(count)}
    client.write_config({"certificates": [{"domains": [name]} for name in sorted(names)]})
    members = scene.members(client.daemon)
    peers = {"pebble": ca.process.pid, "its DNS": ca.dns_process.pid}
    ca.forget_requests()
    before = {name: meter.process_cpu_ms(pid) for name, pid in {**members, **peers}.items()}
    began = time.monotonic()
    client.daemon.send(signal.SIGHUP)
    seconds, there = wait_for(client, names, began)
    time.sleep(0.5)  # what comes after the last switch of a link belongs to the cost as well
    after = {name: meter.process_cpu_ms(pid) for name, pid in {**members, **peers}.items()}
    counts = ca.request_counts()
    states = collections.Counter(row["state"] for row in client.list() if row["name"] in names)
    if there != count or states != {"valid": count}:
        # Pebble 2.10 can lock itself up under parallel orders: said, not hidden.
        say(f"Pebble {version}: {there} of {count} after {seconds:.0f} s, states {dict(states)}")
    client.stop_daemon()
    ca.stop()
    return {
        "complete": there == count,
        "wall_s": round(seconds, 3),
        "cpu_ms": {name: round(after[name] - before[name], 1) for name in before},
        "requests_each": round(sum(counts.values()) / count, 2),
        "kinds": counts,
    }


def lego_each(scene, version, kind, runs):
    client = kind(scene, scene.pebble(version))
    client.prepare()
    costs = [client.issue(f"s{number}.example") for number in range(runs)]
    return {
        "version": client.version,
        "runs": runs,
        "wall_s_each": round(sum(cost.wall_ms for cost in costs) / runs / 1000, 3),
        "cpu_ms_each": round(sum(cost.cpu_ms for cost in costs) / runs, 1),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lego-runs", type=int, default=10)
    parser.add_argument("--pebble", default="2.10,2.4")
    options = parser.parse_args()
    result = {"count": options.count, "pebble": {}}
    with Scene() as scene:
        for version in options.pebble.split(","):
            rounds = []
            for number in range(options.rounds):
                rounds.append(through_the_daemon(scene, version, options.count, number))
                say(f"Pebble {version}, round {number + 1}: {rounds[-1]['wall_s']} s")
            legos = {kind.name: lego_each(scene, version, kind, options.lego_runs) for kind in (clients.Lego, clients.LegoNew)}
            complete = [one["wall_s"] for one in rounds if one["complete"]]
            ours = middle(complete) if complete else None
            result["pebble"][version] = {
                "rounds": rounds,
                "wall_s": ours,
                "lego": legos,
                "wall_ratio": {
                    name: round(ours / (one["wall_s_each"] * options.count), 4) if ours else None
                    for name, one in legos.items()
                },
            }
    write("many-certificates", result)


if __name__ == "__main__":
    main()
