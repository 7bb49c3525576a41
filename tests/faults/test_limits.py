"""What list and show say of a certificate that a limit of the CA holds back, or that the CA has paused."""

import datetime

from cases import on
from conftest import NAME
from evercert import DONE, FAILED

UNPAUSE = "https://ca.example/unpause?jwt=abc"
HOUR = datetime.timedelta(hours=1)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_waiting(live):
    live.ca.turn_on("refuses", kinds="newOrder", status=429, kind="rateLimited", retry="7200", detail="too many of these")
    error = live.expect_failure("too many of these")
    row = live.row(NAME)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert row["state"] == "waiting" and "too many of these" in row["wait_reason"]
    assert now + HOUR < instant(row["wait_until"]) <= now + 2 * HOUR
    assert instant(row["next_renewal"]) >= instant(row["wait_until"])
    assert row["next_renewal"] in error
    listed = live.run("list", status=DONE).stdout
    assert "waiting" in listed and ("try in 1h" in listed or "try in 2h" in listed)
    shown = live.run("show", NAME, status=DONE).stdout
    assert "Waits for" in shown and "too many of these" in shown
    live.ca.turn_off()
    live.expect_got()  # --force does not wait
    row = live.row(NAME)
    assert (row["state"], row["wait_until"], row["wait_reason"]) == ("valid", None, None)


def test_paused(live):
    on(
        "refuses",
        kinds="newOrder",
        status=429,
        kind="rateLimited",
        detail=f"Your account is temporarily prevented from requesting certificates for {NAME} and possibly others."
        f" Please visit: {UNPAUSE}",
    )(live.ca)
    error = live.expect_failure("temporarily prevented")
    assert UNPAUSE in error and f"renew --force {NAME}" in error
    row = live.row(NAME)
    assert (row["state"], row["link"], row["next_renewal"]) == ("paused", UNPAUSE, None)
    assert "paused" in live.run("list", status=DONE).stdout
    shown = live.run("show", NAME, status=DONE).stdout
    assert f"Unpause at    {UNPAUSE}" in shown
    # Until a person has been there nothing is asked of the CA.
    live.ca.forget()
    live.run("renew", status=DONE)
    assert not live.ca.requests
    live.ca.turn_off()
    live.expect_got()
    row = live.row(NAME)
    assert (row["state"], row["link"]) == ("valid", None)


def test_paused_for_the_first_certificate(ca, client):
    """There is nothing to serve meanwhile, and still only a person can go on."""
    one = ca()
    detail = f"paused, see {UNPAUSE}"
    one.turn_on("refuses", kinds="newOrder", status=429, kind="rateLimited", detail=detail)
    made = client(one, config={"certificates": [{"domains": [NAME]}]})
    done = made.run("renew", status=FAILED)
    assert UNPAUSE in done.stderr
    assert made.row(NAME)["state"] == "paused"
