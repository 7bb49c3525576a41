"""Tests that kill processes at named points (src/base/crash_point.h) and start them again.

    script/test crash [-k EXPRESSION]       -k keeper_generation_live, -k "forget and alone"

    stage.py       what all cases of a run share: a CA behind a gate, a web server, name servers
    strike.py      an evercert that is killed at a point, and what must be true of it afterwards
    scenarios/     what is done while it is killed, and what must have come of it
    matrix.py      which point is reached by which scenario

A new point needs a row in matrix.py; test_matrix.py fails for one that has none, and for a scenario that does not
reach it. One case is about two seconds, so a CA is started once for all of a worker's cases, and each case has names
of its own there.
"""

import pathlib
import sys

import pytest

from processes import Processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
for module in ("strike", "scenarios"):
    pytest.register_assert_rewrite(module)

from stage import Stage  # noqa: E402


@pytest.fixture(scope="session")
def stage(tmp_path_factory, authority):
    lasting = Processes(lasting=True)
    one = Stage(lasting, tmp_path_factory.mktemp("stage"), authority)
    yield one
    one.close()
    lasting.stop_all()
