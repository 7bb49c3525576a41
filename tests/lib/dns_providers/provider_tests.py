"""What every provider must do, as tests of a class; see zones_api.py for the stand-ins.

    class TestThese(ProviderTests):
        providers = ["bunny", "desec"]             # dns_providers/NAME.py has an Api for each

Where a stand-in has no zones to look for (`zoned`), or no pages of records (`paged`), the tests of that are not made."""

import importlib
import re

import pytest
from provider import ProviderError

WWW = "_acme-challenge.www.example.org"


def api_of(name):
    return importlib.import_module("dns_providers." + name).Api


def pytest_generate_tests(metafunc):
    """To be imported by the test module."""
    if "api_class" in metafunc.fixturenames:
        names = metafunc.cls.providers
        needs = getattr(metafunc.function, "needs", None)
        names = [n for n in names if not needs or getattr(api_of(n), needs)]
        metafunc.parametrize("api_class", [api_of(n) for n in names], ids=names)


def needs(attribute):
    def mark(function):
        function.needs = attribute
        return function

    return mark


def fill(api, *zones):
    """Records that are others', and must stay as they are."""
    for zone in zones:
        api.add(zone, zone, "MX", f"mail.{zone}", ttl=1800)
        api.add(zone, zone, "TXT", "v=spf1 -all", ttl=7200)
        api.add(zone, f"www.{zone}", "A", "192.0.2.1", ttl=600)
    return seen(api)


def seen(api):
    """All records, but for their numbers: some providers write them anew."""
    return sorted(repr({k: v for k, v in r.items() if k != "id"}) for r in api.records)


def good(outcomes):
    assert not any(isinstance(outcome, ProviderError) for outcome in outcomes), outcomes
    return outcomes


def failure(api, call, *forbidden):
    with pytest.raises(ProviderError) as caught:
        call()
    text = caught.value.text
    for secret in [*api.secrets(), *forbidden]:
        assert secret not in text
    assert len(text) < 600 and "\n" not in text
    return caught.value


class ProviderTests:
    providers = []

    def test_present_and_cleanup(self, api_class):
        """Nothing else changes."""
        with api_class("example.org", "example.net") as api:
            if api.zoned:  # others have no values that are not ours
                for name in (WWW, "_acme-challenge.other.example.org", "_acme-challenge.example.org"):
                    api.add("example.org", name, "TXT", "of-somebody-else", ttl=3600)
            others = api.txt(WWW)
            before = fill(api, "example.org", "example.net")
            outcome = api.run().present(WWW, "value")
            assert api.txt(WWW) == [*others, "value"] and set(before) < set(seen(api))
            api.run().cleanup(WWW, "value", outcome.handle)
            assert seen(api) == before

    def test_two_values_at_one_name(self, api_class):
        """The name itself and its wildcard; the one that nobody knows the handle of goes first."""
        with api_class("example.org") as api:
            provider = api.run()
            provider.present(WWW, "of-the-name")
            second = provider.present(WWW, "of-the-wildcard")
            assert api.txt(WWW) == ["of-the-name", "of-the-wildcard"]
            provider.cleanup(WWW, "of-the-name")
            assert api.txt(WWW) == ["of-the-wildcard"]
            provider.cleanup(WWW, "of-the-wildcard", second.handle)
            assert api.txt(WWW) == []

    def test_at_the_same_time(self, api_class):
        with api_class("example.org") as api:
            before = fill(api, "example.org")
            other = "_acme-challenge.example.org"
            wanted = [(WWW, "one"), (WWW, "two"), (other, "three"), (other, "four")]
            outcomes = good(api.run().together(*[("present", name, value) for name, value in wanted]))
            assert api.txt(WWW) == ["one", "two"] and api.txt(other) == ["four", "three"]
            good(api.run().together(*[("cleanup", n, v, o.handle) for (n, v), o in zip(wanted, outcomes)]))
            assert seen(api) == before

    def test_cleanup_of_what_is_gone(self, api_class):
        with api_class("example.org") as api:
            before = fill(api, "example.org")
            provider = api.run()
            outcome = provider.present(WWW, "value")
            handles = (outcome.handle, outcome.handle, "")
            good(provider.in_turn(*[("cleanup", WWW, "value", handle) for handle in handles]))
            assert seen(api) == before

    def test_same_value_twice(self, api_class):
        """After a crash nobody knows that it is there already."""
        with api_class("example.org") as api:
            good(api.run().in_turn(("present", WWW, "value"), ("present", WWW, "value")))
            assert set(api.txt(WWW)) == {"value"}
            api.run().cleanup(WWW, "value")
            assert api.txt(WWW) == []

    @needs("zoned")
    def test_longest_zone(self, api_class):
        wanted = [
            ("example.org", "_acme-challenge.a.b.example.org", "up"),
            ("deep.example.org", "_acme-challenge.a.deep.example.org", "down"),
            ("example.org", "_acme-challenge.a.xdeep.example.org", "beside"),
        ]
        with api_class("example.org", "deep.example.org", "eep.example.org", "org.example") as api:
            outcomes = good(api.run().in_turn(*[("present", name, value) for _, name, value in wanted]))
            assert [o.zone for o in outcomes] == [zone for zone, _, _ in wanted]
            assert sorted((r["zone"], r["name"], r["value"]) for r in api.records) == sorted(wanted)

    @needs("zoned")
    def test_record_at_the_zone_itself(self, api_class):
        with api_class("example.org") as api:
            before = fill(api, "example.org")
            outcome = api.run().present("example.org", "value")
            assert api.txt("example.org") == ["v=spf1 -all", "value"]
            api.run().cleanup("example.org", "value", outcome.handle)
            assert seen(api) == before

    @needs("zoned")
    def test_zone_that_is_not_there(self, api_class):
        with api_class("example.net") as api:
            error = failure(api, lambda: api.run().present(WWW, "value"))
            assert "example.org" in error.text and "zone" in error.text.lower()
            assert api.records == []

    @needs("zoned")
    def test_many_zones(self, api_class):
        with api_class(*[f"zone{i}.example" for i in range(1101)], "example.org") as api:
            outcome = api.run().present(WWW, "value")
            assert outcome.zone == "example.org" and api.txt(WWW) == ["value"]

    @needs("paged")
    def test_many_records(self, api_class):
        with api_class("example.org") as api:
            for i in range(api.paged):
                api.add("example.org", WWW, "TXT", f"other{i}")
            api.run().present(WWW, "value")
            api.run().cleanup(WWW, "value")
            assert len(api.txt(WWW)) == api.paged and "value" not in api.txt(WWW)

    def test_wrong_credentials(self, api_class):
        with api_class("example.org") as api:
            provider = api.run()
            provider.settings.update(api.bad)
            error = failure(api, lambda: provider.present(WWW, "value"))
            assert error.code == "ERR_REFUSED" and api.refusal in error.text
            assert api.records == []

    def test_too_many_requests(self, api_class):
        with api_class("example.org") as api:
            api.fail_next(429, {"Retry-After": "1"}, {"message": "slow down"})
            api.run().present(WWW, "value")
            assert api.txt(WWW) == ["value"] and api.requests[0].target == api.requests[1].target

    @pytest.mark.parametrize(
        "status, headers, body, said",
        [
            (500, {}, {"oops": "internal"}, "500"),
            (502, {"Content-Type": "text/html"}, "<html><body>Bad gateway</body></html>", "502"),
            (200, {"Content-Type": "text/html"}, "<!DOCTYPE html><html><body>Down for maintenance", None),
            (200, {"Content-Type": "application/json"}, '{"status": "SUCCESS", "data": [{"na', None),
        ],
        ids=["500", "502", "page", "half"],
    )
    def test_answer_that_is_none(self, api_class, status, headers, body, said):
        """Errors of servers and what is no answer: an error that tells where it came from, and is no bug of ours."""
        with api_class("example.org") as api:
            if not api.zoned and status == 200:
                return  # its answers have no content
            api.fail_next(status, headers, body, times=9)
            error = failure(api, lambda: api.run().present(WWW, "value"), "<")
            assert f"127.0.0.1:{api.port}" in error.text or re.search(r"\b(GET|POST|PUT) /", error.text), error.text
            assert not said or said in error.text
            assert ".lua:" not in error.text
            assert error.code != "ERR_REFUSED"
            api.calm()

    def test_connection_that_breaks(self, api_class):
        with api_class("example.org") as api:
            for _ in range(9):
                api.cut_next()
            error = failure(api, lambda: api.run().present(WWW, "value"))
            assert error.code == "ERR_NETWORK" and ".lua:" not in error.text
            api.calm()

    def test_description(self, api_class):
        with api_class("example.org") as api:
            description = api.run().describe()
        assert description["problems"] == []
        (provider,) = description["providers"]
        assert provider["name"] == api_class.provider
        assert provider["title"] and provider["documentation"].startswith("https://")
        settings = {s["name"]: s for s in provider["settings"]}
        assert set(api_class.settings) | set(api_class.bad) <= set(settings)
        assert all(s["help"].endswith((".", ")")) for s in settings.values())
        for name in api_class.bad:
            assert settings[name]["type"] == "secret"
