"""Calls that are interrupted or do half of their work: everything succeeds as if nothing had happened."""

import errno

import pytest

from evercert import DONE
from scenario import NAME

# What a signal can interrupt: files ("/"), sockets and waiting. No pipes: what is written to one without waiting is
# never interrupted, and libevent relies on it. What the engine sends is libcurl's, which takes it for an error.
INTERRUPTED = {"/": "read pread write pwrite".split(), "socket:": "recv send accept".split(), "": "wait poll".split()}
HALVED = "read pread write pwrite send recv".split()


def interrupt(machine, process):
    """Each kind of call by itself: every second one of it is well."""
    calls = [(path, call) for path, calls in INTERRUPTED.items() for call in calls]
    calls = [one for one in calls if (process, one[1]) != ("engine", "send")]
    return [machine.fail_others(process, call, errno.EINTR, path) for path, call in calls]


def halve(machine, process):
    return [machine.halve(process, HALVED)]


def hits(rules):
    return sum(rule.hits for rule in rules)


@pytest.mark.parametrize("fault", [interrupt, halve])
@pytest.mark.parametrize("process", ["evercert", "parent", "keeper", "engine"])
def test_a_certificate(world, machine, process, fault):
    one = world()
    rules = fault(machine, process)
    done = one.renew()
    assert (done.status, done.stderr) == (DONE, "")
    one.expect_whole()
    first = one.ca.request_counts()
    assert one.renew("--force", NAME).status == DONE
    one.expect_whole()
    assert hits(rules) > 10
    machine.clear()
    assert first["POST /order-plz"] == 1 and sum(first.values()) <= 12, first
    assert one.told.read_text() == "issued\nrenewed\n"


@pytest.mark.parametrize("fault", [interrupt, halve])
def test_the_responder(evercert, pebble, machine, fault):
    client = evercert(pebble(), env=machine.env)
    rules = fault(machine, "responder")
    client.issue(NAME)
    assert hits(rules) > 3
    machine.clear()
