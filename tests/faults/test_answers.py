"""Nonces, Retry-After, refusals: families 1, 2, 8, 9, 10, 19."""

import re

import lineage
from cases import GOT, each, on, play
from conftest import NAME, only_error
from evercert import DONE, FAILED
from processes import wait_until
from switches.answers import http_date

POSTS = ("newOrder", "authorization", "challenge", "finalize", "order", "certificate")
# Those that can be repeated without ordering twice.
REPEATED = ("authorization", "challenge", "finalize", "order", "certificate")

NONCES = {
    "one refused": (on("bad_nonce", times=1), GOT),
    "three refused": (on("bad_nonce", times=3), GOT),
    "three refused at finalize": (on("bad_nonce", times=3, kinds="finalize"), GOT),
    "all refused": (on("bad_nonce"), "badNonce"),
    "all refused at finalize": (on("bad_nonce", kinds="challenge"), "badNonce"),
    "refused without another": (on("bad_nonce_without_another"), GOT),
    "all die before finalize": (on("nonces_die", kinds="finalize"), GOT),
    "all die before the challenge": (on("nonces_die", kinds="challenge"), GOT),
    "none in answers": (on("nonce_missing"), GOT),
    "none in errors": (on("nonce_missing", errors_only=True), GOT),
    "none at all": (on("nonce_missing", everywhere=True), "nonce"),
    "two in one answer": (on("nonce_is", values=["AAAA", "BBBB"]), GOT),
    "empty": (on("nonce_is", values=[""]), GOT),
    "padded": (on("nonce_is", values=["AAAA="]), GOT),
    "with a blank": (on("nonce_is", values=["AAAA BBBB"]), GOT),
    "with a quote": (on("nonce_is", values=['a","url":"https://evil.example']), GOT),
    "not ascii": (on("nonce_is", values=["n\u00f6nce"]), GOT),
    "of ten kilobytes": (on("nonce_is", values=["A" * 10240]), GOT),
    "with a quote everywhere": (on("nonce_is", values=['a"b'], everywhere=True), "nonce"),
}


@each(NONCES)
def test_nonces(live, wrong, outcome):
    if outcome is not GOT:
        live.ca.requests_max = 100
    play(live, wrong, outcome)


def _later(*kinds, value, **more):
    return on("retry_after", kinds=kinds, value=value, **more)


RETRY_AFTER = {
    "0": (_later("order", "finalize", value="0"), GOT),
    "negative": (_later("order", "finalize", value="-1"), GOT),
    "junk": (_later("order", "finalize", value="soon"), GOT),
    "empty": (_later("order", "finalize", value=""), GOT),
    "a fraction": (_later("order", "finalize", value="0.5"), GOT),
    "with a unit": (_later("order", "finalize", value="9999s"), GOT),
    "two of them": (_later("order", "finalize", value="600", more=["900"]), GOT),
    "date in the past": (_later("order", "finalize", value=http_date(-3600)), GOT),
    "date in a second": (_later("finalize", value=http_date(1)), GOT),
    "no such date": (_later("order", "finalize", value="Thu, 99 Foo 2026 25:61:61 GMT"), GOT),
    "huge with the certificate": (_later("certificate", "challenge", value="1" + "0" * 30), GOT),
}


@each(RETRY_AFTER)
def test_retry_after(live, wrong, outcome):
    live.ca.on(processing_reads=2)
    play(live, wrong, outcome)
    assert live.ca.counts()["newOrder"] == 1


def test_retry_after_is_a_floor(live):
    """Between finalize and the first look at the order at least as long as the CA said."""
    live.ca.turn_on("retry_after", kinds=["finalize"], value="1")
    live.expect_got()
    finalize = live.ca.of_kind("finalize")[-1]
    first = next(one for one in live.ca.of_kind("order") if one.time > finalize.time)
    assert first.time - finalize.time >= 0.99


def _refused(kinds, status=503, kind="serverInternal", **more):
    return on("refuses", kinds=kinds, status=status, kind=kind, **more)


REFUSALS = {
    "all once with 503": (on("refuses_each_once", kinds=REPEATED, status=503), GOT),
    "reads once with 429": (
        on("refuses_each_once", kinds=("order", "certificate"), status=429, kind="rateLimited", retry="1"),
        GOT,
    ),
    "503 at newOrder": (_refused("newOrder"), "serverInternal"),
    "429 at newOrder": (_refused("newOrder", 429, "rateLimited"), "rateLimited"),
    "429 at newOrder for a day": (_refused("newOrder", 429, "rateLimited", retry="86400"), "rateLimited"),
    "429 at newOrder for ever": (_refused("newOrder", 429, "rateLimited", retry="9" * 25), "rateLimited"),
    "429 at newOrder with junk": (_refused("newOrder", 429, "rateLimited", retry="tomorrow"), "rateLimited"),
    "429 at the challenge for a day": (_refused("challenge", 429, "rateLimited", retry="86400"), "rateLimited"),
    "429 at finalize for a day": (_refused("finalize", 429, "rateLimited", retry="86400"), "rateLimited"),
    "429 at the certificate for a day": (
        _refused("certificate", 429, "rateLimited", retry="86400"),
        "rateLimited",
    ),
    "503 at newNonce": (_refused("newNonce"), "nonce"),
    "500 at newNonce once": (_refused("newNonce", 500, times=1), "nonce"),
    "403 at the challenge": (_refused("challenge", 403, "unauthorized"), "unauthorized"),
    "403 at finalize": (_refused("finalize", 403, "unauthorized"), "unauthorized"),
    "400 badCSR": (_refused("finalize", 400, "badCSR"), "badCSR"),
    "404 at the authorization": (_refused("authorization", 404, "malformed"), "malformed"),
    "418": (_refused("newOrder", 418, "malformed"), "malformed"),
    "an unknown type": (_refused("newOrder", 400, "somethingNew"), "come back later"),
    "a type of somebody else": (_refused("newOrder", 400, "x:evil"), "come back later"),
    "a page for people at newOrder": (on("speaks_html", kinds="newOrder"), "502"),
    "a page for people with 200": (on("speaks_html", kinds="newOrder", status=200), "Location|JSON"),
    "a page for people at the authorization once": (on("speaks_html", kinds="authorization", times=1), GOT),
    "a page for people with 403": (on("speaks_html", kinds="finalize", status=403), "403"),
    "204 at newOrder": (on("speaks_html", kinds="newOrder", status=204), "a.example"),
    "304 at newOrder": (on("speaks_html", kinds="newOrder", status=304), "304"),
    "999": (on("speaks_html", kinds="newOrder", status=999), "999"),
}


@each(REFUSALS)
def test_refusals(live, wrong, outcome):
    play(live, wrong, outcome)
    assert live.ca.counts()["newOrder"] <= 1


def test_a_day_is_a_day(live):
    """What the CA says about when to come again is kept, across runs: renew does nothing before."""
    live.ca.turn_on("refuses", kinds="newOrder", status=429, kind="rateLimited", retry="86400")
    live.expect_failure("rateLimited")
    live.ca.forget()
    live.run("renew", status=DONE)
    assert not live.ca.requests


def test_never_ending_failures_are_bounded(live):
    """A server that fails at every read is asked less and less, and the certificate in force stays."""
    live.ca.turn_on("refuses", kinds="authorization", status=500)
    running = live.start("renew", "--force", NAME)
    wait_until(lambda: len(live.ca.of_kind("authorization")) >= 4, "four reads", 30)
    running.stop()
    times = [one.time for one in live.ca.of_kind("authorization")]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert all(gap >= 0.99 for gap in gaps), gaps
    assert gaps == sorted(gaps) or max(gaps) - min(gaps) < 1, gaps
    assert lineage.picture(live) == live.before


def test_names_that_are_refused(ca, client):
    """Each name that the CA refuses is named, with the reason, and no other."""
    one = ca()
    one.turn_on("rejects_names", names=["b.example", "d.example"])
    done = client(one).issue("a.example", "b.example", "c.example", "d.example", status=FAILED)
    error = only_error(done.stderr)
    assert "b.example: policy forbids b.example" in error and "d.example: policy forbids d.example" in error
    assert "c.example" not in error
    assert one.counts()["newOrder"] == 1


_ODD = [
    None,
    "text",
    {},
    [None, 1, "x", [], {}],
    [{"type": 7, "detail": [], "identifier": "a"}] * 3,
    [{"type": "urn:ietf:params:acme:error:caa", "detail": "d", "identifier": {"type": "dns", "value": 5}}],
    [{"type": "urn:ietf:params:acme:error:caa", "detail": "d" * 2000, "identifier": {"value": "v" * 2000}}] * 100,
]
ODD = {f"odd {number}": (on("odd_subproblems", subproblems=odd), "compound|caa") for number, odd in enumerate(_ODD)}


@each(ODD)
def test_odd_subproblems(live, wrong, outcome):
    play(live, wrong, outcome)


TEXTS = {
    "colours": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "lines": "one\nevercert: error: two\r\nthree\ttab",
    "controls": "".join(chr(number) for number in range(1, 32)) + "\x7f\x80\x9b31m",
    "both directions": "abc\u202edef\u2066ghi",
    "very long": "x" * 100000,
    "format": "%s%n%x {0} $HOME `id` $(id)",
    "lone surrogates": "\ud800\udfff",
    "empty": "",
}


def _says(text):
    return on("says", text=text, instance=text, title=text), "rejectedIdentifier|a.example"


@each({name: _says(text) for name, text in TEXTS.items()})
def test_texts(live, wrong, outcome):
    """Whatever stands in a detail, the error is one line, and so is everything that shows it later."""
    error = play(live, wrong, outcome)
    assert len(error) < 4096
    for words in (["list"], ["show", NAME], ["log"], ["log", "--json"]):
        text = live.run(*words, status=DONE).stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(text)


def test_synchronous(live):
    """A CA that does all at once: five requests and a nonce."""
    live.ca.on(validates_at_once=True, issues_at_once=True)
    live.expect_got()
    assert len(live.ca.requests) == 6, live.ca.requests

