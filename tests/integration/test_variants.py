"""Two key types side by side: one wish, two certificates."""

import grp
import socket
import ssl

import pytest

from certificates import Leaf, read_chain
from evercert import DONE

NAMES = {"a.example": "EllipticCurvePublicKey", "a.example-rsa": "RSAPublicKey"}
TYPES = ["ecdsa-p256", "rsa-2048"]


def configuration(types=TYPES, **more):
    return {"certificates": [{"domains": ["a.example", "www.a.example"], "key-type": types, **more}]}


def kinds(client):
    """{name: kind of its key} of what is live, each with the key beside it."""
    found = {path.name for path in (client.state / "live").iterdir() if not path.name.startswith(".")}
    return {name: type(client.leaf(name).public_key).__name__.lstrip("_") for name in found}


def fingerprints(client):
    return {name: client.leaf(name).fingerprint for name in NAMES}


@pytest.fixture(params=["command", "configuration", "daemon"])
def client(request, evercert, pebble):
    one = evercert(pebble(), config={} if request.param == "command" else configuration())
    if request.param == "command":
        one.issue("a.example", "www.a.example", key_type="ecdsa-p256,rsa-2048")
    elif request.param == "configuration":
        one.renew()
    else:
        one.run_daemon()
        for name in NAMES:
            one.wait_live(name)
        one.wait_row("a.example", lambda row: [v["state"] for v in row["variants"]] == ["valid"] * 2, "all valid")
    return one


def test_both_are_there(client):
    assert kinds(client) == NAMES
    (row,) = client.list()
    assert [(v["name"], v["key_type"], v["state"]) for v in row["variants"]] == [
        ("a.example", "ecdsa-p256", "valid"),
        ("a.example-rsa", "rsa-2048", "valid"),
    ]
    assert {v["name"]: v["fingerprint"] for v in row["variants"]} == fingerprints(client)
    text = client.run("show", "a.example", status=DONE).stdout
    for name, fingerprint in fingerprints(client).items():
        assert name in text and fingerprint in text
    assert client.show("a.example-rsa")["key_type"] == "rsa-2048"


def test_both_are_renewed(client):
    before = fingerprints(client)
    client.renew("a.example", force=True)
    after = fingerprints(client)
    assert all(before[name] != after[name] for name in NAMES)
    client.renew("a.example-rsa", force=True)
    assert client.leaf("a.example").fingerprint == after["a.example"]
    assert client.leaf("a.example-rsa").fingerprint != after["a.example-rsa"]


def test_both_are_revoked(client):
    serials = [client.leaf(name).serial for name in NAMES]
    client.run("revoke", "a.example", "--keep", status=DONE)
    assert [client.pebble.certificate_status(serial)["Status"] for serial in serials] == ["Revoked"] * 2
    assert [v["state"] for v in client.row("a.example")["variants"]] == ["revoked"] * 2


def test_one_is_revoked(client):
    serials = [client.leaf(name).serial for name in NAMES]
    client.run("revoke", "a.example-rsa", "--keep", status=DONE)
    assert [client.pebble.certificate_status(serial)["Status"] for serial in serials] == ["Valid", "Revoked"]


def test_both_are_forgotten(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example", key_type="ecdsa-p256,rsa-2048")
    client.issue("b.example", name="a.example-other", key_type="rsa-2048")
    before = fingerprints(client)
    client.run("forget", "a.example", status=DONE)
    assert [row["name"] for row in client.list()] == ["a.example-other"]
    assert list(kinds(client)) == ["a.example-other"]
    for name, fingerprint in before.items():
        assert read_chain(client.state / "archive" / name / "1" / "cert.pem")[0].fingerprint == fingerprint


def test_revoked_by_command_both_go(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example", key_type="ecdsa-p256,rsa-2048")
    client.run("revoke", "a.example", status=DONE)
    assert client.list() == [] and kinds(client) == {}


@pytest.mark.parametrize("daemon", [False, True])
def test_the_second_type_is_removed(evercert, pebble, daemon):
    ca = pebble()
    client = evercert(ca, config=configuration())
    client.renew()
    before = fingerprints(client)
    client.write_config(configuration("ecdsa-p256"))
    if daemon:
        client.run_daemon()
    else:
        client.renew()
    rows = {row["name"]: row for row in client.list()}
    assert {name: row["state"] for name, row in rows.items()} == {"a.example": "valid", "a.example-rsa": "released"}
    assert fingerprints(client) == before and ca.request_counts()["POST /order-plz"] == 2
    # It can be had back, or go by itself.
    client.write_config(configuration())
    client.reload() if daemon else client.renew()
    assert len(client.list()) == 1 and fingerprints(client) == before
    client.write_config(configuration("ecdsa-p256"))
    client.reload() if daemon else client.renew()
    client.run("forget", "a.example-rsa", status=DONE)
    assert kinds(client) == {"a.example": "EllipticCurvePublicKey"}


def test_a_removed_type_is_forgotten_with_the_first(evercert, pebble):
    client = evercert(pebble(), config=configuration())
    client.renew()
    client.write_config(configuration("ecdsa-p256"))
    client.renew()
    client.write_config({})
    client.run("forget", "a.example", status=DONE)
    assert client.list() == [] and kinds(client) == {}


def test_hooks_get_each_folder(evercert, pebble, tmp_path):
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\necho "$EVERCERT_NAME $EVERCERT_DIR $RENEWED_LINEAGE" >> {tmp_path}/told\n')
    script.chmod(0o755)
    client = evercert(pebble(), config=configuration(deploy=[{"run": [str(script)]}]))
    client.renew()
    told = sorted((tmp_path / "told").read_text().splitlines())
    assert told == sorted(f"{name} {client.live(name)} {client.live(name)}" for name in NAMES)


def test_the_group_gets_each_key(evercert, pebble):
    group = grp.getgrgid(1)
    client = evercert(pebble(), config=configuration(**{"key-group": group.gr_name, "key-mode": "0640"}))
    client.renew()
    for name in NAMES:
        for file in ("privkey.pem", "combined.pem"):
            found = (client.live(name) / file).stat()
            assert (found.st_gid, found.st_mode & 0o777) == (group.gr_gid, 0o640), f"{name}/{file}"


def test_the_second_name_is_taken(evercert, pebble):
    """It is somebody else's: nothing of that is touched."""
    client = evercert(pebble())
    client.issue("b.example", name="a.example-rsa")
    before = client.leaf("a.example-rsa").fingerprint
    done = client.issue("a.example", key_type="ecdsa-p256,rsa-2048", status=None)
    assert done.status != DONE and "a.example-rsa" in done.stderr
    assert client.leaf("a.example-rsa").fingerprint == before
    assert client.row("a.example-rsa")["domains"] == ["b.example"]
    assert client.row("a.example") is None


def leaf_served(port, cipher, roots):
    context = ssl.create_default_context(cadata=roots)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3's ciphers say nothing of keys
    context.set_ciphers(cipher)
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        with context.wrap_socket(connection, server_hostname="a.example") as tls:
            return Leaf(tls.getpeercert(binary_form=True))


def test_nginx_serves_both(evercert, pebble, nginx):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example", key_type="ecdsa-p256,rsa-2048")
    server = nginx()
    server.set_certificate(*[(client.live(name) / "fullchain.pem", client.live(name) / "privkey.pem") for name in NAMES])
    server.start()
    for kind, name in (("ECDSA", "a.example"), ("RSA", "a.example-rsa")):
        cipher = f"ECDHE-{kind}-AES128-GCM-SHA256"
        assert leaf_served(server.https_port, cipher, ca.root()).fingerprint == client.leaf(name).fingerprint
