"""Certificates from Pebble, from the first order to the tenth renewal, and what is on disk then."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import lineage
from certificates import read_chain
from processes import wait_until


@pytest.mark.parametrize("reject", [0, 5, 50])
def test_one_and_several_names_whatever_nonces_are_refused(evercert, pebble, each_pebble, reject):
    client = evercert(pebble(each_pebble, nonce_reject=reject))
    client.issue("a.example")
    client.issue("b.example", "c.example", "d.b.example")
    assert lineage.check(client, "a.example").names == ["a.example"]
    assert lineage.check(client, "b.example").names == ["b.example", "c.example", "d.b.example"]
    assert [row["name"] for row in client.list()] == ["a.example", "b.example"]


def test_authorizations_that_are_given_again(evercert, pebble, each_pebble):
    ca = pebble(each_pebble, authz_reuse=100)
    client = evercert(ca)
    client.issue("a.example")
    ca.forget_requests()
    client.issue("a.example", "b.example", name="both")
    assert ca.request_counts()["POST /chalZ"] == 1
    assert lineage.check(client, "both").names == ["a.example", "b.example"]


def test_authorizations_that_are_asked_for_again(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble))
    client.issue("a.example")
    for name in ("b.example", "c.example", "d.example"):
        client.pebble.forget_requests()
        client.issue("a.example", name, name=f"both-{name}")
        if client.pebble.request_counts()["POST /chalZ"] == 2:
            return
    pytest.fail("Pebble gives one in a hundred again when told to give none; not three in a row")


def test_more_names_than_requests_at_a_time(evercert, pebble, each_pebble):
    names = [f"n{number:02}.example" for number in range(20)]
    client = evercert(pebble(each_pebble))
    client.issue(*names)
    assert lineage.check(client, names[0]).names == names


def test_what_is_printed(evercert, pebble):
    client = evercert(pebble())
    done = client.issue("a.example")
    assert done.stdout.startswith("a.example  issued  ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_issuing_again_what_is_there_asks_nobody(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example", "b.example")
    before, _ = lineage.picture(client), ca.forget_requests()
    done = client.issue("a.example", "b.example")
    assert "not due before" in done.stdout
    assert ca.requests() == []
    assert lineage.picture(client) == before


def test_issuing_with_another_name_makes_a_new_generation(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    client.issue("a.example", "b.example")
    assert lineage.check(client, "a.example").names == ["a.example", "b.example"]
    assert lineage.generation(client, "a.example") == 2


@pytest.mark.parametrize(
    "key_type, kind, size",
    [
        ("ecdsa-p256", ec.EllipticCurvePublicKey, 256),
        ("ecdsa-p384", ec.EllipticCurvePublicKey, 384),
        ("rsa-2048", rsa.RSAPublicKey, 2048),
    ],
)
def test_key_types(evercert, pebble, each_pebble, nginx, key_type, kind, size):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.issue("a.example", key_type=key_type)
    leaf = lineage.check(client, "a.example")
    assert isinstance(leaf.public_key, kind)
    assert leaf.public_key.key_size == size
    assert client.show("a.example")["key_type"] == key_type
    live = client.live("a.example")
    server = nginx(certificate=(live / "fullchain.pem", live / "privkey.pem")).start()
    assert server.served("a.example", ca.root()).fingerprint == leaf.fingerprint


def test_another_key_type_makes_a_new_generation(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    client.issue("a.example", key_type="ecdsa-p384")
    assert client.leaf("a.example").public_key.key_size == 384
    assert lineage.generation(client, "a.example") == 2


def test_a_forced_renewal(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.issue("a.example", "b.example")
    first = lineage.check(client, "a.example")
    folder = client.live("a.example").resolve()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = client.renew("a.example", force=True)
    # Where Pebble lost what is replaced, it says so behind that.
    assert done.stdout.startswith("a.example  renewed; " if ca.lost_serials() else "a.example  renewed  ")
    second = lineage.check(client, "a.example")
    assert second.names == first.names
    assert second.fingerprint != first.fingerprint
    assert second.public_key.public_numbers() != first.public_key.public_numbers()
    assert lineage.generation(client, "a.example") == 2
    assert lineage.generations(client, "a.example") == [1, 2]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    row = client.show("a.example")
    assert (row["generation"], row["fingerprint"]) == (2, second.fingerprint)


def test_the_archive_holds_five_generations(evercert, pebble):
    client = evercert(pebble(authz_reuse=100))
    client.issue("a.example")
    keys = {client.leaf("a.example").fingerprint}
    for number in range(2, 10):
        client.renew("a.example", force=True)
        keys.add(lineage.check(client, "a.example").fingerprint)
        assert lineage.generation(client, "a.example") == number
        assert lineage.generations(client, "a.example") == [number - 1, number]
        assert lineage.archived(client, "a.example") == list(range(max(1, number - 6), number - 1))
    assert len(keys) == 9
    for number in lineage.archived(client, "a.example"):
        folder = client.state / "archive/a.example" / str(number)
        assert read_chain(folder / "cert.pem")[0].has_key(folder / "privkey.pem")
    client.no_key_readable()


def test_renew_without_anything_due_is_success(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.renew()
    client.issue("a.example")
    client.renew()  # asks once for the renewal window (RFC 9773)
    ca.forget_requests()
    client.renew()
    done = client.renew("a.example")
    assert "not due before" in done.stdout
    assert ca.requests() == []
    assert lineage.generation(client, "a.example") == 1


def test_what_is_due_is_renewed_in_one_pass(evercert, pebble):
    client = evercert(pebble(validity=120, authz_reuse=100))
    for name in ("a.example", "b.example"):
        # Longer than it lives: due as soon as it is there.
        client.issue(name, renew_before="300s")
    first = {name: client.leaf(name).fingerprint for name in ("a.example", "b.example")}
    rows = {row["name"]: row for row in client.list()}
    assert rows["a.example"]["next_renewal"] >= rows["a.example"]["not_before"]
    client.renew("a.example", "b.example", force=True)
    for name in first:
        assert client.leaf(name).fingerprint != first[name]


def test_several_from_the_configuration(evercert, pebble, each_pebble):
    client = evercert(
        pebble(each_pebble),
        config={
            "certificates": [
                {"domains": ["a.example"]},
                {"name": "second", "domains": ["b.example", "c.example"], "key-type": "ecdsa-p384"},
            ]
        },
    )
    done = client.renew()
    said = sorted(line.split()[:2] for line in done.stdout.splitlines())
    assert said == [["a.example", "issued"], ["second", "issued"]]
    assert lineage.check(client, "a.example").names == ["a.example"]
    assert lineage.check(client, "second").public_key.key_size == 384
    assert {row["name"]: row["source"] for row in client.list()} == {"a.example": "config", "second": "config"}


def test_the_daemon_gets_what_the_configuration_names(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble), config={"certificates": [{"domains": ["a.example", "b.example"]}]})
    client.run_daemon()
    wait_until(lambda: (client.live("a.example") / "cert.pem").exists(), "the certificate", 30)
    client.stop_daemon()
    assert lineage.check(client, "a.example").names == ["a.example", "b.example"]
