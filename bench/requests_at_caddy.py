"""HTTPS requests for one certificate with a known account at Caddy's CA, which answers everything at once: the least
there can be. It runs in a network of its own, where it finds the one name that it can resolve, localhost.

At Pebble, they are counted by one_certificate.py."""

import collections
import os

from common import Scene, middle, say, write  # first: it says where tests/lib is

import caddy  # noqa: E402
import clients  # noqa: E402
import namespace  # noqa: E402

ROUNDS = 3


class Ca(caddy.Caddy):
    """Caddy as clients.py wants a CA."""

    http_port = 80

    def counts_since(self, seen):
        """{kind: n} of the requests of any client, and how many entries there are now."""
        entries = self._entries()
        kinds = (f"{one['request']['method']} {self._kind(one['request']['uri'])}" for one in entries[seen:])
        return dict(collections.Counter(kinds)), len(entries)


def measure(scene, kind):
    # Its database, too, lies where nobody else's is.
    os.environ["XDG_DATA_HOME"] = str(scene.sub("data"))
    ca = Ca(scene.processes, scene.sub("caddy"), "new")
    client = kind(scene, ca, ca.through)
    client.prepare("localhost")
    totals, counts, seen = [], {}, ca.counts_since(0)[1]
    for _ in range(ROUNDS):
        client.issue("localhost")
        counts, seen = ca.counts_since(seen)
        totals.append(sum(counts.values()))
    client.finish()
    ca.process.stop()
    return {"version": client.version, "requests": middle(totals), "kinds": counts}


def main():
    reason = namespace.why_not()
    if reason:
        say(f"no figures for Caddy: {reason}")
        return
    with Scene() as scene:
        kinds = (clients.EvercertOnce, clients.EvercertDaemon, clients.Lego, clients.LegoNew)
        found = {kind.name: measure(scene, kind) for kind in kinds}
    write("requests-at-caddy", {"clients": found})


main()
