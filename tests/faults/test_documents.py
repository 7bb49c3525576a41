"""Objects that are not what they ought to be: families 3 to 7, 11, 15, 18, 30."""

import json

import lineage
import pytest

from cases import GOT, both, each, is_like, on, play
from conftest import NAME, only_error
from evercert import FAILED
from processes import wait_until

# Orders and authorizations


def _earlier(ca):
    """An order that was finished before: the one the certificate in force came of."""
    return ca.turn_on("old_order", which=lambda order: order.status == "valid")


ORDERS = {
    "ready at once": (is_like(reuse_authorizations=True), GOT),
    "valid already": (_earlier, "key of this order is lost"),
    "shuffled": (on("authorizations_are", change=lambda urls: urls[::-1]), GOT),
    "authorization twice": (on("authorizations_are", change=lambda urls: urls * 2), GOT),
    "no list of them": (on("authorizations_are", change=lambda urls: urls[0]), "authorizations"),
    "too many of them": (on("authorizations_are", change=lambda urls: urls * 5000), "authorizations"),
    "numbers for them": (on("authorizations_are", change=lambda urls: [1]), "authorizations"),
    "changed later": (on("authorizations_are", change=lambda urls: [urls[0] + "9"], skip=1), "changed"),
    "for another name": (on("orders_are_for", names=["evil.example"]), "not for the names"),
    "for one name more": (on("orders_are_for", names=[NAME, "evil.example"]), "not for the names"),
    "for no name": (on("orders_are_for", names=[]), "not for the names"),
    "for another name later": (on("orders_are_for", names=["evil.example"], skip=1), "not for the names"),
    "in capitals": (on("orders_are_for", names=["A.EXAMPLE"]), GOT),
    "twice the name": (on("orders_are_for", names=[NAME, NAME]), GOT),
    "identifier of another kind": (
        on("member_is", kind="order", name="identifiers", value=[{"type": "email", "value": NAME}]),
        "a.example",
    ),
    "authorization for another": (on("authorizations_are_for"), "was not ordered"),
    "authorization with a colour": (on("authorizations_are_for", value="\x1b[31m"), "was not ordered"),
    "authorization for a wildcard": (on("authorizations_are_for", value=None, wildcard=True), "was not ordered"),
    "no status": (on("member_is", kind="order", name="status", drop=True), "status"),
    "revoked": (on("status_stays", kind="authorization", status="revoked"), "revoked"),
    "deactivated": (on("status_stays", kind="authorization", status="deactivated"), "deactivated"),
    "expired": (on("status_stays", kind="authorization", status="expired"), "expired"),
    "invalid at once": (on("status_stays", kind="order", status="invalid"), "invalid|a.example"),
    "no expiry": (on("member_is", kind="order", name="expires", drop=True), GOT),
    "no finalize": (on("member_is", kind="order", name="finalize", drop=True), "finalize"),
    "expired long ago": (on("member_is", kind="order", name="expires", value="1990-01-01T00:00:00Z"), GOT),
    "unknown members": (on("member_is", kind="order", name="x" * 1000, value=[{}] * 100), GOT),
    "valid without certificate": (
        both(is_like(processing_reads=0), on("member_is", kind="order", name="certificate", drop=True)),
        "names no certificate",
    ),
}


@each(ORDERS)
def test_orders(live, wrong, outcome):
    play(live, wrong, outcome)
    assert live.ca.counts()["newOrder"] == 1


def test_fewer_authorizations(ca, client):
    """An order for two names with one authorization, which the CA calls enough."""
    one = ca()
    one.turn_on("authorizations_are", change=lambda urls: urls[:1])
    one.turn_on("status_of_order_follows_first")
    client(one).issue("a.example", "b.example")
    assert one.counts()["authorization"] == 1


def test_an_old_order_is_taken_up(live):
    """An attempt ends in the middle; the CA gives the same order again, and it is finished."""
    live.ca.on(reuse_orders=True)
    live.ca.turn_on("refuses", kinds="challenge", status=429, kind="rateLimited", retry="86400")
    live.expect_failure("rateLimited")
    live.ca.turn_off()
    number = len(live.ca.orders)
    live.expect_got()
    assert len(live.ca.orders) == number


# Challenges

PERSIST = {"type": "dns-persist-01", "url": "https://x/", "status": "pending"}
UNKNOWN = {"type": "carrier-pigeon-01", "url": "https://x/", "status": "pending", "token": "t" * 43}
ODD_CHALLENGES = [
    UNKNOWN,
    {"type": "x"},
    {"type": "\x1b[2J", "token": 5, "url": [], "status": {}},
    {"type": "http-01"},
    {"type": "http-01", "url": "https://127.0.0.1/x", "token": None},
    {"type": "http-01", "url": None, "token": "t" * 43},
    {"type": "x" * 5000, "status": "valid"},
]
NAMES = [f"issuer{number}.example" for number in range(11)]

CHALLENGES = {
    "unknown ones first": (on("offers_also", challenges=ODD_CHALLENGES), GOT),
    "only unknown ones": (on("offers_only", challenges=[UNKNOWN]), "carrier-pigeon-01"),
    "none": (on("offers_only", challenges=[]), "nothing"),
    "none to be had": (on("offers_only", challenges=ODD_CHALLENGES), "carrier-pigeon-01"),
    "no list": (on("offers_only", challenges="x"), "a.example"),
    "one without type": (on("offers_also", challenges=[{"url": "x"}]), "type"),
    "one that is a number": (on("offers_also", challenges=[5]), "a.example"),
    "too many": (on("offers_also", challenges=[UNKNOWN] * 500), "challenges"),
    "says pending": (on("challenge_says", status="pending"), GOT),
    "says processing": (on("challenge_says", status="processing"), GOT),
    "says something": (on("challenge_says", status="considering"), GOT),
    "valid at once": (is_like(validates_at_once=True), GOT),
    "no dates": (on("member_is", kind="challenge", name="validated", drop=True), GOT),
    "pending with error": (
        on("member_is", kind="challenge", name="error", value={"type": "about:blank", "detail": "\x07"}),
        GOT,
    ),
    "persist 00": (on("offers_also", challenges=[{**PERSIST, "issuer-domain-names": NAMES[:1]}]), GOT),
    "persist 01": (
        on("offers_also", challenges=[{**PERSIST, "issuer-domain-names": NAMES[:10], "accounturi": "https://x/a"}]),
        GOT,
    ),
    "persist 02": (on("offers_also", challenges=[{**PERSIST, "issuerDomainNames": NAMES[:10]}]), GOT),
    "persist of no names": (on("offers_also", challenges=[{**PERSIST, "issuerDomainNames": []}]), GOT),
    "persist of eleven names": (on("offers_also", challenges=[{**PERSIST, "issuerDomainNames": NAMES}]), GOT),
    "persist of a number": (on("offers_also", challenges=[{**PERSIST, "issuerDomainNames": 7}]), GOT),
    "only persist": (
        on("offers_only", challenges=[{**PERSIST, "issuerDomainNames": NAMES[:1]}]),
        "dns-persist-01",
    ),
    "validation fails": (on("name_fails", name=NAME), "it answers with something else.*unauthorized"),
}


@each(CHALLENGES)
def test_challenges(live, wrong, outcome):
    play(live, wrong, outcome)
    assert live.ca.counts()["newOrder"] == 1


TOKENS = {
    "up": "../../../../../../../../tmp/evercert-token",
    "up in a name": "..%2f..%2f..%2fevercert-token-aaaaaaaaaaaaaaaa",
    "absolute": "/tmp/evercert-token-aaaaaaaaaaaaaaaaaaaaaaaaa",
    "up one": "..",
    "here": ".",
    "empty": "",
    "ten kilobytes": "A" * 10240,
    "too short": "A" * 21,
    "nul": "A" * 22 + "\0" + "A" * 20,
    "newline": "A" * 22 + "\n" + "A" * 20,
    "blank": "A" * 22 + " " + "A" * 20,
    "shell": "$(touch evercert-token)`touch x`;touch y|z&&" + "A" * 10,
    "dots in percent": "%2e%2e%2f" + "A" * 30,
    "backslash": "..\\..\\" + "A" * 30,
    "padded": "A" * 42 + "=",
    "not ascii": "\u00e4" * 43,
    "fullwidth": "\uff21" * 43,
    "a number": 5,
    "an object": {"token": "A" * 43},
}


IN_A_FOLDER = ("up", "up in a name", "absolute", "up one", "here", "empty", "nul", "newline", "shell", "backslash")


@pytest.fixture
def webroot(tmp_path):
    """An empty folder; what a test leaves in it is its own business."""
    folder = tmp_path / "webroot"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in TOKENS])
def test_tokens(webroot, live, name):
    """No such token gets anywhere near a path: half of them are tried on a folder, where it would be one."""
    if name in IN_A_FOLDER:
        live.write_config({"certificates": [{"domains": [NAME], "webroot": str(webroot)}]})
    play(live, on("token_is", token=TOKENS[name]), "token|http-01|JSON")
    assert not list(webroot.rglob("*"))


def test_token_that_changes(live):
    """Each read shows another token: none is answered that was not read."""
    live.ca.turn_on("tokens_change")
    live.ca.turn_on("refuses_each_once", kinds=["challenge"], status=503)
    live.expect_failure("token|validat|answered")


def test_one_of_a_hundred(ca, client):
    """The one name that does not validate is named, with the reason, in one order; and none of the others fails
    for its sake, though the CA was looking at them when it did."""
    one = ca()
    one.requests_max = 500
    one.turn_on("name_fails", name="n77.example")
    done = client(one).issue(*(f"n{number}.example" for number in range(100)), status=FAILED)
    error = only_error(done.stderr)
    assert "n77.example: it answers with something else" in error and "1 of 100" in error
    assert not [wrong for _, _, wrong in one.validations if wrong]
    assert one.counts()["newOrder"] == 1


def test_a_hundred(ca, client):
    one = ca()
    one.requests_max = 320
    names = [f"n{number}.example" for number in range(100)]
    made = client(one)
    made.issue(*names)
    assert made.leaf(names[0]).names == sorted(names)


# Finalize

FINALIZE = {
    "at once": (is_like(issues_at_once=True), GOT),
    "after five reads": (is_like(processing_reads=5), GOT),
    "not ready once": (on("not_ready_once"), GOT),
    "not ready twice": (on("not_ready_once", times=2), GOT),
    "never ready": (on("not_ready_once", times=None), "finalize"),
    "no Location": (on("finalize_shows", location=False), GOT),
    "no body": (on("finalize_shows", body=b""), GOT),
    "rubbish": (on("finalize_shows", body=b"\x00\xff<html>"), GOT),
    "still ready": (on("finalize_shows", status="ready"), GOT),
    "pending": (on("finalize_shows", status="pending"), GOT),
    "an unknown status": (on("finalize_shows", status="minting"), GOT),
    "invalid": (on("finalize_shows", status="invalid"), "invalid|a.example"),
}


@each(FINALIZE)
def test_finalize(live, wrong, outcome):
    play(live, wrong, outcome)
    assert live.ca.counts()["newOrder"] == 1
    assert len(set(live.ca.csr_keys)) <= 1


# What never ends


STUCK = {
    "never validated": (on("never_validates"), "order"),
    "nothing to validate": (on("authorizations_are", change=lambda urls: []), "order"),
    "an order that is processed for ever": (is_like(processing_reads=10**9), "order"),
    "an order of an unknown status": (on("status_stays", kind="order", status="blessed"), "order"),
}


@each(STUCK)
def test_stuck(live, wrong, outcome):
    """It polls ever more seldom, ends when it is asked to, and the order is taken up again by the next run."""
    wrong(live.ca)
    running = live.start("renew", "--force", NAME)
    wait_until(lambda: len(live.ca.of_kind(outcome)) >= 6, "six reads of the order", 30)
    running.stop()
    times = [one.time for one in live.ca.of_kind(outcome)][:6]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert gaps[-1] > 0.2 and gaps[-1] > gaps[0], gaps
    assert lineage.picture(live) == live.before
    live.ca.turn_off()
    live.ca.on(processing_reads=1)
    for order in live.ca.orders[-1:]:
        order.reads_left = min(order.reads_left, 1)
    for challenge in live.ca.challenges:
        if challenge.status == "processing":
            challenge.status = "pending"
    live.ca.forget()
    live.expect_got()
    assert live.ca.counts()["newOrder"] == 0


# JSON

DEEP = 100000
TEXTS = {
    "nothing": b"",
    "blanks": b"  \n ",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"order"',
    "a number": b"1e999",
    "an empty object": b"{}",
    "cut": lambda shown: json.dumps(shown)[:-2],
    "two": lambda shown: json.dumps(shown) * 2,
    "followed by text": lambda shown: json.dumps(shown) + "x",
    "deep lists": b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and open": b"[" * DEEP,
    "twice a member": lambda shown: '{"status":"valid",' + json.dumps(shown)[1:],
    "NaN": lambda shown: '{"n":NaN,' + json.dumps(shown)[1:],
    "Infinity": lambda shown: '{"n":-Infinity,' + json.dumps(shown)[1:],
    "invalid utf8": lambda shown: b'{"n":"\xff\xfe\xc0\x80",' + json.dumps(shown).encode()[1:],
    "a lone surrogate": lambda shown: '{"n":"\\ud800",' + json.dumps(shown)[1:],
    "a nul": lambda shown: '{"status":"val\\u0000id",' + json.dumps({**shown, "status": 0})[1:],
    "single quotes": lambda shown: json.dumps(shown).replace('"', "'"),
    "comments": lambda shown: "/* x */" + json.dumps(shown),
    "utf-16": lambda shown: json.dumps(shown).encode("utf-16"),
    "a number beyond all": lambda shown: '{"n":' + "9" * 5000 + "," + json.dumps(shown)[1:],
    "status a number": lambda shown: json.dumps({**shown, "status": 200}),
    "status a list": lambda shown: json.dumps({**shown, "status": ["valid"]}),
    "identifiers an object": lambda shown: json.dumps({**shown, "identifiers": {"type": "dns"}, "identifier": []}),
    "urls numbers": lambda shown: json.dumps({**shown, "finalize": 1, "challenges": [1], "authorizations": [[]]}),
}


@pytest.mark.parametrize("number, name", [pytest.param(*one, id=one[1].replace(" ", "-")) for one in enumerate(TEXTS)])
def test_json(live, number, name):
    """Orders and authorizations in turn: they go through one reader."""
    play(live, on("json_is", kind=("order", "authorization")[number % 2], text=TEXTS[name]), "a.example")
    assert live.ca.counts()["newOrder"] == 1


KINDNESS = {
    "blanks around": lambda shown: " \r\n\t" + json.dumps(shown, indent=8) + "\n\n",
    "members in another order": lambda shown: json.dumps(dict(reversed(shown.items()))),
    "escapes": lambda shown: json.dumps(shown).replace("/", "\\/").replace("e", "\\u0065"),
    "a pair of surrogates": lambda shown: '{"n":"\\ud83d\\ude00",' + json.dumps(shown)[1:],
    "null for what is not there": lambda shown: json.dumps({"error": None, **shown, "notBefore": None}),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in KINDNESS])
def test_json_that_is_fine(live, name):
    for kind in ("order", "authorization", "challenge"):
        if kind != "challenge":
            live.ca.turn_on("json_is", kind=kind, text=KINDNESS[name])
    live.expect_got()

