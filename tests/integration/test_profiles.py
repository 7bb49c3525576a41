"""Profiles that a CA offers."""

import pytest

from evercert import FAILED

OFFERED = {"classic": "as ever", "tlsserver": "for servers", "shortlived": "six days"}


def certificate(**more):
    return {"certificates": [{"domains": ["a.example"], **more}]}


@pytest.mark.parametrize("by_command", [False, True])
def test_the_one_that_is_required(evercert, pebble, by_command):
    client = evercert(pebble(profiles=OFFERED), config={} if by_command else certificate(profile="tlsserver"))
    if by_command:
        client.issue("a.example", profile="tlsserver")
    else:
        client.renew()
    assert client.row("a.example")["profile"] == "tlsserver"
    assert "Profile       tlsserver" in client.run("show", "a.example").stdout
    client.renew("a.example", force=True)
    assert client.row("a.example")["profile"] == "tlsserver"


def test_one_that_is_not_offered(evercert, pebble):
    ca = pebble(profiles=OFFERED)
    client = evercert(ca)
    done = client.issue("a.example", profile="classical", status=FAILED)
    assert "classical" in done.stderr
    for name in OFFERED:
        assert name in done.stderr
    assert "POST /order-plz" not in ca.request_counts()
    assert client.list() == []


def test_a_ca_without_profiles(evercert, pebble):
    ca = pebble("2.4")
    client = evercert(ca)
    done = client.issue("a.example", profile="tlsserver", status=FAILED)
    assert "tlsserver" in done.stderr and "profile" in done.stderr
    assert "POST /order-plz" not in ca.request_counts()
    client.issue("a.example", preferred_profile=["tlsserver"])
    assert client.row("a.example")["profile"] is None


@pytest.mark.parametrize(
    "preferred, got",
    [(["tlsserver"], "tlsserver"), (["nothing", "shortlived", "classic"], "shortlived")],
)
def test_the_first_that_is_offered(evercert, pebble, preferred, got):
    client = evercert(pebble(profiles=OFFERED), config=certificate(**{"preferred-profile": preferred}))
    client.renew()
    assert client.row("a.example")["profile"] == got


def test_none_of_the_preferred(evercert, pebble):
    """What Pebble chooses then is its own affair, and in the order that it answers with."""
    client = evercert(pebble(profiles=OFFERED))
    client.issue("a.example", preferred_profile="x,y")
    assert client.row("a.example")["state"] == "valid"


def test_another_profile_is_another_certificate(evercert, pebble):
    client = evercert(pebble(profiles=OFFERED), config=certificate(profile="tlsserver"))
    client.renew()
    client.write_config(certificate(profile="classic"))
    client.renew()
    row = client.row("a.example")
    assert (row["profile"], row["generation"]) == ("classic", 2)
