"""Killed at every point, one process and all of them, and started again (conftest.py says more)."""

import pytest

from matrix import CASES, case_id
from strike import Strike


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_killed_at(case, stage, evercert, processes, tmp_path):
    scenario, point, nth, whom = case
    ca = scenario.authority(stage)
    client = evercert(ca.gate)
    scenario(Strike(processes, client, ca, stage.name(), point, nth, whom), stage, tmp_path).run()
