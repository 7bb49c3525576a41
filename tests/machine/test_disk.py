"""A disk that is full, read-only or broken, at each call of each process that changes it: what was in force stays, the
error says where and why, and as soon as the disk is well again it goes on where it was."""

import errno

import pytest

import lineage
from conftest import NAME
from evercert import DONE, FAILED
from machine import WRITES

PROCESSES = ("evercert", "parent", "keeper", "engine")


def sample(count, most):
    """At most so many of 1 to count, evenly."""
    return sorted({1 + round(i * (count - 1) / max(most - 1, 1)) for i in range(min(count, most))})


def enumerate_calls(machine, one, path, words):
    """{process: how many calls that change the disk it makes}, by doing it once with a machine that works."""
    counts = {process: machine.count(process, WRITES, path) for process in PROCESSES}
    done = one.renew(*words)
    assert done.status == DONE, done.stderr
    one.expect_whole()
    machine.clear()
    return {process: rule.seen for process, rule in counts.items()}


def explore(make, machine, path, words, error, most, times):
    counts = enumerate_calls(machine, make(), path, words)
    print(counts)
    for process, count in counts.items():
        for nth in sample(count, most):
            one = make()
            before = lineage.picture(one.client) if words else None
            rule = machine.fail(process, WRITES, error, path, first=nth, times=times)
            orders = one.orders()
            done = one.renew(*words)
            hits, last = rule.hits, rule.last
            machine.clear()
            again = one.renew("--force", NAME)
            print(process, nth, hits, last[0], last[1][-60:], done.status, again.status, one.orders() - orders, len(one.temporary()))
            print("   ", done.stderr.strip().replace("\n", "\n    ")[-700:])
            if again.status: print("   AGAIN", again.stderr)
            one.expect_alive()


@pytest.mark.parametrize("times", [1, 0], ids=["once", "lasting"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=["full", "read-only", "broken"])
def test_issue(world, machine, tmp_path, error, times):
    explore(world, machine, tmp_path, (), error, 60, times)


@pytest.mark.parametrize("times", [1, 0], ids=["once", "lasting"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=["full", "read-only", "broken"])
def test_renew(world, machine, issued, tmp_path, error, times):
    explore(lambda: world(issued), machine, tmp_path, ("--force", NAME), error, 60, times)
