"""No descriptors left: the daemon stays up, says so, does not spin, and goes on when there are some again."""

import errno
import socket
import urllib.request

import pytest

from conftest import NAME
from evercert import DONE, FAILED
from processes import wait_until

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
    assert said(client, "cannot accept") == 1, client.text()


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


@pytest.mark.parametrize("error", NONE_LEFT, ids=["process", "machine"])
@pytest.mark.parametrize("process, calls", [
    ("engine", ["socket"]), ("engine", ["open", "create"]), ("keeper", ["open", "create"]),
    ("parent", ["open", "create"]), ("parent", ["pipe", "socket"]),
])  # fmt: skip
def test_a_renewal(world, machine, issued, process, calls, error):
    """With none for one process; then the next try succeeds."""
    one = world(issued)
    one.client.run_daemon()
    one.client.wait_valid(NAME)
    leaf = one.client.leaf(NAME)
    rule = machine.fail(process, calls, error)
    done = one.renew("--force", NAME)
    print(done.status, rule.hits, rule.last, done.stderr)
    assert rule.hits < 100
    machine.clear()
    again = one.renew("--force", NAME)
    print(again.status, again.stderr, one.client.text()[-2500:])
    one.expect_whole()
    assert False
