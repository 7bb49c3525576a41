"""Which of several chains is taken (RFC 8555 7.4.2)."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from certificates import read_chain

ALTERNATES, LENGTH = 2, 3


@pytest.fixture
def ca(pebble, each_pebble):
    return pebble(each_pebble, alternates=ALTERNATES, chain_length=LENGTH)


def root(ca, number):
    return x509.load_pem_x509_certificate(ca.root(number).encode())


def common_name(name):
    return name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def top(client, name="a.example"):
    """Who issued the last certificate of the chain in force, which is checked to hold together."""
    chain = read_chain(client.live(name) / "fullchain.pem")
    assert len(chain) == LENGTH + 1
    for one, issuer in zip(chain, chain[1:]):
        assert one.certificate.issuer == issuer.certificate.subject
    return common_name(chain[-1].certificate.issuer)


def downloads(ca):
    return [one.path for one in ca.requests() if one.kind == "/certZ"]


def test_the_default_chain(evercert, ca):
    client = evercert(ca)
    client.issue("a.example")
    assert top(client) == common_name(root(ca, 0).subject)
    assert len(downloads(ca)) == 1  # nobody asked for another


@pytest.mark.parametrize("number", range(ALTERNATES + 1))
def test_by_the_name_of_a_root(evercert, ca, number):
    client = evercert(ca)
    wanted = common_name(root(ca, number).subject)
    client.issue("a.example", preferred_chain=wanted)
    assert top(client) == wanted
    if number == 0:
        assert len(downloads(ca)) == 1  # nothing can be better
    client.leaf("a.example")
    before = client.leaf("a.example").fingerprint
    client.renew("a.example", force=True)
    assert top(client) == wanted and client.leaf("a.example").fingerprint != before


def test_by_fingerprint(evercert, ca):
    client = evercert(ca)
    client.issue("a.example")
    client.issue("b.example", preferred_chain=common_name(root(ca, 2).subject))
    wanted = read_chain(client.live("b.example") / "fullchain.pem")[-1]
    assert wanted.fingerprint != read_chain(client.live("a.example") / "fullchain.pem")[-1].fingerprint
    text = wanted.certificate.fingerprint(hashes.SHA256()).hex()
    client.issue("c.example", preferred_chain=text)
    assert read_chain(client.live("c.example") / "fullchain.pem")[-1].fingerprint == wanted.fingerprint


def test_the_first_that_there_is(evercert, ca):
    names = ["Nobody", common_name(root(ca, 1).subject), common_name(root(ca, 2).subject)]
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"], "preferred-chain": names}]})
    client.renew()
    assert top(client) == names[1]


def test_none_fits(evercert, ca):
    client = evercert(ca)
    done = client.issue("a.example", preferred_chain="Nobody's Root")
    assert top(client) == common_name(root(ca, 0).subject)
    assert len(downloads(ca)) == ALTERNATES + 1
    notes = [entry["text"] for entry in client.log_rows("a.example") if entry["event"] == "note"]
    assert len(notes) == 1 and "chain" in notes[0]
    assert "issued; " in done.stdout and notes[0] in done.stdout
