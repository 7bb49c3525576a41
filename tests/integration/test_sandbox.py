"""The sandboxes, tried from inside: each process enters its own and then does what it must not be able to do."""

import json
import os
import re
import signal
import subprocess

import pytest

from evercert import process_binary

SUCCEEDED, REFUSED, OTHER = 0, 10, 11
KILLED = -signal.SIGSYS

# What each may not: an allow-list kills; Landlock (keeper's files) and the deny-list (engine, solver, watcher) refuse.
ATTEMPTS = {
    "keeper": {
        "open": REFUSED,
        "create": REFUSED,
        "socket": KILLED,
        "connect": KILLED,
        "unix": KILLED,
        "exec": KILLED,
        "ptrace": KILLED,
    },
    "responder": {
        "open": KILLED,
        "create": KILLED,
        "socket": KILLED,
        "connect": KILLED,
        "unix": KILLED,
        "exec": KILLED,
        "ptrace": KILLED,
    },
    "engine": {
        "open": REFUSED,
        "create": REFUSED,
        "socket": REFUSED,
        "connect": OTHER,  # it is let through, and nobody listens on that port
        "unix": OTHER,
        "exec": REFUSED,
        "ptrace": REFUSED,
    },
    "solver": {
        "open": REFUSED,
        "create": REFUSED,
        "socket": REFUSED,
        "connect": OTHER,
        "unix": OTHER,
        "exec": REFUSED,
        "ptrace": REFUSED,
    },
    "watcher": {
        "open": REFUSED,
        "create": REFUSED,
        "socket": REFUSED,
        "connect": OTHER,  # an engine may be elsewhere
        "unix": REFUSED,  # and where it is here, its socket is one that the parent connected
        "exec": REFUSED,
        "ptrace": REFUSED,
    },
}


def probe(name, what, state, *words):
    """Starts the process as the parent would, the state directory on descriptor 4."""
    state.mkdir(exist_ok=True)
    script = 'exec 4<"$1"; shift; exec "$@"'
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "exitcode=99"}
    argv = [process_binary(name), *words, f"--probe={what}"]
    return subprocess.run(["sh", "-c", script, "sh", state, *argv], capture_output=True, text=True, env=env, timeout=20)


@pytest.mark.parametrize("name,what", [(name, what) for name, attempts in ATTEMPTS.items() for what in attempts])
def test_refused(name, what, tmp_path):
    done = probe(name, what, tmp_path / "state")
    assert done.returncode == ATTEMPTS[name][what], done.stderr
    assert "Landlock" in done.stderr and "seccomp" in done.stderr
    if done.returncode == OTHER:
        assert "Connection refused" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name,what", [(name, what) for name, attempts in ATTEMPTS.items() for what in attempts])
def test_refused_as_a_root_that_kept_its_rights(name, what, tmp_path):
    """Not the lack of rights is what refuses: nothing was dropped here but by the sandbox."""
    done = probe(name, what, tmp_path / "state", "--identity=same")
    assert done.returncode == ATTEMPTS[name][what], done.stderr


@pytest.mark.parametrize("what", ATTEMPTS["responder"])
def test_a_responder_with_tls_is_refused_the_same(what, tmp_path):
    done = probe("responder", what, tmp_path / "state", "--tls-alpn")
    assert done.returncode == ATTEMPTS["responder"][what], done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user is refused some of it anyway")
@pytest.mark.parametrize("name", ATTEMPTS)
def test_log_only_lets_it_through(name, tmp_path):
    for what in ("open", "create", "socket", "exec", "ptrace"):
        done = probe(name, what, tmp_path / "state", "--sandbox=log")
        assert done.returncode == SUCCEEDED, (what, done.stderr)
        assert re.search(r"\blog", done.stderr), done.stderr
    done = probe(name, "connect", tmp_path / "state", "--sandbox=log")
    assert (done.returncode, "Connection refused" in done.stderr) == (OTHER, True)


def test_the_start_says_what_is_in_force(evercert, pebble):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    client.wait_live("a.example")
    log = client.daemon.text()
    for name, kind in (("keeper", "allow-list"), ("engine", "deny-list"), ("responder", "allow-list")):
        line = next(line for line in log.splitlines() if f"evercert[{name}]" in line and "seccomp" in line)
        assert kind in line and "Landlock" in line and "no core dumps" in line and "undumpable" in line
        with open(f"/proc/{client.pid_of(name)}/status", encoding="ascii") as status:
            assert re.search(r"^Seccomp:\s+2$", status.read(), re.MULTILINE)
    # Undumpable: what belongs to root alone in /proc, whoever the process is.
    assert os.stat(f"/proc/{client.pid_of('keeper')}/mem").st_uid == 0


def test_a_daemon_that_only_logs(evercert, pebble):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon("--sandbox=log")
    client.wait_live("a.example")
    lines = [line for line in client.daemon.text().splitlines() if "seccomp" in line]
    assert len(lines) == 3 and all(re.search(r"\blog", line) for line in lines), lines


@pytest.mark.parametrize("name", ["parent", *ATTEMPTS])
def test_not_by_hand(name):
    """Without the descriptors a parent gives, each says who starts it."""
    done = subprocess.run([process_binary(name), "--nonsense"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "started by evercert itself" in done.stderr
    if name != "parent":
        done = subprocess.run([process_binary(name)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2
        assert "evercert run" in done.stderr


PROVIDER = """
local seen = io and "io" or os and "os" or require and "require" or "nothing"
return { title = seen, settings = {}, present = function() end, cleanup = function() end }
"""


def test_the_catalogue_is_read_in_a_sandbox(tmp_path):
    """--describe runs the operator's Lua with the rights of whoever asks: nothing but these two folders is in reach."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "local").mkdir()
    (tmp_path / "shipped/plain.lua").write_text(PROVIDER)
    (tmp_path / "local/link.lua").symlink_to("/etc/passwd")
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "exitcode=99"}
    env["EVERCERT_PROVIDERS"], env["EVERCERT_LOCAL_PROVIDERS"] = str(tmp_path / "shipped"), str(tmp_path / "local")
    argv = [process_binary("solver"), "--describe"]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    catalogue = json.loads(done.stdout)
    assert [(one["name"], one["title"]) for one in catalogue["providers"]] == [("plain", "nothing")]
    assert "link.lua" in str(catalogue["problems"]) and "root:" not in done.stdout
