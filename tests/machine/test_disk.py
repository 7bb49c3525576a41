"""A disk that is full, read-only or broken, at each call of each process that changes it: what was in force stays, the
error says where and why, and as soon as the disk is well again the same order is gone on with."""

import errno
import os
import re

import pytest

import lineage
from evercert import DONE, FAILED
from machine import WRITES
from scenario import NAME

PROCESSES = ("parent", "keeper", "engine")
# Of the calls of a process, so many are tried, evenly: more takes longer than it finds.
SAMPLES = {"parent": 3, "keeper": 5, "engine": 4}
# SQLite has words of its own.
SQLITE = "database or disk is full|disk I/O error|attempt to write a readonly database|unable to open database file"
RETRY_S = 120  # a first failure is tried again after a minute and a fifth

# How a disk goes wrong, and how often: until somebody helps, or once.
FAULTS = pytest.mark.parametrize(
    "error, times",
    [(errno.ENOSPC, 1), (errno.ENOSPC, 0), (errno.EROFS, 0), (errno.EIO, 1), (errno.EIO, 0)],
    ids=["full-once", "full", "read-only", "broken-once", "broken"],
)


def sample(count, most):
    """At most so many of 1 to count, evenly."""
    return sorted({1 + round(i * (count - 1) / max(most - 1, 1)) for i in range(min(count, most))})


def count_calls(machine, one, path, words):
    """{process: how many calls it makes that change the disk}, by doing it once with a disk that is well."""
    counts = {process: machine.count(process, WRITES, path) for process in PROCESSES}
    done = one.renew(*words)
    assert done.status == DONE, done.stderr
    one.expect_whole()
    machine.clear()
    seen = {process: rule.seen for process, rule in counts.items()}
    assert all(seen.values()), seen
    return seen


def generation(one):
    return lineage.generation(one.client, NAME) if one.client.live(NAME).is_symlink() else 0


class Trial:
    """One fault: the command with it, and the next try without."""

    def __init__(self, one, machine, words):
        self.one, self.machine, self.words = one, machine, words
        self.before = generation(one)
        self.finalized = one.finalized()

    def run(self, process, error, path, nth, times):
        rule = self.machine.fail(process, WRITES, error, path, first=nth, times=times)
        done = self.one.renew(*self.words)
        self.hits, self.last = rule.hits, rule.last
        self.machine.clear()
        what = f"{process} {nth} of {self.last}: {done.stderr}"
        if self.hits and done.status != DONE:
            assert done.status == FAILED, what
            self.expect_reason(done.stderr, error, what)
        if generation(self.one) > 0:
            lineage.check(self.one.client, NAME)
        return what

    def expect_reason(self, text, error, what):
        """Why, in the words of the system, and where: a path, or a name below one."""
        lines = [line for line in text.splitlines() if re.search(f"{re.escape(os.strerror(error))}|{SQLITE}", line)]
        assert lines, what
        assert any(re.search(r"[/.]\w", line.split("error: ", 1)[-1]) for line in lines), what

    def again(self, what):
        """The disk is well: what was begun is ended, with the order that there is."""
        forced = ["--force", NAME] if self.words and generation(self.one) == self.before else []
        self.machine.move_clock(RETRY_S)
        done = self.one.renew(*forced)
        assert done.status == DONE, f"{what}\n{done.stderr}"
        self.one.expect_whole()
        assert generation(self.one) > self.before
        assert self.one.finalized() - self.finalized == 1, f"{what}\nordered again"
        self.machine.move_clock(-RETRY_S)


def all_calls(make, machine, path, words, error, times):
    for process, count in count_calls(machine, make(), path, words).items():
        for nth in sample(count, SAMPLES[process]):
            trial = Trial(make(), machine, words)
            what = trial.run(process, error, path, nth, times)
            # How often the engine writes depends on how its turns fall.
            assert trial.hits or nth > count * 0.7, f"{process} made fewer than {nth} calls"
            trial.again(what)


@FAULTS
def test_issue(world, machine, tmp_path, error, times):
    all_calls(world, machine, tmp_path, (), error, times)


@FAULTS
def test_renew(world, machine, issued, tmp_path, error, times):
    all_calls(lambda: world(issued), machine, tmp_path, ("--force", NAME), error, times)
