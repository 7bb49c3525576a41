"""Deploy hooks: what they are told, how they are run, and what happens when they fail."""

import datetime
import grp
import json
import os
import pathlib
import pwd

import pytest

from evercert import DONE, FAILED
from processes import wait_until

# Writes down everything that it was given, one JSON line a run.
RECORDER = """#!/usr/bin/python3 -I
import json, os, sys
with open("/proc/self/environ", "rb") as f:
    env = dict(item.split("=", 1) for item in f.read().decode().split("\\0") if item)
row = {"argv": sys.argv[2:], "env": env, "uid": os.getresuid(), "gid": os.getresgid(), "groups": sorted(os.getgroups()),
       "cwd": os.getcwd(), "leader": os.getpgid(0) == os.getpid(), "umask": oct(os.umask(0)),
       "fds": sorted(fd for fd in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{fd}")),
       "stdin": os.readlink("/proc/self/fd/0")}
with open(sys.argv[1], "a") as f:
    f.write(json.dumps(row) + "\\n")
print("recorded", *sys.argv[2:])
"""

ENVIRONMENT = {
    "PATH", "HOME", "USER", "LANG",
    "EVERCERT_EVENT", "EVERCERT_NAME", "EVERCERT_NAMES", "EVERCERT_LIVE", "EVERCERT_DOMAINS", "EVERCERT_DIR",
    "EVERCERT_FINGERPRINT", "EVERCERT_NOT_AFTER",
    "RENEWED_LINEAGE", "RENEWED_DOMAINS",
}  # fmt: skip


class Recorder:
    def __init__(self, folder):
        self.folder = folder
        (folder / "open").mkdir()
        (folder / "open").chmod(0o777)  # for hooks of every user; the program itself must not be theirs to change
        self.file = folder / "open" / "recorded"
        self.program = folder / "recorder"
        self.program.write_text(RECORDER)
        self.program.chmod(0o755)

    def run(self, *words, **more):
        """A deploy step."""
        return {"run": [str(self.program), str(self.file), *words], **more}

    def rows(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []


@pytest.fixture
def recorder(open_folder):
    folder = open_folder / "hooks"
    folder.mkdir()
    return Recorder(folder)


def config(*steps, **more):
    return {"certificates": [{"domains": ["a.example", "www.a.example"], "deploy": list(steps), **more}]}


def shell(script, **more):
    return {"run": ["/bin/sh", "-c", script], **more}


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def deployed(client, name="a.example"):
    return client.wait_row(name, lambda row: row["deploy"]["state"] == "done", "deployed")


def failing(client, name="a.example", timeout=30.0):
    return client.wait_row(name, lambda row: row["deploy"]["state"] == "failing", "failing to deploy", timeout)


# What they are told


def test_environment(evercert, pebble, recorder):
    ca = pebble()
    client = evercert(ca, config=config(recorder.run()), env={"SECRET": "hush", "LD_LIBRARY_PATH": "/nowhere"})
    client.run_daemon()
    deployed(client)
    (row,) = recorder.rows()
    env, leaf = row["env"], client.leaf("a.example")
    assert set(env) == ENVIRONMENT
    assert env["EVERCERT_EVENT"] == "issued"
    assert env["EVERCERT_NAME"] == env["EVERCERT_NAMES"] == "a.example"
    assert env["EVERCERT_LIVE"] == str(client.live("a.example").parent)
    assert env["EVERCERT_DOMAINS"] == env["RENEWED_DOMAINS"] == "a.example www.a.example"
    assert env["EVERCERT_DIR"] == env["RENEWED_LINEAGE"] == str(client.live("a.example"))
    assert env["EVERCERT_FINGERPRINT"] == leaf.fingerprint
    not_after = datetime.datetime.fromisoformat(env["EVERCERT_NOT_AFTER"].replace("Z", "+00:00"))
    assert not_after == leaf.not_after
    assert env["PATH"].startswith("/usr/local/sbin:")
    assert (row["cwd"], row["leader"], row["fds"], row["stdin"]) == ("/", True, [0, 1, 2], "/dev/null")
    client.renew("a.example", force=True)
    assert recorder.rows()[1]["env"]["EVERCERT_EVENT"] == "renewed"
    assert recorder.rows()[1]["env"]["EVERCERT_FINGERPRINT"] == client.leaf("a.example").fingerprint


def test_each_key_type_is_deployed_by_itself(evercert, pebble, recorder):
    """The steps and the group of the files are those of the certificate that is new, not of its sibling."""
    group = grp.getgrgid(os.getgid()).gr_name
    more = {"key-type": ["ecdsa-p256", "rsa-2048"], "key-group": group, "key-mode": "0640"}
    client = evercert(pebble(), config=config(recorder.run(), **more))
    client.renew()
    told = {row["env"]["EVERCERT_NAME"]: row["env"] for row in recorder.rows()}
    assert sorted(told) == ["a.example", "a.example-rsa"]
    for name, env in told.items():
        assert env["EVERCERT_DIR"] == env["RENEWED_LINEAGE"] == str(client.live(name))
        assert env["EVERCERT_FINGERPRINT"] == client.leaf(name).fingerprint
        assert (client.live(name) / "privkey.pem").stat().st_gid == os.getgid()


def test_a_one_shot_runs_them_too(evercert, pebble, recorder):
    client = evercert(pebble(), config=config(recorder.run("x")))
    client.renew()
    assert recorder.rows()[0]["argv"] == ["x"]
    assert set(recorder.rows()[0]["env"]) == ENVIRONMENT
    client.issue("b.example", deploy=f"{recorder.program} {recorder.file} by command")
    assert len(recorder.rows()) == 2
    assert recorder.rows()[1]["env"]["EVERCERT_NAME"] == "b.example"


def test_signals_are_as_programs_expect(evercert, pebble):
    """None ignored (not SIGPIPE either), none blocked."""
    client = evercert(pebble(), config=config({"run": ["grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"]}))
    client.renew()
    (entry,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    words = entry["detail"]["output"].replace("\\n", " ").split()
    assert [int(word, 16) for word in words if ":" not in word] == [0, 0]


def test_no_shell(evercert, pebble, recorder, tmp_path):
    words = ["; touch x", "$(id)", "`id`", "a b", "*", "", "--", "\\", "'\"", "é"]
    client = evercert(pebble(), config=config(recorder.run(*words)))
    client.renew()
    assert recorder.rows()[0]["argv"] == words


def test_several_in_order(evercert, pebble, recorder):
    client = evercert(pebble(), config=config(*[recorder.run(str(number)) for number in range(5)]))
    client.renew()
    assert [row["argv"] for row in recorder.rows()] == [[str(number)] for number in range(5)]
    entry = next(row for row in client.log_rows("a.example") if row["event"] == "deployed")
    assert [f"recorded {number}" in entry["detail"]["output"] for number in range(5)] == [True] * 5


# Failures


def test_a_failing_hook(evercert, pebble, recorder, tmp_path):
    """Shown, in the history with its output, run again by itself until it succeeds; nothing is issued again."""
    ca = pebble()
    good = tmp_path / "good"
    step = shell(f"echo out; echo problem with the server >&2; test -e {good}")
    client = evercert(ca, config=config(recorder.run("before"), step, recorder.run("after")))
    client.run_daemon()
    row = failing(client)
    assert row["state"] == "valid"
    assert "/bin/sh exited with status 1" in row["deploy"]["error"]
    assert "problem with the server" in row["deploy"]["error"]
    assert row["deploy"]["next"] is not None
    assert "problem with the server" in client.run("show", "a.example", status=DONE).stdout
    assert "deploy" in client.run("list", status=DONE).stdout
    entry = next(row for row in client.log_rows("a.example") if row["event"] == "deploy-failed")
    assert "problem with the server" in entry["detail"]["output"] and "out" in entry["detail"]["output"]
    assert [row["argv"] for row in recorder.rows()] == [["before"]]
    # A restart does not run it at once.
    client.stop_daemon()
    client.run_daemon()
    assert client.row("a.example")["deploy"]["next"] == row["deploy"]["next"]
    good.touch()
    deployed(client)
    assert [row["argv"] for row in recorder.rows()] == [["before"], ["after"]]  # what was done is not done again
    assert orders(ca) == 1
    assert client.row("a.example")["deploy"] == {"state": "done", "error": None, "next": None}


def test_the_command_says_that_the_hook_failed(evercert, pebble):
    client = evercert(pebble())
    result = client.issue("a.example", deploy="/bin/false", status=FAILED)
    assert "the certificate is there" in result.stderr and "/bin/false exited with status 1" in result.stderr
    assert client.leaf("a.example").names == ["a.example"]
    client.renew("a.example", status=FAILED)  # runs the hook again, and nothing else
    assert client.row("a.example")["generation"] == 1


def test_waits_grow(evercert, pebble):
    client = evercert(pebble(), config=config(shell("exit 7")))
    client.renew(status=FAILED)
    waits = []
    for _ in range(4):
        entry = [row for row in client.log_rows("a.example") if row["event"] == "deploy-failed"][-1]
        failed_at, next_at = (
            datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            for text in (entry["at"], client.row("a.example")["deploy"]["next"])
        )
        waits.append((next_at - failed_at).total_seconds())
        client.renew("a.example", status=FAILED)
    for wait, step in zip(waits, (10, 60, 600, 3600)):
        assert step - 1 <= wait <= step * 1.2 + 1, waits


def test_a_missing_program(evercert, pebble):
    client = evercert(pebble(), config=config({"run": ["/nowhere/reload-it"]}))
    client.run_daemon()
    assert "/nowhere/reload-it" in failing(client)["deploy"]["error"]
    client.write_config(config({"run": ["no-such-program-anywhere"]}))
    client.reload()
    client.renew("a.example", force=True, status=FAILED)
    error = client.row("a.example")["deploy"]["error"]
    assert "no-such-program-anywhere" in error and "/usr/bin" in error
    client.write_config(config({"run": [str(client.config_file)]}))  # not executable
    client.reload()
    client.renew("a.example", force=True, status=FAILED)
    assert str(client.config_file) in client.row("a.example")["deploy"]["error"]


def test_a_hook_that_is_mended_in_the_configuration(evercert, pebble, recorder):
    ca = pebble()
    client = evercert(ca, config=config(shell("exit 1")))
    client.run_daemon()
    failing(client)
    client.write_config(config(recorder.run("mended")))
    client.reload()
    client.renew("a.example")
    assert recorder.rows()[0]["argv"] == ["mended"]
    assert orders(ca) == 1


# The time limit, and other bad manners


def others(processes, client):
    """What runs besides the daemon's own processes."""
    own = {"parent", "keeper", "engine", "responder", "evercert"}
    return {pid: name for pid, name in processes.leftovers().items() if name not in own}


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000",
        "sleep 1000 & sleep 1000 & wait",
        "trap '' TERM; sleep 1000 & while :; do sleep 1; done",
        "(trap '' TERM; while :; do sleep 1; done) & sleep 1000",
    ],
    ids=["plain", "group", "ignores-sigterm", "child-ignores-sigterm"],
)
def test_the_time_limit_ends_the_group(evercert, pebble, processes, script):
    client = evercert(pebble(), config=config(shell(f"echo began; {script}", timeout="1s")))
    client.run_daemon()
    row = failing(client)
    assert "did not end within 1s and was killed" in row["deploy"]["error"].replace("1 s", "1s")
    assert others(processes, client) == {}
    entry = next(row for row in client.log_rows("a.example") if row["event"] == "deploy-failed")
    assert "began" in entry["detail"]["output"]


def test_a_flood_of_output(evercert, pebble, processes):
    """It is read and dropped, and the daemon goes on answering meanwhile."""
    client = evercert(pebble(), config=config(shell("echo first; exec yes flood", timeout="4s")))
    client.run_daemon()
    wait_until(lambda: "yes" in others(processes, client).values(), "the flood")
    client.issue("b.example")
    assert "yes" in others(processes, client).values(), "the flood was over before anything was asked"
    failing(client)
    entry = next(row for row in client.log_rows("a.example") if row["event"] == "deploy-failed")
    assert "first" in entry["detail"]["output"]
    assert len(entry["detail"]["output"]) <= 16 * 1024


def test_much_output_and_a_good_end(evercert, pebble):
    client = evercert(pebble(), config=config(shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")))
    client.renew()
    (entry,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    assert entry["detail"]["output"].startswith("xxxx")
    assert entry["detail"]["output"].endswith("x [cut here: no more of the output is kept]")
    assert len(entry["detail"]["output"]) <= 16 * 1024


def test_output_is_cleaned(evercert, pebble):
    client = evercert(pebble(), config=config(shell("printf '\\033[31mred\\007\\000\\377 ok'; exit 1")))
    client.renew(status=FAILED)
    assert "\x1b" not in client.run("log", "a.example", status=DONE).stdout
    row = client.row("a.example")
    assert "red" in row["deploy"]["error"] and "\x1b" not in row["deploy"]["error"]


def test_closed_output(evercert, pebble):
    client = evercert(pebble(), config=config(shell("echo said; exec >&- 2>&-; sleep 1; exit 0")))
    client.renew()
    (entry,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    assert "said" in entry["detail"]["output"]


def test_a_background_child_is_not_waited_for(evercert, pebble, processes):
    """As many init scripts do: the hook ends, a child of it keeps its output open."""
    client = evercert(pebble(), config=config(shell("sleep 1000 & echo started")))
    client.run_daemon()
    deployed(client)
    assert "sleep" in others(processes, client).values()
    for pid in others(processes, client):
        os.kill(pid, 9)


def test_a_daemon_that_is_left_behind(evercert, pebble, processes):
    """With a session of its own and the hook's output: the hook has ended, whatever goes on."""
    client = evercert(pebble(), config=config(shell("setsid sleep 1000 <&- & echo started; exit 3")))
    client.run_daemon()
    row = failing(client)
    assert "exited with status 3: started" in row["deploy"]["error"]
    for pid in others(processes, client):
        os.kill(pid, 9)


@pytest.mark.parametrize("script", ["sleep 1000", "trap '' TERM; while :; do sleep 1; done"], ids=["plain", "stubborn"])
def test_the_daemon_ends_its_hooks(evercert, pebble, processes, recorder, script):
    client = evercert(pebble(), config=config(shell(f"echo; {script}"), recorder.run("never")))
    client.run_daemon()
    wait_until(lambda: "sleep" in others(processes, client).values(), "the hook")
    client.stop_daemon()
    processes.expect_none_left()
    assert recorder.rows() == []
    # It was not run to its end, so it is owed.
    client.write_config(config(recorder.run("then")))
    client.run_daemon()
    deployed(client)
    assert [row["argv"] for row in recorder.rows()] == [["then"]]


def test_the_engine_dies_while_a_hook_runs(evercert, pebble, processes, recorder, tmp_path):
    """The hook is run again for the new engine, but not beside itself."""
    go = tmp_path / "go"
    script = (
        f"test -e {go}.running && echo twice >> {go}.twice; touch {go}.running; "
        f"while ! test -e {go}; do sleep 0.1; done; rm {go}.running"
    )
    client = evercert(pebble(), config=config(shell(script), recorder.run("after")))
    daemon = client.run_daemon()
    wait_until(pathlib.Path(f"{go}.running").exists, "the hook")
    engine = client.pid_of("engine")
    os.kill(engine, 9)
    wait_until(lambda: client.pid_of("engine") != engine, "another engine")
    client.list()
    go.touch()
    deployed(client)
    assert daemon.alive()
    assert not pathlib.Path(f"{go}.twice").exists()
    assert [row["argv"] for row in recorder.rows()] == [["after"]]
    assert "not allowed here" not in daemon.text()


def test_others_are_issued_while_a_hook_runs(evercert, pebble, processes):
    client = evercert(pebble(), config=config(shell("sleep 1000")))
    client.run_daemon()
    wait_until(lambda: "sleep" in others(processes, client).values(), "the hook")
    client.issue("b.example")
    client.renew("b.example", force=True)
    assert client.row("a.example")["deploy"]["state"] == "pending"


# As another user


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_as_another_user(evercert, pebble, recorder):
    """With the groups that user would have had after a login."""
    name, group = "www-data", "users"
    user = pwd.getpwnam(name)
    client = evercert(pebble(), config=config(recorder.run(user=name), recorder.run()))
    client.renew()
    first, second = recorder.rows()
    assert first["uid"] == [user.pw_uid] * 3 and first["gid"] == [user.pw_gid] * 3
    assert first["groups"] == sorted(os.getgrouplist(name, user.pw_gid))
    assert (first["env"]["USER"], first["env"]["HOME"]) == (name, user.pw_dir)
    assert second["uid"] == [0] * 3 and second["env"]["USER"] == "root"
    assert grp.getgrnam(group).gr_gid not in first["groups"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_as_nobody_it_cannot_read_the_key(evercert, pebble, open_folder, recorder):
    script = 'cd "$EVERCERT_DIR" && cat fullchain.pem > /dev/null || exit 5; cat privkey.pem && exit 6; exit 0'
    client = evercert(pebble(), folder=open_folder / "e", config=config(shell(script, user="nobody")))
    client.renew()
    assert client.row("a.example")["deploy"]["state"] == "done"


def test_a_user_that_does_not_exist(evercert, pebble, recorder):
    client = evercert(pebble(), config=config(recorder.run(user="nobody-of-that-name")))
    client.run("renew", status=None)
    assert recorder.rows() == []
    row = client.run("list", "--json")
    assert "nobody-of-that-name" in client.text(), row.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the test becomes a normal user first")
def test_as_another_user_without_root(evercert, pebble, open_folder, recorder):
    ca = pebble()
    ca_file = open_folder / "root.pem"
    ca_file.write_bytes(pathlib.Path(ca.ca_file).read_bytes())
    client = evercert(ca, folder=open_folder / "e", user=65534)
    client.write_config({
        **config(recorder.run("self", user="nobody"), recorder.run("other", user="www-data")),
        "authorities": {"test": {"directory": ca.url, "ca-file": str(ca_file)}},
    })
    client.run("renew", status=FAILED)
    assert [row["argv"] for row in recorder.rows()] == [["self"]]
    assert recorder.rows()[0]["uid"] == [65534] * 3
    error = client.row("a.example")["deploy"]["error"]
    assert "sudo:" in error and "`evercert snippet sudoers` prints it" in error
