"""1,000 certificates through the daemon: processor time of all its processes beside what the cryptography alone costs,
and beside the CA's.

    issuing.py [--count 1000] [--rounds 3] [--pebble 2.10]

What cryptography costs is measured in the same run by tests/runners/crypto_cost.c, which does with libcrypto what the
keeper must do for one certificate, and nothing else. Only processor time counts; time on the wall is told beside it."""

import argparse
import subprocess

import many_certificates
from common import Scene, middle, say, write
from evercert import build_folder

OURS = ("parent", "keeper", "engine", "responder")
THEIRS = ("pebble", "its DNS")
CRYPTO_ROUNDS = 500


def crypto_ms():
    """Processor time of one round."""
    argv = [build_folder() / "tests/crypto_cost", str(CRYPTO_ROUNDS)]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout) / 1000


def one_round(scene, version, count, number):
    before = crypto_ms()
    found = many_certificates.through_the_daemon(scene, version, count, number)
    crypto = (before + crypto_ms()) / 2
    each = {name: ms / count for name, ms in found["cpu_ms"].items()}
    ours, theirs = sum(each[name] for name in OURS), sum(each[name] for name in THEIRS)
    return {
        "complete": found["complete"],
        "wall_s": found["wall_s"],
        "each": {name: round(ms, 2) for name, ms in each.items()},
        "ours": round(ours, 2),
        "crypto": round(crypto, 2),
        "beyond": round(ours - crypto, 2),
        "of_the_ca": round(ours / theirs, 2),
        "requests_each": found["requests_each"],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pebble", default="2.10")
    options = parser.parse_args()
    rounds = []
    with Scene() as scene:
        for number in range(options.rounds):
            rounds.append(one_round(scene, options.pebble, options.count, number))
            one = rounds[-1]
            say(f"round {number + 1}: {one['ours']} ms each, {one['crypto']} of it cryptography, {one['wall_s']} s")
    keys = ("ours", "crypto", "beyond", "of_the_ca")
    medians = {what: round(middle([one[what] for one in rounds]), 2) for what in keys}
    write("issuing", {"count": options.count, "pebble": options.pebble, "rounds": rounds, "medians": medians})


main()
