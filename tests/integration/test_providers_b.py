"""DNS providers against stand-ins of their APIs: inwx to httpreq. What all must do stands in
tests/lib/dns_providers/provider_tests.py; here is that, and what is special of one."""

import json
import time

import pytest

pytest.register_assert_rewrite("dns_providers.provider_tests")

from dns_providers import alidns, desec, httpreq, inwx, namecheap, netcup, njalla, tencentcloud, transip  # noqa: E402
from dns_providers.provider_tests import WWW, ProviderTests, api_of, failure, good, pytest_generate_tests  # noqa: E402,F401


class TestProviders(ProviderTests):
    providers = [
        "inwx", "porkbun", "bunny", "alidns", "transip", "dnsimple", "dnsmadeeasy", "desec",
        "netcup", "namecheap", "dnspod", "tencentcloud", "namedotcom", "njalla", "technitium", "httpreq",
    ]  # fmt: skip


# --- inwx ---


def test_inwx_keeps_its_session():
    with inwx.Api("example.org") as api:
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two"), ("cleanup", WWW, "one")))
        assert [r.json["method"] for r in api.requests].count("account.login") == 1
        assert api.txt(WWW) == ["two"]


def test_inwx_session_that_ended():
    with inwx.Api("example.org") as api:
        api.nameserver_createRecord = lambda **p: api.sessions.clear() or inwx.Api.nameserver_createRecord(api, **p)
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two")))
        assert api.txt(WWW) == ["one", "two"]
        assert [r.json["method"] for r in api.requests].count("account.login") == 2


def test_inwx_second_factor():
    secret = "JBSWY3DPEHPK3PXP"
    with inwx.Api("example.org") as api:
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
    with transip.Api("example.org") as api:
        taken = api.__class__.create

        def create(request, zone):
            api.tokens.clear()
            return taken(api, request, zone)

        api._routes = [(m, e, create if f.__name__ == "create" else f) for m, e, f in api._routes]
        good(api.run().in_turn(("present", WWW, "one"), ("present", WWW, "two")))
        assert api.txt(WWW) == ["one", "two"] and len(api.all_sent("POST", "/v6/auth")) == 2


def test_transip_domain_that_is_being_changed():
    with transip.Api("example.org") as api:
        api.fail_next(409, {}, {"error": "DNS Entries are currently being saved"}, where=("POST", "/dns"))
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert "currently being saved" in error.text and error.code != "ERR_REFUSED"


# --- desec ---


def test_desec_ttl():
    """Not below the lowest of the domain; a set that is there keeps its own."""
    with desec.Api("example.org") as api:
        api.run(ttl=60).present(WWW, "value")
        assert [r["ttl"] for r in api.records] == [3600]
        api.minimum_ttl = 60
        api.run(ttl=120).present(WWW, "other")
        api.run(ttl=120).present("_acme-challenge.example.org", "new")
        assert {r["value"]: r["ttl"] for r in api.records} == {"value": 3600, "other": 3600, "new": 120}


# --- netcup ---


def test_netcup_ends_its_sessions():
    with netcup.Api("example.org") as api:
        provider = api.run()
        provider.present(WWW, "value")
        provider.cleanup(WWW, "value")
        assert api.sessions == set()


def test_netcup_too_many_requests():
    with netcup.Api("example.org") as api:
        text = "More than 180 requests per minute. Please wait and retry later."
        api.fail_next(200, {}, api.answer("login", "", 4013, "Validation Error.", text))
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert "180 requests" in error.text and error.code != "ERR_REFUSED"


# --- namecheap ---


def test_namecheap_keeps_every_host():
    with namecheap.Api("example.org", "example.net") as api:
        api.email_type["example.org"] = "MXE"
        api.add("example.org", "example.org", "MXE", "192.0.2.9", ttl=1800, mx="10")
        api.add("example.org", "mail.example.org", "MX", "mx.example.net.", ttl=1799, mx="20")
        api.add("example.org", "go.example.org", "URL301", 'https://example.net/?a=1&b="2"', ttl=60)
        api.add("example.org", "example.org", "CAA", '0 issue "letsencrypt.org"', ttl=1799)
        api.add("example.org", "long.example.org", "TXT", "k=rsa; p=" + "M+/=" * 100, ttl=1799)
        api.add("example.org", "_acme-challenge.other.example.org", "TXT", "other", ttl=120)
        before = [{**r, "id": 0} for r in api.records]
        provider = api.run()
        outcome = provider.present(WWW, "value")
        ours = {"id": 0, "zone": "example.org", "name": WWW, "type": "TXT", "value": "value", "ttl": 120, "mx": "10"}
        assert [{**r, "id": 0} for r in api.records] == [*before, ours]
        provider.cleanup(WWW, "value", outcome.handle)
        assert [{**r, "id": 0} for r in api.records] == before
        assert api.email_type == {"example.org": "MXE", "example.net": "MX"}


def test_namecheap_asks_for_its_address():
    with namecheap.Api("example.org") as api:
        good(api.run(client_ip=None, address_endpoint=api.origin).in_turn(("present", WWW, "a"), ("present", WWW, "b")))
        assert len(api.all_sent("GET", "/getip")) == 1 and api.txt(WWW) == ["a", "b"]
        api.address = "192.0.2.8"
        error = failure(api, lambda: api.run().present(WWW, "value"))
        assert error.code == "ERR_REFUSED" and "Invalid request IP" in error.text


# --- signatures ---


@pytest.mark.parametrize("module", [alidns, tencentcloud], ids=["alidns", "tencentcloud"])
def test_unknown_key(module):
    with module.Api("example.org") as api:
        provider = api.run()
        name = "access-key" if module is alidns else "secret-id"
        provider.settings[name] = "another"
        assert failure(api, lambda: provider.present(WWW, "value")).code == "ERR_REFUSED"


@pytest.mark.parametrize("module, name", [(alidns, "security_token"), (tencentcloud, "session_token")])
def test_temporary_keys(module, name):
    with module.Api("example.org") as api:
        api.run(**{name: "good-token"}).present(WWW, "value")
        header = {"security_token": "x-acs-security-token", "session_token": "x-tc-token"}[name]
        assert {r.headers[header] for r in api.requests} == {"good-token"}


# --- sandboxes, https ---


@pytest.mark.parametrize("name", ["inwx", "dnsmadeeasy", "namecheap"])
def test_sandbox(name):
    with api_of(name)("example.org") as api:
        api.run(endpoint="http://127.0.0.1:1", sandbox_endpoint=api.url, sandbox=True).present(WWW, "value")
        assert api.txt(WWW) == ["value"]


@pytest.mark.parametrize("module", [njalla, tencentcloud], ids=["njalla", "tencentcloud"])
def test_https(module, authority):
    with module.Api("example.org", authority=authority) as api:
        api.run().present(WWW, "value")
        assert api.txt(WWW) == ["value"]
        provider = api.run()
        del provider.settings["ca-file"]
        assert failure(api, lambda: provider.present(WWW, "other")).code == "ERR_TLS"


# --- httpreq ---


def test_httpreq_raw():
    key_authorization = "token.thumbprint"
    more = {"identifier": "www.example.org", "token": "token", "key_authorization": key_authorization}
    with httpreq.Api("example.org") as api:
        api.run(mode="raw").present(WWW, "value", **more)
        wanted = {"domain": "www.example.org", "token": "token", "keyAuth": key_authorization}
        assert api.sent("POST", "/acme/present").json == wanted and len(api.txt(WWW)) == 1
        api.run(mode="raw").cleanup(WWW, "value", **more)
        assert api.sent("POST", "/acme/cleanup").json == wanted and api.txt(WWW) == []


def test_httpreq_without_password():
    class Open(httpreq.Api):
        settings = {}

        def authenticate(self, request):
            assert "authorization" not in request.headers

    with Open("example.org") as api:
        api.run().present(WWW, "value")
        assert json.loads(api.sent("POST", "/acme/present").body) == {"fqdn": WWW + ".", "value": "value"}
