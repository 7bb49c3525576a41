"""Accounts at Pebble: made, found, changed, lost."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import serialization

import lineage
from evercert import DONE, FAILED, USAGE


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble):
    one = evercert(pebble())
    if request.param:
        one.run_daemon()
    return one


def shown(client, *words):
    return json.loads(client.run("account", "show", *words, "--json", status=DONE).stdout)


def error_of(done):
    errors = [line for line in done.stderr.splitlines() if line.startswith("evercert: error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def test_there_is_none_at_first(client):
    assert shown(client) == []
    done = client.run("account", "show", status=DONE)
    assert done.stdout == "" and "evercert account register" in done.stderr
    assert client.pebble.requests() == []


def test_register(client):
    ca = client.pebble
    done = client.run("account", "register", status=DONE)
    assert done.stdout.splitlines()[0] == "test"
    (account,) = shown(client)
    assert set(account) >= {"authority", "directory", "url", "email", "thumbprint", "status"}
    assert (account["authority"], account["directory"], account["status"]) == ("test", ca.url, "valid")
    assert account["email"] == "ops@example.com"
    assert account["url"] in done.stdout
    counts = ca.request_counts()
    assert (counts["POST /sign-me-up"], counts["HEAD /nonce-plz"]) == (1, 1)
    assert lineage.mode(client.state / "account-key") == 0o600


def test_the_thumbprint_is_that_of_the_key(client):
    """RFC 7638; it is what a proxy that answers challenges without state needs."""
    client.run("account", "register", status=DONE)
    (account,) = shown(client, "--authority", "test")
    pem = (client.state / "account-key").read_text().split("\n", 1)[1]
    numbers = serialization.load_pem_private_key(pem.encode(), None).public_key().public_numbers()

    def encode(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    x, y = (encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    text = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"), sort_keys=True)
    assert account["thumbprint"] == encode(hashlib.sha256(text.encode()).digest())


def test_registering_twice_makes_one(client):
    client.run("account", "register", status=DONE)
    (first,) = shown(client)
    key = (client.state / "account-key").read_bytes()
    client.pebble.forget_requests()
    client.run("account", "register", status=DONE)
    assert shown(client) == [first]
    assert (client.state / "account-key").read_bytes() == key
    assert "POST /sign-me-up" not in client.pebble.request_counts()


def test_issuing_uses_the_account(client):
    client.run("account", "register", status=DONE)
    client.pebble.forget_requests()
    client.issue("a.example")
    assert "POST /sign-me-up" not in client.pebble.request_counts()


def test_show_asks_the_ca_when_one_is_named(client):
    client.run("account", "register", status=DONE)
    (account,) = shown(client, "--authority", "test")
    assert account["url"] == shown(client)[0]["url"]


@pytest.mark.parametrize("version", ["2.4", "2.10"])
def test_another_contact(evercert, pebble, version):
    ca = pebble(version)
    client = evercert(ca)
    client.run("account", "register", status=DONE)
    ca.forget_requests()
    client.run("account", "update", "--email", "new@example.com", status=DONE)
    assert shown(client)[0]["email"] == "new@example.com"
    assert ca.request_counts()["POST /my-account"] == 1
    ca.forget_requests()
    client.run("account", "update", "--email", "new@example.com", status=DONE)
    assert "POST /my-account" not in ca.request_counts()


def test_another_contact_through_a_daemon(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.run_daemon()
    client.run("account", "register", status=DONE)
    ca.forget_requests()
    client.run("account", "update", "--email", "new@example.com", status=DONE)
    assert shown(client)[0]["email"] == "new@example.com"
    assert ca.request_counts()["POST /my-account"] == 1
    assert "POST /sign-me-up" not in ca.request_counts()  # however new the key is


def test_another_contact_of_the_configuration(evercert, pebble):
    """Comes to the CA with the next thing that is done there."""
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    client.write_config({"email": "new@example.com"})
    ca.forget_requests()
    client.renew("a.example", force=True)
    assert ca.request_counts()["POST /my-account"] == 1
    assert shown(client)[0]["email"] == "new@example.com"


def test_a_contact_that_is_none(client):
    client.run("account", "register", status=DONE)
    client.pebble.forget_requests()
    for email in ("no address", "a@b@c", "mailto:a@example.com", "a@example.com?to=b@example.com"):
        for words in (["account", "update"], ["account", "register"], ["issue", "-d", "a.example"]):
            assert "--email: " in error_of(client.run(*words, "--email", email, status=USAGE))
    assert client.pebble.requests() == []
    assert shown(client)[0]["email"] == "ops@example.com"


def test_a_contact_that_the_ca_refuses(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble))
    client.run("account", "register", status=DONE)
    error = error_of(client.run("account", "update", "--email", "a..b@example.com", status=FAILED))
    assert "a..b@example.com" in error and "invalid" in error and "email" in error
    assert shown(client)[0]["email"] == "ops@example.com"


def test_no_contact_at_all(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble), config={"email": None})
    client.issue("a.example")
    assert shown(client)[0]["email"] is None


@pytest.mark.parametrize("words", [["issue", "-d", "a.example"], ["account", "register"]])
def test_terms_that_nobody_agreed_to(evercert, pebble, each_pebble, words):
    ca = pebble(each_pebble)
    client = evercert(ca, config={"agree-tos": None})
    done = client.run(*words)
    assert done.status in (FAILED, USAGE)
    error = error_of(done)
    assert "agree-tos: true" in error and "--agree-tos" in error and "terms of service" in error
    assert "POST /sign-me-up" not in ca.request_counts()
    assert shown(client) == [] and client.list() == []
    client.run(*words, "--agree-tos", status=DONE)
    # The key was made when the terms were met, so it is looked for before it is registered.
    assert ca.request_counts()["POST /sign-me-up"] == 2
    assert len(shown(client)) == 1


def test_terms_agreed_to_once(evercert, pebble):
    """The account has them; a later run needs no word."""
    client = evercert(pebble(), config={"agree-tos": None})
    client.issue("a.example", agree_tos=True)
    client.renew("a.example", force=True)
    client.issue("b.example")
    lineage.check(client, "b.example")


def restart(ca, authority):
    """Another Pebble in the place of `ca`, that has forgotten everything."""
    ca.process.stop()
    configuration = json.loads((ca.folder / "pebble.json").read_text())
    ca._start_ca(authority, configuration, False, {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_VA_NOSLEEP": "1"})


@pytest.mark.parametrize("daemon", [False, True], ids=["one-shot", "daemon"])
@pytest.mark.parametrize("version", ["2.4", "2.10"])
def test_a_ca_that_lost_the_account(evercert, pebble, authority, version, daemon):
    ca = pebble(version)
    client = evercert(ca)
    if daemon:
        client.run_daemon()
    client.issue("a.example")
    (before,) = shown(client)
    key = (client.state / "account-key").read_bytes()
    restart(ca, authority)
    done = client.issue("b.example")
    assert done.stderr == ""
    lineage.check(client, "b.example")
    (after,) = shown(client)
    assert after["url"] != before["url"]
    assert (client.state / "account-key").read_bytes() == key
    client.renew("a.example", force=True)
    assert lineage.generation(client, "a.example") == 2


def test_a_ca_that_lost_the_account_and_a_contact_to_tell(evercert, pebble, authority):
    ca = pebble()
    client = evercert(ca)
    client.run("account", "register", status=DONE)
    restart(ca, authority)
    done = client.run("account", "update", "--email", "new@example.com")
    # There is no account to update: a new one, or a word that there is none.
    if done.status == DONE:
        assert shown(client)[0]["email"] == "new@example.com"
    else:
        assert "accountDoesNotExist" in error_of(done)


def test_an_update_without_an_account(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    done = client.run("account", "update", "--email", "new@example.com", status=FAILED)
    assert "account" in error_of(done)
    assert shown(client) == []


def test_two_authorities_have_an_account_each(evercert, pebble):
    one, two = pebble("2.4"), pebble("2.10")
    client = evercert(one, listen=[f"127.0.0.1:{one.http_port}", f"127.0.0.1:{two.http_port}"])
    entries = {
        "test": {"directory": one.url, "ca-file": str(one.ca_file)},
        "other": {"directory": two.url, "ca-file": str(two.ca_file)},
    }
    client.write_config({"authorities": entries})
    client.issue("a.example")
    client.issue("b.example", authority="other")
    accounts = {account["authority"]: account["url"] for account in shown(client)}
    assert set(accounts) == {"test", "other"}
    keys = (client.state / "account-key").read_text()
    assert keys.count("BEGIN PRIVATE KEY") == 2 and one.url in keys and two.url in keys
    assert {row["name"]: row["directory"] for row in client.list()} == {"a.example": one.url, "b.example": two.url}


def test_an_authority_by_its_url(evercert, pebble):
    """Without an entry in the configuration it is checked with the roots of the system."""
    ca = pebble()
    client = evercert(ca)
    client.write_config({"authority": None, "authorities": None})
    error = error_of(client.run("account", "register", "--authority", ca.url, status=FAILED))
    assert f"authority {ca.url}: " in error and "not trusted" in error and "ca-file" in error
    error = error_of(client.run("account", "register", "--authority", "http://ca.example/dir", status=USAGE))
    assert "http://ca.example/dir" in error and "https" in error


def test_external_account_binding_is_said_not_to_be_there(evercert, pebble, each_pebble):
    ca = pebble(each_pebble, eab={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})
    client = evercert(ca)
    done = client.run("issue", "-d", "a.example")
    assert done.status in (FAILED, USAGE)
    assert "external account binding" in error_of(done)
    assert "POST /sign-me-up" not in ca.request_counts()
