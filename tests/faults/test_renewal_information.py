"""Renewal information (RFC 9773) of CAs that are odd about it: family 20. It may pull a renewal forward; it makes no
storm of them, puts none off beyond what is safe, and its failures change nothing."""

import datetime

import pytest

import issuing
from cases import on
from conftest import NAME, only_error
from evercert import DONE, FAILED

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


def _when(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


@pytest.fixture
def issued(ca, client):
    """(CA with renewal information, client with a certificate that was not asked about yet)"""
    one = ca(renewal_info=True)
    made = client(one)
    made.issue(NAME)
    one.forget()
    return one, made


NOW = {
    "past": on("window_is", start_s=-2 * HOUR, length_s=HOUR),
    "long past": on("window_texts", start="1970-01-02T00:00:00Z", end="1970-01-03T00:00:00Z"),
    "a second that has passed": on("window_is", start_s=-60, length_s=1),
    "with fractions and a zone": on(
        "window_texts", start="2020-01-02T04:00:00.123456789+02:00", end="2020-01-03T04:00:00.5-03:30"
    ),
    "explained": on(
        "window_texts",
        start="2020-01-02T00:00:00Z",
        end="2020-01-03T00:00:00Z",
        explanationURL="https://ca.example/\x1b[31mincident",
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in NOW])
def test_now(issued, name):
    """It is renewed at once, and then not again although the CA goes on saying so."""
    one, made = issued
    NOW[name](one)
    for _ in range(3):
        made.run("renew", status=DONE)
    assert one.counts()["newOrder"] == 1
    assert one.of_kind("newOrder")[0].payload["replaces"] == one.certificates[0].ari_name()
    assert one.certificates[0].replaced_by is one.certificates[1]
    assert _when(made.show(NAME)["next_renewal"]) > issuing.now() + datetime.timedelta(minutes=50)
    assert "\x1b" not in made.text()


LATER = {
    "soon": (on("window_is", start_s=DAY, length_s=DAY), DAY, 2 * DAY),
    "a second": (on("window_is", start_s=5 * DAY, length_s=1), 5 * DAY, 5 * DAY + 1),
    # Not later than is safe: the certificate has 90 days.
    "in ten years": (on("window_is", start_s=10 * YEAR, length_s=DAY), 0, 90 * DAY),
    "in eight thousand years": (
        on("window_texts", start="9998-01-01T00:00:00Z", end="9999-12-31T23:59:59Z"),
        0,
        90 * DAY,
    ),
    "at the last moment": (on("window_is", start_s=90 * DAY - 60, length_s=50), 0, 90 * DAY),
}
_BAD = {
    "end before start": on("window_is", start_s=DAY, length_s=-HOUR),
    "no length": on("window_is", start_s=DAY, length_s=0),
    "junk": on("window_texts", start="tomorrow", end="the day after"),
    "numbers": on("window_texts", start=1, end=2),
    "nothing": on("window_texts", start="", end=""),
    "day 99": on("window_texts", start="2026-02-99T00:00:00Z", end="2027-13-01T00:00:00Z"),
    "no window": on("json_is", kind="renewalInfo", text="{}"),
    "no JSON": on("json_is", kind="renewalInfo", text="<html>"),
    "a list": on("json_is", kind="renewalInfo", text="[]"),
    "deep": on("json_is", kind="renewalInfo", text="[" * 100000),
    "404": on("speaks_html", kinds="renewalInfo", status=404),
    "409": on("refuses", kinds="renewalInfo", status=409, kind="alreadyReplaced"),
    "500": on("refuses", kinds="renewalInfo", status=500),
    "503 for long": on("refuses", kinds="renewalInfo", status=503, retry="9" * 20),
    "endless": on("shaped", kinds="renewalInfo", shape="endless"),
    "broken off": on("shaped", kinds="renewalInfo", shape="early_end"),
    "cut": on("cut_after", kinds="renewalInfo", times=None),
    "a loop": lambda ca: ca.turn_on("redirects", kinds="renewalInfo", to=lambda request: ca.url_of(request.path)),
    "sent to http": lambda ca: ca.turn_on("redirects", kinds="renewalInfo", to=ca.trap.url("http")),
    "sent to a file": on("redirects", kinds="renewalInfo", to="file:///etc/passwd"),
}
# Without a word of the CA a third of the 90 days is left, give or take what chance adds.
LATER.update({name: (wrong, 57 * DAY, 61 * DAY) for name, wrong in _BAD.items()})


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in LATER])
def test_later(issued, name):
    """Nothing is renewed now; when it will be is in these bounds; and the CA is not asked again and again."""
    one, made = issued
    wrong, first, last = LATER[name]
    wrong(one)
    made.run("renew", status=DONE)
    asked = one.counts()["renewalInfo"]
    assert 1 <= asked <= 4
    made.run("renew", status=DONE)
    assert one.counts()["renewalInfo"] == asked and "newOrder" not in one.counts()
    left = (_when(made.show(NAME)["next_renewal"]) - issuing.now()).total_seconds()
    assert first - 60 <= left <= last, left / DAY


def test_a_window_that_moves(issued):
    """Every answer has another window, and may be asked for again at once, the CA says: it is not."""
    one, made = issued
    count = iter(range(1, 10000))
    one.turn_on("json_is", kind="renewalInfo", text=lambda shown: _window(next(count)))
    one.turn_on("retry_after", kinds=["renewalInfo"], value="0")
    for _ in range(4):
        made.run("renew", status=DONE)
    assert one.counts()["renewalInfo"] <= 1 + 1
    assert "newOrder" not in one.counts()


def _window(days):
    start = issuing.now() + datetime.timedelta(days=days)
    end = start + datetime.timedelta(hours=5)
    return f'{{"suggestedWindow":{{"start":"{start:%Y-%m-%dT%H:%M:%SZ}","end":"{end:%Y-%m-%dT%H:%M:%SZ}"}}}}'


def test_replaced_already(issued):
    """409 alreadyReplaced: ordered once more, without."""
    one, made = issued
    one.turn_on("was_replaced")
    made.renew(NAME, force=True)
    assert ["replaces" in request.payload for request in one.of_kind("newOrder")] == [True, False]
    assert len(one.certificates) == 2


def test_replaced_already_whatever_is_ordered(issued):
    """A CA that says so also where nothing is to be replaced: that is its last word."""
    one, made = issued
    one.turn_on("refuses", kinds="newOrder", status=409, kind="alreadyReplaced")
    error = only_error(made.renew(NAME, force=True, status=FAILED).stderr)
    assert "alreadyReplaced" in error
    assert one.counts()["newOrder"] == 2


def test_not_said_of_another_ca(ca, client):
    """What one CA issued is not replaced at another, which would not know it."""
    first, second = ca(renewal_info=True), ca(renewal_info=True)
    made = client(first)
    made.issue(NAME)
    made.write_config(
        {
            "authorities": {"test": {"directory": second.url, "ca-file": str(second.ca_file)}},
            "http-01": {"listen": [f"127.0.0.1:{second.http_port}"]},
        }
    )
    made.issue(NAME, authority="test")
    made.renew(NAME, force=True)
    assert "replaces" not in second.of_kind("newOrder")[0].payload


def test_without_renewal_information(ca, client):
    """A directory without it is not asked for it, and nothing is said to be replaced."""
    one = ca()
    made = client(one)
    made.issue(NAME)
    made.renew(NAME, force=True)
    made.run("renew", status=DONE)
    assert "renewalInfo" not in one.counts()
    assert all("replaces" not in request.payload for request in one.of_kind("newOrder"))
