"""A DNS for challenges: BIND holds the zones, one more resolves for evercert, and one for the CA (a resolver remembers
for a moment that there was no record, which is nobody's fault).

    world = DnsWorld(processes, tmp_path / "world", "a.example", "b.example")
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config=world.config())            # dns: {bind: ...}, propagation: {...}
    world.values("a.example")                               # of _acme-challenge.a.example
"""

from bind import Bind
from name_server import Key


class DnsWorld:
    def __init__(self, processes, folder, *zones, records=()):
        self.zones, self.key = zones, Key("client")
        self.server = Bind(processes, folder / "zones")
        for zone in zones:
            self.server.zone(zone, key=self.key, records=list(records))
        self.server.start()
        self.resolver = self._resolver(processes, folder / "resolver")
        self.of_ca = self._resolver(processes, folder / "of-ca")

    def _resolver(self, processes, folder):
        resolver = Bind(processes, folder, recursion=True)
        for zone in self.zones:
            resolver.forward(zone, self.server)
        return resolver.start()

    def entry(self, **more):
        return {"provider": "rfc2136", "server": self.server.text, "key-name": self.key.name,
                "key-algorithm": self.key.algorithm, "key-secret": self.key.secret, **more}

    def propagation(self, **more):
        return {"resolvers": [self.resolver.text], "nameservers": [self.server.text], **more}

    def config(self, **more):
        return {"dns": {"bind": self.entry()}, "propagation": self.propagation(), "challenge": "dns-01", **more}

    def values(self, name, label=""):
        return self.server.txt(f"{label}{'.' if label else ''}_acme-challenge.{name}")
