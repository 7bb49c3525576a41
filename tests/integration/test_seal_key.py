"""The key that seals what rests: without the right one nothing is begun, and nothing is written over."""

import pytest

from evercert import FAILED


@pytest.fixture(name="client")
def _client(evercert, pebble):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.renew()
    client.issue("b.example")
    client.pebble.forget_requests()
    return client


def files(client):
    """All that there is but for logs and locks."""
    return {path: path.read_bytes() for path in client.state.rglob("*") if path.is_file() and path.name != ".lock"}


def put_away(client):
    for path in client.state.glob("evercert.db*"):
        path.rename(client.folder / path.name)


def nothing_was_issued(client):
    assert "POST /order-plz" not in client.pebble.request_counts()
    assert client.pebble.accounts() == 1


def test_another_key_is_refused(client):
    key = client.state / "seal.key"
    good = key.read_bytes()
    key.write_bytes(bytes(32))
    before = {path: text for path, text in files(client).items() if not path.name.startswith("evercert.db")}
    done = client.run("renew", status=FAILED)
    assert "seal.key is not the one" in done.stderr and "put the right one back from a backup" in done.stderr
    after = files(client)
    assert all(after[path] == text for path, text in before.items())
    key.write_bytes(good)
    client.renew("b.example", force=True)
    assert client.row("b.example")["generation"] == 2


@pytest.mark.parametrize("lost", ["missing", "replaced"])
def test_the_way_on_without_it(client, lost):
    """Who moves the store away goes on with a new key: live/ is adopted, and the account is the same."""
    if lost == "missing":
        (client.state / "seal.key").unlink()
    else:
        (client.state / "seal.key").write_bytes(bytes(32))
    fingerprints = {name: client.leaf(name).fingerprint for name in ("a.example", "b.example")}
    assert "move evercert.db" in client.run("list", status=FAILED).stderr
    put_away(client)
    done = client.run("list", status=0)
    assert "b.example: found in live/" in done.stderr
    client.renew()
    assert client.row("a.example")["state"] == "valid" and client.row("b.example")["state"] == "released"
    assert {name: client.leaf(name).fingerprint for name in fingerprints} == fingerprints
    client.issue("b.example")
    nothing_was_issued(client)
    client.renew("a.example", "b.example", force=True)
    assert client.row("a.example")["generation"] == 2 and client.row("b.example")["generation"] == 2
    assert client.leaf("a.example").fingerprint != fingerprints["a.example"]


def test_a_damaged_store_without_its_key_is_still_a_refusal(client):
    """What evercert itself put aside is no word of the operator that the key is lost."""
    key = client.state / "seal.key"
    good = key.read_bytes()
    (client.state / "evercert.db").write_bytes(b"nonsense" * 1000)
    key.unlink()
    for _ in range(2):
        assert "seal.key is missing" in client.run("list", status=FAILED).stderr
        assert not key.exists()
    key.touch(mode=0o600)
    key.write_bytes(good)
    assert {row["name"]: row["state"] for row in client.list()} == {"a.example": "valid", "b.example": "valid"}
    nothing_was_issued(client)
