"""Keys of accounts: their types, and their change (RFC 8555 7.3.5), also where that is cut off in the middle."""

import json
import re
import shutil

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import lineage
from caddy import Caddy
from evercert import DONE, FAILED, USAGE
from processes import wait_until

CHANGE = "/rollover-account-key"


def shown(client, *words):
    (account,) = json.loads(client.run("account", "show", *words, "--json", status=DONE).stdout)
    return account


def error_of(done):
    errors = [line for line in done.stderr.splitlines() if line.startswith("evercert: error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def ring(client):
    """[(mark, key)] of the entries of account-key: mark is "" for a key that came into force."""
    found = []
    for entry in re.split(r"^directory ", (client.state / "account-key").read_text(), flags=re.MULTILINE)[1:]:
        head, pem = entry.split("\n", 1)
        key = serialization.load_pem_private_key(pem.encode(), None)
        found.append((head.partition(" ")[2], key))
    return found


def key_id(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def configure(client, **more):
    entry = {"directory": client.pebble.url, "ca-file": str(client.pebble.ca_file)}
    entry.update({name.replace("_", "-"): value for name, value in more.items()})
    client.write_config({"authorities": {"test": entry}})


# Types


@pytest.mark.parametrize("key_type", ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096"])
def test_each_type_at_pebble(evercert, pebble, each_pebble, key_type):
    client = evercert(pebble(each_pebble))
    configure(client, account_key_type=key_type)
    client.issue("a.example")
    lineage.check(client, "a.example")
    ((mark, key),) = ring(client)
    assert mark == "" and shown(client, "--authority", "test")["key_type"] == key_type
    if key_type.startswith("rsa"):
        assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == int(key_type[4:])
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == int(key_type[-3:])


def test_ed25519_that_pebble_does_not_take(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble))
    configure(client, account_key_type="ed25519")
    error = error_of(client.run("account", "register", status=FAILED))
    assert "badPublicKey" in error or "badSignatureAlgorithm" in error
    assert "account-key-type" in error and "ecdsa-p256" in error
    assert error_of(client.run("account", "register", status=FAILED)) == error
    assert len(ring(client)) == 1
    # As the message says: another type, and it goes on.
    configure(client, account_key_type="ecdsa-p256")
    client.issue("a.example")
    lineage.check(client, "a.example")


@pytest.fixture(params=["system", "new"])
def at_caddy(request, processes, tmp_path, evercert):
    ca = Caddy(processes, tmp_path / "caddy", request.param)
    client = evercert(listen=["0.0.0.0:80", "[::]:80"], through=ca.through)
    client.caddy = ca
    return client


def configure_caddy(client, **more):
    entry = {"directory": client.caddy.url, "ca-file": str(client.caddy.ca_file)}
    entry.update({name.replace("_", "-"): value for name, value in more.items()})
    client.write_config({"authority": "caddy", "authorities": {"caddy": entry}})


def test_ed25519_at_caddy(at_caddy):
    configure_caddy(at_caddy, account_key_type="ed25519")
    at_caddy.issue("localhost")
    lineage.check(at_caddy, "localhost")
    assert shown(at_caddy, "--authority", "caddy")["key_type"] == "ed25519"


def test_a_ca_without_key_change(at_caddy):
    configure_caddy(at_caddy)
    at_caddy.issue("localhost")
    before = shown(at_caddy, "--authority", "caddy")
    error = error_of(at_caddy.run("account", "rollover", status=FAILED))
    assert "does not offer" in error
    assert shown(at_caddy, "--authority", "caddy") == before
    assert [mark for mark, _ in ring(at_caddy)][-1] == "(dropped)"
    at_caddy.renew("localhost", force=True)
    assert lineage.generation(at_caddy, "localhost") == 2


# A change of the key


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble, gate, each_pebble):
    one = evercert(gate(pebble(each_pebble)))
    if request.param:
        one.run_daemon()
    return one


def old_key_is_refused(client, old):
    """The ring as it was before the change, with a new store: the CA knows no account with that key."""
    (client.state / "account-key").write_bytes(old)
    for path in client.state.glob("evercert.db*"):
        path.unlink()


def test_a_new_key(client):
    client.issue("a.example")
    before = shown(client, "--authority", "test")
    client.pebble.forget_requests()
    client.run("account", "rollover", status=DONE)
    assert client.pebble.request_counts().get("POST " + CHANGE) == 1
    after = shown(client, "--authority", "test")
    assert after["url"] == before["url"] and after["thumbprint"] != before["thumbprint"]
    marks = [mark for mark, _ in ring(client)]
    assert marks == ["", "(pending)", ""]
    assert key_id(ring(client)[1][1]) == key_id(ring(client)[2][1])
    client.pebble.forget_requests()
    client.issue("b.example")
    client.renew("a.example", force=True)
    assert "POST /sign-me-up" not in client.pebble.request_counts()
    lineage.check(client, "b.example")
    assert lineage.generation(client, "a.example") == 2


def test_the_old_key_is_of_no_use(client):
    client.issue("a.example")
    old = (client.state / "account-key").read_bytes()
    client.run("account", "rollover", status=DONE)
    if client.daemon:
        client.stop_daemon()
    (client.state / "account-key").write_bytes(old)
    error = error_of(client.run("renew", "--force", "a.example", status=FAILED))
    assert "malformed" in error or "unauthorized" in error or "accountDoesNotExist" in error, error
    assert lineage.generation(client, "a.example") == 1


def test_another_type_by_a_change(client):
    client.issue("a.example")
    configure(client, account_key_type="ecdsa-p384")
    if client.daemon:
        client.reload()
    client.run("account", "rollover", status=DONE)
    assert shown(client, "--authority", "test")["key_type"] == "ecdsa-p384"
    client.renew("a.example", force=True)


def test_several_changes(client):
    client.run("account", "register", status=DONE)
    seen = {shown(client, "--authority", "test")["thumbprint"]}
    for _ in range(3):
        client.run("account", "rollover", status=DONE)
        seen.add(shown(client, "--authority", "test")["thumbprint"])
    assert len(seen) == 4
    client.issue("a.example")


def test_a_change_without_an_account(client):
    done = client.run("account", "rollover", status=FAILED)
    assert "account" in error_of(done)
    assert ("POST " + CHANGE) not in client.pebble.request_counts()


# Cut off in the middle: `acted` says whether the CA has changed the key by then


def begin_change(client, acted):
    client.issue("a.example")
    client.pebble.hold(CHANGE, answered=acted)
    process = client.start("account", "rollover")
    client.pebble.wait_held()
    assert [mark for mark, _ in ring(client)] == ["", "(pending)"]
    return process


def check_changed(client):
    """The key that came with the change holds, at the CA too."""
    marks = [mark for mark, _ in ring(client)]
    assert marks == ["", "(pending)", ""], marks
    assert key_id(ring(client)[1][1]) == key_id(ring(client)[2][1])
    client.issue("c.example")
    lineage.check(client, "c.example")
    assert shown(client, "--authority", "test")["status"] == "valid"


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
def test_everything_is_killed_during_a_change(evercert, pebble, gate, each_pebble, acted):
    client = evercert(gate(pebble(each_pebble)))
    begin_change(client, acted)
    client.kill_all()
    client.pebble.drop()
    before = shown(client)["url"]
    client.issue("b.example")
    lineage.check(client, "b.example")
    assert shown(client)["url"] == before
    check_changed(client)


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("victim", ["engine", "keeper", "parent"])
def test_a_process_of_a_daemon_is_killed_during_a_change(evercert, pebble, gate, acted, victim):
    client = evercert(gate(pebble()))
    client.run_daemon()
    process = begin_change(client, acted)
    client.kill_one(client.daemon.pid if victim == "parent" else client.pid_of(victim))
    client.pebble.drop()
    process.wait(60)
    if victim == "parent":
        client.daemon.wait()
        client.kill_all()
        client.run_daemon()
    client.issue("b.example")
    lineage.check(client, "b.example")
    check_changed(client)


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
def test_the_connection_is_cut_during_a_change(client, acted):
    process = begin_change(client, acted)
    client.pebble.drop()
    assert process.wait(60) == DONE
    check_changed(client)


def test_certificates_wait_for_a_change(evercert, pebble, gate):
    """What is asked for in the meantime is signed with the key that holds afterwards."""
    client = evercert(gate(pebble()))
    client.run_daemon()
    process = begin_change(client, True)
    others = [client.start("issue", "-d", name) for name in ("x.example", "y.example")]
    wait_until(lambda: client.text().count("getting a certificate") >= 3, "the others to be under way")
    client.pebble.release()
    assert process.wait(60) == DONE
    assert [other.wait(60) for other in others] == [DONE, DONE]
    for name in ("x.example", "y.example"):
        lineage.check(client, name)


def test_a_certificate_does_not_suffer_from_a_command_that_only_looks(evercert, pebble, gate):
    """`account show` must not register; what comes to get a certificate while that looks, does."""
    client = evercert(gate(pebble()))
    client.run_daemon()
    client.run("account", "show", "--authority", "test", status=FAILED)  # so there is a key, and no account
    client.pebble.hold("/sign-me-up")
    looking = client.start("account", "show", "--authority", "test")
    client.pebble.wait_held()
    issuing = client.start("issue", "-d", "a.example")
    wait_until(lambda: "getting a certificate" in client.text(), "the certificate to be under way")
    client.pebble.release()
    looking.wait(60)
    assert issuing.wait(60) == DONE
    lineage.check(client, "a.example")


# Deactivation


def test_deactivation_needs_a_yes(client):
    client.run("account", "register", status=DONE)
    client.pebble.forget_requests()
    assert "--yes" in error_of(client.run("account", "deactivate", status=USAGE))
    assert client.pebble.requests() == []
    assert shown(client, "--authority", "test")["status"] == "valid"


def test_a_deactivated_account(client):
    client.issue("a.example")
    before = shown(client)
    assert client.run("account", "deactivate", "--yes", status=DONE).stderr == ""
    assert shown(client)["status"] == "deactivated"
    client.pebble.forget_requests()
    for words in (["issue", "-d", "b.example"], ["renew", "--force", "a.example"], ["account", "register"],
                  ["account", "rollover"], ["account", "update", "--email", "new@example.com"]):
        error = error_of(client.run(*words, status=FAILED))
        assert "deactivated" in error and "`account: " in error, error
    assert client.pebble.requests() == []  # it knows
    assert lineage.generation(client, "a.example") == 1
    # As the message says.
    configure(client, account="second")
    if client.daemon:
        client.reload()
    client.issue("b.example")
    client.renew("a.example", force=True)
    lineage.check(client, "b.example")
    assert lineage.generation(client, "a.example") == 2
    accounts = json.loads(client.run("account", "show", "--json", status=DONE).stdout)
    # The first is of no authority that is configured now; a daemon has not forgotten it.
    assert before["url"] != accounts[-1]["url"] or len(accounts) == 2
    assert {account["status"] for account in accounts} <= {"valid", "deactivated"}
    assert "valid" in {account["status"] for account in accounts}


def test_an_account_that_was_deactivated_elsewhere(evercert, pebble, each_pebble):
    """By somebody with a copy of the key; so only the CA knows."""
    ca = pebble(each_pebble)
    client, other = evercert(ca), evercert(ca)
    client.issue("a.example")
    shutil.rmtree(other.state, ignore_errors=True)
    shutil.copytree(client.state, other.state, symlinks=True)
    other.run("account", "deactivate", "--yes", status=DONE)
    for words in (["renew", "--force", "a.example"], ["issue", "-d", "b.example"]):
        error = error_of(client.run(*words, status=FAILED))
        assert "unauthorized" in error or "deactivated" in error, error
        assert "`account: " in error, error
    assert lineage.generation(client, "a.example") == 1
