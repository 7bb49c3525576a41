"""The providers rfc2136 and powerdns against real servers, acme-dns against a stand-in."""

import json
import os

import pytest
from bind import Bind
from dns_providers.acme_dns import AcmeDns
from knot import Knot
from name_server import Key
from ports import free_port
from powerdns import Powerdns
from provider import Provider, ProviderError

NAME = "_acme-challenge.www.a.example"


def settings(server, key=None, **more):
    signed = {"key-name": key.name, "key-algorithm": key.algorithm, "key-secret": key.secret} if key else {}
    return {"server": server.text, **signed, **more}


def resolver_of(processes, tmp_path, *servers):
    """A resolver that knows the zones of these."""
    resolver = Bind(processes, tmp_path / "resolver", recursion=True)
    for server in servers:
        for zone in server.zones:
            resolver.forward(zone, server)
    return resolver.start()


@pytest.mark.parametrize("kind", [Bind, Knot, Powerdns])
def test_rfc2136(processes, tmp_path, kind):
    one, two = Key("one.", "hmac-sha256"), Key("two", "hmac-sha512")
    server = kind(processes, tmp_path / "server")
    server.zone("a.example", key=one).zone("sub.a.example", key=two).start()
    resolvers = [resolver_of(processes, tmp_path, server).text]
    provider = Provider("rfc2136", settings(server, one), resolvers)
    first = provider.present(NAME, "first")
    assert first.zone == "a.example"
    provider.present(NAME, "first")
    for outcome in provider.together(*[("present", NAME, f"value-{number}") for number in range(10)]):
        assert not isinstance(outcome, ProviderError), outcome
    server.wait_txt(NAME, "first", *[f"value-{number}" for number in range(10)])
    provider.cleanup(NAME, "first", first.handle)
    for number in range(9):
        provider.cleanup(NAME, f"value-{number}")
    server.wait_txt(NAME, "value-9")
    provider.cleanup(NAME, "value-9")
    provider.cleanup(NAME, "value-9")
    server.wait_txt(NAME)
    # the zone below has a key of its own
    below = "_acme-challenge.x.sub.a.example"
    with pytest.raises(ProviderError) as refused:
        provider.present(below, "value")
    assert refused.value.code == "ERR_REFUSED" and one.secret not in refused.value.text
    assert Provider("rfc2136", settings(server, two), resolvers).present(below, "value").zone == "sub.a.example"
    server.wait_txt(below, "value")


def test_rfc2136_with_a_zone_and_a_name(processes, tmp_path):
    key = Key("key")
    server = Knot(processes, tmp_path / "server").zone("a.example", key=key).start()
    given = settings(server, key, zone="a.example")
    for text in (f"localhost:{server.port}", f"[127.0.0.1]:{server.port}"):
        Provider("rfc2136", {**given, "server": text}).present(NAME, text)
        server.wait_txt(NAME, text)
        Provider("rfc2136", {**given, "server": text}).cleanup(NAME, text)
    with pytest.raises(ProviderError) as error:
        Provider("rfc2136", given).present("_acme-challenge.b.example", "value")
    assert "does not lie in the zone a.example" in error.value.text
    with pytest.raises(ProviderError) as error:
        Provider("rfc2136", {**given, "server": "no such name"}).present(NAME, "value")
    assert error.value.code == "ERR_NOT_FOUND" and "no such name" in error.value.text


def test_rfc2136_with_a_name_of_several_addresses(processes, tmp_path, monkeypatch):
    """The first two are nobody's; the names stand in an /etc/hosts that only provider_run sees."""
    key = Key("key")
    server = Knot(processes, tmp_path / "server").zone("a.example", key=key).start()
    hosts = tmp_path / "hosts"
    hosts.write_text("127.9.9.9 two.example\n127.9.9.8 two.example nobody.example\n127.0.0.1 two.example\n")
    program = tmp_path / "in-namespace" / "tests" / "provider_run"
    program.parent.mkdir(parents=True)
    unshare = "unshare --mount" if os.geteuid() == 0 else "unshare --user --map-root-user --mount"
    real = os.path.join(os.environ["EVERCERT_BUILD"], "tests/provider_run")
    program.write_text(f"#!/bin/sh\nexec {unshare} sh -c 'mount --bind {hosts} /etc/hosts && exec {real}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("EVERCERT_BUILD", str(program.parents[1]))
    given = settings(server, key, zone="a.example")
    Provider("rfc2136", {**given, "server": f"two.example:{server.port}"}).present(NAME, "value")
    server.wait_txt(NAME, "value")
    with pytest.raises(ProviderError) as error:
        Provider("rfc2136", {**given, "server": f"nobody.example:{server.port}"}).present(NAME, "value")
    assert error.value.code == "ERR_NETWORK" and f"127.9.9.8:{server.port}" in error.value.text


def test_rfc2136_refusals(processes, tmp_path):
    key = Key("key")
    server = Bind(processes, tmp_path / "server").zone("a.example", key=key).start()
    zone = {"zone": "a.example"}
    cases = [
        (settings(server, Key("other"), **zone), "ERR_REFUSED", 'no key "other"'),
        (settings(server, Key("key"), **zone), "ERR_REFUSED", "BADSIG"),
        (settings(server, Key("key", secret="not at all"), **zone), "ERR_INPUT", "base64"),
        (settings(server, **zone), "ERR_REFUSED", "REFUSED"),
        ({**settings(server, key, **zone), "server": f"127.0.0.1:{free_port()}"}, "ERR_NETWORK", "Connection refused"),
        ({"server": server.text, "key-name": "key", **zone}, "ERR_FAILED", "key-secret is needed"),
    ]
    for given, code, words in cases:
        with pytest.raises(ProviderError) as error:
            Provider("rfc2136", given).present(NAME, "value")
        assert error.value.code == code and words in error.value.text, error.value
        assert given.get("key-secret", "-----") not in error.value.text
    assert server.txt(NAME) == []


@pytest.fixture
def powerdns(processes, tmp_path):
    server = Powerdns(processes, tmp_path / "powerdns")
    server.zone("a.example").zone("sub.a.example").start()
    return server


def test_powerdns(powerdns):
    provider = Provider("powerdns", {"endpoint": powerdns.url, "api-key": powerdns.api_key})
    powerdns.put("a.example", NAME, "another's", ttl=7)
    assert provider.present(NAME, "first").zone == "a.example"
    provider.present(NAME, "first")
    for outcome in provider.together(*[("present", NAME, f"value-{number}") for number in range(10)]):
        assert not isinstance(outcome, ProviderError), outcome
    others = [f"_acme-challenge.n{number}.a.example" for number in range(20)]
    for action in ("present", "cleanup"):  # names of their own: at the same time
        for outcome in provider.together(*[(action, name, "value") for name in others]):
            assert not isinstance(outcome, ProviderError), outcome
        assert powerdns.txt(others[7]) == (["value"] if action == "present" else [])
    values = [f"value-{number}" for number in range(10)]
    powerdns.wait_txt(NAME, "another's", "first", *values)
    outcomes = provider.together(*[("cleanup", NAME, value) for value in [*values, "first", "never there"]])
    assert not any(isinstance(outcome, ProviderError) for outcome in outcomes), outcomes
    powerdns.wait_txt(NAME, "another's")
    assert [s["ttl"] for s in powerdns.api("GET", "/zones/a.example.")["rrsets"] if s["name"] == NAME + "."] == [7]
    assert provider.present("_acme-challenge.sub.a.example", 'o"d\\d').zone == "sub.a.example"
    powerdns.wait_txt("_acme-challenge.sub.a.example", 'o"d\\d')
    provider.cleanup("_acme-challenge.sub.a.example", 'o"d\\d')
    powerdns.wait_txt("_acme-challenge.sub.a.example")
    assert not [s for s in powerdns.api("GET", "/zones/sub.a.example.")["rrsets"] if s["type"] == "TXT"]


def test_powerdns_tells_secondaries(processes, tmp_path):
    primary = Powerdns(processes, tmp_path / "primary").zone("a.example")
    secondary = Knot(processes, tmp_path / "secondary").secondary("a.example", of=primary)
    primary.start(), secondary.start()
    provider = Provider("powerdns", {"endpoint": primary.url + "/", "api-key": primary.api_key})
    provider.present(NAME, "value")
    secondary.wait_txt(NAME, "value", timeout=20)


def test_powerdns_refusals(powerdns):
    given = {"endpoint": powerdns.url, "api-key": powerdns.api_key}
    with pytest.raises(ProviderError) as error:
        Provider("powerdns", {**given, "api-key": "wrong-key"}).present(NAME, "value")
    assert error.value.code == "ERR_REFUSED" and "401" in error.value.text and "wrong-key" not in error.value.text
    with pytest.raises(ProviderError) as error:
        Provider("powerdns", given).present("_acme-challenge.b.example", "value")
    assert error.value.code == "ERR_NOT_FOUND" and "_acme-challenge.b.example" in error.value.text
    with pytest.raises(ProviderError) as error:
        Provider("powerdns", {**given, "server-id": "other"}).present(NAME, "value")
    assert "404" in error.value.text
    powerdns.stop()
    with pytest.raises(ProviderError) as error:
        Provider("powerdns", given).present(NAME, "value")
    assert error.value.code == "ERR_NETWORK"


ONE, TWO = "a" * 43, "b" * 43


def registered(server, **settings):
    """What is for `accounts`, as JSON; the name to lead to is that of the newest account."""
    given = json.loads(Provider("acme-dns", {"endpoint": server.url, **settings}).register(""))
    assert set(given) == {"settings", "cname"} and set(given["settings"]) == {"accounts"}
    assert given["cname"] == list(server.accounts.values())[-1]["fulldomain"]
    return json.loads(given["settings"]["accounts"])


def test_acme_dns():
    with AcmeDns() as server:
        first = registered(server)
        assert set(first) == {"username", "password", "subdomain", "fulldomain", "allowfrom"}
        second = registered(server)
        name = first["fulldomain"]
        # three forms of the same account
        many = json.dumps({"b.example": second, "a.example": first})
        words = {word: first[word] for word in ("username", "password", "subdomain")}
        for given in ({"accounts": json.dumps(first)}, {"accounts": many}, words):
            server.values[name].clear()
            provider = Provider("acme-dns", {"endpoint": server.url, **given})
            handle = provider.present(name, ONE).handle
            provider.present(name, TWO)
            assert server.values[name] == [ONE, TWO]
            provider.cleanup(name, ONE, handle)
            assert server.values[name] == [ONE, TWO]
        Provider("acme-dns", {"endpoint": server.url, "accounts": many}).present(second["fulldomain"], ONE)
        assert server.values[second["fulldomain"]] == [ONE]


def test_acme_dns_says_what_is_missing():
    with AcmeDns() as server:
        account = registered(server)
        full = account["fulldomain"]

        def refused(given, name=full, value=ONE):
            with pytest.raises(ProviderError) as error:
                Provider("acme-dns", {"endpoint": server.url, **given}).present(name, value)
            assert account["password"] not in error.value.text
            return error.value

        accounts = json.dumps(account)
        assert f"{NAME} has to be a CNAME of {full}" in refused({"accounts": accounts}, NAME).text
        words = {word: account[word] for word in ("username", "password", "subdomain")}
        assert f"has to be a CNAME of {account['subdomain']} below" in refused(words, NAME).text
        many = json.dumps({"a.example": account})
        assert f"{NAME} is no fulldomain of the accounts" in refused({"accounts": many}, NAME).text
        assert "there is no account: evercert dns register makes one" in refused({}).text
        assert "accounts is no JSON" in refused({"accounts": accounts[:-5]}).text
        wrong = refused({"accounts": json.dumps({**account, "password": "x" * 40})})
        assert wrong.code == "ERR_REFUSED" and "account is unknown" in wrong.text
        assert "43 characters" in refused({"accounts": accounts}, value="short").text
        with pytest.raises(ProviderError) as error:
            Provider("rfc2136", {"server": "127.0.0.1"}).register("")
        assert "no accounts to register" in error.value.text


def test_acme_dns_registers_beside_other_accounts():
    with AcmeDns() as server:
        first = registered(server)
        both = registered(server, accounts=json.dumps(first))
        second = list(server.accounts.values())[-1]
        assert both == {first["fulldomain"]: first, second["fulldomain"]: second}
        three = registered(server, accounts=json.dumps({"a.example": first, "b.example": second}))
        third = list(server.accounts.values())[-1]
        assert three == {"a.example": first, "b.example": second, third["fulldomain"]: third}
        provider = Provider("acme-dns", {"endpoint": server.url, "accounts": json.dumps(three)})
        for account in (first, second, third):
            provider.present(account["fulldomain"], ONE)
            assert server.values[account["fulldomain"]] == [ONE]

        def refused(**settings):
            with pytest.raises(ProviderError) as error:
                Provider("acme-dns", {"endpoint": server.url, **settings}).register("")
            return error.value.text

        assert "accounts is no JSON" in refused(accounts="{")
        assert "write another entry" in refused(username=first["username"], password=first["password"], subdomain="x")
        assert len(server.accounts) == 3
        server.fail_next(200, body=[])
        assert "did not answer with an account" in refused()


def test_builtin_is_described():
    said = Provider("builtin").describe()
    assert not said["problems"]
    [builtin] = said["providers"]
    assert builtin["kind"] == "builtin"
    assert [setting["name"] for setting in builtin["settings"]] == ["zone", "nameservers", "listen", "contact"]
