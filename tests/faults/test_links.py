"""URLs, redirects, the directory and accounts: families 16, 22, 23, 25, 28."""

import json

import pytest

import lineage
from cases import GOT, both, each, is_like, late, on, play, play_first
from conftest import NAME, only_error
from evercert import FAILED
from switches.answers import http_date
from switches.links import PLACES

# What a URL may not be, made of the right one.

WRONG = {
    "http": lambda ca: lambda url: url.replace("https:", "http:"),
    "http elsewhere": lambda ca: lambda url: ca.trap.url("http"),
    "another port": lambda ca: lambda url: ca.trap.url("https"),
    "another host": lambda ca: lambda url: url.replace("127.0.0.1", "localhost"),
    "userinfo": lambda ca: lambda url: url.replace("https://", "https://user:secret@"),
    "host as userinfo": lambda ca: lambda url: url.replace("https://", "https://127.0.0.1@localhost:1/"),
    "file": lambda ca: lambda url: "file:///etc/passwd",
    "no scheme": lambda ca: lambda url: url.removeprefix("https:"),
    "relative": lambda ca: lambda url: "/order/1",
    "fragment": lambda ca: lambda url: url + "#x",
    "newline": lambda ca: lambda url: url + "\r\nX-Evil: 1",
    "blank": lambda ca: lambda url: url + " x",
    "backslash": lambda ca: lambda url: url.replace("://", ":\\\\"),
    "not ascii": lambda ca: lambda url: url + "\u00e4",
    "very long": lambda ca: lambda url: url + "?" + "x" * 50000,
    "a private address": lambda ca: lambda url: "https://169.254.169.254/latest/meta-data/",
    "no host": lambda ca: lambda url: "https:///x",
    "port 0": lambda ca: lambda url: "https://127.0.0.1:0/x",
    "port 99999": lambda ca: lambda url: "https://127.0.0.1:99999/x",
    "a number": lambda ca: lambda url: 17,
}
# Those that differ in how they are looked at are tried at each place; the others at one.
AT_EACH_PLACE = ("http", "another port", "newline", "file")
LIVE_PLACES = [place for place in PLACES if PLACES[place][0] != "directory"]


def _ids(names):
    return [pytest.param(name, id=name.replace(" ", "-")) for name in names]


@pytest.mark.parametrize("name", _ids(WRONG))
def test_urls_of_authorizations(live, name):
    play(live, on("url_is", place="authorizations", change=late(WRONG[name])), "authorizations")


@pytest.mark.parametrize("place", [place for place in LIVE_PLACES if place != "authorizations"])
@pytest.mark.parametrize("name", _ids(AT_EACH_PLACE))
def test_urls(live, place, name):
    outcome = "http-01|URL" if place == "challenge" else "URL"
    play(live, on("url_is", place=place, change=late(WRONG[name])), outcome)


@pytest.mark.parametrize("place", [place for place in PLACES if place not in LIVE_PLACES])
@pytest.mark.parametrize("name", _ids(AT_EACH_PLACE))
def test_urls_of_the_directory(client, ca, place, name):
    play_first(client, ca(), on("url_is", place=place, change=late(WRONG[name])), "URL", only_error)


@pytest.mark.parametrize("name", _ids((*AT_EACH_PLACE, "userinfo", "relative", "very long", "no host")))
def test_location_of_the_order(live, name):
    change = late(lambda ca: lambda url: str(WRONG[name](ca)(url)).replace("\r\n", "\\r\\n"))
    play(live, on("location_is", kind="newOrder", change=change), "Location")


def test_order_without_location(live):
    play(live, on("location_is", kind="newOrder", change=lambda url: None), "no Location")


def test_other_locations_do_not_matter(live):
    """Location is for newOrder; in other answers nobody looks at it."""
    for kind in ("order", "finalize", "authorization", "certificate"):
        live.ca.turn_on("location_is", kind=kind, change=lambda url: live.ca.trap.url("http"))
    live.expect_got()


@pytest.mark.parametrize(
    "kind, status",
    [
        *((kind, status) for kind in ("newOrder", "finalize") for status in (301, 302, 303, 307, 308)),
        ("authorization", 302),
        ("challenge", 307),
    ],
)
def test_redirects_of_posts(live, kind, status):
    """A signed request is for the URL in it: it goes nowhere else."""
    to = late(lambda ca: ca.trap.url("https"))
    play(live, on("redirects", kinds=kind, status=status, to=to), str(status))


@pytest.mark.parametrize("scheme", ["http", "https", "file"])
def test_redirects_of_newNonce(live, scheme):
    target = "file:///etc/passwd" if scheme == "file" else live.ca.trap.url(scheme)
    play(live, on("redirects", kinds="newNonce", to=target), "nonce")


REDIRECTS = {
    "to http": (on("redirects", kinds="directory", to=late(lambda ca: ca.trap.url("http"))), "a.example"),
    "to a file": (on("redirects", kinds="directory", to="file:///etc/passwd"), "a.example"),
    "to nowhere": (on("redirects", kinds="directory", to=""), "a.example"),
    "to gopher": (on("redirects", kinds="directory", to="gopher://127.0.0.1:70/x"), "a.example"),
    "to itself": (on("redirects", kinds="directory", to=late(lambda ca: ca.url)), "a.example"),
    "to itself once": (on("redirects", kinds="directory", to=late(lambda ca: ca.url), times=1), GOT),
    "three times": (on("redirects", kinds="directory", to=late(lambda ca: ca.url), times=3), GOT),
    "four times": (on("redirects", kinds="directory", to=late(lambda ca: ca.url), times=4), "a.example"),
}


@each(REDIRECTS)
def test_redirects_of_the_directory(client, ca, wrong, outcome):
    play_first(client, ca(), wrong, outcome, only_error)


# The directory


def _has(**members):
    return on("directory_has_also", members=members)


def _is(text):
    return on("json_is", kind="directory", text=text)


DIRECTORY = {
    "without newNonce": (on("directory_lacks", members=["newNonce"]), "newNonce"),
    "without newAccount": (on("directory_lacks", members=["newAccount"]), "newAccount"),
    "without newOrder": (on("directory_lacks", members=["newOrder"]), "newOrder"),
    "without the rest": (on("directory_lacks", members=["revokeCert", "keyChange", "meta"]), GOT),
    "empty": (_is(b"{}"), "newNonce"),
    "nothing": (_is(b""), "JSON"),
    "html": (_is(b"<html><title>404</title></html>"), "JSON"),
    "meta null": (both(is_like(terms=None), _has(meta=None)), GOT),
    "meta empty": (both(is_like(terms=None), _has(meta={})), GOT),
    "meta a list": (_has(meta=[]), "meta"),
    "terms a number": (_has(meta={"termsOfService": 7}), "termsOfService"),
    "unknown members": (_has(newThing="https://x/", x={"y": []}, z=None), GOT),
    "a random member": (_has(**{"Qo2Nfx": "https://community.letsencrypt.org/t/x/33417"}), GOT),
    "a megabyte": (_has(filler="x" * (1 << 20)), "larger|more than"),
    "many members": (_has(**{f"m{number}": number for number in range(5000)}), GOT),
    "a BOM": (_is(lambda shown: b"\xef\xbb\xbf" + json.dumps(shown).encode()), "JSON"),
    "terms with a colour": (_has(meta={"termsOfService": "\x1b[31mx"}), GOT),
    "404": (on("speaks_html", kinds="directory", status=404), "404"),
    "500": (on("speaks_html", kinds="directory", status=500), "500"),
    "204": (on("speaks_html", kinds="directory", status=204), "204"),
    "refused for a day": (
        on("refuses", kinds="directory", status=503, kind="rateLimited", retry="86400"),
        "503",
    ),
}


@each(DIRECTORY)
def test_directory(client, ca, wrong, outcome):
    made = play_first(client, ca(), wrong, outcome, only_error)
    if outcome is not GOT:
        made.ca.turn_off()
        made.issue(NAME)  # nothing of it was kept


def test_directory_that_changes(live):
    """newOrder has moved: the attempt fails, and the next one has the new place."""
    live.ca.turn_on("new_order_moves")
    live.expect_failure("404")
    live.expect_got()
    assert live.ca.counts()["directory"] == 1
    live.ca.turn_off()


# Accounts


ACCOUNTS = {
    "no Location": (on("account_without"), "Location"),
    "Location elsewhere": (on("account_without", value="https://evil.example/a"), "Location"),
    "Location http": (on("account_without", value=late(lambda ca: ca.trap.url("http"))), "Location"),
    "200 for a new one": (on("account_without", header="X", status=200), GOT),
    "status deactivated": (on("status_stays", kind="account", status="deactivated"), "deactivated"),
    "status revoked": (on("status_stays", kind="account", status="revoked"), "revoked"),
    "status unknown": (on("status_stays", kind="account", status="odd"), GOT),
    "no status": (on("member_is", kind="account", name="status", drop=True), GOT),
    "no body": (on("json_is", kind="account", text=b""), GOT),
    "contact dropped": (on("member_is", kind="account", name="contact", drop=True), GOT),
    "contact refused": (
        on("refuses", kinds="newAccount", status=400, kind="invalidContact", detail="no such domain"),
        "invalidContact",
    ),
    "ES256 not taken": (is_like(algorithms=("RS256",)), "badSignatureAlgorithm"),
    "action wanted": (on("wants_action", kinds="newAccount"), "userActionRequired.*agree/17"),
    "500": (on("refuses", kinds="newAccount", status=500), "serverInternal"),
}


@each(ACCOUNTS)
def test_accounts(client, ca, wrong, outcome):
    play_first(client, ca(), wrong, outcome, only_error)


def test_terms_are_not_agreed_to_unasked(client, ca):
    one = ca()
    made = client(one, config={"agree-tos": None})
    error = only_error(made.issue(NAME, status=FAILED).stderr)
    assert one.settings.terms in error and "newAccount" not in one.counts()


FORGETFUL = {
    "account forgotten once at newOrder": (on("forgets_account", kinds="newOrder"), GOT),
    "account forgotten once at finalize": (on("forgets_account", kinds="finalize"), GOT),
    "account forgotten always": (on("forgets_account", kinds="newOrder", times=None), "accountDoesNotExist|denies"),
    "action wanted at newOrder": (on("wants_action", kinds="newOrder"), "userActionRequired.*agree/17"),
    "action wanted at finalize": (on("wants_action", kinds="finalize"), "userActionRequired.*agree/17"),
}


@each(FORGETFUL)
def test_account_in_the_middle(live, wrong, outcome):
    play(live, wrong, outcome)


@pytest.mark.parametrize("switch", ["loses_account", "moves_account"])
@pytest.mark.parametrize("kind", ["newOrder", "finalize"])
def test_account_is_lost(client, ca, switch, kind):
    """Lost, or under another URL: it is looked for by its key, registered again if need be, and there is a
    certificate in the end."""
    one = ca()
    made = client(one)
    made.issue(NAME)
    first = made.leaf(NAME).fingerprint
    one.turn_on(switch, kinds=kind)
    made.renew(NAME, force=True)
    assert made.leaf(NAME).fingerprint != first
    assert len(one.accounts) == 1


def test_account_is_deactivated(client, ca):
    """No new account is made behind its owner's back."""
    one = ca()
    made = client(one)
    made.issue(NAME)
    before = lineage.picture(made)
    one.accounts[0].status = "deactivated"
    error = only_error(made.renew(NAME, force=True, status=FAILED).stderr)
    assert "deactivated" in error and NAME in error
    assert len(one.accounts) == 1 and lineage.picture(made) == before


# Clocks


CLOCKS = {
    "two hours ahead": (both(on("clock", hours=2), on("issues_from", hours=2)), GOT),
    "two hours behind": (both(on("clock", hours=-2), on("issues_from", hours=-3)), GOT),
    "a century ahead": (on("clock", hours=876000), GOT),
    "certificate from five hours on": (both(on("clock", hours=5), on("issues_from", hours=5)), "not valid before"),
}


@each(CLOCKS)
def test_clocks(live, wrong, outcome):
    play(live, wrong, outcome)


def test_retry_after_is_by_the_clock_of_the_ca(live):
    """A date two hours ahead of here, which is a second from now where the CA is."""
    live.ca.turn_on("clock", hours=2)
    live.ca.turn_on("retry_after", kinds=["finalize", "order"], value=http_date(7201))
    live.expect_got(timeout=20)

