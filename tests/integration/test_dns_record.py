"""`evercert dns record`: what to put into a zone so that only our account gets certificates for a name. That the records
say what the CA reads in them is checked with a Pebble that validates by them; CAA records Pebble does not look at."""

import json
import pathlib
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from evercert import DONE, FAILED, USAGE
from processes import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))

from bare_client import BareClient  # noqa: E402

ISSUER = "pebble.example"


@pytest.fixture
def client(evercert, pebble):
    return evercert(pebble(config={"caaIdentities": [ISSUER, "second.example"]}))


def rows(client, name, *words):
    """The objects that --json prints."""
    text = client.run("dns", "record", name, "--json", *words, status=DONE).stdout
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        row, end = decoder.raw_decode(text, at)
        found.append(row)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def url_of(client, authority="test"):
    accounts = json.loads(client.run("account", "show", "--json", status=DONE).stdout)
    return next(account["url"] for account in accounts if account["authority"] == authority)


def expected(name, issuer, url, methods, wildcard=False):
    return (
        f'0 issue "{issuer}; accounturi={url}; validationmethods={methods}"',
        {
            "draft": "01",
            "name": f"_validation-persist.{name}",
            "value": f"{issuer}; accounturi={url}" + ("; policy=wildcard" if wildcard else ""),
        },
    )


def test_a_plain_name(client):
    client.run("account", "register", status=DONE)
    (row,) = rows(client, "a.example")
    url = url_of(client)
    pairs = [expected("a.example", issuer, url, "http-01") for issuer in (ISSUER, "second.example")]
    assert row["name"] == "a.example" and row["account"] == url and row["note"] == ""
    assert row["caa"] == [caa for caa, _ in pairs]
    assert row["persist"] == [persist for _, persist in pairs]


def test_a_managed_certificate(client):
    client.write_config(
        {
            "certificates": [
                {"name": "shop", "domains": ["a.example", "b.example"], "challenge": ["tls-alpn-01", "http-01"]}
            ]
        }
    )
    client.renew()
    found = rows(client, "shop")
    assert [row["name"] for row in found] == ["a.example", "b.example"]
    for row in found:
        caa, persist = expected(row["name"], ISSUER, url_of(client), "tls-alpn-01,http-01")
        assert row["caa"][0] == caa and row["persist"][0] == persist


def test_through_a_daemon(client):
    client.run_daemon()
    client.issue("a.example")
    (row,) = rows(client, "a.example")
    assert row["caa"][0] == expected("a.example", ISSUER, url_of(client), "http-01")[0]


def test_for_people(client):
    client.issue("a.example")
    lines = client.run("dns", "record", "a.example", status=DONE).stdout.splitlines()
    caa, persist = expected("a.example", ISSUER, url_of(client), "http-01")
    assert f"a.example. IN CAA {caa}" in lines
    assert f'{persist["name"]}. IN TXT "{persist["value"]}"' in lines
    for line in lines:
        assert line.startswith(";") or " IN CAA 0 issue " in line or " IN TXT " in line, line


def test_nothing_is_registered_for_it(client):
    done = client.run("dns", "record", "a.example", status=FAILED)
    assert "account" in done.stderr
    assert json.loads(client.run("account", "show", "--json", status=DONE).stdout) == []


def test_another_authority(client, pebble):
    other = pebble(config={"caaIdentities": ["other.example"]}, http_port=client.pebble.http_port)
    entries = {
        name: {"directory": ca.url, "ca-file": str(ca.ca_file)} for name, ca in (("test", client.pebble), ("other", other))
    }
    client.write_config({"authorities": entries})
    client.run("account", "register", "--authority", "other", status=DONE)
    (row,) = rows(client, "a.example", "--authority", "other")
    assert row["account"] == url_of(client, "other")
    assert row["caa"] == [expected("a.example", "other.example", url_of(client, "other"), "http-01")[0]]


def test_the_authority_of_a_managed_certificate(client, pebble):
    """Not the default one: that would lock out the CA that the certificate is from."""
    other = pebble(config={"caaIdentities": ["other.example"]}, http_port=client.pebble.http_port)
    entries = {
        name: {"directory": ca.url, "ca-file": str(ca.ca_file)} for name, ca in (("test", client.pebble), ("other", other))
    }
    client.write_config({"authorities": entries})
    client.issue("a.example", authority="other")
    (row,) = rows(client, "a.example")
    assert row["account"] == url_of(client, "other")


def test_a_ca_that_does_not_say_its_names(evercert, pebble):
    client = evercert(pebble("2.4"))
    client.issue("a.example")
    (row,) = rows(client, "a.example")
    assert row["caa"] == [] and row["persist"] == [] and "CAA" in row["note"]
    assert client.run("dns", "record", "a.example", status=DONE).stdout.startswith("; ")


@pytest.mark.parametrize("name", ["a..example", "a b", "-", "*.*.example"])
def test_what_is_no_name(client, name):
    client.run("account", "register", status=DONE)
    done = client.run("dns", "record", name)
    assert done.status == USAGE and name in done.stderr, done


def test_a_wildcard(client):
    client.run("account", "register", status=DONE)
    (row,) = rows(client, "*.a.example")
    assert row["name"] == "a.example"
    assert row["persist"][0] == expected("a.example", ISSUER, url_of(client), "http-01", wildcard=True)[1]
    assert row["caa"][0] == expected("a.example", ISSUER, url_of(client), "dns-01")[0]  # http-01 is not for wildcards


def test_only_a_wildcard_is_allowed_one(client):
    client.run("account", "register", status=DONE)
    (plain,), (wild,) = rows(client, "b.example"), rows(client, "*.b.example")
    assert "policy" not in plain["persist"][0]["value"]
    assert wild["persist"][0]["value"] == plain["persist"][0]["value"] + "; policy=wildcard"


def test_a_certificate_that_may_come_from_two(client, pebble):
    """The record of one CA alone keeps the other from issuing, so that is said."""
    other = pebble(config={"caaIdentities": ["other.example"]}, http_port=client.pebble.http_port)
    entries = {
        name: {"directory": ca.url, "ca-file": str(ca.ca_file)} for name, ca in (("test", client.pebble), ("other", other))
    }
    client.write_config({"authority": ["test", "other"], "authorities": entries})
    client.issue("a.example")
    (row,) = rows(client, "a.example")
    assert row["account"] == url_of(client) and "--authority" in row["note"]


def test_addresses_have_no_records(client):
    done = client.run("dns", "record", "192.0.2.1", status=USAGE)
    assert "192.0.2.1" in done.stderr and "address" in done.stderr


def test_a_name_as_people_write_it(client):
    client.run("account", "register", status=DONE)
    (row,) = rows(client, "B\u00fccher.EXAMPLE")
    assert row["name"] == "xn--bcher-kva.example"


def challenge_of(ca, account, name):
    """(client, URL) of the dns-persist-01 challenge of a new order for that name, with the account's key and URL."""
    key, url = account
    client = BareClient(ca, key=key)
    client.kid = url
    order = client.order(("dns", name))
    (authorization,) = order.json()["authorizations"]
    challenges = client.post(authorization).json()["challenges"]
    return client, authorization, next(one["url"] for one in challenges if one["type"] == "dns-persist-01")


@pytest.mark.parametrize("changed", [False, True], ids=["ours", "of-another-account"])
@pytest.mark.parametrize("name", ["a.example", "*.w.example"])
def test_the_ca_validates_by_its_record(client, name, changed):
    """dns-persist-01 at Pebble with the record that we print: by a bare client, with the account's key."""
    client.run("account", "register", status=DONE)
    (row,) = rows(client, name)
    pem = (client.state / "account-key").read_text().split("\n", 1)[1]
    account = (serialization.load_pem_private_key(pem.encode(), None), url_of(client))
    bare, authorization, challenge = challenge_of(client.pebble, account, name)
    record = row["persist"][0]
    value = record["value"].replace("/my-account/", "/my-account/x") if changed else record["value"]
    client.pebble.dns("set-txt", host=record["name"] + ".", value=value)
    assert bare.post(challenge, {}).status == 200

    def status():
        shown = bare.post(authorization).json()["status"]
        return None if shown in ("pending", "processing") else shown

    assert wait_until(status, "the authorization to be decided") == ("invalid" if changed else "valid")
