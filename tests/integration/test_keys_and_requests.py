"""Keys that are kept, requests (CSR) of the operator's own, and what a request asks for."""

import base64
import datetime
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certificates import read_chain
from evercert import DONE, USAGE

HOUR = datetime.timedelta(hours=1)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key_type", ["ecdsa-p256", "rsa-2048"])
@pytest.mark.parametrize("reuse", [True, False])
def test_reuse_key(evercert, pebble, reuse, key_type):
    client = evercert(pebble())
    client.issue("a.example", key_type=key_type, reuse_key=reuse)
    first = client.leaf("a.example")
    client.renew("a.example", force=True)
    second = client.leaf("a.example")
    assert second.fingerprint != first.fingerprint
    assert (spki(second.public_key) == spki(first.public_key)) == reuse


def test_reuse_key_ends_with_another_type(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example", key_type="ecdsa-p256", reuse_key=True)
    client.issue("a.example", key_type="rsa-2048", reuse_key=True)
    assert isinstance(client.leaf("a.example").public_key, rsa.RSAPublicKey)


# Requests of the operator's own


def request_file(folder, key, *names, common_name=None):
    subject = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = builder.add_extension(alternatives, False).sign(key, hashes.SHA256())
    path = folder / "request.pem"
    path.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    return path


def leaf_of(client, name="a.example"):
    """As Evercert.leaf(), where there is no key."""
    folder = client.live(name)
    assert {path.name for path in folder.iterdir()} == {"cert.pem", "chain.pem", "fullchain.pem"}
    leaf = read_chain(folder / "cert.pem")[0]
    assert read_chain(folder / "fullchain.pem")[0].fingerprint == leaf.fingerprint
    return leaf


@pytest.mark.parametrize("by_command", [True, False], ids=["command", "configuration"])
def test_a_request_of_ones_own(evercert, each_pebble, pebble, tmp_path, by_command):
    key = ec.generate_private_key(ec.SECP256R1())
    file = request_file(tmp_path, key, "a.example", "b.example")
    wish = {"domains": ["a.example", "b.example"], "csr-file": str(file)}
    client = evercert(pebble(each_pebble), config={} if by_command else {"certificates": [wish]})
    if by_command:
        client.issue("a.example", "b.example", csr_file=file)
    else:
        client.renew()
    first = leaf_of(client)
    assert spki(first.public_key) == spki(key.public_key()) and first.names == ["a.example", "b.example"]
    client.renew("a.example", force=True)
    second = leaf_of(client)
    assert second.fingerprint != first.fingerprint and spki(second.public_key) == spki(key.public_key())
    keys = [path for path in client.state.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert [path.name for path in keys] == ["account-key"]
    client.run("revoke", "a.example", "--keep", status=DONE)
    assert client.pebble.certificate_status(second.serial)["Status"] == "Revoked"


def test_a_request_by_openssl(evercert, pebble, tmp_path):
    key, file = tmp_path / "own.key", tmp_path / "own.csr"
    words = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file]
    words += ["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example"]
    subprocess.run(words, check=True, capture_output=True)
    client = evercert(pebble())
    client.issue("a.example", csr_file=file)
    assert leaf_of(client).has_key(key)


def test_hooks_and_groups_without_a_key(evercert, pebble, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    wish = {"domains": ["a.example"], "csr-file": str(request_file(tmp_path, key, "a.example"))}
    wish |= {"key-group": "daemon", "deploy": [{"run": ["touch", str(tmp_path / "told")]}]}
    client = evercert(pebble(), config={"certificates": [wish]})
    client.renew()
    leaf_of(client)
    assert (tmp_path / "told").exists()


@pytest.mark.parametrize(
    "names, common_name, words",
    [
        (["a.example", "b.example"], None, ["b.example"]),
        (["b.example"], None, ["a.example"]),
        (["a.example"], "c.example", ["common name"]),
    ],
    ids=["one-more", "another", "common-name"],
)
def test_a_request_for_other_names(evercert, pebble, tmp_path, names, common_name, words):
    file = request_file(tmp_path, ec.generate_private_key(ec.SECP256R1()), *names, common_name=common_name)
    client = evercert(pebble())
    done = client.issue("a.example", csr_file=file, status=None)
    assert done.status != DONE and all(word in done.stderr for word in words), done.stderr
    assert "POST /order-plz" not in client.pebble.request_counts() and client.list() == []


@pytest.mark.parametrize(
    "text", ["", "garbage", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_no_request_at_all(evercert, pebble, tmp_path, text):
    file = tmp_path / "request.pem"
    file.write_text(text)
    client = evercert(pebble())
    done = client.issue("a.example", csr_file=file, status=None)
    assert done.status != DONE and len(done.stderr.splitlines()) == 1, done.stderr
    assert "csr" in done.stderr or "request" in done.stderr
    assert client.list() == []
    done = client.issue("a.example", csr_file=tmp_path / "nowhere.pem", status=USAGE)
    assert str(tmp_path / "nowhere.pem") in done.stderr


# What a request says


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def asked(evercert, pebble, gate):
    """Issues, and returns the request that the CA was sent."""

    def issue(*names, **options):
        way = gate(pebble())
        client = evercert(way)
        client.issue(*names, **options)
        (body,) = way.bodies("/finalize-order")
        return x509.load_der_x509_csr(decoded(json.loads(decoded(json.loads(body)["payload"]))["csr"]))

    return issue


def test_a_request_as_it_is_sent(asked):
    request = asked("a.example", "b.example")
    assert list(request.subject) == [] and request.is_signature_valid
    (names,) = [one.value for one in request.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
    assert sorted(names.get_values_for_type(x509.DNSName)) == ["a.example", "b.example"]
    assert not [one for one in request.extensions if isinstance(one.value, x509.TLSFeature)]


def test_must_staple(asked):
    request = asked("a.example", must_staple=True)
    (feature,) = [one.value for one in request.extensions if isinstance(one.value, x509.TLSFeature)]
    assert list(feature) == [x509.TLSFeatureType.status_request]


def test_validity_that_is_asked_for(evercert, pebble, each_pebble):
    """Pebble takes the dates of the order; they are far within what it would give."""
    client = evercert(pebble(each_pebble))
    before = datetime.datetime.now(datetime.timezone.utc)
    client.issue("a.example", not_before="2h", not_after="50h")
    after = datetime.datetime.now(datetime.timezone.utc)
    leaf = client.leaf("a.example")
    second = datetime.timedelta(seconds=1)
    assert before - second <= leaf.not_before - 2 * HOUR <= after + second
    assert before - second <= leaf.not_after - 50 * HOUR <= after + second
