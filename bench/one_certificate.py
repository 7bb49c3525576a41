"""One certificate with a known account, a fresh name each time: requests, time on the wall, processor time of all
processes together. The clients take turns, so that whatever else the machine does meets all of them.

    one_certificate.py [--rounds N] [--slow-rounds N]"""

import argparse

import clients
from common import Scene, middle, say, spread, write

MEASURED = (clients.EvercertOnce, clients.EvercertDaemon, clients.Lego, clients.LegoNew)


def measure_round(chosen, number, figures):
    for client in chosen:
        client.ca.forget_requests()
        cost = client.issue(f"r{number}-{type(client).__name__.lower()}.example")
        row = figures.setdefault(client.name, {"version": client.version, "wall": [], "cpu": [], "requests": []})
        row["wall"].append(cost.wall_ms)
        row["cpu"].append(cost.cpu_ms)
        row["requests"].append(sum(client.ca.request_counts().values()))
        row["kinds"] = client.ca.request_counts()


def summary(row):
    return {
        "version": row["version"],
        "runs": len(row["wall"]),
        "wall_ms": spread(row["wall"]),
        "cpu_ms": spread(row["cpu"]),
        "requests": middle(row["requests"]),
        "kinds": row["kinds"],
    }


def ratio(figures, one, other, what):
    """Median of the ratios of the pairs: what disturbs a round disturbs both of its halves."""
    pairs = zip(figures[one][what], figures[other][what])
    return round(middle([a / b for a, b in pairs]), 3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slow-rounds", type=int, default=3, help="of certbot and dehydrated, which take seconds")
    options = parser.parse_args()
    figures = {}
    with Scene() as scene:
        # A CA each: it looks for answers at one port, which the daemon does not give away again.
        chosen = [kind(scene, scene.pebble("2.10")) for kind in MEASURED]
        slow = clients.others(scene, lambda: scene.pebble("2.10"))
        for client in chosen + slow:
            client.prepare()
        for number in range(options.rounds):
            measure_round(chosen + (slow if number < options.slow_rounds else []), number, figures)
            say(f"round {number + 1} of {options.rounds}")
        for client in chosen:
            client.finish()
    ours = [clients.EvercertOnce.name, clients.EvercertDaemon.name]
    theirs = [clients.Lego.name, clients.LegoNew.name]
    ratios = {f"{a} / {b}": {w: ratio(figures, a, b, w) for w in ("wall", "cpu")} for a in ours for b in theirs}
    write("one-certificate", {"clients": {k: summary(v) for k, v in figures.items()}, "ratios": ratios})


main()
