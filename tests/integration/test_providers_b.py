"""DNS providers: what is peculiar to some of inwx to httpreq, and what only stand-ins can tell that keep records of
every type and lists of any length; see test_providers.py."""

import json
import time

import pytest
from dns_providers import alidns, bunny, desec, dnsimple, dnsmadeeasy, dnspod, httpreq, inwx, namecheap, namedotcom
from dns_providers import netcup, njalla, porkbun, technitium, tencentcloud, transip
from dns_providers.table import WWW, account, accounts, failure, good, made  # noqa: F401
from stand_in import route

MODULES = [alidns, bunny, desec, dnsimple, dnsmadeeasy, dnspod, httpreq, inwx, namecheap, namedotcom]
MODULES += [netcup, njalla, porkbun, technitium, tencentcloud, transip]
ALL = [module.Api for module in MODULES]
ZONED = [kind for kind in ALL if kind.zoned]


def seen(api):
    """All records, but for their numbers: some providers write them anew."""
    return sorted(repr({k: v for k, v in r.items() if k != "id"}) for r in api.records)


@accounts(ZONED)
def test_nothing_else_changes(account):
    """Also where several calls work at once on two names of a zone."""
    other = "_acme-challenge.example.org"
    for zone in ("example.org", "sub.example.org"):
        account.add(zone, f"mail.{zone}", zone, 1800, "MX")
        account.add(zone, "v=spf1 -all", zone, 7200)
        account.add(f"www.{zone}", "192.0.2.1", zone, 600, "A")
    for name in (WWW, other, "_acme-challenge.other.example.org"):
        account.add(name, "of-somebody-else", "example.org", 3600)
    before = seen(account)
    wanted = [(WWW, "one"), (WWW, "two"), (other, "three"), ("example.org", "four")]
    outcomes = good(account.run().together(*[("present", name, value) for name, value in wanted]))
    assert set(before) < set(seen(account)) and len(account.records) == len(before) + 4
    assert account.txt(WWW) == ["of-somebody-else", "one", "two"]
    good(account.run().together(*[("cleanup", n, v, o.handle) for (n, v), o in zip(wanted, outcomes)]))
    assert seen(account) == before


@accounts(ZONED)
def test_name_that_ends_like_a_zone(kind, authority):
    with made(kind, authority, zones=["example.org", "deep.example.org", "eep.example.org"]) as api:
        assert api.run().present("_acme-challenge.a.xdeep.example.org", "value").zone == "example.org"


@accounts(ZONED)
def test_many_zones(kind, authority):
    with made(kind, authority, zones=[*[f"zone{i}.example" for i in range(1101)], "example.org"]) as api:
        assert api.run().present(WWW, "value").zone == "example.org"
        assert api.txt(WWW) == ["value"]


@accounts([kind for kind in ALL if kind.paged])
def test_many_records(account):
    for i in range(account.paged):
        account.add(WWW, f"other{i}")
    account.run().present(WWW, "value")
    account.run().cleanup(WWW, "value")
    assert len(account.txt(WWW)) == account.paged and "value" not in account.txt(WWW)


# --- inwx ---


def test_inwx_keeps_its_session():
    with inwx.Api(zones=["example.org"]) as api:
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two"), ("cleanup", WWW, "one")))
        assert [r.json["method"] for r in api.requests].count("account.login") == 1
        assert api.txt(WWW) == ["two"]


def test_inwx_session_that_ended():
    with inwx.Api(zones=["example.org"]) as api:
        api.nameserver_createRecord = lambda **p: api.sessions.clear() or inwx.Api.nameserver_createRecord(api, **p)
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two")))
        assert api.txt(WWW) == ["one", "two"]
        assert [r.json["method"] for r in api.requests].count("account.login") == 2


def test_inwx_second_factor():
    secret = "JBSWY3DPEHPK3PXP"
    with inwx.Api(zones=["example.org"]) as api:
        api.second_factor = secret
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert error.code == "ERR_REFUSED" and "shared-secret" in error.text
        api.run(shared_secret=secret.lower()).present(WWW, "value")
        assert api.txt(WWW) == ["value"]
        assert api.periods_used <= {int(time.time()) // 30 - i for i in range(2)}
        error = failure(api, lambda: api.run(shared_secret="not base 32!").present(WWW, "value"), "not base 32!")
        assert "Base32" in error.text


# --- transip ---


def test_transip_token_that_was_taken_back():
    class Forgetful(transip.Api):
        @route("POST", "/v6/domains/{zone}/dns")
        def create(self, request, zone):
            self.tokens.clear()
            return super().create(request, zone)

    with Forgetful(zones=["example.org"]) as api:
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two")))
        assert api.txt(WWW) == ["one", "two"] and len(api.all_sent("POST", "/v6/auth")) == 2


def test_transip_domain_that_is_being_changed():
    with transip.Api(zones=["example.org"]) as api:
        api.fail_next(409, {}, {"error": "DNS Entries are currently being saved"}, where=("POST", "/dns"))
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert "currently being saved" in error.text and error.code != "ERR_REFUSED"


# --- desec ---


def test_desec_ttl():
    """Not below the lowest of the domain; a set that is there keeps its own."""
    with desec.Api(zones=["example.org"]) as api:
        api.run(ttl=60).present(WWW, "value")
        assert [r["ttl"] for r in api.records] == [3600]
        api.minimum_ttl = 60
        api.run(ttl=120).present(WWW, "other")
        api.run(ttl=120).present("_acme-challenge.example.org", "new")
        assert {r["value"]: r["ttl"] for r in api.records} == {"value": 3600, "other": 3600, "new": 120}


# --- netcup ---


def test_netcup_ends_its_sessions():
    with netcup.Api(zones=["example.org"]) as api:
        provider = api.run()
        provider.present(WWW, "value")
        provider.cleanup(WWW, "value")
        assert api.sessions == set()


def test_netcup_too_many_requests():
    with netcup.Api(zones=["example.org"]) as api:
        text = "More than 180 requests per minute. Please wait and retry later."
        api.fail_next(200, {}, api.answer("login", "", 4013, "Validation Error.", text))
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert "180 requests" in error.text and error.code != "ERR_REFUSED"


# --- namecheap ---


def test_namecheap_keeps_every_host():
    with namecheap.Api(zones=["example.org", "example.net"]) as api:
        api.email_type["example.org"] = "MXE"
        api.add("example.org", "192.0.2.9", ttl=1800, type="MXE")
        api.add("mail.example.org", "mx.example.net.", ttl=1799, type="MX", mx="20")
        api.add("go.example.org", 'https://example.net/?a=1&b="2"', ttl=60, type="URL301")
        api.add("example.org", '0 issue "letsencrypt.org"', ttl=1799, type="CAA")
        api.add("long.example.org", "k=rsa; p=" + "M+/=" * 100, ttl=1799, type="TXT")
        api.add("_acme-challenge.other.example.org", "other", ttl=120, type="TXT")
        before = [{**r, "id": 0} for r in api.records]
        provider = api.run()
        outcome = provider.present(WWW, "value")
        ours = {"id": 0, "zone": "example.org", "name": WWW, "type": "TXT", "value": "value", "ttl": 120, "mx": "10"}
        assert [{**r, "id": 0} for r in api.records] == [*before, ours]
        provider.cleanup(WWW, "value", outcome.handle)
        assert [{**r, "id": 0} for r in api.records] == before
        assert api.email_type == {"example.org": "MXE", "example.net": "MX"}


def test_namecheap_asks_for_its_address():
    with namecheap.Api(zones=["example.org"]) as api:
        good(api.run(client_ip=None, address_endpoint=api.origin).in_turn(("present", WWW, "a"), ("present", WWW, "b")))
        assert len(api.all_sent("GET", "/getip")) == 1 and api.txt(WWW) == ["a", "b"]
        api.address = "192.0.2.8"
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert error.code == "ERR_REFUSED" and "Invalid request IP" in error.text


# --- signatures ---


@pytest.mark.parametrize("module", [alidns, tencentcloud], ids=["alidns", "tencentcloud"])
def test_unknown_key(module):
    with module.Api(zones=["example.org"]) as api:
        provider = api.run()
        name = "access-key" if module is alidns else "secret-id"
        provider.settings[name] = "another"
        assert failure(api, lambda: provider.present(WWW, "value")).code == "ERR_REFUSED"


@pytest.mark.parametrize("module, name", [(alidns, "security_token"), (tencentcloud, "session_token")])
def test_temporary_keys(module, name):
    with module.Api(zones=["example.org"]) as api:
        api.run(**{name: "good-token"}).present(WWW, "value")
        header = {"security_token": "x-acs-security-token", "session_token": "x-tc-token"}[name]
        assert {r.headers[header] for r in api.requests} == {"good-token"}


# --- sandboxes, https ---


@pytest.mark.parametrize("module", [inwx, dnsmadeeasy, namecheap], ids=["inwx", "dnsmadeeasy", "namecheap"])
def test_sandbox(module):
    with module.Api(zones=["example.org"]) as api:
        more = {"endpoint": "http://127.0.0.1:1", "sandbox_endpoint": api.addresses["endpoint"], "sandbox": True}
        api.run(**more).present(WWW, "value")
        assert api.txt(WWW) == ["value"]


@pytest.mark.parametrize("module", [njalla, tencentcloud], ids=["njalla", "tencentcloud"])
def test_https(module, authority):
    with module.Api(authority, zones=["example.org"]) as api:
        api.run().present(WWW, "value")
        assert api.txt(WWW) == ["value"]
        provider = api.run()
        del provider.settings["ca-file"]
        assert failure(api, lambda: provider.present(WWW, "other")).code == "ERR_TLS"


# --- httpreq ---


def test_httpreq_raw():
    key_authorization = "token.thumbprint"
    more = {"identifier": "www.example.org", "token": "token", "key_authorization": key_authorization}
    with httpreq.Api(zones=["example.org"]) as api:
        api.run(mode="raw").present(WWW, "value", **more)
        wanted = {"domain": "www.example.org", "token": "token", "keyAuth": key_authorization}
        assert api.sent("POST", "/acme/present").json == wanted and len(api.txt(WWW)) == 1
        api.run(mode="raw").cleanup(WWW, "value", **more)
        assert api.sent("POST", "/acme/cleanup").json == wanted and api.txt(WWW) == []


def test_httpreq_without_password():
    class Open(httpreq.Api):
        good = {}

        def authenticate(self, request):
            assert "authorization" not in request.headers

    with Open(zones=["example.org"]) as api:
        api.run().present(WWW, "value")
        assert json.loads(api.sent("POST", "/acme/present").body) == {"fqdn": WWW + ".", "value": "value"}
