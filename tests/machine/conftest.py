"""Faults of the machine, each tried with the real binaries: a disk that is full, read-only or broken at each call that
changes it, calls that are interrupted or do half of their work, no descriptors left, and clocks that jump.

    script/test machine [-k EXPRESSION]

Fixtures, beside those of tests/conftest.py
    machine         what goes wrong, see tests/lib/machine.py
    site            a folder that is served on a port of its own: .webroot .port
    world(...)      an evercert on that machine with everything that writes: see World
"""

import pathlib
import sys

import pytest

from machine import Machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from scenario import Site, World  # noqa: E402


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path / "www")
    yield one
    one.close()


@pytest.fixture
def machine(tmp_path):
    one = Machine(tmp_path / "machine")
    yield one
    one.close()


@pytest.fixture
def ca(pebble, site):
    return pebble(http_port=site.port)


@pytest.fixture
def world(evercert, ca, machine, site, tmp_path):
    made = []

    def make(state=None):
        made.append(World(evercert, ca, machine, site, tmp_path / f"world-{len(made)}", state))
        return made[-1]

    yield make
    for one in made:
        one.expect_alive()


@pytest.fixture
def issued(world):
    """The state directory of an evercert that has the certificate."""
    first = world()
    first.renew()
    first.expect_whole()
    return pathlib.Path(first.client.state)
