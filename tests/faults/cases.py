"""A table of cases is {id: (what is wrong, outcome)}. What is wrong is a function of the CA, mostly one that turns a
switch on; the outcome is GOT, or a regular expression that the error must match."""

import re

import pytest

from evercert import FAILED

GOT = None


def on(name, /, **options):
    """What is wrong: one switch. Options that are functions marked with late() get the CA first."""

    def turn_on(ca):
        ready = {key: value.make(ca) if isinstance(value, late) else value for key, value in options.items()}
        ca.turn_on(name, **ready)

    return turn_on


class late:
    """An option that needs the CA: late(lambda ca: ca.trap.url("http"))."""

    def __init__(self, make):
        self.make = make


def is_like(**settings):
    """Not wrong, but not what everybody does: settings of the CA."""
    return lambda ca: ca.on(**settings)


def both(*parts):
    def turn_on(ca):
        for part in parts:
            part(ca)

    return turn_on


def each(cases):
    """Runs the test once for each case; it gets `wrong` and `outcome`."""
    values = [pytest.param(*case, id=name.replace(" ", "-")) for name, case in cases.items()]
    return pytest.mark.parametrize("wrong, outcome", values)


def play(live, wrong, outcome, timeout=60):
    """An attempt to renew at a CA that is wrong in this way. Returns the leaf, or the error."""
    wrong(live.ca)
    if outcome is GOT:
        return live.expect_got(timeout)
    return live.expect_failure(outcome, timeout)


def play_first(client, ca, wrong, outcome, only_error, names=("a.example",)):
    """The same for the first certificate of an evercert that never saw this CA. Returns the client."""
    wrong(ca)
    made = client(ca)
    done = made.issue(*names, status=None)
    if outcome is GOT:
        assert done.status == 0, done.stderr
        made.leaf(names[0])
        return made
    assert done.status == FAILED, done.stdout + done.stderr
    error = only_error(done.stderr)
    assert re.search(outcome, error, re.IGNORECASE), error
    assert not made.live(names[0]).exists()
    return made
