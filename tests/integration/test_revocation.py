"""Revocation (RFC 8555 7.6), with what follows from it."""

import shutil

import pytest
from cryptography.hazmat.primitives import serialization

from evercert import DONE, FAILED, USAGE
from processes import wait_until

REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}


def spki(leaf):
    return leaf.public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def status(ca, leaf):
    return ca.certificate_status(leaf.serial)


def revoke(client, *words, ends=DONE):
    return client.run("revoke", "a.example", "--keep", *words, status=ends)


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble, each_pebble):
    one = evercert(pebble(each_pebble))
    one.issue("a.example")
    if request.param:
        one.run_daemon()
    return one


@pytest.mark.parametrize("reason, number", REASONS.items())
def test_with_a_reason(evercert, pebble, reason, number):
    client = evercert(pebble())
    client.issue("a.example")
    leaf = client.leaf("a.example")
    revoke(client, "--reason", reason)
    answer = status(client.pebble, leaf)
    assert (answer["Status"], answer.get("Reason", 0)) == ("Revoked", number)
    assert client.row("a.example")["state"] == "revoked"


def test_a_reason_that_is_none(client):
    revoke(client, "--reason", "boredom", ends=USAGE)
    assert status(client.pebble, client.leaf("a.example"))["Status"] == "Valid"


def test_what_was_revoked_is_not_renewed(client):
    revoke(client)
    orders = client.pebble.request_counts()["POST /order-plz"]
    client.renew()
    row = client.row("a.example")
    assert (row["state"], row["next_renewal"]) == ("revoked", None)
    assert client.pebble.request_counts()["POST /order-plz"] == orders
    client.renew("a.example", force=True)
    assert client.row("a.example")["state"] == "valid"


def test_twice_is_no_failure(client):
    revoke(client)
    revoke(client)
    assert client.row("a.example")["state"] == "revoked"


@pytest.mark.parametrize("gone", ["deactivated", "lost"])
def test_by_the_certificates_key(client, gone):
    """No account is needed for it."""
    leaf = client.leaf("a.example")
    if gone == "deactivated":
        client.run("account", "deactivate", "--yes", "--authority", "test", status=DONE)
        revoke(client, ends=FAILED)
        assert status(client.pebble, leaf)["Status"] == "Valid"
    else:
        daemon = client.daemon is not None
        if daemon:
            client.stop_daemon()
        (client.state / "account-key").unlink()
        if daemon:
            client.run_daemon()
    client.pebble.forget_requests()
    revoke(client, "--with-key")
    assert status(client.pebble, leaf)["Status"] == "Revoked"
    counts = client.pebble.request_counts()
    assert counts["POST /revoke-cert"] == 1 and "POST /sign-me-up" not in counts


@pytest.mark.parametrize("reuse", [False, True])
def test_a_compromised_key_is_followed_by_a_new_one(client, reuse):
    client.issue("b.example", reuse_key=reuse)
    first = client.leaf("b.example")
    client.run("revoke", "b.example", "--keep", "--reason", "keyCompromise", status=DONE)
    assert status(client.pebble, first)["Status"] == "Revoked"
    assert (client.state / "burnt-keys").read_text().count("\n") == 1
    if client.daemon is None:
        client.renew()
    second = client.wait_live("b.example", but=first.fingerprint)
    assert spki(second) != spki(first)
    client.wait_valid("b.example")
    client.renew("b.example", force=True)
    third = client.leaf("b.example")
    assert (spki(third) == spki(second)) == reuse
    assert status(client.pebble, third)["Status"] == "Valid"


def test_compromised_in_the_middle_of_a_renewal(evercert, pebble, gate):
    """The order under way has the very key that burns: it is given up, and another one follows."""
    ca = pebble()
    way = gate(ca)
    client = evercert(way)
    client.issue("a.example", reuse_key=True)
    first = client.leaf("a.example")
    client.run_daemon()
    way.hold("/finalize-order")
    renewal = client.start("renew", "--force", "a.example")
    way.wait_held()
    revoke(client, "--reason", "keyCompromise")
    way.drop()
    second = client.wait_live("a.example", but=first.fingerprint)
    assert spki(second) != spki(first)
    wait_until(lambda: not renewal.alive(), "the command's end")
    assert renewal.status() == DONE
    row = client.wait_valid("a.example")
    assert row["failures"] == 0


def test_revoked_in_the_middle_of_a_renewal(evercert, pebble, gate):
    way = gate(pebble())
    client = evercert(way)
    client.issue("a.example")
    first = client.leaf("a.example")
    client.run_daemon()
    way.hold("/order-plz")
    renewal = client.start("renew", "--force", "a.example")
    way.wait_held()
    revoke(client)
    way.release()
    wait_until(lambda: not renewal.alive(), "the command's end")
    assert renewal.status() == FAILED
    row = client.row("a.example")
    assert (row["state"], row["next_renewal"]) == ("revoked", None)
    assert client.leaf("a.example").fingerprint == first.fingerprint


def test_without_keep_it_goes(client):
    leaf = client.leaf("a.example")
    client.run("revoke", "a.example", status=DONE)
    assert status(client.pebble, leaf)["Status"] == "Revoked"
    assert client.list() == [] and not client.live("a.example").exists()
    assert (client.state / "archive/a.example/1/privkey.pem").exists()


def test_nothing_to_revoke(client):
    done = client.run("revoke", "nobody.example", status=FAILED)
    assert "nobody.example" in done.stderr


def test_the_files_are_gone(client):
    """What is not there cannot be revoked, and that is said in one line."""
    shutil.rmtree(client.state / "live/.generations/a.example")
    done = revoke(client, ends=FAILED)
    assert len(done.stderr.splitlines()) == 1
    assert client.row("a.example")["state"] == "valid"
