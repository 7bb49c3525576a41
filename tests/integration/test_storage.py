"""Storage is tried before a CA is asked for anything."""

import json

import lineage
import pytest

from disk import SmallDisk
from evercert import DONE, FAILED
from post_office import PostOffice
from processes import wait_until


@pytest.fixture(name="small")
def _small(evercert, pebble, processes, tmp_path):
    """An evercert whose state is on a disk of its own: (what runs there, what looks on from outside, the disk)."""
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 8192)
    client = evercert(pebble(), through=disk.through)
    seen = evercert(client.pebble)
    client.state, seen.state = tmp_path / "disk/state", disk.inside(tmp_path / "disk/state")
    client.issue("a.example")
    client.pebble.forget_requests()
    return client, seen, disk


def orders(client):
    return client.pebble.request_counts().get("POST /order-plz", 0)


def test_no_order_on_a_full_disk(small):
    """It is said before the CA hears of it, by the order and by check; then it goes on by itself."""
    client, seen, disk = small
    disk.fill(300)
    done = client.run("issue", "-d", "b.example", "-d", "c.example", status=FAILED)
    assert "b.example: the disk is full: " in done.stderr
    assert "1048 kB are needed; free some space, it goes on by itself" in done.stderr
    assert client.pebble.request_counts() == {}
    rows = json.loads(client.run("check", "--json", "a.example", status=FAILED).stdout)
    storage = [row for row in rows if row["check"] == "storage"]
    assert len(storage) == 1 and not storage[0]["ok"] and "the disk is full: " in storage[0]["text"]
    row = client.row("b.example")
    assert row["state"] == "waiting" and client.events("b.example") == ["waiting"]
    client.run("issue", "-d", "b.example", "-d", "c.example", status=FAILED)
    assert client.events("b.example") == ["waiting"]  # once
    disk.empty()
    client.issue("b.example", "c.example")
    assert orders(client) == 1
    lineage.check(seen, "b.example")
    rows = json.loads(client.run("check", "--json", "a.example").stdout)
    assert not [row for row in rows if row["check"] == "storage"]


def test_a_daemon_waits_for_room(small):
    client, seen, disk = small
    disk.fill(300)
    client.run_daemon()
    wait_until(lambda: "no certificate is asked for until then" in client.text(), "the daemon's first look")
    client.run("issue", "-d", "b.example", status=FAILED)
    assert orders(client) == 0
    disk.empty()
    # What was found bad is looked at again after seconds; the certificate itself comes again within a minute.
    wait_until(lambda: client.run("issue", "-d", "b.example").status == DONE, "the daemon to see the room", 30)
    assert "storage can be used again" in client.text()
    lineage.check(seen, "b.example")
    assert orders(client) == 1


def test_an_end_is_told_of_what_waits(evercert, pebble, processes, tmp_path):
    """No attempt fails that could tell it: what waits for room, a limit or a person comes near its end all the same."""
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 8192)
    with PostOffice() as office:
        alert = {"mail": "ops@mail.example", "smtp": office.url, "on": ["expiring"]}
        config = {"certificates": [{"domains": ["a.example"]}], "alerts": {"ops": alert}}
        client = evercert(pebble(validity=3), through=disk.through, config=config)
        client.state = tmp_path / "disk/state"
        client.renew()
        client.wait_row("a.example", lambda row: row["state"] == "expired", "expired")
        assert office.mails == []
        disk.fill(300)
        for _ in range(2):
            assert client.renew(status=None).status in (DONE, FAILED)  # it is due again soon, at its short life
        (mail,) = office.mails
        text = " ".join(mail.get_content().split())
        assert "a.example" in mail["Subject"] and "and is not renewed; what is next: " in text
        assert "the disk is full" in text
        told = [entry for entry in client.log_rows("a.example") if entry["event"] == "expiring"]
        assert len(told) == 1
