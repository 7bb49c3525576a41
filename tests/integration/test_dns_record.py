"""`evercert dns record`: what to put into a zone so that only our account gets certificates for a name. That the records
say what the CA reads in them is checked with a Pebble that obeys them."""

import json

import pytest

from evercert import DONE, FAILED, USAGE

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


def test_a_ca_that_does_not_say_its_names(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble))
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
    assert any(text.startswith("0 issuewild ") for text in row["caa"]) or all(
        text.startswith("0 issue ") for text in row["caa"]
    )


def put_caa(client, name, texts):
    policies = []
    for text in texts:
        _flags, tag, value = text.split(" ", 2)
        policies.append({"tag": tag, "value": value.strip('"')})
    client.pebble.dns("add-caa", host=f"{name}.", policies=policies)


def test_the_ca_takes_its_own_records(client):
    client.run("account", "register", status=DONE)
    (row,) = rows(client, "a.example")
    put_caa(client, "a.example", row["caa"])
    client.issue("a.example")


def test_the_ca_refuses_another_account(client):
    """So the records do what they are for, as far as Pebble looks at them."""
    client.run("account", "register", status=DONE)
    (row,) = rows(client, "a.example")
    put_caa(client, "a.example", [text.replace(ISSUER, "nobody.example").replace("second", "no") for text in row["caa"]])
    done = client.run("issue", "-d", "a.example", status=FAILED)
    assert "caa" in done.stderr.lower()
