"""Nonces that the CA refuses (RFC 8555 6.5)."""

import pytest

import lineage
from evercert import FAILED


@pytest.mark.parametrize("reject", [5, 50])
def test_the_nonce_of_a_refusal_is_used(evercert, pebble, each_pebble, reject):
    """A refusal brings a fresh nonce along, so however many there are, newNonce is asked once."""
    ca = pebble(each_pebble, nonce_reject=reject)
    client = evercert(ca)
    client.issue("a.example")
    counts = ca.request_counts()
    assert counts["HEAD /nonce-plz"] == 1
    assert lineage.check(client, "a.example").names == ["a.example"]


def test_a_refusal_is_not_a_failure(evercert, pebble):
    ca = pebble(nonce_reject=50)
    client = evercert(ca)
    for name in ("a.example", "b.example", "c.example"):
        done = client.issue(name)
        assert done.stderr == ""
    assert [row["failures"] for row in client.list()] == [0, 0, 0]
    assert "badNonce" not in client.text()


def test_a_ca_that_takes_no_nonce_at_all(evercert, pebble, each_pebble):
    ca = pebble(each_pebble, nonce_reject=100)
    client = evercert(ca)
    done = client.issue("a.example", status=FAILED)
    assert "a.example" in done.stderr and "badNonce" in done.stderr
    assert done.stderr.count("evercert: error:") == 1
    # The first try and its repetitions, and no more.
    assert ca.request_counts()["POST /sign-me-up"] <= 21
    assert not client.live("a.example").exists()


def test_nonces_of_a_daemon_that_issues_many_at_once(evercert, pebble):
    names = [f"n{number}.example" for number in range(8)]
    ca = pebble("2.4", nonce_reject=20)
    client = evercert(ca, config={"certificates": [{"domains": [name]} for name in names]})
    client.renew()
    for name in names:
        lineage.check(client, name)
    assert ca.request_counts()["POST /order-plz"] >= len(names)
