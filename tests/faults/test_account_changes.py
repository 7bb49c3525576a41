"""Changes of an account's key, and its end, at a CA that misbehaves: whatever it answers, the key that it has for the
account is the one that is used afterwards, and no account is lost."""

import json
import re

import pytest

from cases import GOT, each, on
from conftest import NAME, only_error
from evercert import DONE, FAILED


def account_of(client):
    (account,) = json.loads(client.run("account", "show", "--authority", "test", "--json", status=DONE).stdout)
    return account


CHANGES = {
    "nothing wrong": (lambda ca: None, GOT),
    "cut before": (on("cut_before", kinds="keyChange"), GOT),
    "cut after": (on("cut_after", kinds="keyChange"), GOT),
    "cut after, and the question too": (
        lambda ca: (ca.turn_on("cut_after", kinds="keyChange"), ca.turn_on("cut_before", kinds="newAccount", times=2)),
        GOT,
    ),
    "500 once": (on("refuses", kinds="keyChange", status=500, times=1), GOT),
    "503 with Retry-After": (on("refuses", kinds="keyChange", status=503, retry="1", times=1), GOT),
    "badNonce": (on("bad_nonce", kinds="keyChange", times=1), GOT),
    "html of a proxy": (on("speaks_html", kinds="keyChange", status=502, times=1), GOT),
    "501": (on("no_key_change", status=501), "does not offer"),
    "404": (on("no_key_change", status=404), "does not offer"),
    "405": (on("no_key_change", status=405), "does not offer"),
    "in use": (on("key_in_use"), "another account"),
    "malformed": (on("refuses", kinds="keyChange", status=400, kind="malformed"), "refused the new key.*malformed"),
    "unauthorized": (on("refuses", kinds="keyChange", status=403, kind="unauthorized"), "unauthorized"),
    "badPublicKey": (on("refuses", kinds="keyChange", status=400, kind="badPublicKey"), "badPublicKey"),
}


@each(CHANGES)
def test_a_change_of_the_key(ca, client, wrong, outcome):
    one = ca()
    mine = client(one)
    mine.run("account", "register", status=DONE)
    before = account_of(mine)
    wrong(one)
    done = mine.run("account", "rollover", timeout=60)
    if outcome is GOT:
        assert done.status == DONE, done.stderr
    else:
        assert done.status == FAILED
        assert re.search(outcome, only_error(done.stderr)), done.stderr
    one.turn_off()
    after = account_of(mine)
    assert after["url"] == before["url"] and len(one.accounts) == 1
    assert (after["thumbprint"] != before["thumbprint"]) == (outcome is GOT)
    mine.issue(NAME)
    assert len(one.accounts) == 1 and one.counts().get("newOrder") == 1


def test_a_ca_without_key_change(ca, client):
    one = ca()
    one.turn_on("member_is", kind="directory", name="keyChange", drop=True)
    mine = client(one)
    mine.run("account", "register", status=DONE)
    assert "does not offer" in only_error(mine.run("account", "rollover", status=FAILED).stderr)
    assert (mine.state / "account-key").read_text().count("BEGIN") == 1
    mine.issue(NAME)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_the_end_of_an_account_whose_answer_is_lost(ca, client, kind):
    """Doing it again ends well, or with the word of a CA that had done it."""
    one = ca()
    mine = client(one)
    mine.run("account", "register", status=DONE)
    one.turn_on(kind, kinds="account")
    mine.run("account", "deactivate", "--yes", status=FAILED)
    assert one.accounts[0].status == ("deactivated" if kind == "cut_after" else "valid")
    done = mine.run("account", "deactivate", "--yes")
    assert one.accounts[0].status == "deactivated"
    assert done.status == DONE if kind == "cut_before" else "deactivated" in only_error(done.stderr)
    assert "`account: " in only_error(mine.run("issue", "-d", NAME, status=FAILED).stderr)


def test_the_end_of_an_account_that_the_ca_refuses(ca, client):
    one = ca()
    mine = client(one)
    mine.run("account", "register", status=DONE)
    one.turn_on("refuses", kinds="account", status=500)
    mine.run("account", "deactivate", "--yes", status=FAILED)
    one.turn_off()
    assert account_of(mine)["status"] == "valid"
    mine.issue(NAME)
