"""DNS providers against stand-ins of their APIs that judge as the providers' documentation says: what is asked of all
of them. What is peculiar to some is in test_providers_a.py and test_providers_b.py; the stand-ins are in
tests/lib/dns_providers/."""

import contextlib
import re

import pytest
from dns_providers import alidns, bunny, desec, dnsimple, dnsmadeeasy, dnspod, httpreq, inwx, namecheap, namedotcom
from dns_providers import netcup, njalla, porkbun, technitium, tencentcloud, transip
from dns_providers.clouds import AzureDns, GoogleCloudDns, Route53
from dns_providers.record_sets import DuckDns, Gandi, GoDaddy, Ns1
from dns_providers.single_records import Cloudflare, DigitalOcean, Hetzner, Infomaniak, Ionos, Linode, LuaDns, Ovh
from dns_providers.table import FOREIGN, ONE, TWO, account, accounts, good, made, secrets  # noqa: F401
from provider import Provider, ProviderError

MODULES = [alidns, bunny, desec, dnsimple, dnsmadeeasy, dnspod, httpreq, inwx, namecheap, namedotcom]
MODULES += [netcup, njalla, porkbun, technitium, tencentcloud, transip]
SEVERAL = [Cloudflare, DigitalOcean, Hetzner, Infomaniak, Ionos, Linode, LuaDns, Ovh]
SEVERAL += [AzureDns, Gandi, GoDaddy, GoogleCloudDns, Ns1, Route53, *(module.Api for module in MODULES)]
ALL = [*SEVERAL, DuckDns]
ZONED = [kind for kind in ALL if kind.zoned]


@accounts(ALL)
def test_record_comes_and_goes(account):
    name, p = "_acme-challenge.www." + account.domain, account.run()
    outcome = p.present(name, ONE)
    assert account.txt(name) == [ONE]
    assert outcome.zone == (account.domain if account.zoned else "")
    good(p.in_turn(("cleanup", name, ONE, outcome.handle), ("cleanup", name, ONE, outcome.handle)))
    assert account.txt(name) == []


@accounts(ALL)
def test_record_at_the_zones_own_name(account):
    """As where another name is an alias of it."""
    p = account.run()
    p.present(account.domain, ONE)
    assert account.txt(account.domain) == [ONE]
    p.cleanup(account.domain, ONE)
    assert account.txt(account.domain) == []


@accounts(SEVERAL)
def test_values_at_the_same_name_are_left_alone(account):
    """A domain and its wildcard are proven at one name; somebody else has a value there too."""
    name, p = "_acme-challenge." + account.domain, account.run()
    account.add(name, FOREIGN)
    _, two = good(p.together(("present", name, ONE), ("present", name, TWO)))
    assert account.txt(name) == sorted([ONE, TWO, FOREIGN])
    p.cleanup(name, ONE)  # the handle got lost
    assert account.txt(name) == sorted([TWO, FOREIGN])
    good(p.in_turn(("cleanup", name, TWO, two.handle), ("cleanup", name, TWO, two.handle)))
    assert account.txt(name) == [FOREIGN]


@accounts(ALL)
def test_the_same_value_twice(account):
    """After a crash nobody knows that it is there already."""
    name, p = "_acme-challenge." + account.domain, account.run()
    good(p.in_turn(("present", name, ONE), ("present", name, ONE)))
    assert set(account.txt(name)) == {ONE}
    p.cleanup(name, ONE)
    assert account.txt(name) == []


@accounts(ZONED)
def test_zone_some_labels_up(account):
    name = "_acme-challenge.a.b.c." + account.domain
    assert account.run().present(name, ONE).zone == account.domain
    assert account.zone_of(name) == account.domain


@accounts([kind for kind in SEVERAL if kind.zoned])
def test_longest_zone_is_taken(account):
    name = "_acme-challenge.www." + account.nested
    assert account.run().present(name, ONE).zone == account.nested
    assert account.zone_of(name) == account.nested


@accounts(ZONED)
def test_zone_that_the_account_does_not_have(account):
    with pytest.raises(ProviderError) as e:
        account.run().present("_acme-challenge.elsewhere.test", ONE)
    assert "elsewhere.test" in e.value.text
    assert account.records == []


def _others(kinds, attribute):
    for kind in kinds:
        for i, one in enumerate(getattr(kind, attribute)):
            yield pytest.param(kind, one, id=f"{kind.provider}-{i}")


@pytest.mark.parametrize("kind, settings", _others(ALL, "variants"))
def test_other_credentials(account, settings):
    name, p = "_acme-challenge.www." + account.domain, account.run(settings)
    p.present(name, ONE)
    assert account.txt(name) == [ONE]
    p.cleanup(name, ONE)
    assert account.txt(name) == []


@pytest.mark.parametrize("kind, wrong", _others(ALL, "wrong"))
def test_wrong_credentials_are_refused(account, wrong):
    settings, words = wrong
    with pytest.raises(ProviderError) as e:
        account.run(settings).present("_acme-challenge.www." + account.domain, ONE)
    assert e.value.code == "ERR_REFUSED"
    assert words in e.value.text
    for value in secrets(settings):
        assert value not in e.value.text
    assert len(account.requests) <= 3


@accounts(ALL)
def test_too_many_requests(account):
    account.fail_next(429, {"Retry-After": "1"}, {"message": "slow down"})
    name = "_acme-challenge.www." + account.domain
    account.run().present(name, ONE)
    assert account.txt(name) == [ONE]


def _trouble(account, kind):
    if kind == "status 500":
        account.fail_next(500, {}, {"code": "x"}, times=99)
    elif kind == "a page for people":
        account.html_next(times=99)
    elif kind == "half of an answer":
        account.fail_next(200, {"Content-Type": "application/json"}, b'{"result": [{"id": "023e10', times=99)
    else:
        account.cut_next(times=99)


def _troubles():
    for kind in ALL:
        for trouble in ("status 500", "a page for people", "half of an answer", "no answer"):
            if kind.zoned or trouble in ("status 500", "no answer"):  # of others only the status counts
                yield pytest.param(kind, trouble, id=f"{kind.provider}-{trouble}")


@pytest.mark.parametrize("kind, trouble", _troubles())
def test_trouble_is_told(kind, authority, trouble):
    with contextlib.closing(made(kind, authority)) as account:
        account.resolvers = []
        _trouble(account, trouble)
        with pytest.raises(ProviderError) as e:
            account.run().present("_acme-challenge.www." + account.domain, ONE)
        assert e.value.code != "ERR_REFUSED"
        assert re.match(rf"{kind.provider}: (GET|POST) (https?://)?127\.0\.0\.1:\d+/", e.value.text), e.value.text
        assert ".lua:" not in e.value.text
        for value in secrets(account.good):
            assert value not in e.value.text


@accounts(ALL)
def test_what_the_catalogue_says(kind):
    answer = Provider(kind.provider).describe()
    assert answer["problems"] == []
    (one,) = answer["providers"]
    assert (one["name"], one["kind"]) == (kind.provider, "lua")
    assert one["documentation"].startswith("https://")
    settings = {setting["name"]: setting for setting in one["settings"]}
    for known in (kind.good, *kind.variants, *(settings for settings, _ in kind.wrong)):
        assert set(known) <= set(settings)
    assert set(kind.endpoints) <= set(settings)
    for name in settings:
        if re.search("(token|secret|password|key|service-account)$", name) and not name.startswith("access-key"):
            assert settings[name]["type"] in ("secret", "flag"), name
    assert all(setting["help"].endswith(".") for setting in settings.values())
