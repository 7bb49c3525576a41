"""What stands in the DNS for a challenge is taken out again, whatever happens: and never another's value."""

import os
import signal
import sqlite3

import pytest

from dns_world import DnsWorld
from evercert import DONE, FAILED
from processes import wait_until


@pytest.fixture
def world(processes, tmp_path):
    return DnsWorld(processes, tmp_path / "world", "a.example")


def rows(client):
    """Records that are noted as being there."""
    with sqlite3.connect(f"file:{client.state}/evercert.db?mode=ro", uri=True) as db:
        return db.execute("SELECT identifier, note FROM challenge").fetchall()


def foreign(world, name="_acme-challenge.a.example"):
    world.server.put("a.example", name, "somebody else's")
    return ["somebody else's"]


def test_others_values_stay(evercert, pebble, world):
    ca = pebble(resolver=world.of_ca.text)
    there = foreign(world)
    client = evercert(ca, config=world.config())
    client.issue("a.example", "*.a.example")
    assert client.leaf("a.example").names == ["*.a.example", "a.example"]
    assert world.values("a.example") == there and rows(client) == []


def test_after_a_failure(evercert, pebble, world):
    """The CA asks a resolver that knows nothing of the zone."""
    ca = pebble()
    client = evercert(ca, config=world.config())
    client.run("issue", "-d", "a.example", "-d", "*.a.example", status=FAILED)
    assert world.values("a.example") == [] and rows(client) == []


@pytest.mark.parametrize("whom", ["engine", "solver", "all"])
def test_after_a_crash_while_it_spreads(evercert, pebble, world, processes, tmp_path, whom):
    """The order is gone on with, and nothing is left."""
    ca = pebble(resolver=world.of_ca.text)
    lag = world.propagation(delay="1h")
    client = evercert(ca, config=world.config(propagation=lag, certificates=[{"domains": ["a.example"]}]))
    client.run_daemon()
    wait_until(lambda: world.values("a.example"), "the record to be written", 30)
    wait_until(lambda: any(note for _, note in rows(client)), "it to be noted", 30)
    orders = ca.request_counts()["POST /order-plz"]
    if whom == "all":
        client.kill_all()
    client.write_config(world.config(certificates=[{"domains": ["a.example"]}]))
    if whom == "all":
        client.run_daemon()
    else:
        client.reload()
        os.kill(client.pid_of(whom), signal.SIGKILL)
    client.wait_live("a.example", timeout=60)
    wait_until(lambda: not world.values("a.example") and not rows(client), "the record to go", 30)
    assert ca.request_counts()["POST /order-plz"] == orders, "the same order was gone on with"
    client.stop_daemon()


def test_what_cannot_be_removed_is_tried_again(evercert, pebble, world):
    """Also when its certificate is nobody's wish any more."""
    ca = pebble(resolver=world.of_ca.text)
    lag = world.propagation(delay="1h")
    client = evercert(ca, config=world.config(propagation=lag, certificates=[{"domains": ["a.example"]}]))
    client.run_daemon()
    wait_until(lambda: any(note for _, note in rows(client)), "the record to be noted", 30)
    client.kill_all()
    client.write_config(world.config(dns={"bind": world.entry(**{"key-secret": "d3JvbmcK"})}))
    client.run("renew", status=DONE)  # nothing is due: the certificate is wanted no more
    assert world.values("a.example") != [] and len(rows(client)) == 1
    client.write_config(world.config())
    client.run("renew", status=DONE)
    assert world.values("a.example") == [] and rows(client) == []


def test_dns_test_leaves_nothing(evercert, pebble, world):
    client = evercert(pebble(), config=world.config())
    there = foreign(world, "_acme-challenge.www.a.example")
    done = client.run("dns", "test", "bind", "www.a.example", status=DONE)
    assert "written at bind" in done.stdout and "removed" in done.stdout
    assert world.server.txt("_acme-challenge.www.a.example") == there and rows(client) == []


def test_dns_test_says_what_is_wrong(evercert, pebble, world):
    wrong = {"bind": world.entry(**{"key-secret": "d3JvbmcK"})}
    client = evercert(pebble(), config=world.config(dns=wrong))
    done = client.run("dns", "test", "bind", "a.example", status=FAILED)
    assert "a.example: bind: " in done.stderr and "BADSIG" in done.stderr, done.stderr
    assert "d3JvbmcK" not in done.stderr + done.stdout
    assert rows(client) == []


def test_check_writes_a_record_and_looks_for_it(evercert, pebble, world):
    client = evercert(pebble(), config=world.config())
    done = client.run("check", "-d", "*.a.example", status=DONE)
    assert "*.a.example: a record was written" in done.stdout
    assert world.values("a.example") == [] and rows(client) == []
    world.server.stop()
    done = client.run("check", "-d", "*.a.example", status=FAILED)
    assert "evercert dns test" in done.stdout
