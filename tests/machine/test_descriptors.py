"""No descriptors left: the daemon stays up, says so, does not spin, and goes on when there are some again."""

import errno
import os
import socket

import pytest

import lineage
from evercert import DONE, FAILED
from processes import wait_until
from scenario import NAME

NONE_LEFT = [errno.EMFILE, errno.ENFILE]


def said(client, text):
    return client.text().count(text)


@pytest.mark.parametrize("error", NONE_LEFT, ids=["process", "machine"])
def test_commands_that_cannot_be_accepted(evercert, pebble, machine, error):
    client = evercert(pebble(), env=machine.env)
    client.run_daemon()
    rule = machine.fail("parent", "accept", error, "socket:")
    waiting = client.start("list")
    wait_until(lambda: rule.hits >= 3, "three tries to accept it")
    machine_calls = rule.hits
    assert waiting.alive()
    machine.clear()
    assert waiting.wait() == DONE
    assert machine_calls < 100  # it waits between them
    assert said(client, "commands have to wait, for none can be accepted") == 1, client.text()


@pytest.mark.parametrize("error", NONE_LEFT, ids=["process", "machine"])
def test_the_responder(evercert, pebble, machine, error):
    ca = pebble()
    client = evercert(ca, env=machine.env, config={"certificates": [{"domains": [NAME]}]})
    client.run_daemon()
    client.wait_valid(NAME)
    rule = machine.fail("responder", "accept", error, "socket:")
    with socket.create_connection(("127.0.0.1", ca.http_port)) as waiting:
        wait_until(lambda: rule.hits >= 3, "three tries to accept it")
        assert rule.hits < 100
        machine.clear()
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert waiting.recv(100).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("process, calls", [
    ("keeper", ["open", "create"]), ("parent", ["open", "create"]), ("parent", ["pipe"]),
])  # fmt: skip
def test_a_renewal(world, machine, issued, process, calls):
    """With none for one process: it fails and says so, the daemon stays up, and the next try succeeds."""
    one = world(issued)
    one.client.run_daemon()
    one.client.wait_valid(NAME)
    rule = machine.fail(process, calls, errno.EMFILE)
    done = one.renew("--force", NAME)
    assert done.status == FAILED
    assert os.strerror(errno.EMFILE) in done.stderr, done.stderr
    assert rule.hits < 100
    lineage.check(one.client, NAME)
    machine.clear()
    assert one.renew("--force", NAME).status == DONE
    one.expect_whole()
    one.client.stop_daemon()


def test_no_connection_to_the_ca(world, machine):
    one = world()
    rule = machine.fail("engine", "socket", errno.EMFILE)
    done = one.renew()
    assert done.status == FAILED and 0 < rule.hits < 100
    assert "a.example: authority test: " in done.stderr and "tries again after" in done.stderr, done.stderr
    machine.clear()
    assert one.renew("--force", NAME).status == DONE
    one.expect_whole()
