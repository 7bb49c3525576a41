"""Certificates of IP addresses (RFC 8738)."""

import json

import pytest

from caddy import VERSIONS as CADDIES
from caddy import Caddy
from evercert import DONE, FAILED

OFFERED = {"classic": "as ever", "shortlived": "six days"}
CHALLENGES = ["http-01", "tls-alpn-01"]


def client_of(evercert, ca, **more):
    """One that listens where both kinds of addresses lead."""
    listen = {kind: {"listen": [f"127.0.0.1:{port}", f"[::1]:{port}"]} for kind, port in zip(CHALLENGES, (ca.http_port, ca.tls_port))}
    return evercert(ca, config={**listen, **more})


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest.mark.parametrize("address, name", [("127.0.0.1", "127.0.0.1"), ("::1", "0--1"), ("[0:0::0:1]", "0--1")])
def test_an_address(evercert, pebble, each_pebble, challenge, address, name):
    client = client_of(evercert, pebble(each_pebble))
    client.issue(address, challenge=challenge)
    text = "::1" if ":" in address else address
    assert client.leaf(name).names == [text]
    assert client.row(name)["domains"] == [text]
    client.renew(name, force=True)
    assert client.row(name)["generation"] == 2


def test_addresses_and_names(evercert, pebble, each_pebble):
    client = client_of(evercert, pebble(each_pebble))
    client.issue("a.example", "127.0.0.1", "::1")
    assert client.leaf("a.example").names == sorted(["a.example", "127.0.0.1", "::1"])


def test_one_that_cannot_be_reached(evercert, pebble):
    client = client_of(evercert, pebble())
    done = client.issue("127.0.0.9", status=FAILED)
    assert "127.0.0.9" in done.stderr


@pytest.mark.parametrize("wrong", ["127.0.0.1/8", "fe80::1%lo", "1.2.3", "::ffff:127.0.0.1"])
def test_what_is_no_address(evercert, pebble, wrong):
    client = client_of(evercert, pebble())
    done = client.issue(wrong, status=None)
    assert done.status != DONE and len(done.stderr.splitlines()) == 1, done.stderr
    assert client.pebble.requests() == []


def test_the_profile_for_addresses(evercert, pebble):
    """CAs that certify addresses do so for a few days only, and want to be asked for that."""
    entries = [{"domains": ["127.0.0.1"]}, {"domains": ["127.0.0.1", "a.example"], "name": "own", "profile": "classic"}]
    client = client_of(evercert, pebble(profiles=OFFERED), certificates=entries)
    client.renew()
    client.issue("b.example", "127.0.0.1")
    profiles = {row["name"]: row["profile"] for row in client.list()}
    assert profiles == {"127.0.0.1": "shortlived", "own": "classic", "b.example": "shortlived"}


@pytest.mark.parametrize("caddy_version", CADDIES)
@pytest.mark.parametrize("challenge", CHALLENGES)
def test_at_caddy(evercert, processes, tmp_path, caddy_version, challenge):
    ca = Caddy(processes, tmp_path / "caddy", caddy_version)
    authorities = {"caddy": {"directory": ca.url, "ca-file": str(ca.ca_file)}}
    config = {"authority": "caddy", "authorities": authorities}
    config |= {"http-01": {"listen": "127.0.0.1:80"}, "tls-alpn-01": {"listen": "127.0.0.1:443"}}
    client = evercert(config=config, through=ca.through)
    client.issue("127.0.0.1", challenge=challenge)
    assert client.leaf("127.0.0.1").names == ["127.0.0.1"]
    assert json.loads(client.run("list", "--json", status=DONE).stdout)[0]["state"] == "valid"
