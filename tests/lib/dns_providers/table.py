"""What the tests of all DNS providers have in common: a test that has the argument `account` is made for each kind that
`accounts` names.

    from dns_providers.table import account, accounts       # noqa: F401

    @accounts([Gandi, Hetzner])
    def test_it(account):
        account.run().present(WWW, ONE)
"""

import re

import pytest
from provider import ProviderError
from zone_server import ZoneServer

WWW = "_acme-challenge.www.example.org"
ONE = "ADw2sEd82DUgXcQ9hNBZThJs7zVJkR5v9JeSbAb9mZY"
TWO = "6rrai7-jm7l3PxL4WGmGoS6VMeefSHx24r-qCvUIOxU"
FOREIGN = "google-site-verification=of somebody else"
HTTPS = ["cloudflare", "njalla", "route53", "tencentcloud"]


def accounts(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.provider)


def made(kind, authority, **more):
    return kind(authority if kind.provider in HTTPS else None, **more)


@pytest.fixture
def account(kind, authority):
    with made(kind, authority) as api, ZoneServer(*api.zones) as dns:
        api.resolvers = [dns.address]
        yield api


def secrets(settings):
    """Texts that no error may have in it."""
    found = [value for name, value in settings.items() if re.search("token$|secret|password|key$|account$", name)]
    return [line for value in found for line in value.splitlines() if not line.startswith("-----")]


def good(outcomes):
    assert not [one for one in outcomes if isinstance(one, ProviderError)], outcomes
    return outcomes


def failure(api, call, *forbidden):
    """The error that it ends with."""
    with pytest.raises(ProviderError) as caught:
        call()
    known = [settings for settings, _ in api.wrong] + [api.good]
    for secret in [*forbidden, *(secret for settings in known for secret in secrets(settings))]:
        assert secret not in caught.value.text
    return caught.value
