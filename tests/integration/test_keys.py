"""What the keeper does with keys, seen from outside: bindings, rollover, burnt keys, keys that are reused, somebody
else's keys, two kinds of keys side by side."""

import base64
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import lineage
from certificates import read_chain
from evercert import DONE, FAILED
from processes import wait_until

EAB_KEY = bytes(range(190, 222))  # with '-' and '_' in base64url


def shown(client):
    return json.loads(client.run("account", "show", "--json", status=DONE).stdout)


def ring(client):
    """What the account ring says: [(first line, key), ...]."""
    entries = (client.state / "account-key").read_text().split("-----END PRIVATE KEY-----\n")
    assert entries[-1] == ""
    found = []
    for entry in entries[:-1]:
        head, pem = entry.split("\n", 1)
        found.append((head, serialization.load_pem_private_key((pem + "-----END PRIVATE KEY-----\n").encode(), None)))
    return found


def key_hash(public):
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def live_key_hash(client, name):
    pem = (client.live(name) / "cert.pem").read_bytes()
    return key_hash(x509.load_pem_x509_certificate(pem).public_key())


def with_authority(ca, **more):
    return {"authorities": {"test": {"directory": ca.url, "ca-file": str(ca.ca_file), **more}}}


@pytest.mark.parametrize("writing", [
    lambda key: base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
    lambda key: base64.urlsafe_b64encode(key).decode(),
    lambda key: base64.b64encode(key).decode(),
], ids=["base64url", "padded", "base64"])
def test_an_account_is_bound(evercert, pebble, each_pebble, writing):
    ca = pebble(each_pebble, eab={"kid-1": base64.urlsafe_b64encode(EAB_KEY).rstrip(b"=").decode()})
    client = evercert(ca, config=with_authority(ca, **{"eab-kid": "kid-1", "eab-hmac": writing(EAB_KEY)}))
    client.issue("a.example")
    assert [account["status"] for account in shown(client)] == ["valid"]
    assert writing(EAB_KEY) not in client.log.read_text()


def test_a_binding_with_another_key_is_refused(evercert, pebble):
    ca = pebble(eab={"kid-1": base64.urlsafe_b64encode(EAB_KEY).rstrip(b"=").decode()})
    client = evercert(ca, config=with_authority(ca, **{"eab-kid": "kid-1", "eab-hmac": "A" * 43}))
    client.run("account", "register", status=FAILED)
    assert shown(client) == []


@pytest.mark.parametrize("daemon", [False, True], ids=["one-shot", "daemon"])
def test_rollover(evercert, pebble, each_pebble, daemon):
    ca = pebble(each_pebble)
    client = evercert(ca)
    if daemon:
        client.run_daemon()
    client.issue("a.example")
    (before,) = shown(client)
    ((_, old),) = ring(client)
    client.run("account", "rollover", status=DONE)
    (after,) = shown(client)
    assert after["url"] == before["url"]
    entries = ring(client)
    heads = [head for head, _ in entries]
    assert heads == [f"directory {ca.url}", f"directory {ca.url} (pending)", f"directory {ca.url}"]
    hashes_of = [key_hash(key.public_key()) for _, key in entries]
    assert hashes_of[0] == key_hash(old.public_key()) and hashes_of[1] == hashes_of[2] != hashes_of[0]
    client.renew("a.example", force=True)
    assert lineage.generation(client, "a.example") == 2
    # Once more, now with a change behind it.
    client.run("account", "rollover", status=DONE)
    assert len(ring(client)) == 5
    client.issue("b.example")


def test_a_compromised_key_is_never_used_again(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble), config={"reuse-key": True})
    client.issue("a.example")
    first = live_key_hash(client, "a.example")
    client.renew("a.example", force=True)
    assert live_key_hash(client, "a.example") == first
    assert (client.state / "burnt-keys").read_text() == ""
    client.run("revoke", "a.example", "--reason", "keyCompromise", "--keep", status=DONE)
    assert (client.state / "burnt-keys").read_text() == first + "\n"
    client.renew("a.example", force=True)
    assert live_key_hash(client, "a.example") != first
    lineage.check(client, "a.example")


def test_revoked_by_its_own_key(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.issue("a.example")
    first = live_key_hash(client, "a.example")
    serial = client.leaf("a.example").certificate.serial_number
    client.run("revoke", "a.example", "--with-key", "--keep", status=DONE)
    assert ca.certificate_status(serial)["Status"] == "Revoked"
    assert first in (client.state / "burnt-keys").read_text()


def test_without_reuse_every_generation_has_its_key(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    first = live_key_hash(client, "a.example")
    client.renew("a.example", force=True)
    assert live_key_hash(client, "a.example") != first


def request_for(folder, key, *names):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    csr = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    path = folder / "request.pem"
    path.write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    return path


def own_request(path, *domains):
    return {"certificates": [{"name": "own", "domains": list(domains), "csr": path.read_text()}]}


def test_the_operators_own_key(evercert, pebble, each_pebble, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    path = request_for(tmp_path, key, "a.example", "b.example")
    client = evercert(pebble(each_pebble), config=own_request(path, "b.example", "a.example"))
    client.run_daemon()
    wait_until((client.live("own") / "cert.pem").exists, "the certificate is live")
    assert sorted(file.name for file in client.live("own").iterdir()) == ["cert.pem", "chain.pem", "fullchain.pem"]
    assert live_key_hash(client, "own") == key_hash(key.public_key())
    client.renew("own", force=True)
    assert lineage.generation(client, "own") == 2
    assert live_key_hash(client, "own") == key_hash(key.public_key())


def test_a_request_for_other_names_is_refused(evercert, pebble, tmp_path):
    path = request_for(tmp_path, ec.generate_private_key(ec.SECP256R1()), "a.example", "evil.example")
    client = evercert(pebble(), config=own_request(path, "a.example"))
    client.run("renew")
    assert "the certificate request is also for evil.example" in client.log.read_text()
    assert client.pebble.requests() == []


def test_two_kinds_of_keys(evercert, pebble, each_pebble):
    wish = {"name": "shop", "domains": ["a.example"], "key-type": ["ecdsa-p256", "rsa-2048"]}
    client = evercert(pebble(each_pebble), config={"certificates": [wish]})
    client.run_daemon()
    client.wait_live("shop")
    client.wait_live("shop-rsa")
    assert isinstance(client.leaf("shop").certificate.public_key(), ec.EllipticCurvePublicKey)
    assert client.leaf("shop-rsa").certificate.public_key().key_size == 2048
    for name in ("shop", "shop-rsa"):
        lineage.check(client, name)


def common_name(pem):
    (name,) = x509.load_pem_x509_certificate(pem.encode()).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return name.value


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("by", ["name", "fingerprint"])
def test_the_chain_that_is_preferred(evercert, pebble, each_pebble, number, by):
    """All chains have the same leaf; which root they end at is said by the issuer of the last certificate."""
    ca = pebble(each_pebble, alternates=2)
    root = common_name(ca.root(number))
    above = x509.load_pem_x509_certificate(ca.management(f"/intermediates/{number}").encode())
    wanted = {"name": root, "fingerprint": above.fingerprint(hashes.SHA256()).hex(":").upper()}[by]
    client = evercert(ca, config={"preferred-chain": ["No Such Root", wanted]})
    client.issue("a.example")
    chain = read_chain(client.live("a.example") / "fullchain.pem")
    (issuer,) = chain[-1].certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert issuer.value == root
    lineage.check(client, "a.example")
