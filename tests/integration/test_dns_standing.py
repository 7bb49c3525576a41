"""dns-persist-01 and dns-account-01 at Pebble 2.10: records that stand, and records under the account's own label."""

import json

import pytest

from dns_world import DnsWorld
from evercert import DONE, FAILED
from ports import free_address
from processes import wait_until


@pytest.fixture
def world(processes, tmp_path):
    return DnsWorld(processes, tmp_path / "world", "a.example", "b.example")


def records(client, name):
    """What `dns record` prints for that name, as JSON."""
    return json.loads(client.run("dns", "record", name, "--json", status=DONE).stdout)


def set_standing(world, client, name, more=""):
    """Sets the record that evercert prints for the form that the CA speaks."""
    found = records(client, name)
    rows = found if isinstance(found, list) else [found]
    for row in rows:
        value = next(one["value"] for one in row["persist"] if one["draft"] == "01") + more
        zone = next(zone for zone in world.zones if row["name"].endswith(zone))
        world.server.put(zone, f"_validation-persist.{row['name']}", value)


def test_a_standing_record_is_enough(evercert, pebble, world):
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config={"propagation": world.propagation(), "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    set_standing(world, client, "a.example", "; policy=wildcard")
    client.issue("a.example", "*.a.example")
    assert client.leaf("a.example").names == ["*.a.example", "a.example"]
    # no credentials of any provider, and the record still stands
    assert len(world.server.txt("_validation-persist.a.example")) == 1


def test_without_a_record_the_next_kind_is_taken(evercert, pebble, world):
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config=world.config(challenge=["dns-persist-01", "dns-01"]))
    client.issue("a.example")
    assert client.leaf("a.example").names == ["a.example"]
    assert "dns-01 instead of dns-persist-01" in client.run("log", "a.example").stdout
    assert world.values("a.example") == []


@pytest.mark.parametrize(
    "value, says",
    [
        (None, "there is no TXT record"),
        ("pebble.letsencrypt.org; accounturi=https://ca.example/other/1", "https://ca.example/other/1"),
        ("OURS; persistUntil=1000000000", "2001-09-09"),
    ],
)
def test_a_record_that_would_not_do(evercert, pebble, world, value, says):
    """It is found out before the CA is told, so no validation fails there."""
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config={"propagation": world.propagation(), "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    if value and value.startswith("OURS"):
        set_standing(world, client, "a.example", value.removeprefix("OURS"))
    elif value:
        world.server.put("a.example", "_validation-persist.a.example", value)
    ca.forget_requests()
    done = client.run("issue", "-d", "a.example", status=FAILED)
    assert says in done.stderr, done.stderr
    assert "POST /chalZ" not in ca.request_counts()


def test_a_wildcard_wants_its_policy(evercert, pebble, world):
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config={"propagation": world.propagation(), "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    set_standing(world, client, "a.example")
    done = client.run("issue", "-d", "*.a.example", status=FAILED)
    assert "policy=wildcard" in done.stderr


def test_check_looks_at_the_record(evercert, pebble, world):
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config={"propagation": world.propagation(), "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    missing = json.loads(client.run("check", "-d", "a.example", "--json", status=FAILED).stdout)
    row = next(one for one in missing if one["check"] == "dns-persist-01")
    assert not row["ok"] and "evercert dns record" in row["remedy"]
    set_standing(world, client, "a.example")
    wait_until(lambda: world.resolver.txt("_validation-persist.a.example"), "the resolver to see it", 10)
    there = json.loads(client.run("check", "-d", "a.example", "--json", status=DONE).stdout)
    assert [one["ok"] for one in there if one["check"] == "dns-persist-01"] == [True]


def test_a_record_that_went_is_told_of(evercert, pebble, world, tmp_path):
    """Long before the renewal that would need it."""
    ca = pebble(resolver=world.of_ca.text)
    heard = tmp_path / "heard"
    hook = ["/bin/sh", "-c", f'echo "$EVERCERT_ERROR" >> {heard}']
    client = evercert(ca, config={"propagation": world.propagation(), "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    set_standing(world, client, "a.example")
    client.write_config({
        "propagation": world.propagation(), "challenge": "dns-persist-01",
        "certificates": [{"domains": ["a.example"], "deploy": [{"run": hook, "on": ["failing"]}]}],
    })
    client.renew()
    value = world.server.txt("_validation-persist.a.example")[0]
    world.server.drop("a.example", "_validation-persist.a.example", value)
    wait_until(lambda: not world.resolver.txt("_validation-persist.a.example"), "the resolver to forget it", 10)
    client.run_daemon()
    client.run("renew", "a.example", status=DONE)
    wait_until(lambda: "record-unfit" in client.events("a.example"), "the record to be missed", 30)
    assert "evercert dns record" in client.run("log", "a.example").stdout
    client.stop_daemon()
    assert "dns-persist-01" in heard.read_text()


@pytest.mark.parametrize("names", [("a.example",), ("a.example", "*.a.example", "b.example")])
def test_under_the_label_of_the_account(evercert, pebble, world, names):
    ca = pebble(resolver=world.of_ca.text)
    client = evercert(ca, config=world.config(challenge="dns-account-01"))
    client.run("account", "register", status=DONE)
    label = records(client, "a.example")["account_label"]
    client.issue(*names)
    assert client.leaf("a.example").names == sorted(names)
    text = world.server.log.read_text()
    assert f"{label}._acme-challenge.a.example" in text, "the update named the record of the account"
    assert world.values("a.example", label) == [] and world.values("a.example") == []


@pytest.mark.parametrize("check", ("authoritative", "recursive", "none"))
def test_a_record_that_is_new(evercert, pebble, knot, bind, check):
    """It was looked for before it was there, and the resolver, which is the CA's too, keeps what is missing."""
    server = knot(address=free_address(), port=53).zone("a.example", missing=3600).start()
    resolver = bind(recursion=True, missing=3600).forward("a.example", server).start()
    ca = pebble(resolver=resolver.text)
    settings = {"resolvers": [resolver.text], "check": check}
    client = evercert(ca, config={"propagation": settings, "challenge": "dns-persist-01"})
    client.run("account", "register", status=DONE)
    assert "there is no TXT record" in client.run("issue", "-d", "a.example", status=FAILED).stderr
    row = records(client, "a.example")
    value = next(one["value"] for one in row["persist"] if one["draft"] == "01")
    server.put("a.example", "_validation-persist.a.example", value)
    client.issue("a.example")
    assert client.leaf("a.example").names == ["a.example"]
