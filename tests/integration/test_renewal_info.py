"""When the CA suggests to renew (ARI, RFC 9773): asking, taking it up, and going without."""

import datetime
import shutil
import sqlite3

import pytest

from evercert import DONE
from processes import wait_until

NOW = datetime.datetime.now(datetime.timezone.utc)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
PAST = (NOW - 2 * HOUR, NOW - HOUR)
REASON = "https://ca.example/incident/7"


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def pem(client, name="a.example"):
    return (client.live(name) / "cert.pem").read_text()


def make_due(client):
    """The next poll of every certificate is due now, as if the hours had passed that the CA asked for. Nothing of
    evercert may run."""
    with sqlite3.connect(client.state / "evercert.db") as store:
        store.execute("UPDATE certificate SET ari_due_at = 1 WHERE ari_due_at > 0")
    store.close()


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def replaced(ca):
    """Orders that named the certificate they replace, whether Pebble found that or not."""
    return ca.process.log.read_text().count("is a replacement of") + ca.lost_serials()


def wait_polled(client, name="a.example"):
    return client.wait_row(name, lambda row: row["ari"] is not None, "asked for")


def test_the_daemon_asks_after_issuance(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    client.wait_live("a.example")
    ari = wait_polled(client)["ari"]
    assert instant(ari["start"]) <= instant(ari["at"]) <= instant(ari["end"])
    assert client.row("a.example")["next_renewal"] == ari["at"]
    assert ca.renewal_polls() == 1
    text = client.run("show", "a.example", status=DONE).stdout
    assert f"renewal from {ari['start']} to {ari['end']}" in text
    assert ari["at"] in text and "(suggested by the CA)" in text


def test_without_renewal_information(evercert, pebble):
    ca = pebble("2.4")
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    client.wait_live("a.example")
    assert client.wait_valid("a.example")["ari"] is None
    assert "renewal information" not in client.text()


@pytest.fixture(params=["pass", "daemon"])
def again(request):
    """Has the client do what is due, until `condition`."""

    def do(client, condition, what):
        if request.param == "pass":
            client.renew()
            assert condition(), what
        else:
            client.run_daemon()
            wait_until(condition, what)
            client.stop_daemon()

    return do


def test_a_window_in_the_past_renews_once(evercert, pebble, again):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    first = client.leaf("a.example")
    assert ca.renewal_polls() == 0
    ca.suggest(pem(client), *PAST, explanation=REASON)
    again(client, lambda: client.row("a.example")["fingerprint"] != first.fingerprint, "a renewal")
    assert (orders(ca), replaced(ca)) == (2, 1)
    # As the window of the new one lies in the past, too, it waits for as long as a renewal has to be ago.
    ca.suggest(pem(client), *PAST, explanation=REASON)
    make_due(client)
    polls = ca.renewal_polls()
    again(client, lambda: ca.renewal_polls() > polls, "a poll")
    row = client.wait_row("a.example", lambda row: row["ari"]["explanation_url"] == REASON, "told the new window")
    assert row["generation"] == 2 and orders(ca) == 2
    assert instant(row["next_renewal"]) > NOW + 12 * HOUR


def test_a_window_that_moves_is_shown(evercert, pebble, again):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    start, end = (NOW + 3 * DAY).replace(microsecond=0), (NOW + 4 * DAY).replace(microsecond=0)
    ca.suggest(pem(client), start, end, explanation=REASON)
    again(client, ca.renewal_polls, "a poll")
    row = client.show("a.example")
    assert row["ari"]["explanation_url"] == REASON
    assert start <= instant(row["ari"]["at"]) <= end and row["next_renewal"] == row["ari"]["at"]
    assert REASON in client.run("show", "a.example", status=DONE).stdout
    (entry,) = [entry for entry in client.log_rows("a.example") if entry["event"] == "renewal-window"]
    assert entry["detail"]["explanation_url"] == REASON
    # The instant stays as long as the window does.
    make_due(client)
    again(client, lambda: ca.renewal_polls() == 2, "another poll")
    assert client.row("a.example")["ari"]["at"] == row["ari"]["at"]


@pytest.mark.parametrize(
    "answer",
    [
        '{"suggestedWindow": {"start": "2026-06-02T00:00:00Z", "end": "2026-06-01T00:00:00Z"}}',
        '{"suggestedWindow": {}}',
        "no JSON at all",
    ],
    ids=["ends-before-it-starts", "empty", "garbage"],
)
def test_nonsense_changes_nothing(evercert, pebble, answer, again):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    before = client.row("a.example")
    ca.suggest_text(pem(client), answer)
    noted = "no renewal information"  # in the daemon's log; a command says nothing of it
    again(client, lambda: ca.renewal_polls() and (client.daemon is None or noted in client.text()), "the poll's end")
    row = client.row("a.example")
    assert (row["next_renewal"], row["state"], row["ari"]) == (before["next_renewal"], "valid", None)
    polls = ca.renewal_polls()
    client.renew()  # it is not asked again for hours
    assert ca.renewal_polls() == polls and orders(ca) == 1


def test_a_changed_wish_does_not_wait_for_the_ca(evercert, pebble, again):
    """The CA's word about the certificate in force does not put off the other one that is wanted now."""
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.renew()
    ca.suggest(pem(client), NOW + 3 * DAY, NOW + 4 * DAY)
    client.write_config({"certificates": [{"domains": ["a.example", "b.example"]}]})
    again(client, lambda: client.leaf("a.example").names == ["a.example", "b.example"], "both names")


def test_already_replaced_is_no_failure(evercert, pebble):
    """A renewal that the record does not know of: the CA refuses `replaces`, and the order is placed without."""
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    copy = client.state.with_name("copy")
    shutil.copytree(client.state, copy, symlinks=True)
    client.renew("a.example", force=True)
    shutil.rmtree(client.state)
    copy.rename(client.state)
    client.renew("a.example", force=True)
    assert client.row("a.example")["generation"] == 2
    assert replaced(ca) == 1
    client.renew("a.example", force=True)
    client.renew("a.example", force=True)
    assert replaced(ca) == 3 and client.row("a.example")["generation"] == 4


def test_what_is_not_renewed_is_not_asked_for(evercert, pebble):
    ca = pebble()
    entries = [{"domains": [name]} for name in ("kept.example", "gone.example", "revoked.example")]
    client = evercert(ca, config={"certificates": entries})
    client.renew()
    assert ca.renewal_polls() == 0  # what a pass just got is for the next one
    client.renew()
    polled = ca.renewal_polls()
    assert polled == 3
    client.run("revoke", "revoked.example", "--keep", status=DONE)
    client.write_config({"certificates": [entries[0], entries[2]]})
    client.renew()
    assert client.row("gone.example")["state"] == "released"
    make_due(client)
    client.renew()
    assert ca.renewal_polls() == polled + 1
    client.write_config({"certificates": entries})
    client.renew()  # it is wanted again, and asked for at once
    assert client.row("gone.example")["state"] == "valid"
    assert ca.renewal_polls() == polled + 2


def test_the_expired_are_not_asked_for(evercert, pebble):
    ca = pebble(validity=5)
    client = evercert(ca, config={"retry": "1d"})
    client.issue("a.example")
    ca.dns("set-servfail", host="a.example.")
    client.wait_row("a.example", lambda row: row["state"] == "expired", "expired")
    client.renew(status=None)
    assert ca.renewal_polls() == 0
