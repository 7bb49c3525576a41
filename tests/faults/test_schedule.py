"""Who gets a place when much is due: bounds, several CAs, a CA that does not answer and comes back."""

import contextlib
import socket
import sqlite3

import pytest

from evercert import DONE, FAILED
from processes import wait_until

COUNT = 40
HANGS, REFUSES = "hangs", "refuses"


def entry(ca, **more):
    return {"directory": ca.url, "ca-file": str(ca.ca_file), **more}


def names(count, prefix="c"):
    return [f"{prefix}{number:02}.example" for number in range(count)]


def wanted(several, **more):
    return [{"domains": [name], **more} for name in several]


def most_in_flight(requests):
    """The most orders that were under way at the same time: from newOrder until the certificate is read."""
    most = now = 0
    for request in requests:
        now += {"newOrder": 1, "certificate": -1}.get(request.kind, 0)
        most = max(most, now)
    return most


def ordered(ca):
    """The names in the order in which they were asked for."""
    return [request.payload["identifiers"][0]["value"] for request in ca.of_kind("newOrder")]


def wait_for(client, ca, count):
    """Until so many certificates were read, and the last of them is in force."""
    wait_until(lambda: ca.counts()["certificate"] >= count, f"{count} certificates", 60)
    for name in ordered(ca):
        client.wait_live(name)


def change_rows(client, *statements):
    with contextlib.closing(sqlite3.connect(client.state / "evercert.db")) as store, store:
        for statement in statements:
            store.execute(statement)


@pytest.fixture
def busy(ca):
    """Makes CAs that many ask."""

    def make(**settings):
        one = ca(validates_at_once=True, issues_at_once=True, **settings)
        one.requests_max = 1000
        return one

    return make


@pytest.fixture(params=[HANGS, REFUSES])
def nobody(request):
    """The URL of a directory where nobody answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        if request.param == HANGS:
            one.listen(64)
        yield f"https://127.0.0.1:{one.getsockname()[1]}/dir"


def test_one_authority_does_not_hold_up_another(busy, client, nobody):
    """Eight are due at one that takes all the time it gets, and four places are all there are."""
    good = busy()
    made = client(
        good,
        config={
            "orders-in-flight": 4,
            "authority": None,
            "authorities": {"bad": {"directory": nobody, "ca-file": str(good.ca_file)}, "good": entry(good)},
            "certificates": wanted(names(8, "bad"), authority="bad") + wanted(names(6, "good"), authority="good"),
        },
    )
    made.run_daemon()
    wait_for(made, good, 6)
    assert sorted(ordered(good)) == names(6, "good")


@pytest.mark.parametrize("settings", [{"orders-in-flight": 1}, {"authorities": 2}], ids=["of-all", "of-one-authority"])
def test_bounds(busy, client, settings):
    one = busy()
    bound = settings.get("orders-in-flight", 2)
    more = {"orders-in-flight": bound} if "authorities" in settings else {}
    config = {"authorities": {"test": entry(one, **more)}, "certificates": wanted(names(8))}
    made = client(one, config={**config, **({} if more else settings)})
    made.renew()
    assert sorted(ordered(one)) == names(8)
    assert most_in_flight(one.requests) == bound


def test_urgent_before_routine(busy, client):
    one = busy()
    made = client(one, config={"orders-in-flight": 1, "certificates": wanted(names(6))})
    made.renew()
    one.forget()
    change_rows(
        made,
        "UPDATE certificate SET due_at = 1000",
        "UPDATE certificate SET due_at = 500 WHERE name = 'c03.example'",
        "UPDATE certificate SET urgent_at = 2000 WHERE name = 'c05.example'",
        "UPDATE certificate SET urgent_at = 1500 WHERE name = 'c04.example'",
    )
    made.renew()
    assert ordered(one) == [f"{name}.example" for name in ("c04", "c05", "c03", "c00", "c01", "c02")]


def test_a_ca_that_comes_back(busy, client):
    """What is due there is not tried again and again meanwhile, and is got soon and not at once."""
    one = busy()
    several = names(COUNT)
    one.turn_on("speaks_html", kinds=None, status=503)
    made = client(one, config={"orders-in-flight": 6, "certificates": wanted(several)})
    made.run_daemon()
    wait_until(lambda: "does not answer since" in made.text(), "the outage to be noticed", 30)
    made.wait_row(several[-1], lambda row: row["state"] == "waiting", "waiting")
    rows = {row["name"]: row for row in made.list()}
    failing = [name for name in several if rows[name]["state"] == "failing"]
    waiting = [name for name in several if rows[name]["state"] == "waiting"]
    assert sorted(failing + waiting) == several
    assert 3 <= len(failing) <= 6  # those that had a place
    assert all("does not answer since" in rows[name]["wait_reason"] for name in waiting)
    assert "asked again at" in made.run("show", failing[0], status=DONE).stdout
    assert "asked again at" in made.run("show", waiting[0], status=DONE).stdout
    error = made.run("renew", status=FAILED).stderr  # what rests is not waited for
    assert several[-1] in error and "does not answer since" in error
    one.turn_off()
    one.forget()
    made.renew(*failing, force=True)  # at once, and that ends the rest
    wait_for(made, one, COUNT)
    assert sorted(ordered(one)) == several
    assert most_in_flight(one.requests) <= 6
    assert made.text().count("does not answer since") - error.count("does not answer since") >= 1
    assert made.text().count("answers again") == 1


@pytest.mark.parametrize("kinds", ["newAccount", "newOrder", "finalize"])
def test_what_is_an_outage(busy, client, kinds):
    """Whatever it is that the CA cannot do."""
    one = busy()
    one.turn_on("speaks_html", kinds=kinds, status=502)
    made = client(one, config={"certificates": wanted(names(4))})
    made.run_daemon()
    wait_until(lambda: "does not answer since" in made.text(), "the outage to be noticed", 30)


def test_what_is_none(busy, client):
    """It answers, though nobody likes what it says."""
    one = busy()
    one.turn_on("rejects_names", names=names(6))
    made = client(one, config={"orders-in-flight": 1, "certificates": wanted(names(6))})
    made.run_daemon()
    made.wait_row(names(6)[-1], lambda row: row["state"] == "failing", "failing")
    assert sorted(ordered(one)) == names(6)
    assert "does not answer" not in made.text()


def test_another_authority_meanwhile(busy, client):
    """The second of the wish is asked at once, and by those that were not tried at the first, too."""
    first, second = busy(), busy()
    second.http_port = first.http_port
    first.turn_on("speaks_html", kinds=None, status=503)
    config = {
        "orders-in-flight": 2,
        "authority": ["first", "second"],
        "authorities": {"first": entry(first), "second": entry(second)},
        "certificates": wanted(names(12)),
    }
    made = client(first, config=config)
    made.run_daemon()
    wait_for(made, second, 12)
    assert sorted(ordered(second)) == names(12)
    assert first.counts()["directory"] <= 4  # three, and who was on the way then


def test_rows_of_an_earlier_version(busy, client):
    """Their queue is not known; they find it when they are due."""
    one = busy()
    made = client(one, config={"orders-in-flight": 2, "certificates": wanted(names(5))})
    made.renew()
    one.forget()
    change_rows(made, "UPDATE certificate SET due_at = 1, queue = '', urgent_at = 0")
    made.renew()
    assert sorted(ordered(one)) == names(5)
    assert most_in_flight(one.requests) == 2


def test_nothing_else_is_asked_while_it_rests(busy, client):
    one = busy(renewal_info=True)
    several = names(3)
    made = client(one, config={"certificates": wanted(several)})
    made.renew()
    change_rows(made, "UPDATE certificate SET due_at = 1, ari_due_at = 0")
    one.turn_on("speaks_html", kinds=None, status=503)
    made.run_daemon()
    wait_until(lambda: "does not answer since" in made.text(), "the outage to be noticed", 30)
    one.forget()
    change_rows(made, "UPDATE certificate SET ari_due_at = 1")
    made.reload()

    def put_off():
        with contextlib.closing(sqlite3.connect(made.state / "evercert.db")) as store:
            return store.execute("SELECT count(*) FROM certificate WHERE ari_due_at < 1000").fetchone() == (0,)

    wait_until(put_off, "the questions to be put off", 30)
    assert not one.requests
