"""One process of the daemon dies, at rest and in the middle of an issuance: it is started again, and what was under
way goes on."""

import os
import pathlib
import signal

import pytest

from evercert import DONE, FAILED
from processes import wait_until

MEMBERS = ("keeper", "engine", "responder")
STEPS = ("/sign-me-up", "/order-plz", "/authZ", "/chalZ", "/finalize-order", "/my-order", "/certZ")
CONFIG = {"certificates": [{"domains": ["a.example"]}]}


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def status_of(pid, field):
    """A line of /proc/PID/status, as "0 0 0 0"."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return " ".join(next(line.split()[1:] for line in text.splitlines() if line.startswith(field + ":")))


def kill(client, member):
    """kill -9, and waits for the next one; returns its pid."""
    pid = client.pid_of(member)
    os.kill(pid, signal.SIGKILL)
    return wait_until(lambda: next((p for p in [client.pid_of(member)] if p != pid), None), f"another {member}")


# At rest


@pytest.mark.parametrize("member", MEMBERS)
def test_killed_at_rest(evercert, pebble, member):
    ca = pebble()
    client = evercert(ca, config=CONFIG)
    daemon = client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_valid("a.example")
    kill(client, member)
    assert daemon.alive()
    assert f"{member} killed by SIGKILL" in daemon.text()
    client.renew("a.example", force=True)
    assert client.leaf("a.example").fingerprint != first.fingerprint
    client.issue("b.example")
    assert orders(ca) == 3


def test_killed_again_and_again(evercert, pebble):
    """Each start comes later than the one before; what is asked meanwhile gets its answer in the end."""
    client = evercert(pebble(), config=CONFIG)
    daemon = client.run_daemon()
    client.wait_live("a.example")
    for member in MEMBERS:
        for _ in range(3):
            kill(client, member)
    assert daemon.alive()
    client.issue("b.example")
    assert client.leaf("b.example").names == ["b.example"]
    assert client.daemon.text().count("killed by SIGKILL") == 9


def test_all_three_at_once(evercert, pebble):
    client = evercert(pebble(), config=CONFIG)
    daemon = client.run_daemon()
    client.wait_live("a.example")
    before = {member: client.pid_of(member) for member in MEMBERS}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(before.values()) & {client.pid_of(member) for member in MEMBERS}, "three others")
    client.issue("b.example")
    assert daemon.alive()


def test_the_parent_is_killed(evercert, pebble, processes):
    client = evercert(pebble(), config=CONFIG)
    daemon = client.run_daemon()
    client.wait_valid("a.example")
    daemon.send(signal.SIGKILL)
    daemon.wait()
    processes.expect_none_left()
    # Its socket is still there and nobody answers on it: commands do without, and so does the next daemon.
    assert client.control.exists()
    assert client.row("a.example")["state"] == "valid"
    client.run_daemon()
    assert client.row("a.example")["state"] == "valid"


def test_the_parent_is_killed_in_the_middle(evercert, pebble, gate, processes):
    ca = gate(pebble())
    client = evercert(ca, config=CONFIG)
    ca.hold("/finalize-order")
    daemon = client.run_daemon()
    ca.wait_held()
    daemon.send(signal.SIGKILL)
    daemon.wait()
    processes.expect_none_left()
    ca.drop()
    client.run_daemon()
    client.wait_live("a.example")
    assert orders(ca) == 1


# In the middle


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("member", MEMBERS)
def test_killed_in_the_middle(evercert, pebble, gate, member, step):
    ca = gate(pebble())
    client = evercert(ca, config=CONFIG)
    ca.hold(step)
    daemon = client.run_daemon()
    ca.wait_held()
    kill(client, member)
    if member == "engine":
        ca.drop()  # its connection has gone with it
    else:
        ca.release()
    assert client.wait_live("a.example").names == ["a.example"]
    row = client.wait_valid("a.example")
    assert daemon.alive()
    assert (orders(ca), row["generation"], row["failures"]) == (1, 1, 0)
    assert not [row for row in client.log_rows() if row["event"] == "failed"]


@pytest.mark.parametrize("member", ("keeper", "responder"))
def test_killed_while_many_are_under_way(evercert, pebble, gate, member):
    names = [f"n{number}.example" for number in range(10)]
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"domains": [name]} for name in names]})
    ca.hold("/chalZ")
    client.run_daemon()
    wait_until(lambda: ca.held() >= 2, "challenges at the gate")
    kill(client, member)
    ca.release()
    for name in names:
        client.wait_live(name, timeout=60)
    assert orders(ca) == 10


def test_a_command_whose_engine_dies(evercert, pebble, gate):
    """It is told at once; the work itself goes on without it."""
    ca = gate(pebble())
    client = evercert(ca)
    client.run_daemon()
    ca.hold("/finalize-order")
    command = client.start("issue", "-d", "a.example")
    ca.wait_held()
    kill(client, "engine")
    ca.drop()
    assert command.wait() == FAILED
    assert "goes on by itself" in client.text()
    client.wait_live("a.example")
    assert orders(ca) == 1


@pytest.mark.parametrize("words", [("issue", "-d", "b.example"), ("forget", "c.example"), ("revoke", "c.example")])
def test_a_command_whose_keeper_dies(evercert, pebble, words):
    """The keeper has the question and never answers: the next one is asked."""
    client = evercert(pebble(), config=CONFIG)
    daemon = client.run_daemon("-v")
    client.wait_live("a.example")
    client.issue("c.example")
    keeper = client.pid_of("keeper")
    os.kill(keeper, signal.SIGSTOP)
    command = client.start(*words)
    verb = f"command {words[0]}"
    wait_until(lambda: verb in daemon.text()[daemon.text().index("c.example: generation 1") :], "the question")
    os.kill(keeper, signal.SIGKILL)
    assert command.wait(30) == DONE
    client.issue("d.example")


@pytest.mark.parametrize("member", ("keeper", "engine"))
def test_a_one_shot_whose_process_dies(evercert, pebble, gate, member):
    ca = gate(pebble())
    client = evercert(ca)
    ca.hold("/finalize-order")
    command = client.start("issue", "-d", "a.example")
    ca.wait_held()
    os.kill(client.pid_of(member), signal.SIGKILL)
    if member == "engine":
        ca.drop()
        assert command.wait() == FAILED
        client.issue("a.example")
    else:
        ca.release()
        assert command.wait(30) == DONE
    assert client.leaf("a.example").names == ["a.example"]
    assert orders(ca) == 1


def test_a_process_that_is_missing(evercert, pebble):
    client = evercert(pebble())
    (client.libexec() / "keeper").unlink()
    result = client.run("list", status=FAILED)
    assert "keeper cannot be started" in result.stderr and "No such file" in result.stderr
    (client.libexec() / "keeper").symlink_to("/bin/false")
    result = client.run("list", status=FAILED)
    assert "keeper exited with status 1" in result.stderr
    result = client.run("run", status=FAILED)
    assert "keeper exited with status 1" in result.stderr


# Users


def members_of(client):
    return {name: client.pid_of(name) for name in MEMBERS}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_users_of_their_own(evercert, pebble, open_folder):
    """As root, with a user for each process (existing ones stand in for those a package would make)."""
    users = {"keeper": ("daemon", 1), "engine": ("nobody", 65534), "responder": ("www-data", 33)}
    settings = {"users": {member: name for member, (name, _) in users.items()}}
    client = evercert(pebble(), folder=open_folder / "e", config={**CONFIG, **settings})
    client.run_daemon()
    client.wait_live("a.example")
    for member, pid in members_of(client).items():
        uid = users[member][1]
        assert status_of(pid, "Uid") == f"{uid} {uid} {uid} {uid}", member
        assert status_of(pid, "Groups") == "", member
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status_of(pid, capabilities), 16) == 0, (member, capabilities)
        assert status_of(pid, "NoNewPrivs") == "1", member
        assert status_of(pid, "Seccomp") == "2", member
    assert status_of(client.daemon.pid, "Uid") == "0 0 0 0"
    owners = {
        path.relative_to(client.state).as_posix(): path.lstat().st_uid
        for path in client.state.rglob("*")
        if not path.name.startswith("control")
    }
    keeper = {name for name, uid in owners.items() if uid == 1}
    engine = {name for name, uid in owners.items() if uid == 65534}
    assert {"seal.key", "account-key", "live", "archive", "live/a.example"} <= keeper
    assert "live/.generations/a.example/1/privkey.pem" in keeper
    assert engine == {"evercert.db", "evercert.db-wal", "evercert.db-shm"}
    # Nothing but the lock is root's: all others were handed over.
    assert {name for name, uid in owners.items() if uid == 0} == {".lock"}
    for member in MEMBERS:
        kill(client, member)
    client.renew("a.example", force=True)
    client.stop_daemon()
    client.renew("a.example", force=True)
    assert client.row("a.example")["generation"] == 3
    assert client.leaf("a.example").names == ["a.example"]
    client.no_key_readable()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("later", [False, True], ids=["then-users", "then-none"])
def test_users_change(evercert, pebble, open_folder, later):
    """A state that was begun without users of its own goes on with them, and the other way round."""
    users = {"users": {"keeper": "daemon", "engine": "nobody", "responder": "www-data"}}
    client = evercert(pebble(), folder=open_folder / "e", config=users if later else None)
    client.issue("a.example")
    client.renew("a.example", force=True)
    client.write_config(None if later else users)
    client.renew("a.example", force=True)
    client.run_daemon()
    client.renew("a.example", force=True)
    assert client.row("a.example")["generation"] == 4
    assert client.leaf("a.example").names == ["a.example"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to say about users")
def test_root_without_users_says_so(evercert, pebble):
    client = evercert(pebble(), config=CONFIG)
    client.run_daemon()
    client.wait_live("a.example")
    assert "there is no user evercert-keys" in client.daemon.text()
    for member, pid in members_of(client).items():
        assert status_of(pid, "Uid") == "0 0 0 0"
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status_of(pid, capabilities), 16) == 0, (member, capabilities)
        assert status_of(pid, "NoNewPrivs") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_normal_user(evercert, pebble, open_folder):
    """Everything works without root, in a state of one's own."""
    ca = pebble()
    client = evercert(
        ca, folder=open_folder / "e", user=65534, config={**CONFIG, "authorities": None, "authority": None}
    )
    # The root of the test CA lies in root's folder.
    ca_file = open_folder / "root.pem"
    ca_file.write_bytes(pathlib.Path(ca.ca_file).read_bytes())
    client.write_config({**CONFIG, "authorities": {"test": {"directory": ca.url, "ca-file": str(ca_file)}}})
    client.run_daemon()
    client.wait_live("a.example")
    for pid in members_of(client).values():
        assert status_of(pid, "Uid") == "65534 65534 65534 65534"
        assert int(status_of(pid, "CapEff"), 16) == 0
    client.issue("b.example")
    client.renew("a.example", force=True)
    client.stop_daemon()
    client.renew("b.example", force=True)
    assert {path.lstat().st_uid for path in client.state.rglob("*")} == {65534}
    assert {row["generation"] for row in client.list()} == {2}
    client.no_key_readable()
