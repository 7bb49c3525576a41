"""dns-01: many certificates through rfc2136, beside lego and certbot; and many names of one order over several
zones and providers, of which one has a server that lags.

    dns_records.py [--count 1000] [--others 20] [--names 50] [--lag 4] [--rounds 3]

The first part is as in many_certificates.py: a daemon gets `count` certificates more; the others are run `others`
times, one after another, each against the same BIND. certbot's plug-in sleeps as long as it is told, which is one
second here; lego asks the servers every two seconds, which is its default.

The second: the names of one order stand in three zones at two providers, BIND by RFC 2136 and PowerDNS by its API.
One zone has a secondary that learns of a change `lag` seconds late. What counts is how much longer the order takes
than that."""

import argparse
import os
import signal
import threading
import time

import clients
import meter
from bind import Bind
from common import Scene, middle, say, write
from knot import Knot
from many_certificates import live, wait_for
from name_server import Key
from peers import from_cache, from_system
from powerdns import Powerdns

LOOK_EVERY_S = 0.02


class World:
    """BIND with a zone that may be changed, a resolver that finds it, and Pebble validating through that."""

    def __init__(self, scene):
        self.scene, self.key = scene, Key("bench")
        self.server = Bind(scene.processes, scene.sub("bind"))
        # One for evercert and one for the CA: a resolver remembers for a second that there was no record.
        self.resolver, self.of_ca = (Bind(scene.processes, scene.sub("resolver"), recursion=True) for _ in range(2))

    def start(self, version="2.10", **zones):
        for zone, server in zones.items():
            self.resolver.forward(f"{zone}.example", server)
            self.of_ca.forward(f"{zone}.example", server)
        self.resolver.start()
        self.of_ca.start()
        return self.scene.pebble(version, resolver=self.of_ca.text)

    def entry(self):
        return {"provider": "rfc2136", "server": self.server.text, "key-name": self.key.name,
                "key-algorithm": self.key.algorithm, "key-secret": self.key.secret}

    def propagation(self, *servers):
        return {"resolvers": [self.resolver.text], "nameservers": list(servers)}


def through_the_daemon(scene, count, number):
    world = World(scene)
    world.server.zone("bench.example", key=world.key).start()
    ca = world.start("2.4", bench=world.server)  # 2.10 can lock itself up under parallel orders
    client = scene.evercert(ca)
    settings = {"dns": {"bind": world.entry()}, "challenge": "dns-01",
                "propagation": world.propagation(world.server.text)}
    client.write_config(settings)
    client.run_daemon()
    names = {f"m{number}-{one}.bench.example" for one in range(count)}
    client.write_config({**settings, "certificates": [{"domains": [name]} for name in sorted(names)]})
    began = time.monotonic()
    client.daemon.send(signal.SIGHUP)
    seconds, there = wait_for(client, names, began)
    left = {name for name in names if world.server.txt(f"_acme-challenge.{name}")}
    client.stop_daemon()
    ca.stop()
    return {"wall_s": round(seconds, 2), "live": there, "records_left": len(left)}


class _Rfc2136:
    """A client's dns-01 against that BIND."""

    def __init__(self, scene, ca, world):
        super().__init__(scene, ca)
        self.world = world


class Lego(_Rfc2136, clients.LegoNew):
    def environment(self):
        key = self.world.key
        return {**super().environment(), "RFC2136_NAMESERVER": self.world.server.text,
                "RFC2136_TSIG_KEY": f"{key.name}.", "RFC2136_TSIG_ALGORITHM": f"{key.algorithm}.",
                "RFC2136_TSIG_SECRET": key.secret}

    def argv(self, name):
        return [from_cache("lego-new", "lego"), "--server", self.ca.url, "--email", "lego@example.com", "--accept-tos",
                "--path", self.folder, "--dns", "rfc2136", "--dns.resolvers", self.world.resolver.text,
                "--dns.propagation-disable-ans", "--domains", name, "run"]


class Certbot(_Rfc2136, clients.Client):
    name = "certbot with dns-rfc2136, Debian 12"
    version = clients.package_version("certbot")

    def environment(self):
        return {**super().environment(), "REQUESTS_CA_BUNDLE": str(self.ca.ca_file)}

    def argv(self, name):
        ini, key = self.folder / "rfc2136.ini", self.world.key
        rows = {"server": self.world.server.address, "port": self.world.server.port, "name": f"{key.name}.",
                "secret": key.secret, "algorithm": key.algorithm.upper()}
        ini.write_text("".join(f"dns_rfc2136_{row} = {value}\n" for row, value in rows.items()))
        ini.chmod(0o600)
        folders = (("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs"))
        return [from_system("certbot"), "certonly", "--dns-rfc2136", "--dns-rfc2136-credentials", ini,
                "--dns-rfc2136-propagation-seconds", "1", "-n", "--agree-tos", "--server", self.ca.url,
                "-m", "certbot@example.com", "--key-type", "ecdsa", "-d", name,
                *(word for option, folder in folders for word in (option, self.folder / folder))]


def others(scene, runs):
    result = {}
    for kind in (Lego, Certbot):
        world = World(scene)
        world.server.zone("bench.example", key=world.key).start()
        client = kind(scene, world.start(bench=world.server), world)
        client.prepare("first.bench.example")
        costs = [client.issue(f"s{number}.bench.example") for number in range(runs)]
        result[client.name] = {
            "version": client.version, "runs": runs,
            "wall_s_each": round(sum(cost.wall_ms for cost in costs) / runs / 1000, 3),
            "cpu_ms_each": round(sum(cost.cpu_ms for cost in costs) / runs, 1),
        }
        say(f"{client.name}: {result[client.name]['wall_s_each']} s each")
    return result


def one_order(scene, count, lag):
    world = World(scene)
    world.server.zone("a.example", key=world.key)
    world.server.zone("b.example", key=world.key)
    slow = Knot(scene.processes, scene.sub("knot")).secondary("b.example", of=world.server, lags=True)
    world.server.start()
    slow.start()
    power = Powerdns(scene.processes, scene.sub("powerdns")).zone("c.example").start()
    ca = world.start(a=world.server, b=world.server, c=power)
    client = scene.evercert(ca)
    entry = world.entry()
    client.write_config({
        "challenge": "dns-01",
        "propagation": world.propagation(),
        "dns": {"bind": {**entry, "propagation": {"resolvers": [world.resolver.text], "nameservers": [world.server.text]}},
                "lagging": {**entry, "propagation": {"resolvers": [world.resolver.text],
                                                     "nameservers": [world.server.text, slow.text]}},
                "power": {"provider": "powerdns", "endpoint": power.url, "api-key": power.api_key,
                          "propagation": {"resolvers": [world.resolver.text], "nameservers": [power.text]}}},
        "certificates": [{
            "name": "many",
            "domains": [f"n{number}.{'abc'[number % 3]}.example" for number in range(count)],
            "dns": {"*.a.example": "bind", "*.b.example": "lagging", "*.c.example": "power"},
        }],
    })
    seen = {}

    def refresh():
        while not slow_names():
            time.sleep(LOOK_EVERY_S)
        seen["written"] = time.monotonic()
        time.sleep(lag)
        slow.refresh("b.example")
        seen["spread"] = time.monotonic()

    def slow_names():
        return world.server.txt("_acme-challenge.n1.b.example")

    watcher = threading.Thread(target=refresh, daemon=True)
    watcher.start()
    began = time.monotonic()
    cost = meter.run(client.argv("renew", "-q"), client.environment(), client.log)
    ended = time.monotonic()
    assert cost.status == 0 and live(client) == {"many"}, client.log.read_text()
    watcher.join()
    ca.stop()
    return {"wall_s": round(ended - began, 2), "slowest_propagation_s": round(seen["spread"] - seen["written"], 2),
            "beyond_s": round(ended - began - (seen["spread"] - seen["written"]), 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--others", type=int, default=20)
    parser.add_argument("--names", type=int, default=50)
    parser.add_argument("--lag", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Scene() as scene:
        orders = [one_order(scene, options.names, options.lag) for _ in range(options.rounds)]
        say(f"{options.names} names in one order: {orders}")
        rounds = []
        for number in range(options.rounds):
            rounds.append(through_the_daemon(scene, options.count, number))
            say(f"{options.count} certificates: {rounds[-1]}")
        peers = others(scene, options.others)
    each = middle([one["wall_s"] for one in rounds]) / options.count
    write("dns-records", {
        "one_order": {"names": options.names, "rounds": orders},
        "many": {"count": options.count, "rounds": rounds, "wall_s_each": round(each, 4)},
        "others": peers,
        "wall_ratio": {name: round(each / one["wall_s_each"], 4) for name, one in peers.items()},
    })


if __name__ == "__main__":
    main()
