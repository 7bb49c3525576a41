"""Names that the CA does not take: all fail, or the certificate goes without them."""

import datetime
import sqlite3

import pytest

from evercert import DONE, FAILED

BLOCKED = "blocked-domain.example"
WITHOUT = {"on-rejected-name": "issue-without"}


def certificate(*names, **more):
    return {"certificates": [{"domains": list(names), **WITHOUT, **more}]}


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def make_due(client):
    """As if the wait were over. Nothing of evercert may run."""
    with sqlite3.connect(client.state / "evercert.db") as store:
        store.execute("UPDATE certificate SET due_at = 1 WHERE due_at > 0")
    store.close()


@pytest.fixture
def ca(pebble, each_pebble):
    return pebble(each_pebble, config={"domainBlocklist": [BLOCKED]})


def test_by_default_all_fail(evercert, ca):
    client = evercert(ca)
    done = client.issue("a.example", BLOCKED, status=FAILED)
    assert BLOCKED in done.stderr and client.list() == []


@pytest.mark.parametrize("first", [True, False])
def test_without_what_is_blocked(evercert, ca, first):
    names = [BLOCKED, "a.example", "b.example"] if first else ["a.example", "b.example", BLOCKED]
    client = evercert(ca)
    done = client.issue(*names, name="shop", on_rejected_name="issue-without")
    assert f"issued without {BLOCKED}, which the CA rejected" in done.stdout
    assert client.leaf("shop").names == ["a.example", "b.example"]
    row = client.row("shop")
    assert (row["state"], row["omitted"], row["domains"]) == ("valid", [BLOCKED], names)
    assert f"without {BLOCKED}" in client.run("list", status=DONE).stdout
    text = client.run("show", "shop", status=DONE).stdout
    assert f"Left out      {BLOCKED}" in text and "is asked again for what it rejected" in text
    # It is asked for again after a day, and not before.
    wait = instant(row["next_renewal"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23) < wait < datetime.timedelta(hours=30)
    made = orders(ca)
    for _ in range(2):
        client.renew()
    assert orders(ca) == made


def test_it_is_asked_for_again(evercert, pebble, ca):
    client = evercert(ca, config=certificate("a.example", BLOCKED))
    client.renew()
    fingerprint = client.leaf("a.example").fingerprint
    make_due(client)
    made = orders(ca)
    client.renew()
    # Still rejected: nothing to gain, so what is there stays, with one order spent to know that.
    row = client.row("a.example")
    assert (row["generation"], row["omitted"], row["state"]) == (1, [BLOCKED], "valid")
    assert orders(ca) == made + 1 and client.leaf("a.example").fingerprint == fingerprint
    assert instant(row["next_renewal"]) > datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=23)
    assert BLOCKED in row["last_error"]
    client.renew()
    assert orders(ca) == made + 1
    # Removed from the wish it is not asked for, and what is live will do.
    client.write_config(certificate("a.example"))
    client.renew()
    assert client.row("a.example")["omitted"] == []


def test_all_of_them(evercert, ca):
    client = evercert(ca, config=certificate(BLOCKED))
    client.renew(status=FAILED)
    assert client.row(BLOCKED)["state"] == "failing" and BLOCKED in client.row(BLOCKED)["last_error"]
    assert orders(ca) == 1


@pytest.mark.parametrize("how", ["no-address", "elsewhere"])
def test_one_that_is_not_validated(evercert, pebble, each_pebble, how):
    """A name whose validation fails, of three; it comes back as soon as it can be validated."""
    ca = pebble(each_pebble)
    if how == "no-address":
        ca.dns("set-servfail", host="b.example.")
    else:
        ca.dns("add-a", host="b.example.", addresses=["127.0.0.9"])
    client = evercert(ca, config=certificate("a.example", "b.example", "c.example"))
    client.renew()
    assert client.leaf("a.example").names == ["a.example", "c.example"]
    assert client.row("a.example")["omitted"] == ["b.example"]
    ca.dns("clear-servfail" if how == "no-address" else "clear-a", host="b.example.")
    make_due(client)
    client.renew()
    assert client.leaf("a.example").names == ["a.example", "b.example", "c.example"]
    row = client.row("a.example")
    assert (row["omitted"], row["generation"]) == ([], 2)


def test_one_that_is_not_validated_fails_all(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="b.example.")
    client = evercert(ca)
    done = client.issue("a.example", "b.example", "c.example", status=FAILED)
    assert "b.example" in done.stderr and "c.example" not in done.stderr


def test_a_daemon_asks_once(evercert, ca):
    client = evercert(ca, config=certificate("a.example", BLOCKED))
    client.run_daemon()
    client.wait_live("a.example")
    row = client.wait_valid("a.example")
    assert row["omitted"] == [BLOCKED]
    assert f"without {BLOCKED}, which the CA rejected" in client.text()
    made = orders(ca)
    # What the CA suggests for the renewal does not put that off, nor does it make it more often.
    client.wait_row("a.example", lambda row: row["ari"] is not None or ca.version == "2.4", "asked for")
    assert client.row("a.example")["next_renewal"] == row["next_renewal"]
    client.reload()
    assert orders(ca) == made and client.row("a.example")["next_renewal"] == row["next_renewal"]
