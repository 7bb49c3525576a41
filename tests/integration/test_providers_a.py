"""DNS providers against stand-ins of their APIs that judge as the providers' documentation says: what is asked of all
of them, and what is peculiar to some. The stand-ins are in tests/lib/dns_providers/."""

import contextlib
import re

import pytest
from dns_providers.clouds import AzureDns, GoogleCloudDns, Route53
from dns_providers.record_sets import DuckDns, Gandi, GoDaddy, Ns1
from dns_providers.single_records import Cloudflare, DigitalOcean, Hetzner, Infomaniak, Ionos, Linode, LuaDns, Ovh
from provider import Provider, ProviderError
from zone_server import ZoneServer

SINGLE = [Cloudflare, DigitalOcean, Hetzner, Infomaniak, Ionos, Linode, LuaDns, Ovh]
SETS = [AzureDns, Gandi, GoDaddy, GoogleCloudDns, Ns1, Route53]
ALL = [*SINGLE, *SETS, DuckDns]
HTTPS = [Cloudflare, Route53]

ONE = "ADw2sEd82DUgXcQ9hNBZThJs7zVJkR5v9JeSbAb9mZY"
TWO = "6rrai7-jm7l3PxL4WGmGoS6VMeefSHx24r-qCvUIOxU"
FOREIGN = "google-site-verification=of somebody else"


def accounts(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.provider)


@pytest.fixture
def account(kind, authority):
    with kind(authority if kind in HTTPS else None) as api, ZoneServer(*api.zones) as dns:
        api.resolvers = [dns.address]
        yield api


def assert_good(outcomes):
    assert not [one for one in outcomes if isinstance(one, ProviderError)], outcomes
    return outcomes


def secrets(settings):
    return [value for name, value in settings.items() if re.search("token$|secret|key$|account$", name)]


def provider(account, settings=None):
    settings = {**(settings or account.good), **account.addresses}
    if account.ca_file:
        settings["ca-file"] = account.ca_file
    return Provider(account.provider, settings, resolvers=account.resolvers, times={"retry_ms": 20})


@accounts(ALL)
def test_record_comes_and_goes(account):
    name, p = "_acme-challenge.www." + account.domain, provider(account)
    outcome = p.present(name, ONE)
    assert account.txt(name) == [ONE]
    assert outcome.zone == account.domain
    assert_good(p.in_turn(("cleanup", name, ONE, outcome.handle), ("cleanup", name, ONE, outcome.handle)))
    assert account.txt(name) == []


@accounts(ALL)
def test_record_at_the_zones_own_name(account):
    """As where another name is an alias of it."""
    p = provider(account)
    p.present(account.domain, ONE)
    assert account.txt(account.domain) == [ONE]
    p.cleanup(account.domain, ONE)
    assert account.txt(account.domain) == []


@accounts([*SINGLE, *SETS])
def test_values_at_the_same_name_are_left_alone(account):
    """A domain and its wildcard are proven at one name; somebody else has a value there too."""
    name, p = "_acme-challenge." + account.domain, provider(account)
    account.add(name, FOREIGN)
    _, two = assert_good(p.together(("present", name, ONE), ("present", name, TWO)))
    assert account.txt(name) == sorted([ONE, TWO, FOREIGN])
    p.cleanup(name, ONE)  # the handle got lost
    assert account.txt(name) == sorted([TWO, FOREIGN])
    assert_good(p.in_turn(("cleanup", name, TWO, two.handle), ("cleanup", name, TWO, two.handle)))
    assert account.txt(name) == [FOREIGN]


@accounts(ALL)
def test_the_same_value_twice(account):
    """After a crash nobody knows that it is there already."""
    name, p = "_acme-challenge." + account.domain, provider(account)
    assert_good(p.in_turn(("present", name, ONE), ("present", name, ONE)))
    assert set(account.txt(name)) == {ONE}
    p.cleanup(name, ONE)
    assert account.txt(name) == []


@accounts(ALL)
def test_zone_some_labels_up(account):
    name = "_acme-challenge.a.b.c." + account.domain
    assert provider(account).present(name, ONE).zone == account.domain
    assert account.zone_of(name) == account.domain


@accounts([*SINGLE, *SETS])
def test_longest_zone_is_taken(account):
    name = "_acme-challenge.www." + account.nested
    assert provider(account).present(name, ONE).zone == account.nested
    assert account.zone_of(name) == account.nested


@accounts(ALL)
def test_zone_that_the_account_does_not_have(account):
    with pytest.raises(ProviderError) as e:
        provider(account).present("_acme-challenge.elsewhere.test", ONE)
    assert "elsewhere.test" in e.value.text
    assert account.records == []


def _others(kinds, attribute):
    for kind in kinds:
        for i, one in enumerate(getattr(kind, attribute)):
            yield pytest.param(kind, one, id=f"{kind.provider}-{i}")


@pytest.mark.parametrize("kind, settings", _others(ALL, "variants"))
def test_other_credentials(account, settings):
    name, p = "_acme-challenge.www." + account.domain, provider(account, settings)
    p.present(name, ONE)
    assert account.txt(name) == [ONE]
    p.cleanup(name, ONE)
    assert account.txt(name) == []


@pytest.mark.parametrize("kind, wrong", _others(ALL, "wrong"))
def test_wrong_credentials_are_refused(account, wrong):
    settings, words = wrong
    with pytest.raises(ProviderError) as e:
        provider(account, settings).present("_acme-challenge.www." + account.domain, ONE)
    assert e.value.code == "ERR_REFUSED"
    assert words in e.value.text
    for value in secrets(settings):
        assert value not in e.value.text
    assert len(account.requests) <= 3


@pytest.mark.parametrize(
    "kind, settings, words",
    [
        (Cloudflare, {"email": "hostmaster@example.org"}, "api-token is needed, or email and api-key"),
        (Gandi, {}, "personal-access-token is needed"),
        (AzureDns, AzureDns.subscription, "tenant-id, client-id and client-secret are needed, or access-token"),
        (GoogleCloudDns, {"service-account": "{}"}, "service-account is not the JSON of a service account's key"),
    ],
)
def test_credentials_that_are_not_there(account, settings, words):
    settings = {"ttl": 600, **settings}
    with pytest.raises(ProviderError, match=words):
        provider(account, settings).present("_acme-challenge.www." + account.domain, ONE)
    assert account.requests == []


@accounts(ALL)
def test_too_many_requests(account):
    account.fail_next(429, {"Retry-After": "1"}, {"message": "slow down"})
    name = "_acme-challenge.www." + account.domain
    provider(account).present(name, ONE)
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


@pytest.mark.parametrize("trouble", ["status 500", "a page for people", "half of an answer", "no answer"])
@accounts(ALL)
def test_trouble_is_told(kind, authority, trouble):
    with contextlib.closing(kind(authority if kind in HTTPS else None)) as account:
        account.resolvers = []
        _trouble(account, trouble)
        with pytest.raises(ProviderError) as e:
            provider(account).present("_acme-challenge.www." + account.domain, ONE)
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
        if re.search("(token|secret|key|service-account)$", name) and name != "access-key-id":
            assert settings[name]["type"] == "secret", name
    assert all(setting["help"].endswith(".") for setting in settings.values())


@accounts([Hetzner, Route53, GoogleCloudDns])
def test_changes_are_waited_for(account):
    account.slow = account.pending = 2
    name = "_acme-challenge.www." + account.domain
    provider(account).present(name, ONE)
    assert (account.slow, account.pending)[account.provider != "hetzner"] == 0
    assert account.txt(name) == [ONE]


@accounts([Hetzner])
def test_hetzner_keeps_the_ttl_of_a_set(account):
    name = "_acme-challenge.www." + account.domain
    account.add(name, FOREIGN, ttl=7200)
    provider(account).present(name, ONE)
    assert {record["ttl"] for record in account.records} == {7200}


@accounts([Hetzner])
def test_hetzner_says_why_an_action_failed(account):
    failed = {"id": 1, "status": "error", "error": {"code": "action_failed", "message": "The zone is not well"}}
    account.fail_next(201, {}, {"action": failed}, where=("POST", "/add_records"))
    with pytest.raises(ProviderError, match="The zone is not well"):
        provider(account).present("_acme-challenge.www." + account.domain, ONE)


@accounts([Hetzner])
def test_hetzner_is_at_work_on_the_zone(account):
    locked = account.bad(423, "locked", "There is an action running already").answer
    account.fail_next(*(locked[i] for i in (0, 2, 1)), where=("POST", "/add_records"))
    with pytest.raises(ProviderError, match="There is an action running already") as e:
        provider(account).present("_acme-challenge.www." + account.domain, ONE)
    assert e.value.code == "ERR_WAIT"


@accounts([Infomaniak])
def test_infomaniak_errors_with_status_200(account):
    error = {"code": "validation_failed", "description": "Validation failed"}
    account.fail_next(200, {}, {"result": "error", "error": error}, where=("POST", "/records"))
    with pytest.raises(ProviderError, match="Validation failed"):
        provider(account).present("_acme-challenge.www." + account.domain, ONE)


@accounts([Infomaniak, Linode, LuaDns])
def test_records_on_later_pages_are_found(account):
    name, p = "_acme-challenge.www." + account.domain, provider(account)
    for i in range(5):
        account.add(f"n{i}." + account.domain, ONE)
    p.present(name, ONE)
    p.cleanup(name, ONE)
    assert account.txt(name) == []
    assert len(account.records) == 5


@accounts([Linode])
def test_linode_records_with_their_whole_name(account):
    name = "_acme-challenge.www." + account.domain
    account.add(name, ONE)["label"] = name
    provider(account).cleanup(name, ONE)
    assert account.txt(name) == []


@accounts([AzureDns, GoogleCloudDns, Ovh])
def test_tokens_and_the_time_are_asked_for_once(account):
    names = [f"_acme-challenge.{label}." + account.domain for label in "abc"]
    assert_good(provider(account).in_turn(*[("present", name, ONE) for name in names]))
    asked = [r for r in account.requests if r.path.endswith(("/token", "/auth/time"))]
    assert len(asked) == 1


@accounts([Route53])
def test_route53_hosted_zone_by_its_id(account):
    """Zones may not be listed then, so the DNS says where the zone begins."""
    name = "_acme-challenge.www." + account.domain
    id = account.zones[account.domain]
    p = provider(account, {**account.good, "hosted-zone-id": id})
    assert p.present(name, ONE).zone == account.domain
    assert account.txt(name) == [ONE]
    assert account.all_sent("GET", "/2013-04-01/hostedzonesbyname") == []


@accounts([Route53])
def test_route53_throttling(account):
    throttled = account.bad(400, "Throttling", "Rate exceeded").answer
    account.fail_next(throttled[0], {}, throttled[1])
    name = "_acme-challenge.www." + account.domain
    provider(account).present(name, ONE)
    assert account.txt(name) == [ONE]


@accounts([DuckDns])
def test_duckdns_has_room_for_one_value(account):
    name = "_acme-challenge." + account.domain
    one, two, gone, again = provider(account).in_turn(
        ("present", name, ONE), ("present", name, TWO), ("cleanup", name, TWO), ("cleanup", name, ONE)
    )
    assert isinstance(two, ProviderError) and "one TXT value for evercert.duckdns.org" in two.text
    assert "certificates of their own" in two.text
    assert_good([one, gone, again])
    assert [r.query["txt"] for r in account.requests] == [ONE, ""]
    assert_good(provider(account).in_turn(("present", name, ONE), ("cleanup", name, ONE), ("present", name, TWO)))
    assert account.txt(name) == [TWO]


@accounts([DuckDns])
def test_duckdns_leaves_what_another_has_put_there_since(account):
    name = "_acme-challenge." + account.domain
    account.value = TWO
    with ZoneServer({account.domain: {name: [TWO]}}) as dns:
        account.resolvers = [dns.address]
        provider(account).cleanup(name, ONE)
    assert account.txt(name) == [TWO]
    assert account.requests == []
