"""Runs one provider of DNS records (providers/NAME.lua) by build/tests/provider_run, without the rest of evercert.

    p = Provider("cloudflare", {"api-token": "good", "endpoint": api.url})
    outcome = p.present("_acme-challenge.www.example.org", "value")      # .handle .zone
    p.cleanup("_acme-challenge.www.example.org", "value", outcome.handle)
    with pytest.raises(ProviderError) as e: ...                           # e.value.code, e.value.text
    outcomes = p.together(("present", NAME, "one"), ("present", NAME, "two"))   # in one entry, at the same time
    outcomes = p.in_turn(("present", NAME, "one"), ("cleanup", NAME, "one"))    # in one entry, with its cache

A list of outcomes has ProviderError objects in it where a call failed. `resolvers` are DNS servers ("127.0.0.1:5353"),
for providers whose zone is found in the DNS; tests/lib/zone_server.py is one.
"""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ProviderError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Outcome:
    def __init__(self, handle, zone):
        self.handle, self.zone = handle, zone

    def __repr__(self):
        return f"Outcome(handle={self.handle!r}, zone={self.zone!r})"


def run(document, env=None, timeout=120):
    """What provider_run prints, a list of its lines' objects."""
    program = pathlib.Path(os.environ.get("EVERCERT_BUILD", ROOT / "build/test")) / "tests/provider_run"
    done = subprocess.run(
        [program],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, f"provider_run ended with {done.returncode}: {done.stderr}"
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Provider:
    def __init__(self, name, settings=None, resolvers=(), file=None, env=None, times=None):
        """`file` instead of providers/NAME.lua; `env`: more of the environment (https_proxy); `times`: other ones than
        usual, as provider_run has them ({"retry_ms": 10})."""
        self.file = str(file or ROOT / "providers" / f"{name}.lua")
        self.settings = dict(settings or {})
        self.resolvers = list(resolvers)
        self.env = env
        self.times = times or {}

    def _call(self, action, name, value="", handle="", **more):
        return {"action": action, "name": name, "value": value, "handle": handle or "", **more}

    def _run(self, first, others=(), together=False):
        document = {"file": self.file, "settings": self.settings, "resolvers": self.resolvers, "times": self.times, **first}
        document["repeat"] = [{**one, "together": together} for one in others]
        outcomes = []
        for answer in run(document, self.env):
            error = answer["error"]
            outcomes.append(
                ProviderError(error["code"], error["text"]) if error else Outcome(answer["handle"], answer["zone"])
            )
        assert len(outcomes) == 1 + len(others)
        return outcomes

    def _one(self, call):
        outcome = self._run(call)[0]
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    def present(self, name, value, **more):
        """more: identifier, token, key_authorization."""
        return self._one(self._call("present", name, value, **more))

    def cleanup(self, name, value, handle="", **more):
        return self._one(self._call("cleanup", name, value, handle, **more))

    def register(self, name):
        """A new account: the JSON that is for the settings, as text."""
        return self._one(self._call("register", name)).handle

    def together(self, *calls):
        """Each call is (action, name, value[, handle])."""
        first, *others = [self._call(*one) for one in calls]
        return self._run(first, others, together=True)

    def in_turn(self, *calls):
        first, *others = [self._call(*one) for one in calls]
        return self._run(first, others)

    def describe(self):
        """As config/provider.h has it, of this file alone: {"providers": [...], "problems": [...]}."""
        return run({"file": self.file, "action": "describe"})[0]
