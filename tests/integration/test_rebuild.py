"""A store that is damaged or gone: it is kept aside, a new one is made of live/ and the account's key, and nothing that
is good is issued again."""

import sqlite3

import pytest

from evercert import FAILED
from processes import wait_until

@pytest.fixture(name="client")
def _client(evercert, pebble):
    """A certificate of the configuration, and one that only a command has asked for."""
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.renew()
    client.issue("c.example", "www.c.example", reuse_key=True)
    client.pebble.forget_requests()
    return client


def broken(client):
    return sorted(path.name for path in client.state.glob("evercert.db.broken-*"))


def known(rows):
    """What stays the same."""
    same = "name domains fingerprint serial issuer generation not_before not_after source state".split()
    return [{key: row.get(key) for key in same} for row in rows]


def nothing_was_issued(client):
    assert "POST /order-plz" not in client.pebble.request_counts()
    assert client.pebble.accounts() == 1


def not_a_database(database):
    database.write_bytes(b"nonsense" * 1000)


def truncated(database):
    database.write_bytes(database.read_bytes()[:8192])


def overwritten_in_the_middle(database):
    size = database.stat().st_size
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def zeros(database):
    database.write_bytes(bytes(database.stat().st_size))


def emptied_beside_its_wal(database):
    database.with_name("evercert.db-wal").write_bytes(b"x" * 5000)
    database.write_bytes(b"")


DAMAGES = (not_a_database, truncated, overwritten_in_the_middle, zeros, emptied_beside_its_wal)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda function: function.__name__)
def test_a_damaged_database_is_made_anew(client, damage):
    before = client.list()
    database = client.state / "evercert.db"
    damage(database)
    left = database.read_bytes()
    done = client.run("list", "--json", status=0)
    assert done.stderr.count("it is kept as") == 1
    kept = [name for name in broken(client) if name.endswith("Z")]
    assert len(kept) == 1 and (client.state / kept[0]).read_bytes() == left
    assert known(client.list()) == known(before)
    assert not (client.state / "rebuild").exists()
    client.renew()
    nothing_was_issued(client)
    assert "rebuilt" in client.events("c.example")
    client.renew("c.example", force=True)
    assert client.row("c.example")["generation"] == 2
    assert client.pebble.request_counts()["POST /order-plz"] == 1
    assert client.pebble.accounts() == 1


def test_a_wal_of_another_database(client):
    """Its frames do not belong to the file; SQLite leaves them out, and what is in the file is whole."""
    before = client.list()
    client.state.joinpath("evercert.db-wal").write_bytes(b"7\x7f\x06\x82" + b"nonsense" * 1000)
    assert known(client.list()) == known(before)
    nothing_was_issued(client)


def test_a_database_that_is_gone(client):
    before = client.list()
    for path in client.state.glob("evercert.db*"):
        path.unlink()
    assert known(client.list()) == known(before)
    nothing_was_issued(client)


def test_what_was_cut_short_is_gone_on_with(client):
    """A crash after the damaged one was put aside: no store, and the mark."""
    before = client.list()
    for path in client.state.glob("evercert.db*"):
        path.unlink()
    (client.state / "rebuild").touch(mode=0o600)
    assert known(client.list()) == known(before)
    assert not (client.state / "rebuild").exists()
    nothing_was_issued(client)


def test_a_daemon_meets_the_damage_while_it_runs(client):
    before = client.list()
    with sqlite3.connect(client.state / "evercert.db") as store:  # more than is kept in memory
        store.executemany(
            "INSERT INTO history (at, certificate, event, text, detail) VALUES (1, '', 'note', ?, '')",
            [("x" * 1000,)] * 4000,
        )
    store.close()
    client.run_daemon()
    database = client.state / "evercert.db"
    size = database.stat().st_size
    with open(database, "r+b") as file:
        file.seek(size // 3)
        file.write(b"\xa5" * (size // 2))
    done = client.run("log")  # unless the daemon, which looks for old entries by itself, meets it first
    assert done.status == 0 or (done.status == FAILED and "the database was damaged" in done.stderr)
    wait_until(lambda: known(client.list()) == known(before), "its rows")
    assert broken(client)
    client.stop_daemon()
    nothing_was_issued(client)


def test_a_newer_database_is_refused(client):
    with sqlite3.connect(client.state / "evercert.db") as store:
        version = store.execute("PRAGMA user_version").fetchone()[0]
        store.execute("PRAGMA user_version = 1000")
    assert "written by a newer evercert" in client.run("list", status=FAILED).stderr
    assert broken(client) == []
    with sqlite3.connect(client.state / "evercert.db") as store:
        store.execute(f"PRAGMA user_version = {version}")
    client.renew()


def test_without_permits_only_the_configuration_is_taken_up(client):
    """A state of an earlier version has no permits beside its certificates."""
    before = client.list()
    for path in client.state.glob("live/.generations/*/.permit"):
        path.unlink()
    not_a_database(client.state / "evercert.db")
    done = client.run("list", status=0)
    assert "c.example: found in live/" in done.stderr
    configured = [row for row in known(before) if not row["name"].startswith("c.")]
    assert [row for row in known(client.list()) if not row["name"].startswith("c.")] == configured
    assert client.row("c.example")["state"] == "released"
    client.renew()
    nothing_was_issued(client)
    client.issue("c.example", "www.c.example")
    assert client.row("c.example")["state"] == "valid"
    nothing_was_issued(client)
    not_a_database(client.state / "evercert.db")  # and now they have
    assert known(client.list()) == known(before)


def test_two_key_types(evercert, pebble):
    """With their permits they are what they were, without them the files tell the kinds."""
    kinds = {"domains": ["b.example"], "key-type": ["ecdsa-p256", "rsa-2048"]}
    client = evercert(pebble(), config={"certificates": [kinds]})
    client.renew()
    client.pebble.forget_requests()
    before = [client.show(name) for name in ("b.example", "b.example-rsa")]
    for permits in (True, False):
        for path in [] if permits else client.state.glob("live/.generations/*/.permit"):
            path.unlink()
        not_a_database(client.state / "evercert.db")
        assert known(client.show(name) for name in ("b.example", "b.example-rsa")) == known(before)
        assert [v["state"] for v in client.row("b.example")["variants"]] == ["valid", "valid"]
    client.renew()
    nothing_was_issued(client)
    client.renew("b.example-rsa", force=True)
    assert client.show("b.example-rsa")["generation"] == 2


def test_what_is_damaged_too_is_got_again(client):
    not_a_database(client.state / "evercert.db")
    (client.live("a.example") / "privkey.pem").write_text("nonsense")
    done = client.run("list", status=0)
    assert "a.example" in done.stderr and "privkey.pem" in done.stderr
    client.renew()
    assert client.leaf("a.example").names == ["a.example"]
    assert client.row("a.example")["generation"] == 2


def test_many_damaged_ones_are_not_collected_for_ever(client):
    for n in range(8):
        (client.state / f"evercert.db.broken-2026010{n}T000000Z").touch()
    not_a_database(client.state / "evercert.db")
    done = client.run("list", status=FAILED)
    assert "8 that were damaged are kept there" in done.stderr
    assert (client.state / "evercert.db").read_bytes().startswith(b"nonsense")
    nothing_was_issued(client)
