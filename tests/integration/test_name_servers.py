"""The name servers of the tests: several zones, secondaries that follow and such that lag, a resolver."""

import pytest
from bind import Bind
from knot import Knot
from name_server import Key
from ports import free_address
from powerdns import Powerdns
from processes import wait_until

SERVERS = [Bind, Knot, Powerdns]


@pytest.mark.parametrize("kind", SERVERS)
def test_zones_and_records(processes, tmp_path, kind):
    server = kind(processes, tmp_path / "server")
    server.zone("a.example", key=Key("one", "hmac-sha512"), records=["www A 192.0.2.1", 'txt TXT "a" "b c"'])
    server.zone("b.example")
    server.start()
    assert server.txt("txt.a.example") == ["ab c"]
    before = server.serial("b.example")
    server.put("b.example", "x.b.example", 'va"l\\ue')
    server.put("b.example", "x.b.example", "other")
    server.wait_txt("x.b.example", "other", 'va"l\\ue')
    assert server.serial("b.example") > before
    server.drop("b.example", "x.b.example", "other")
    server.wait_txt("x.b.example", 'va"l\\ue')
    server.drop("b.example", "x.b.example")
    server.wait_txt("x.b.example")


@pytest.mark.parametrize("copy", SERVERS)
@pytest.mark.parametrize("kind", SERVERS)
def test_secondaries(processes, tmp_path, kind, copy):
    primary = kind(processes, tmp_path / "primary").zone("a.example")
    follows = copy(processes, tmp_path / "follows").secondary("a.example", of=primary)
    lags = copy(processes, tmp_path / "lags").secondary("a.example", of=primary, lags=True)
    for server in (primary, follows, lags):
        server.start()
    primary.put("a.example", "x.a.example", "value")
    primary.wait_txt("x.a.example", "value")
    if kind is not Powerdns:  # which tells once a minute
        follows.wait_txt("x.a.example", "value")
    assert lags.txt("x.a.example") == []
    lags.refresh("a.example")
    assert lags.txt("x.a.example") == ["value"]


def test_a_resolver_forwards(processes, tmp_path):
    server = Knot(processes, tmp_path / "server").zone("a.example").start()
    other = Bind(processes, tmp_path / "other").zone("example", records=["* A 127.0.0.1"]).start()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True)
    resolver.forward("a.example", server).forward(".", other.text).start()
    server.put("a.example", "x.a.example", "value")
    resolver.wait_txt("x.a.example", "value")
    assert [record.address for record in resolver.ask("z.example", "A").answer[0]] == ["127.0.0.1"]
    server.put("a.example", "y.a.example", "y.b.a.example.", "CNAME")
    server.put("a.example", "y.b.a.example", "other")
    wait_until(lambda: len(resolver.ask("y.a.example").answer) == 2, "the chain")


def test_a_resolver_follows_delegations(processes, tmp_path):
    root, below = free_address(), free_address()
    server = Knot(processes, tmp_path / "server", address=below, port=53).zone("a.example").start()
    records = ["a.example NS ns.a.example.", f"ns.a.example A {below}"]
    Powerdns(processes, tmp_path / "root", address=root, port=53).zone(".", records=records).start()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True).hints(root).start()
    server.put("a.example", "x.a.example", "value")
    resolver.wait_txt("x.a.example", "value")
