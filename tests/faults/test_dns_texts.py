"""`evercert dns record` at a CA that has what Pebble has not: accountHashPrefix (draft-ietf-acme-dns-persist-02)."""

import hashlib
import json

import pytest
from jose import b64

from conftest import NAME
from evercert import DONE

PREFIX = "https://ca.example/account-hash/"


def record(client, name):
    return json.loads(client.run("dns", "record", name, "--json", status=DONE).stdout)


def account_of(client):
    (account,) = json.loads(client.run("account", "show", "--authority", "test", "--json", status=DONE).stdout)
    return account


@pytest.fixture
def hashing(ca, client):
    one = ca()
    one.turn_on("member_is", kind="directory", name="meta.accountHashPrefix", value=PREFIX)
    mine = client(one)
    mine.run("account", "register", status=DONE)
    return mine


@pytest.mark.parametrize("name", [NAME, "*." + NAME])
def test_the_hashed_form(hashing, name):
    account = account_of(hashing)
    text = bytes([len(NAME)]) + NAME.encode() + account["thumbprint"].encode() + account["url"].encode()
    uri = f"{PREFIX}sha-256/{b64(hashlib.sha256(text).digest())}"
    more = "; policy=wildcard" if name != NAME else ""
    row = record(hashing, name)
    assert [(one["draft"], one["name"], one["value"]) for one in row["persist"]] == [
        ("01", f"_validation-persist.{NAME}", f"ca.example; accounturi={account['url']}{more}"),
        ("02", f"_validation-persist.{NAME}", f"ca.example; accounturi={uri}{more}"),
    ]
    assert row["caa"][0].startswith(f'0 issue "ca.example; accounturi={account["url"]}; ')


def test_without_a_prefix(live):
    assert [one["draft"] for one in record(live, NAME)["persist"]] == ["01"]


PREFIXES = [7, None, "", [], "x" * 300, "x" * 5000, 'evil"; accounturi=x', "a\nb", "\u202e"]


@pytest.mark.parametrize("value", PREFIXES, ids=range(len(PREFIXES)))
def test_a_prefix_that_is_none(ca, client, value):
    """Whatever stands there: no line of a zone file is made of it that says something else."""
    one = ca()
    one.turn_on("member_is", kind="directory", name="meta.accountHashPrefix", value=value)
    mine = client(one)
    mine.run("account", "register", status=DONE)
    done = mine.run("dns", "record", NAME)
    for line in done.stdout.splitlines():
        assert line.startswith((";", f"{NAME}. IN CAA ", f"_validation-persist.{NAME}. IN TXT ")), line
        assert all(" " <= char <= "~" for char in line)
        assert line.count('"') % 2 == 0 and "\\" not in line


NAMES = [["ca.example"] * 40, ['a"; issue "b'], ["a;b"], ["a b"], ["a\n. IN CAA 0 issue \"evil\""], [7], "ca.example", [""]]


@pytest.mark.parametrize("names", NAMES, ids=range(len(NAMES)))
def test_names_of_the_ca_that_are_none(ca, client, names):
    one = ca()
    one.turn_on("member_is", kind="directory", name="meta.caaIdentities", value=names)
    mine = client(one)
    mine.run("account", "register", status=DONE)
    done = mine.run("dns", "record", NAME)
    for line in done.stdout.splitlines():
        assert line.startswith((";", f"{NAME}. IN CAA 0 issue ", f"_validation-persist.{NAME}. IN TXT ")), line
        if " IN CAA " in line:
            value = line.split(" issue ", 1)[1]
            assert value[0] == value[-1] == '"' and '"' not in value[1:-1] and value.count(";") == 2, line
