"""How many requests a certificate costs, counted at the CA by kind.

The least that RFC 8555 allows for one name: newOrder, authorization, challenge, finalize, certificate; one more look
at the order where the CA issues after it has answered finalize, as Pebble does. A process that just started also
needs a nonce."""

import collections

import pytest

import caddy
import lineage
import namespace
from processes import wait_until

ONE_NAME = {
    "POST /order-plz": 1,
    "POST /authZ": 1,
    "POST /chalZ": 1,
    "POST /finalize-order": 1,
    "POST /my-order": 1,
    "POST /certZ": 1,
}
NONCE = {"HEAD /nonce-plz": 1}


def test_the_first_certificate_ever(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    evercert(ca).issue("a.example")
    assert ca.request_counts() == {**ONE_NAME, **NONCE, "GET /dir": 1, "POST /sign-me-up": 1}


def test_a_certificate_by_command(evercert, pebble, each_pebble):
    """The account is known and the directory is at hand: six, and the nonce."""
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.run("account", "register", status=0)
    for name in ("a.example", "b.example", "c.example"):
        ca.forget_requests()
        client.issue(name)
        assert ca.request_counts() == {**ONE_NAME, **NONCE}


def test_a_certificate_of_a_running_daemon(evercert, pebble, each_pebble):
    """The answers before left a nonce: six."""
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.run_daemon()
    client.issue("a.example")
    for name in ("b.example", "c.example", "d.example"):
        ca.forget_requests()
        client.issue(name)
        assert ca.request_counts() == ONE_NAME


def test_several_names_in_one_certificate(evercert, pebble, each_pebble):
    """Twice the names, and four."""
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.run_daemon()
    client.issue("a.example")
    ca.forget_requests()
    client.issue("b.example", "c.example", "d.example", "e.example")
    counts = ca.request_counts()
    # One nonce is at hand, and four requests go out at once: the others fetch theirs.
    assert counts.pop("HEAD /nonce-plz", 0) <= 4
    assert counts == {**ONE_NAME, "POST /authZ": 4, "POST /chalZ": 4}


def test_authorizations_that_are_given_again(evercert, pebble, each_pebble):
    """Nothing to prove: four."""
    ca = pebble(each_pebble, authz_reuse=100)
    client = evercert(ca)
    client.run_daemon()
    client.issue("a.example")
    ca.forget_requests()
    client.renew("a.example", force=True)
    counts = ca.request_counts()
    assert counts == {
        "POST /order-plz": 1,
        "POST /finalize-order": 1,
        "POST /my-order": 1,
        "POST /certZ": 1,
    }


def test_a_challenge_file(evercert, pebble, nginx, tmp_path):
    """Who looks at a file is not seen, so the order is asked whether it is ready."""
    root = tmp_path / "www"
    root.mkdir()
    server = nginx(webroot=root).start()
    ca = pebble(http_port=server.http_port)
    client = evercert(ca)
    client.run("account", "register", status=0)
    ca.forget_requests()
    client.issue("a.example", webroot=root)
    counts = ca.request_counts()
    polls = counts.pop("POST /my-order")
    assert polls >= 2
    assert counts == {**{kind: n for kind, n in ONE_NAME.items() if kind != "POST /my-order"}, **NONCE}


def test_a_daemon_with_nothing_to_do_asks_nothing(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.renew()
    ca.forget_requests()
    client.run_daemon()
    assert client.list()[0]["state"] == "valid"
    client.reload()
    assert client.list()[0]["state"] == "valid"
    client.stop_daemon()
    assert ca.request_counts() == {}  # but when the CA would like to renew


@pytest.mark.parametrize("version", caddy.VERSIONS)
def test_a_ca_that_does_everything_at_once(evercert, processes, tmp_path, version):
    """What a challenge and a finalize are answered with is final at Caddy's: five."""
    reason = namespace.why_not()
    if reason:
        pytest.skip(reason)
    ca = caddy.Caddy(processes, tmp_path / "caddy", version)
    client = evercert(
        listen=["127.0.0.1:80", "[::1]:80"],
        through=ca.through,
        config={"authority": "caddy", "authorities": {"caddy": {"directory": ca.url, "ca-file": str(ca.ca_file)}}},
    )
    client.run("account", "register", status=0)
    before = ca.request_counts()
    client.issue("localhost")
    wait_until(lambda: ca.request_counts().get("POST certificate"), "Caddy's log")
    counts = collections.Counter(ca.request_counts())
    counts.subtract(before)
    assert dict(+counts) == {
        "HEAD new-nonce": 1,
        "POST new-order": 1,
        "POST authz": 1,
        "POST challenge": 1,
        "POST finalize": 1,
        "POST certificate": 1,
    }
    assert lineage.check(client, "localhost").names == ["localhost"]
