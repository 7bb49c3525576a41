"""How a daemon ends, and goes on at its next start: orders and hooks under way, the watchdog; and what a reload leaves
alone."""

import os
import signal

import pytest

from evercert import DONE
from processes import wait_until


def config(*deploy, **more):
    return {"certificates": [{"domains": ["a.example"], "deploy": list(deploy)}], "stop-timeout": "30s", **more}


def shell(script):
    return {"run": ["/bin/sh", "-c", script]}


class Hook:
    """A step that says that it runs, and ends when it may; and the step after it."""

    def __init__(self, folder):
        self.lines, self.go = folder / "lines", folder / "go"

    def steps(self):
        wait = f"echo begun >> {self.lines}; while ! test -e {self.go}; do sleep 0.05; done; echo done >> {self.lines}"
        return [shell(wait), shell(f"echo after >> {self.lines}")]

    def said(self):
        return self.lines.read_text().split() if self.lines.exists() else []

    def wait(self, lines):
        wait_until(lambda: self.said() == lines, f"{lines} of the hooks", 20)


@pytest.fixture
def hook(open_folder):
    return Hook(open_folder)


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def stopping(client):
    wait_until(lambda: client.notify.count("STOPPING") == 1, "the daemon to say that it stops")


# The end, in the middle of an order


def test_an_order_that_is_nearly_through_is_finished(evercert, pebble, gate):
    """It has a few seconds; what is done with the certificate is for the next start."""
    ca = gate(pebble())
    client = evercert(ca, config=config({"run": ["/bin/true"]}))
    ca.hold("/finalize-order")
    client.run_daemon()
    ca.wait_held()
    client.daemon.send(signal.SIGTERM)
    stopping(client)
    ca.release()
    assert client.daemon.wait() == DONE
    assert client.leaf("a.example").names == ["a.example"]
    assert "its deployment goes on at the next start" in client.daemon.text()
    assert any("EXTEND_TIMEOUT_USEC" in message for message in client.notify.read())
    client.run_daemon()
    client.wait_row("a.example", lambda row: row["deploy"]["state"] == "done", "deployed")
    assert orders(ca) == 1


def test_an_order_that_takes_longer_goes_on_at_the_next_start(evercert, pebble, gate, nginx, open_folder):
    """The same order; the CA may look at its challenge file meanwhile, which is taken away later."""
    server = nginx(webroot=open_folder).start()
    ca = gate(pebble(http_port=server.http_port))
    client = evercert(ca, config=config(webroot=str(open_folder)))
    ca.hold("/chalZ")
    client.run_daemon()
    ca.wait_held()
    assert list(open_folder.glob(".well-known/acme-challenge/*"))
    client.stop_daemon()
    assert "a.example: its order goes on at the next start" in client.daemon.text()
    assert list(open_folder.glob(".well-known/acme-challenge/*"))
    ca.release()
    client.run_daemon()
    client.wait_live("a.example")
    assert orders(ca) == 1
    wait_until(lambda: not list(open_folder.glob(".well-known/acme-challenge/*")), "the file to be gone")


# ... of a hook


def test_a_hook_is_waited_for(evercert, pebble, hook):
    client = evercert(pebble(), config=config(*hook.steps()))
    client.run_daemon()
    hook.wait(["begun"])
    client.daemon.send(signal.SIGTERM)
    stopping(client)
    assert client.daemon.alive()
    hook.go.touch()
    assert client.daemon.wait() == DONE
    assert hook.said() == ["begun", "done"]
    client.run_daemon()
    hook.wait(["begun", "done", "after"])


def test_a_hook_that_does_not_end_is_cut_off_and_run_again(evercert, pebble, hook):
    client = evercert(pebble(), config={**config(*hook.steps()), "stop-timeout": "1s"})
    client.run_daemon()
    hook.wait(["begun"])
    client.stop_daemon()
    text = client.daemon.text()
    assert "a.example: deploy hook /bin/sh still runs 1s after evercert was asked to stop: it is cut off" in text
    hook.go.touch()
    client.run_daemon()
    hook.wait(["begun", "begun", "done", "after"])


def test_a_second_signal_ends_at_once(evercert, pebble, processes, hook):
    client = evercert(pebble(), config=config(*hook.steps()))
    client.run_daemon()
    hook.wait(["begun"])
    client.daemon.send(signal.SIGTERM)
    stopping(client)
    client.daemon.send(signal.SIGTERM)
    client.daemon.wait()
    processes.expect_none_left()
    text = client.daemon.text()
    assert "stopping at once" in text
    assert "a.example: deploy hook /bin/sh still runs as evercert is asked to stop again: it is cut off" in text
    assert hook.said() == ["begun"]


# A reload


def test_a_reload_in_the_middle_of_a_hook(evercert, pebble, hook):
    client = evercert(pebble(), config=config(*hook.steps()))
    client.run_daemon()
    hook.wait(["begun"])
    client.reload()
    client.reload()
    hook.go.touch()
    hook.wait(["begun", "done", "after"])
    client.wait_row("a.example", lambda row: row["deploy"]["state"] == "done", "deployed")
    assert hook.said() == ["begun", "done", "after"]


# The watchdog


def test_the_watchdog_hears_of_us(evercert, pebble):
    client = evercert(pebble(), env={"WATCHDOG_USEC": "400000"})
    client.run_daemon()
    wait_until(lambda: client.notify.count("WATCHDOG") >= 3, "the watchdog to be told")


def test_somebody_elses_watchdog_is_left_alone(evercert, pebble):
    """The variable is inherited by whatever a service starts."""
    client = evercert(pebble(), env={"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    client.run_daemon()
    assert client.list() == []
    assert client.notify.count("WATCHDOG") == 0


@pytest.mark.parametrize("name", ["engine", "keeper"])
def test_a_process_that_hangs_is_started_again(evercert, pebble, name):
    """Stopped, it answers nothing."""
    client = evercert(pebble(), env={"WATCHDOG_USEC": "3000000"})
    client.run_daemon()
    client.issue("a.example")
    wait_until(lambda: client.notify.count("WATCHDOG") >= 1, "a first round of questions")
    hung = client.pid_of(name)
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: f"{name} has not answered for 3s: it hangs" in client.daemon.text(), "it to be noticed", 30)
    wait_until(lambda: client.pid_of(name) != hung, f"another {name}", 30)
    client.issue("b.example")
