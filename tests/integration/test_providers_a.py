"""DNS providers: what is peculiar to some of azuredns to route53; see test_providers.py."""

import pytest
from dns_providers.clouds import AzureDns, GoogleCloudDns, Route53
from dns_providers.record_sets import DuckDns, Gandi
from dns_providers.single_records import Cloudflare, Hetzner, Infomaniak, Linode, LuaDns, Ovh
from dns_providers.table import FOREIGN, ONE, TWO, account, accounts, good  # noqa: F401
from provider import ProviderError
from zone_server import ZoneServer


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
        account.run(settings).present("_acme-challenge.www." + account.domain, ONE)
    assert account.requests == []


@accounts([Hetzner, Route53, GoogleCloudDns])
def test_changes_are_waited_for(account):
    account.slow = account.pending = 2
    name = "_acme-challenge.www." + account.domain
    account.run().present(name, ONE)
    assert (account.slow, account.pending)[account.provider != "hetzner"] == 0
    assert account.txt(name) == [ONE]


@accounts([Hetzner])
def test_hetzner_keeps_the_ttl_of_a_set(account):
    name = "_acme-challenge.www." + account.domain
    account.add(name, FOREIGN, ttl=7200)
    account.run().present(name, ONE)
    assert {record["ttl"] for record in account.records} == {7200}


@accounts([Hetzner])
def test_hetzner_says_why_an_action_failed(account):
    failed = {"id": 1, "status": "error", "error": {"code": "action_failed", "message": "The zone is not well"}}
    account.fail_next(201, {}, {"action": failed}, where=("POST", "/add_records"))
    with pytest.raises(ProviderError, match="The zone is not well"):
        account.run().present("_acme-challenge.www." + account.domain, ONE)


@accounts([Hetzner])
def test_hetzner_is_at_work_on_the_zone(account):
    locked = account.bad(423, "locked", "There is an action running already").answer
    account.fail_next(*(locked[i] for i in (0, 2, 1)), where=("POST", "/add_records"))
    with pytest.raises(ProviderError, match="There is an action running already") as e:
        account.run().present("_acme-challenge.www." + account.domain, ONE)
    assert e.value.code == "ERR_WAIT"


@accounts([Infomaniak])
def test_infomaniak_errors_with_status_200(account):
    error = {"code": "validation_failed", "description": "Validation failed"}
    account.fail_next(200, {}, {"result": "error", "error": error}, where=("POST", "/records"))
    with pytest.raises(ProviderError, match="Validation failed"):
        account.run().present("_acme-challenge.www." + account.domain, ONE)


@accounts([Infomaniak, Linode, LuaDns])
def test_records_on_later_pages_are_found(account):
    name, p = "_acme-challenge.www." + account.domain, account.run()
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
    account.run().cleanup(name, ONE)
    assert account.txt(name) == []


@accounts([AzureDns, GoogleCloudDns, Ovh])
def test_tokens_and_the_time_are_asked_for_once(account):
    names = [f"_acme-challenge.{label}." + account.domain for label in "abc"]
    good(account.run().in_turn(*[("present", name, ONE) for name in names]))
    asked = [r for r in account.requests if r.path.endswith(("/token", "/auth/time"))]
    assert len(asked) == 1


@accounts([Route53])
def test_route53_hosted_zone_by_its_id(account):
    """Zones may not be listed then, so the DNS says where the zone begins."""
    name = "_acme-challenge.www." + account.domain
    id = account.zones[account.domain]
    p = account.run({**account.good, "hosted-zone-id": id})
    assert p.present(name, ONE).zone == account.domain
    assert account.txt(name) == [ONE]
    assert account.all_sent("GET", "/2013-04-01/hostedzonesbyname") == []


@accounts([Route53])
def test_route53_throttling(account):
    throttled = account.bad(400, "Throttling", "Rate exceeded").answer
    account.fail_next(throttled[0], {}, throttled[1])
    name = "_acme-challenge.www." + account.domain
    account.run().present(name, ONE)
    assert account.txt(name) == [ONE]


@accounts([DuckDns])
def test_duckdns_has_room_for_one_value(account):
    name = "_acme-challenge." + account.domain
    one, two, gone, again = account.run().in_turn(
        ("present", name, ONE), ("present", name, TWO), ("cleanup", name, TWO), ("cleanup", name, ONE)
    )
    assert isinstance(two, ProviderError) and "one TXT value for evercert.duckdns.org" in two.text
    assert "certificates of their own" in two.text
    good([one, gone, again])
    assert [r.query["txt"] for r in account.requests] == [ONE, ""]
    good(account.run().in_turn(("present", name, ONE), ("cleanup", name, ONE), ("present", name, TWO)))
    assert account.txt(name) == [TWO]


@accounts([DuckDns])
def test_duckdns_leaves_what_another_has_put_there_since(account):
    name = "_acme-challenge." + account.domain
    account.value = TWO
    with ZoneServer({account.domain: {name: [TWO]}}) as dns:
        account.resolvers = [dns.address]
        account.run().cleanup(name, ONE)
    assert account.txt(name) == [TWO]
    assert account.requests == []
