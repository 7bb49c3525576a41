"""The daemon: readiness, reloads, its end, and the commands that reach it over the control socket."""

import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from evercert import DONE, FAILED, LOCKED, USAGE
from processes import wait_until


def certificates(*lists, **more):
    return {"certificates": [{"domains": list(names)} for names in lists], **more}


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


# Starting


def test_it_issues_what_the_configuration_names(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca, config=certificates(["a.example", "www.a.example"], ["b.example"]))
    client.run_daemon()
    assert client.notify.count("READY") == 1
    assert client.wait_live("a.example").names == ["a.example", "www.a.example"]
    assert client.wait_live("b.example").names == ["b.example"]
    client.wait_valid("a.example")
    client.wait_valid("b.example")
    assert orders(ca) == 2
    assert ca.request_counts()["POST /sign-me-up"] == 1
    client.stop_daemon()
    client.run_daemon()
    assert {row["state"] for row in client.list()} == {"valid"}
    client.stop_daemon()
    assert orders(ca) == 2


def test_without_certificates_it_waits_for_commands(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    assert client.list() == []
    client.issue("a.example")
    assert client.leaf("a.example").names == ["a.example"]


def test_it_is_ready_before_the_ca_answers(evercert, pebble):
    ca = pebble()
    ca.pause()
    client = evercert(ca, config=certificates(["a.example"]))
    client.run_daemon()
    assert client.row("a.example")["state"] == "pending"
    ca.resume()
    client.wait_live("a.example")


def test_a_bad_configuration_is_refused_at_the_start(evercert, pebble):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"], "colour": "red"}], "retry": "soon"})
    result = client.run("run", status=USAGE)
    assert "colour" in result.stderr and "retry" in result.stderr
    assert not client.control.exists()


def test_a_port_that_is_taken_is_named(evercert, pebble):
    ca = pebble()
    with socket.create_server(("127.0.0.1", ca.http_port)):
        result = evercert(ca, config=certificates(["a.example"])).run("run", status=FAILED)
    assert str(ca.http_port) in result.stderr


def test_a_second_daemon_is_refused(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    result = client.run("run", status=LOCKED)
    assert f"process {client.daemon.pid}" in result.stderr
    assert client.list() == []


# Reloading


def test_reload_issues_what_is_new(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=certificates(["a.example"]))
    client.run_daemon()
    first = client.wait_live("a.example")
    client.write_config(certificates(["a.example"], ["b.example"]))
    client.reload()
    assert client.notify.count("RELOADING") == 1
    assert client.wait_live("b.example").names == ["b.example"]
    assert client.leaf("a.example").fingerprint == first.fingerprint
    assert orders(ca) == 2


def test_reload_releases_what_is_gone(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=certificates(["a.example"], ["b.example"]))
    client.run_daemon()
    client.wait_live("a.example")
    leaf = client.wait_live("b.example")
    client.wait_valid("b.example")
    client.write_config(certificates(["a.example"]))
    client.reload()
    row = client.wait_row("b.example", lambda row: row["state"] == "released", "released")
    assert row["next_renewal"] is None
    assert client.leaf("b.example").fingerprint == leaf.fingerprint
    client.renew()
    client.renew("b.example", force=True, status=FAILED)
    assert orders(ca) == 2
    # Back again: what is live still serves, and it is scheduled as before.
    client.write_config(certificates(["a.example"], ["b.example"]))
    client.reload()
    row = client.wait_valid("b.example")
    assert row["next_renewal"] is not None
    assert client.leaf("b.example").fingerprint == leaf.fingerprint
    assert orders(ca) == 2
    client.write_config(certificates(["a.example"]))
    client.reload()
    client.wait_row("b.example", lambda row: row["state"] == "released", "released")
    client.run("forget", "b.example", status=DONE)
    assert client.row("b.example") is None
    assert not client.live("b.example").exists()


def test_released_while_it_failed_and_back(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=certificates(["a.example"]))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_valid("a.example")
    ca.dns("set-servfail", host="a.example.")
    # Pebble gives one authorization in a hundred again, and then asks no DNS.
    assert any(client.run("renew", "a.example", "--force").status == FAILED for _ in range(3))
    client.write_config({"certificates": []})
    client.reload()
    client.wait_row("a.example", lambda row: row["state"] == "released", "released")
    client.write_config(certificates(["a.example"]))
    client.reload()
    client.wait_row("a.example", lambda row: row["next_renewal"] is not None, "scheduled")


def test_reload_with_other_names_issues_anew(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"name": "site", "domains": ["a.example", "b.example"]}]})
    client.run_daemon()
    first = client.wait_live("site")
    client.write_config({"certificates": [{"name": "site", "domains": ["b.example", "a.example"]}]})
    client.reload()
    client.write_config({"certificates": [{"name": "site", "domains": ["a.example", "c.example"]}]})
    client.reload()
    second = client.wait_live("site", but=first.fingerprint)
    assert second.names == ["a.example", "c.example"]
    assert orders(ca) == 2  # another order of the same names is no other certificate


def test_reload_in_the_middle_of_issuing(evercert, pebble, gate):
    """What is under way was for the old names; the new ones must not be lost over it."""
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"name": "site", "domains": ["a.example"]}]})
    ca.hold("/finalize-order")
    client.run_daemon()
    ca.wait_held()
    client.write_config({"certificates": [{"name": "site", "domains": ["b.example"]}]})
    client.reload()
    ca.release()
    assert client.wait_live("site").names == ["b.example"]
    row = client.wait_valid("site")
    assert row["domains"] == ["b.example"]
    assert row["failures"] == 0


def test_reload_removes_what_is_being_issued(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca, config=certificates(["a.example"]))
    ca.hold("/finalize-order")
    client.run_daemon()
    ca.wait_held()
    client.write_config({"certificates": []})
    client.reload()
    wait_until(lambda: client.list() == [], "the certificate to be gone")
    ca.release()
    client.issue("b.example")
    assert client.row("a.example") is None
    assert not client.live("a.example").exists()


def test_a_reload_that_changes_nothing_goes_on(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca, config=certificates(["a.example"]))
    ca.hold("/finalize-order")
    client.run_daemon()
    ca.wait_held()
    for _ in range(3):
        client.reload()
    ca.release()
    client.wait_live("a.example")
    client.wait_valid("a.example")
    assert orders(ca) == 1
    assert ca.request_counts()["POST /finalize-order"] == 1


def test_a_bad_configuration_leaves_the_old_one_in_force(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=certificates(["a.example"]))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_valid("a.example")
    client.write_config({**certificates(["b.example"], ["not a name"]), "retry": "soon", "colour": "red"})
    client.reload()
    log = client.daemon.text()
    assert all(word in log for word in ("not a name", "soon", "colour")), log
    assert "stays in force" in log
    assert [row["name"] for row in client.list()] == ["a.example"]
    client.renew("a.example", force=True)
    client.config_file.write_text("certificates: [")
    client.reload()
    client.config_file.unlink()
    client.reload()
    assert client.daemon.text().count("stays in force") == 3
    assert orders(ca) == 2
    client.write_config(certificates(["a.example"], ["b.example"]))
    client.reload()
    client.wait_live("b.example")


def test_reload_moves_the_responder(evercert, pebble, processes):
    from ports import free_port

    ca = pebble()
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"], config=certificates(["a.example"]))
    client.run_daemon()
    client.wait_row("a.example", lambda row: row["failures"] == 1, "failing")
    old = client.listen
    client.listen = [f"127.0.0.1:{ca.http_port}"]
    client.write_config(certificates(["a.example"], ["b.example"]))
    client.reload()
    client.wait_live("b.example")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(old[0].split(":")[1])), 5)


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_it_stops_when_asked(evercert, pebble, gate, processes, number, busy):
    ca = gate(pebble())
    client = evercert(ca, config=certificates(["a.example"]))
    if busy:
        ca.hold("/order-plz")
    client.run_daemon()
    if busy:
        ca.wait_held()
    else:
        client.wait_live("a.example")
    assert client.daemon.stop(number=number) == DONE
    assert client.notify.count("STOPPING") == 1
    assert not client.control.exists()
    processes.expect_none_left()
    assert "error" not in client.daemon.text()


def test_stopping_tells_the_commands_under_way(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca)
    client.run_daemon()
    ca.hold("/order-plz")
    command = client.start("issue", "-d", "a.example")
    ca.wait_held()
    client.stop_daemon()
    assert command.wait() == FAILED
    assert "evercert was stopped" in client.text()
    assert client.row("a.example")["state"] == "pending"


def test_signals_that_come_together(evercert, pebble, processes):
    client = evercert(pebble(), config=certificates(["a.example"]))
    client.run_daemon()
    for number in [signal.SIGHUP] * 5 + [signal.SIGTERM] * 3:
        client.daemon.send(number)
    assert client.daemon.wait() == DONE


# Commands


def test_commands_reach_it(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=certificates(["a.example"]))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_valid("a.example")
    first = client.leaf("a.example").fingerprint
    client.issue("b.example")
    assert client.leaf("b.example").names == ["b.example"]
    assert client.row("b.example")["source"] == "command"
    assert "a.example" in client.run("list", status=DONE).stdout
    client.renew("a.example", force=True)
    assert client.leaf("a.example").fingerprint != first
    client.renew()
    assert orders(ca) == 3
    assert client.show("a.example")["generation"] == 2
    assert client.events("a.example") == ["issued", "renewed"]
    refused = client.issue("a.example", status=USAGE)
    assert "configuration" in refused.stderr
    assert stat.S_IMODE(client.control.stat().st_mode) == 0o600


def test_log_follows(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    everything = client.start("log", "--json", "--follow")
    one = client.start("log", "--json", "--follow", "b.example")
    client.issue("a.example")
    client.issue("b.example")

    def followed():
        lines = [line for line in client.text().splitlines() if line.startswith("{")]
        rows = [json.loads(line) for line in lines]
        return [row for row in rows if row.get("event") == "issued"]

    # a.example once and b.example twice: both logs go to the same file.
    names = sorted(row["certificate"] for row in wait_until(lambda: len(followed()) == 3 and followed(), "three rows"))
    assert names == ["a.example", "b.example", "b.example"]
    assert all(row["id"] > 0 and row["at"] for row in followed())
    one.send(signal.SIGINT)
    everything.send(signal.SIGTERM)
    one.wait()
    everything.wait()
    assert client.daemon.alive()
    last = client.start("log", "--json", "--follow")
    wait_until(lambda: len(followed()) == 5, "the history")
    client.stop_daemon()
    assert last.wait() == FAILED
    # Without a daemon there is nothing to follow, and nobody is kept from starting one.
    client.run("log", "--follow", status=DONE)


def test_two_clients_at_once(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca)
    client.run_daemon()
    ca.hold("/order-plz")
    commands = [client.start("issue", "-d", name) for name in ("a.example", "b.example")]
    wait_until(lambda: ca.held() == 2, "both orders")
    assert len(client.list()) == 2
    ca.release()
    assert [command.wait(30) for command in commands] == [DONE, DONE]
    assert {row["state"] for row in client.list()} == {"valid"}


def test_two_clients_want_the_same(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca)
    client.run_daemon()
    ca.hold("/order-plz")
    first = client.start("issue", "-d", "a.example")
    ca.wait_held()
    second = client.start("issue", "-d", "a.example")
    client.list()
    ca.release()
    assert (first.wait(30), second.wait(30)) == (DONE, DONE)
    assert orders(ca) == 1


def test_a_client_that_goes_away(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca)
    client.run_daemon()
    ca.hold("/order-plz")
    command = client.start("issue", "-d", "a.example")
    ca.wait_held()
    command.kill()
    client.list()
    ca.release()
    assert client.wait_live("a.example").names == ["a.example"]
    assert client.daemon.alive()


def test_nonsense_on_the_control_socket(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"\0" * 64, b""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            # A socket's path is short, and the folders of tests are deep.
            folder = os.open(client.control.parent, os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/{client.control.name}")
            os.close(folder)
            connection.sendall(nonsense)
            if nonsense:
                assert connection.recv(1) == b""
    assert client.list() == []
    assert client.daemon.alive()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused(evercert, pebble, open_folder):
    """By the socket's mode; and where that was loosened, by who it is."""
    client = evercert(pebble(), folder=open_folder / "e")
    client.folder.chmod(0o755)
    client.run_daemon()
    script = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)\ns.settimeout(10)\n"
        "try:\n s.connect(sys.argv[1])\n print('answered' if s.recv(1) else 'closed')\n"
        "except OSError as e:\n print(type(e).__name__)\n"
    )

    def as_nobody():
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", script]
        return subprocess.run([*words, client.control], capture_output=True, text=True, timeout=20).stdout.strip()

    assert as_nobody() == "PermissionError"
    client.control.chmod(0o666)
    assert as_nobody() in ("closed", "ConnectionResetError")
    wait_until(lambda: "refused user 65534" in client.daemon.text(), "the refusal in the log")
    assert client.list() == []


# Many


def test_twenty_certificates_at_once(evercert, pebble):
    ca = pebble(nonce_reject=10)
    names = [f"n{number}.example" for number in range(20)]
    client = evercert(ca, config=certificates(*[[name, f"www.{name}"] for name in names]))
    client.run_daemon()
    for name in names:
        assert client.wait_live(name, timeout=60).names == sorted([name, f"www.{name}"])
    wait_until(lambda: all(row["state"] == "valid" for row in client.list()), "all to be valid")
    assert len({client.leaf(name).serial for name in names}) == 20
    # A nonce that was refused costs a request more, never an order.
    assert orders(ca) >= 20
    assert len([row for row in client.log_rows() if row["event"] == "issued"]) == 20
    assert not [row for row in client.log_rows() if row["event"] == "failed"]


def test_the_pending_ones_are_renewed_by_a_pass(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="b.example.")
    client = evercert(ca, config=certificates(["a.example"], ["b.example"]))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_row("b.example", lambda row: row["failures"] == 1, "failing")
    ca.forget_requests()
    client.renew()  # nothing is due: the failed one waits for its time
    assert orders(ca) == 0
