"""The commands: what they print, the same with a daemon and without one; JSON, help, exit statuses, progress."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

import lineage
from evercert import DONE, FAILED, USAGE
from processes import wait_until

COMMANDS = [
    "run",
    "issue",
    "renew",
    "list",
    "show",
    "log",
    "revoke",
    "forget",
    "account show",
    "account register",
    "account update",
    "containers",
    "template render",
    "config check",
    "config show",
    "config schema",
]
ROW = {
    "name",
    "domains",
    "source",
    "state",
    "authority",
    "directory",
    "challenge",
    "key_type",
    "generation",
    "live",
    "fingerprint",
    "serial",
    "issuer",
    "not_before",
    "not_after",
    "next_renewal",
    "failures",
    "last_error",
    "last_problem",
    "last_error_at",
    "order_url",
    "deploy",
}
WHOLE = ROW | {"history", "webroot", "renew_before", "next"}
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble):
    """A client with a certificate a.example, without a daemon and with one."""
    one = evercert(pebble())
    if request.param:
        one.run_daemon()
    one.issue("a.example", "b.example")
    return one


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


# Asking


def test_list(client):
    done = client.run("list", status=DONE)
    header, row = done.stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "SERVED", "EXPIRES", "NEXT", "AUTHORITY", "NAMES"]
    assert re.fullmatch(
        r"a\.example +valid +- +in (89d 23h|90d) +renew in \d+d \d+h +test +a\.example b\.example", row
    ), row
    assert done.stderr == ""


def test_list_as_json(client):
    leaf = lineage.check(client, "a.example")
    (row,) = client.list()
    assert set(row) >= ROW
    assert (row["name"], row["domains"], row["state"], row["source"]) == (
        "a.example",
        ["a.example", "b.example"],
        "valid",
        "command",
    )
    assert (row["generation"], row["fingerprint"], row["failures"]) == (1, leaf.fingerprint, 0)
    assert int(row["serial"], 16) == leaf.serial
    assert row["live"] == str(client.live("a.example"))
    assert row["not_after"] == leaf.not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert all(TIME.fullmatch(row[key]) for key in ("not_before", "not_after", "next_renewal"))
    assert row["not_before"] < row["next_renewal"] < row["not_after"]
    assert row["deploy"] == {"state": "none", "error": None, "next": None}


def test_list_without_a_certificate(evercert, pebble):
    one = evercert(pebble())
    assert one.list() == []
    done = one.run("list", status=DONE)
    assert done.stdout == "" and "evercert issue -d NAME" in done.stderr
    assert one.run("list", "-q", status=DONE).stderr == ""


def test_show(client):
    done = client.run("show", "a.example", status=DONE)
    first, *rest = done.stdout.splitlines()
    assert first == "a.example"
    labels = [line[2:16].strip() for line in rest if line[2:16].strip()]
    for label in ("State", "Next", "Names", "Expires", "Files", "Authority", "Issuer", "Fingerprint", "Key", "History"):
        assert label in labels
    assert client.leaf("a.example").fingerprint in done.stdout


def test_show_as_json(client):
    row = client.show("a.example")
    assert set(row) >= WHOLE
    assert [entry["event"] for entry in row["history"]] == ["issued"]
    why = "of its life" if row["ari"] is None else "suggested by the CA"
    assert why in row["next"] and row["next_renewal"] in row["next"]


def test_log(client):
    done = client.run("log", status=DONE)
    account, issued = done.stdout.splitlines()
    assert TIME.match(account) and account.split()[1:3] == ["-", "account"]
    assert TIME.match(issued) and issued.split()[1:3] == ["a.example", "issued"]
    assert "there is no certificate other.example" in client.run("log", "other.example", status=FAILED).stderr
    whole = client.run("log", "a.example", status=DONE).stdout.splitlines()
    assert whole[0] == issued
    requests = [line.split()[1:3] for line in whole[1:]]
    assert requests[0] == ["new-order", "201"] and ["finalize", "200"] in requests
    entries = lines(client.run("log", "--json", status=DONE))
    assert [set(entry) for entry in entries] == [{"id", "at", "certificate", "event", "text", "detail"}] * 2
    assert [entry["certificate"] for entry in entries] == [None, "a.example"]
    assert entries[1]["detail"]["fingerprint"] == client.leaf("a.example").fingerprint


def test_log_goes_on(evercert, pebble):
    one = evercert(pebble())
    one.run_daemon()
    reader = subprocess.Popen(
        one.argv("log", "--follow", "--json"), env=one.environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        one.issue("a.example")
        events = [json.loads(reader.stdout.readline())["event"] for _ in range(2)]
        assert events == ["account", "issued"]
    finally:
        reader.terminate()
        reader.wait(10)
        reader.stdout.close()


def test_a_daemon_says_the_same(evercert, pebble):
    """Byte for byte, but for the time that passes."""
    one = evercert(pebble("2.4"))  # a CA that suggests no renewal, which the daemon would ask for
    one.issue("a.example")
    commands = (["list", "--json"], ["show", "a.example", "--json"], ["log"], ["log", "--json"], ["config", "show"])
    before = [one.run(*words, status=DONE) for words in commands]
    one.run_daemon()
    after = [one.run(*words, status=DONE) for words in commands]
    one.stop_daemon()
    for words, first, second in zip(commands, before, after):
        texts = [re.sub(r"\(in \d+[dhms]( \d+[dhms])?\)", "(in)", done.stdout) for done in (first, second)]
        assert texts[0] == texts[1], words
        assert first.stderr == second.stderr == ""


# Acting


def test_renew_as_json(client):
    (done,) = lines(client.run("renew", "--force", "a.example", "--json", status=DONE))
    assert set(done) == {"name", "ok", "step", "seconds", "error", "problem", "retry_at"}
    assert (done["name"], done["ok"], done["step"], done["error"]) == ("a.example", True, "renewed", None)
    assert lineage.generation(client, "a.example") == 2


def test_a_failure_as_json(client):
    client.pebble.dns("set-servfail", host="gone.example.")
    done = client.run("issue", "-d", "gone.example", "--json", status=FAILED)
    (row,) = lines(done)
    assert (row["name"], row["ok"]) == ("gone.example", False)
    assert row["problem"] and "gone.example" in row["error"]
    assert [entry["event"] for entry in lines(client.run("log", "gone.example", "--json"))] == ["failed"]


def test_several_at_once(client):
    client.issue("c.example")
    done = client.renew("a.example", "c.example", force=True)
    assert sorted(line.split()[:2] for line in done.stdout.splitlines()) == [
        ["a.example", "renewed"],
        ["c.example", "renewed"],
    ]
    for name in ("a.example", "c.example"):
        lineage.check(client, name)
        assert lineage.generation(client, name) == 2


def test_one_of_several_fails(client):
    client.issue("c.example")
    client.pebble.dns("set-servfail", host="c.example.")
    for _ in range(5):  # Pebble takes one valid authorization in a hundred for good again, though told to take none
        before = [lineage.generation(client, name) for name in ("a.example", "c.example")]
        done = client.renew("a.example", "c.example", force=True, status=None)
        if done.status != DONE:
            break
    assert done.status == FAILED
    words = done.stdout.split()  # "renewed;" where Pebble lost what was to be replaced, see lost_serials()
    assert (words[0], words[1].rstrip(";")) == ("a.example", "renewed")
    errors = [line for line in done.stderr.splitlines() if line.startswith("evercert: error: ")]
    assert len(errors) == 1 and errors[0].startswith("evercert: error: c.example: ")
    assert lineage.generation(client, "a.example") == before[0] + 1
    lineage.check(client, "c.example")
    assert lineage.generation(client, "c.example") == before[1]


@pytest.mark.parametrize("reason, number", [(None, 0), ("keyCompromise", 1), ("superseded", 4)])
def test_revoke(evercert, pebble, each_pebble, reason, number):
    one = evercert(pebble(each_pebble))
    one.issue("a.example")
    leaf = lineage.check(one, "a.example")
    key = (one.live("a.example") / "privkey.pem").read_bytes()
    assert one.pebble.certificate_status(leaf.serial)["Status"] == "Valid"
    one.run("revoke", "a.example", *(["--reason", reason] if reason else []), status=DONE)
    status = one.pebble.certificate_status(leaf.serial)
    assert status["Status"] == "Revoked"
    assert status.get("Reason", 0) == number
    assert one.list() == []
    assert not one.live("a.example").exists()
    assert (one.state / "archive/a.example/1/privkey.pem").read_bytes() == key
    one.no_key_readable()
    events = [entry["event"] for entry in lines(one.run("log", "a.example", "--json"))]
    assert events == ["issued", "revoked", "forgotten"]


def test_revoke_through_a_daemon(client):
    leaf = client.leaf("a.example")
    client.run("revoke", "a.example", status=DONE)
    assert client.pebble.certificate_status(leaf.serial)["Status"] == "Revoked"
    assert client.list() == []


def test_revoke_and_keep(client):
    leaf = lineage.check(client, "a.example")
    before = lineage.picture(client)
    client.run("revoke", "a.example", "--keep", status=DONE)
    assert client.pebble.certificate_status(leaf.serial)["Status"] == "Revoked"
    assert client.show("a.example")["state"] == "revoked"
    assert lineage.picture(client) == before
    client.renew("a.example", force=True)
    assert client.show("a.example")["state"] == "valid"
    fresh = lineage.check(client, "a.example")
    assert client.pebble.certificate_status(fresh.serial)["Status"] == "Valid"


def test_revoking_what_is_revoked_is_done(client):
    client.run("revoke", "a.example", "--keep", status=DONE)
    client.run("revoke", "a.example", "--keep", status=DONE)


def test_forget(client):
    leaf = lineage.check(client, "a.example")
    files = {path.name: path.read_bytes() for path in client.live("a.example").iterdir()}
    client.pebble.forget_requests()
    done = client.run("forget", "a.example", status=DONE)
    assert done.stdout.split()[:2] == ["a.example", "forgotten"]
    assert client.pebble.requests() == []
    assert client.pebble.certificate_status(leaf.serial)["Status"] == "Valid"
    assert client.list() == []
    assert not client.live("a.example").exists() and not client.live("a.example").is_symlink()
    archive = client.state / "archive/a.example/1"
    assert {path.name: path.read_bytes() for path in archive.iterdir()} == files
    client.issue("a.example")
    lineage.check(client, "a.example")


def test_forget_what_the_configuration_wants(evercert, pebble):
    one = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    one.renew()
    before = lineage.picture(one)
    done = one.run("forget", "a.example", status=USAGE)
    assert "remove it from" in done.stderr and str(one.config_file) in done.stderr
    assert lineage.picture(one) == before
    one.write_config()
    assert one.show("a.example")["state"] == "released"
    assert lineage.picture(one) == before
    one.run("forget", "a.example", status=DONE)
    assert one.list() == []


# Dry run


def test_a_dry_run_leaves_nothing_behind(evercert, pebble):
    ca = pebble()
    one = evercert(ca)
    entry = {"directory": "https://127.0.0.1:1/none", "ca-file": str(ca.ca_file), "staging": ca.url}
    one.write_config({"authorities": {"test": entry}})
    done = one.issue("a.example", "b.example", deploy=f"touch {one.folder}/deployed", dry_run=True)
    assert done.stderr == ""
    assert done.stdout.split()[:2] == ["a.example", "issued"]
    assert ca.request_counts()["POST /certZ"] == 1
    assert not one.state.exists()
    assert not (one.folder / "deployed").exists()


def test_a_dry_run_that_fails(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="a.example.")
    one = evercert(ca)
    entry = {"directory": "https://127.0.0.1:1/none", "ca-file": str(ca.ca_file), "staging": ca.url}
    one.write_config({"authorities": {"test": entry}})
    done = one.run("issue", "-d", "a.example", "--dry-run", status=FAILED)
    assert "a.example" in done.stderr
    assert not one.state.exists()


def test_staging_is_kept(evercert, pebble):
    real, staging = pebble(), pebble()
    one = evercert(real, listen=[f"127.0.0.1:{staging.http_port}"])
    entry = {"directory": real.url, "ca-file": str(real.ca_file), "staging": staging.url}
    one.write_config({"authorities": {"test": entry}})
    one.issue("a.example", staging=True)
    assert real.requests() == []
    lineage.check(one, "a.example")
    assert one.show("a.example")["directory"] == staging.url
    one.renew("a.example", force=True)
    assert lineage.generation(one, "a.example") == 2


# Help and the rest


@pytest.mark.parametrize("command", COMMANDS)
def test_help(evercert, command):
    one = evercert()
    for words in ([*command.split(), "--help"], ["help", *command.split()], [*command.split(), "-h"]):
        done = one.run(*words, status=DONE)
        assert done.stdout.startswith(f"usage: evercert {command}")
        assert "--state DIR" in done.stdout and done.stderr == ""
        assert max(map(len, done.stdout.splitlines())) <= 100
    assert not one.state.exists()


def test_help_of_the_whole(evercert):
    one = evercert()
    done = one.run("--help", status=DONE)
    for command in COMMANDS:
        assert f"  {command} " in done.stdout
    assert one.run("help", status=DONE).stdout == done.stdout
    for family in ("account", "config"):
        assert family in one.run(family, "--help", status=DONE).stdout


def test_version(evercert):
    one = evercert()
    done = one.run("--version", status=DONE)
    assert re.fullmatch(r"evercert \d+\.\d+\.\d+\n", done.stdout)
    assert one.run("list", "--version", status=DONE).stdout == done.stdout


def test_config_show_can_be_read_again(evercert, pebble):
    one = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    shown = one.run("config", "show", status=DONE).stdout
    one.config_file.write_text(shown)
    assert one.run("config", "show", status=DONE).stdout == shown
    one.renew()
    lineage.check(one, "a.example")


def test_config_schema_is_json(evercert):
    schema = json.loads(evercert().run("config", "schema", status=DONE).stdout)
    assert {"authority", "email", "certificates", "authorities", "http-01"} <= set(schema["properties"])


def test_config_check(evercert, pebble):
    one = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}, {"domains": ["b.example"]}]})
    assert "is good: 2 certificates" in one.run("config", "check", status=DONE).stdout
    assert one.run("config", "check", "-q", status=DONE).stdout == ""
    found = json.loads(one.run("config", "check", "--json", status=DONE).stdout)
    assert (found["good"], found["certificates"], found["problems"]) == (True, 2, [])
    one.config_file.write_text("emial: x\nfoo: y\n")
    found = json.loads(one.run("config", "check", "--json", status=USAGE).stdout)
    assert (found["good"], len(found["problems"])) == (False, 2)


def test_no_room_for_the_answer(evercert, pebble):
    """What could not be written was not done."""
    one = evercert(pebble())
    one.issue("a.example")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            one.argv("list"), env=one.environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert done.returncode == FAILED
    assert "cannot write to standard output" in done.stderr


def test_a_reader_that_goes_away(evercert, pebble):
    one = evercert(pebble())
    one.issue("a.example")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        one.argv("list"), env=one.environment(), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30
    )
    os.close(writing)
    assert done.returncode != DONE and "Sanitizer" not in done.stderr


def test_quiet_and_verbose(evercert, pebble):
    one = evercert(pebble())
    assert one.run("issue", "-d", "a.example", "-q", status=DONE)[1:3] == ("", "")
    done = one.run("renew", "--force", "a.example", "-v", "-v", status=DONE)
    assert "evercert[engine]: info: a.example: renewed by test" in done.stderr
    assert "debug" in done.stderr
    assert "PRIVATE KEY" not in done.stderr


# Terminals


class Terminal:
    """Runs a command on a terminal of its own and collects what it writes there."""

    def __init__(self, one, *words, columns=80, rows=24, env=None):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self.process = subprocess.Popen(
            one.argv(*words),
            env={**one.environment(), "TERM": "xterm", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.text = self._read(master).decode(errors="replace")
        os.close(master)
        self.status = self.process.wait(10)

    @staticmethod
    def _read(master, timeout=60):
        deadline, found = time.monotonic() + timeout, b""
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    found += os.read(master, 65536)
                except OSError:  # the other end is closed
                    return found
        raise AssertionError(f"still writing after {timeout} s: {found!r}")


ESCAPE = "\x1b"


def test_progress_on_a_terminal(evercert, pebble):
    # Pebble waits for a whole number of seconds below that, three times side by side: hardly ever none.
    one = evercert(pebble(sleep=10))
    done = Terminal(one, "issue", "-d", "a.example")
    assert done.status == DONE, done.text
    assert f"{ESCAPE}[" in done.text and "being validated" in done.text
    last = done.text.replace("\r\n", "\n").split(f"{ESCAPE}[J")[-1]
    assert re.match(r"a\.example +issued +\d", last), done.text
    assert f"files: {one.live('a.example')}/" in last


def test_an_error_on_a_terminal(evercert, pebble):
    ca = pebble(sleep=2)
    ca.dns("set-servfail", host="a.example.")
    one = evercert(ca)
    done = Terminal(one, "issue", "-d", "a.example")
    assert done.status == FAILED
    last = done.text.replace("\r\n", "\n").split(f"{ESCAPE}[J")[-1]
    assert last.startswith("evercert: error: a.example: ")
    assert ESCAPE not in last


def test_a_bar_for_many_on_a_terminal(evercert, pebble):
    names = [f"n{number:02}.example" for number in range(12)]
    one = evercert(pebble("2.4", sleep=1), config={"certificates": [{"domains": [name]} for name in names]})
    done = Terminal(one, "renew", rows=10)
    assert done.status == DONE, done.text
    assert "12/12" in done.text and "#" in done.text


def test_no_colour_no_escape_codes(evercert, pebble):
    one = evercert(pebble())
    assert ESCAPE not in one.issue("a.example").stdout
    for words in (["list"], ["show", "a.example"]):
        assert f"{ESCAPE}[32m" in Terminal(one, *words).text
        assert ESCAPE not in Terminal(one, *words, env={"NO_COLOR": "1"}).text
        assert ESCAPE not in Terminal(one, *words, "--no-color").text
        assert ESCAPE not in Terminal(one, *words, env={"TERM": "dumb"}).text
        assert ESCAPE not in one.run(*words, status=DONE).stdout
        assert ESCAPE not in one.run(*words, status=DONE, env={"TERM": "xterm"}).stdout


def test_progress_without_colour(evercert, pebble):
    """NO_COLOR asks for a plain output; so does a terminal that can do nothing."""
    one = evercert(pebble(sleep=1))
    for number, env in enumerate(({"NO_COLOR": "1"}, {"TERM": "dumb"})):
        done = Terminal(one, "issue", "-d", f"n{number}.example", env=env)
        assert done.status == DONE and ESCAPE not in done.text, done.text


def test_a_narrow_terminal(evercert, pebble):
    one = evercert(pebble())
    one.issue("a-name-that-is-rather-long.example", "b.example", "c.example")
    for columns in (80, 60, 40):
        done = Terminal(one, "list", columns=columns, env={"NO_COLOR": "1"})
        assert max(map(len, done.text.splitlines())) <= columns


def test_ctrl_c(evercert, pebble, processes):
    """The command ends, and everything that it started."""
    ca = pebble(sleep=15)
    one = evercert(ca)
    process = one.start("issue", "-d", "a.example")
    wait_until(lambda: ca.request_counts().get("POST /chalZ"), "the challenge to be answered", 30)
    process.send(signal.SIGINT)
    assert process.wait(15) == 130
    processes.expect_none_left()


def test_ctrl_c_with_a_daemon(evercert, pebble):
    """The command ends, and says that the daemon goes on; it does."""
    ca = pebble(sleep=5)
    one = evercert(ca)
    one.run_daemon()
    process = one.start("issue", "-d", "a.example")
    wait_until(lambda: ca.request_counts().get("POST /chalZ"), "the challenge to be answered", 30)
    process.send(signal.SIGINT)
    assert process.wait(15) == 130
    assert "the daemon goes on with it" in one.text()
    wait_until(lambda: one.live("a.example").exists(), "the certificate", 30)
    one.stop_daemon()
    lineage.check(one, "a.example")
