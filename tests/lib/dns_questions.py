"""build/tests/dns_run: what evercert makes of the DNS, at the resolvers that a test names.

    [found] = run([resolver], {"ask": "a.example", "type": "TXT"})
    waiting = Run([resolver], watch("value"))               # begins at once, goes on while the test does
    [answer] = waiting.answers()

What there is to do, and what comes back, stands in tests/runners/dns_run.c."""

import json
import os
import pathlib
import subprocess

from processes import sanitizer_reports

BUILD = pathlib.Path(os.environ.get("EVERCERT_BUILD", "build/test"))


class Run:
    """build/tests/dns_run, which begins at once; answers() waits for its end."""

    def __init__(self, resolvers, *do, **options):
        self.wanted = len(do)
        self._process = subprocess.Popen(
            [BUILD / "tests" / "dns_run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process.stdin.write(
            json.dumps({"resolvers": [getattr(r, "text", r) for r in resolvers], "do": do, **options})
        )
        self._process.stdin.close()
        self._process.stdin = None

    def ended(self):
        return self._process.poll() is not None

    def answers(self):
        out, errors = self._process.communicate(timeout=60)
        assert self._process.returncode == 0 and not sanitizer_reports(errors), errors
        found = {line["n"]: line for line in map(json.loads, out.splitlines())}
        assert sorted(found) == list(range(self.wanted)), out
        return [found[n] for n in range(self.wanted)]


def run(resolvers, *do, **options):
    return Run(resolvers, *do, **options).answers()


def watch(value, zone="a.example", name="_acme-challenge.a.example", **more):
    """Waits for a value at that name."""
    return {"watch": name, "zone": zone, "value": value, **more}
