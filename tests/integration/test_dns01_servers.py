"""dns-01 from end to end at other servers than BIND: evercert's own answers, PowerDNS by its API, Knot with two keys."""

import pytest
from bind import Bind
from knot import Knot
from name_server import Key
from ports import free_address
from powerdns import Powerdns

# For as long resolvers keep that something is not there: evercert and the CA ask the same one, and it must not have
# been asked before the records were there.
KEPT_S = 3600

NAMES = [f"n{number}.a.example" for number in range(8)]


@pytest.fixture
def run(evercert, pebble):
    """Lets evercert get one certificate; returns its names."""

    def issue(resolver, entries, domains, dns, **propagation):
        settings = {"resolvers": [resolver.text], "timeout": "20s", **propagation}
        certificate = {"challenge": "dns-01", "domains": domains, "dns": dns}
        client = evercert(
            pebble(resolver=resolver.text),
            config={"dns": entries, "propagation": settings, "certificates": [certificate]},
        )
        client.run_daemon()
        return sorted(client.wait_live(domains[0], timeout=60).names)

    return issue


def test_builtin(processes, tmp_path, run):
    """For names that are aliases into its zone, and for one whose challenge is the zone."""
    root, here = free_address(), free_address()
    above = ["example NS ns.example.", f"ns.example A {root}", f"ns.example.net A {here}"]
    records = [
        "auth NS ns.example.net.",
        "_acme-challenge.b NS ns.example.net.",
        "_acme-challenge.a CNAME a.auth.example.",
        *[f"_acme-challenge.{name}. CNAME {name}.auth.example." for name in NAMES],
        *[f"{name} A {here}" for name in ("a", "b")],
    ]
    server = Knot(processes, tmp_path / "root", address=root, port=53).zone(".", records=above, missing=KEPT_S)
    server.zone("example", records=records, missing=KEPT_S).start()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True, missing=KEPT_S).hints(root).start()
    own = {"provider": "builtin", "nameservers": ["ns.example.net"], "listen": [f"{here}:53"]}
    entries = {"aliases": {**own, "zone": "auth.example"}, "one": {**own, "zone": "_acme-challenge.b.example"}}
    dns = {"*.auth.example": "aliases", "*": "one"}
    domains = ["a.example", "*.a.example", "b.example", *NAMES]
    assert run(resolver, entries, domains, dns) == sorted(domains)
    for name in ("a.auth.example", "_acme-challenge.b.example", f"{NAMES[0]}.auth.example"):
        resolver.wait_txt(name)


def test_powerdns(processes, tmp_path, run):
    server = Powerdns(processes, tmp_path / "powerdns").zone("a.example").start()
    entry = {"provider": "powerdns", "endpoint": server.url, "api-key": server.api_key, "ttl": 1}
    domains = ["a.example", "*.a.example", *NAMES]
    assert run(server, {"pdns": entry}, domains, "pdns", nameservers=[server.text]) == sorted(domains)
    for name in ("a.example", *NAMES):
        server.wait_txt(f"_acme-challenge.{name}")


@pytest.mark.parametrize("check", ("authoritative", "recursive"))
def test_knot_with_a_key_for_each_zone(processes, tmp_path, run, check):
    one, two = Key("one", "hmac-sha256"), Key("two", "hmac-sha512")
    server = Knot(processes, tmp_path / "server", address=free_address(), port=53)
    server.zone("a.example", key=one, missing=KEPT_S).zone("b.example", key=two, missing=KEPT_S).start()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True, missing=KEPT_S)
    resolver.forward("a.example", server).forward("b.example", server).start()
    entries = {
        key.name: {
            "provider": "rfc2136",
            "server": server.text,
            "key-name": key.name,
            "key-algorithm": key.algorithm,
            "key-secret": key.secret,
        }
        for key in (one, two)
    }
    domains = ["a.example", "*.a.example", "b.example", "www.b.example"]
    dns = {"*.a.example": "one", "*": "two"}
    assert run(resolver, entries, domains, dns, check=check) == sorted(domains)
    for name in ("a.example", "b.example", "www.b.example"):
        server.wait_txt(f"_acme-challenge.{name}")
