"""A clock that jumps, forward and back, while the daemon is at rest and in the middle of an order; a clock of before
this program was made; a machine that sleeps; and a CA that nobody reaches for days."""

import contextlib
import errno
import sqlite3
import time

import pytest

import lineage
from evercert import DONE, FAILED
from processes import wait_until
from scenario import NAME

# Where a test knows when a renewal is due the CA is Pebble 2.4, which suggests no dates: after two thirds of the life.
HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
JUMPS = [HOUR, DAY, YEAR, -HOUR, -DAY, -YEAR]
IDS = ["+1h", "+1d", "+1y", "-1h", "-1d", "-1y"]
REFUSED = (YEAR, -YEAR, -DAY)  # with clocks that far away a new certificate has expired, or is not valid yet
BEFORE = 946684800  # 2000, where the clocks of many machines begin


def said(client, text, times=1):
    """The engine's log has it that often."""

    def count():
        return sum(text in line for line in client.text().splitlines() if "evercert[engine]" in line)

    wait_until(lambda: count() >= times, f"{text!r} in the log:\n{client.text()[-3000:]}")
    assert count() == times, client.text()


def way(seconds):
    return "forward" if seconds > 0 else "back"


def finalized(ca):
    return ca.request_counts().get("POST /finalize-order", 0)


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


@pytest.fixture
def daemon(evercert, pebble, machine):
    """One whose certificate is valid."""
    client = evercert(pebble(), env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    client.run_daemon()
    client.wait_valid(NAME)
    client.pebble.forget_requests()
    return client


@pytest.mark.parametrize("jump", JUMPS, ids=IDS)
def test_at_rest(daemon, machine, jump):
    """The jump is said once; after it and back the certificate is what it was, and nothing is ordered that would not
    have been."""
    row, before = daemon.row(NAME), lineage.picture(daemon)
    machine.move_clock(jump)
    said(daemon, f"the clock was set {way(jump)} by ")
    if jump == YEAR:
        # To this clock it has expired, and what the CA issues now has, too.
        daemon.wait_row(NAME, lambda row: row["failures"] > 0, "tried")
    machine.move_clock(-jump)
    said(daemon, "the clock was set ", 2)
    after = daemon.wait_row(NAME, lambda row: row["state"] != "renewing", "at rest")
    assert lineage.picture(daemon) == before
    assert after["not_after"] == row["not_after"]
    # As far away as a renewal is: no date of another time is left.
    assert after["next_renewal"] <= row["not_after"]
    assert orders(daemon.pebble) == (1 if jump == YEAR else 0)
    assert daemon.renew(NAME, force=True).status == DONE


@pytest.mark.parametrize("jump", JUMPS, ids=IDS)
def test_in_the_middle_of_an_order(evercert, pebble, gate, machine, jump):
    ca = gate(pebble())
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    ca.hold("/finalize-order")
    client.run_daemon()
    ca.wait_held()
    machine.move_clock(jump)
    said(client, f"the clock was set {way(jump)} by ")
    ca.release()
    if jump in REFUSED:  # what comes is judged by a clock that is wrong
        row = client.wait_row(NAME, lambda row: row["failures"] == 1, "refused")
        assert "is this machine's clock right?" in row["last_error"]
        assert not client.live(NAME).exists()
    else:
        client.wait_live(NAME)
    machine.move_clock(-jump)
    said(client, "the clock was set ", 2)
    if jump in REFUSED:
        client.renew(NAME, force=True)
    client.wait_valid(NAME)
    assert finalized(ca) == (2 if jump in REFUSED else 1)
    assert client.row(NAME)["next_renewal"] <= client.row(NAME)["not_after"]


def set_to(machine, seconds):
    """The wall clock to that time, roughly."""
    machine.move_clock(seconds - int(time.time()) - machine.wall_s)


def test_a_clock_of_before_this_program(evercert, pebble, machine):
    ca = pebble()
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    set_to(machine, BEFORE)
    client.run_daemon()
    said(client, "this machine's clock says 2000-01-01T")
    done = client.renew(NAME, force=True, status=FAILED)
    assert "nothing is issued or renewed until it is set" in done.stderr
    done = client.run("check", status=FAILED)
    assert "FAILS this machine's clock says 2000-01-01T" in done.stdout
    assert client.row(NAME)["state"] == "pending"
    assert ca.request_counts() == {}
    machine.move_clock(-machine.wall_s)
    client.wait_valid(NAME)
    said(client, "the clock is right again")
    said(client, "this machine's clock says 2000-01-01T")
    assert orders(ca) == 1
    assert "ok    the clock agrees with that of" in client.run("check", status=None).stdout


def test_a_one_shot_with_such_a_clock(evercert, pebble, machine):
    ca = pebble()
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    set_to(machine, BEFORE)
    assert "clock says 2000-01-01T" in client.run("renew", status=FAILED).stderr
    assert "clock says 2000-01-01T" in client.issue("b.example", status=FAILED).stderr
    assert ca.request_counts() == {}
    machine.move_clock(-machine.wall_s)
    client.run("renew", status=DONE)


def test_set_back_while_nobody_ran(evercert, pebble, machine):
    """What failed in a year that has not come yet is tried at once all the same."""
    ca = pebble()
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    machine.move_clock(YEAR)
    client.run("renew", status=FAILED)
    machine.move_clock(-YEAR)
    machine.move_clock(2 * HOUR)
    client.run_daemon()
    said(client, "the clock was set back since evercert ran last")
    row = client.wait_row(NAME, lambda row: row["next_renewal"] < row["last_error_at"], "due by the rule")
    assert row["failures"] == 1
    machine.move_clock(2 * HOUR)  # more than any first retry
    client.wait_valid(NAME)


def test_a_machine_that_slept(evercert, pebble, machine):
    """It is told at once when the machine is awake, and does what became due meanwhile."""
    daemon = evercert(pebble("2.4", validity=20 * DAY), env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    daemon.run_daemon()
    daemon.wait_valid(NAME)
    daemon.pebble.forget_requests()
    leaf = daemon.leaf(NAME)
    machine.sleep(14 * DAY)
    daemon.wait_live(NAME, but=leaf.fingerprint)
    said(daemon, "the machine slept for 14d")
    assert "the clock was set" not in daemon.text()
    assert orders(daemon.pebble) == 1


def test_a_ca_that_nobody_reaches_for_days(evercert, pebble, machine):
    """Few try, each at a time of its own; and when it is back all are renewed at their next date at the latest."""
    names = ["a.example", "b.example", "c.example"]
    ca = pebble("2.4", validity=20 * DAY)
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [name]} for name in names]})
    client.run_daemon()
    leaves = {name: client.wait_valid(name)["fingerprint"] for name in names}
    client.stop_daemon()  # with the connections that it has
    refused = machine.fail("engine", "connect", errno.ECONNREFUSED)
    machine.move_clock(14 * DAY)
    client.run_daemon()

    def at_rest():
        """Nothing is under way: every date lies ahead."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + machine.wall_s))
        rows = client.list()
        return rows if all(row["next_renewal"] > now for row in rows) else None

    steps = 8
    for _ in range(steps):
        rows = wait_until(at_rest, "all attempts to have failed")
        machine.move_clock(DAY // 2)
    wait_until(at_rest, "all attempts to have failed")
    assert 1 <= min(row["failures"] for row in rows) and max(row["failures"] for row in rows) <= steps + 1
    # An attempt for each of them in each step, and a question about its renewal, at the very most.
    assert len(names) <= refused.hits <= (steps + 1) * len(names) * 2
    # They all wait for the CA, which is asked again once; behind that each has a time of its own.
    with contextlib.closing(sqlite3.connect(f"file:{client.state}/evercert.db?mode=ro", uri=True)) as database:
        assert len(database.execute("SELECT DISTINCT due_at FROM certificate").fetchall()) > 1
    machine.clear()
    machine.move_clock(DAY + DAY // 4)
    for name in names:
        client.wait_live(name, but=leaves[name])
