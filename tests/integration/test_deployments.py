"""What is done with a certificate that is live: proof that the server serves it, the way back, commands once for many,
commands around attempts, and the daily look."""

import hashlib
import socket
import ssl
import subprocess

import pytest

from evercert import DONE, FAILED
from processes import wait_until

# What an administrator's script does, well or badly, by the word in the file `mode`.
SCRIPT = """#!/bin/sh
echo "$EVERCERT_EVENT $EVERCERT_NAMES" >> {folder}/runs
case $(cat {folder}/mode) in
lazy) exit 0 ;;
fails) echo "no such unit" >&2; exit 3 ;;
chainless) cat "$EVERCERT_DIR/cert.pem" > {folder}/served.pem ;;
*) cat "$EVERCERT_DIR/fullchain.pem" > {folder}/served.pem ;;
esac
cat "$EVERCERT_DIR/privkey.pem" > {folder}/served.key
kill -HUP "$(cat {pid_file})"
"""


class Server:
    """nginx with a certificate of its own until the script gives it another."""

    def __init__(self, nginx, folder):
        self.folder = folder
        self.self_signed("old.example")
        self.nginx = nginx(certificate=(folder / "served.pem", folder / "served.key"))
        self.nginx.start()
        self.place = f"127.0.0.1:{self.nginx.https_port}"
        self.script = folder / "script"
        self.script.write_text(SCRIPT.format(folder=folder, pid_file=self.nginx.pid_file))
        self.script.chmod(0o755)
        self.mode("good")

    def served(self):
        """Fingerprint of what it serves, whatever that is."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.nginx.https_port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname="a.example") as secure:
                return hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()

    def self_signed(self, name):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", f"/CN={name}", "-keyout", self.folder / "served.key", "-out", self.folder / "served.pem"],
            check=True, capture_output=True,
        )  # fmt: skip

    def mode(self, word):
        (self.folder / "mode").write_text(word)

    def runs(self):
        file = self.folder / "runs"
        return file.read_text().splitlines() if file.exists() else []

    def steps(self, timeout="6s", **more):
        return [{"run": [str(self.script)]}, {"verify": self.place, "timeout": timeout, **more}]


@pytest.fixture
def server(nginx, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    return Server(nginx, folder)


def config(*steps, **more):
    return {"certificates": [{"domains": ["a.example"], "deploy": list(steps), **more}]}


# Proof


def test_what_is_served_is_seen(evercert, pebble, server):
    client = evercert(pebble(), config=config(*server.steps()))
    client.renew()
    row = client.row("a.example")
    assert row["deploy"]["state"] == "done"
    assert (row["served"]["state"], row["served"]["error"]) == ("yes", None)
    assert row["served"]["checked_at"] < row["served"]["next_check"]
    listed = client.run("list", status=DONE).stdout.splitlines()[1].split()
    assert listed[:3] == ["a.example", "valid", "yes"]
    assert "Served" in client.run("show", "a.example", status=DONE).stdout
    (deployed,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    assert [set(step) & {"run", "verify"} for step in deployed["detail"]["steps"]] == [{"run"}, {"verify"}]


def test_a_reload_that_did_nothing_is_a_failed_deployment(evercert, pebble, server):
    """The script ends well and the server goes on with what it had."""
    ca = pebble()
    client = evercert(ca, config=config(*server.steps(timeout="2s")))
    client.renew()
    first = client.leaf("a.example")
    server.mode("lazy")
    done = client.renew("a.example", force=True, status=FAILED)
    assert server.place in done.stderr and "does not serve" in done.stderr
    row = client.row("a.example")
    assert (row["deploy"]["state"], row["served"]["state"]) == ("failing", "no")
    assert "old" in row["served"]["error"]
    assert client.run("list", status=DONE).stdout.splitlines()[1].split()[2] == "NO"
    assert client.leaf("a.example").fingerprint != first.fingerprint  # it is there, only not served
    # The script is run again, and nothing is issued for it.
    orders = ca.request_counts()["POST /order-plz"]
    runs = len(server.runs())
    server.mode("good")
    client.renew("a.example")
    assert len(server.runs()) == runs + 1
    assert client.row("a.example")["served"]["state"] == "yes"
    assert ca.request_counts()["POST /order-plz"] == orders


def test_a_chain_that_is_not_served_is_told(evercert, pebble, server):
    server.mode("chainless")
    client = evercert(pebble(), config=config(*server.steps(timeout="2s")))
    done = client.renew(status=FAILED)
    assert "fullchain.pem" in done.stderr


def test_nothing_that_listens(evercert, pebble):
    client = evercert(pebble(), config=config({"verify": "127.0.0.1:9", "timeout": "1s"}))
    done = client.renew(status=FAILED)
    assert "127.0.0.1:9" in done.stderr
    assert client.row("a.example")["state"] == "valid"


def test_a_command_that_failed_is_gone_on_with(evercert, pebble, server, tmp_path):
    """What was done well is not done twice."""
    count = tmp_path / "count"
    first = {"run": ["/bin/sh", "-c", f"echo x >> {count}"]}
    server.mode("fails")
    client = evercert(pebble(), config=config(first, *server.steps()))
    done = client.renew(status=FAILED)
    assert "no such unit" in done.stderr
    server.mode("good")
    client.renew("a.example")
    assert count.read_text() == "x\n"
    assert [line.split()[0] for line in server.runs()] == ["issued", "issued"]
    assert client.row("a.example")["deploy"]["state"] == "done"


# The way back


def test_what_was_served_before_is_put_back(evercert, pebble, server):
    client = evercert(pebble(), config=config(*server.steps(timeout="2s", rollback=True)))
    client.renew()
    first = client.leaf("a.example")
    server.mode("chainless")
    client.renew("a.example", force=True, status=FAILED)
    row = client.row("a.example")
    assert (row["generation"], row["rolled_back_to"]) == (2, 1)
    assert client.leaf("a.example").fingerprint == first.fingerprint
    assert "rolled-back" in client.events("a.example")
    assert server.served() == first.fingerprint
    # The new one is not given up: it is deployed again, and what is live goes forward.
    server.mode("good")
    client.renew("a.example")
    row = client.row("a.example")
    assert (row["generation"], row["rolled_back_to"], row["served"]["state"]) == (2, None, "yes")
    assert client.leaf("a.example").fingerprint == row["fingerprint"] != first.fingerprint


def test_there_is_no_way_back_from_the_first(evercert, pebble, server):
    server.mode("lazy")
    client = evercert(pebble(), config=config(*server.steps(timeout="1s", rollback=True)))
    done = client.renew(status=FAILED)
    assert "nothing was put back" in done.stderr
    assert client.row("a.example")["rolled_back_to"] is None


# Once for many


def test_one_command_for_all_of_a_pass(evercert, pebble, server):
    names = [f"n{i}.example" for i in range(12)]
    reload = {"run": [str(server.script)], "batch": True}
    server.mode("lazy")
    one = {"certificates": [{"domains": [name], "deploy": [reload]} for name in names]}
    client = evercert(pebble(), config=one)
    client.renew()
    (run,) = server.runs()
    assert sorted(run.split()[1:]) == sorted(names)
    assert all(row["deploy"]["state"] == "done" for row in client.list())
    # It fails for all, and is run again for all in one.
    server.mode("fails")
    client.renew(*names, force=True, status=FAILED)
    assert len(server.runs()) == 2
    assert all(row["deploy"]["state"] == "failing" for row in client.list())
    server.mode("lazy")
    client.renew(*names)
    assert len(server.runs()) == 3
    assert sorted(server.runs()[2].split()[1:]) == sorted(names)


# Around attempts, and what happens otherwise


def note(file, **more):
    return {"run": ["/bin/sh", "-c", f'echo "$EVERCERT_EVENT $EVERCERT_NAMES" >> {file}'], **more}


def test_commands_around_attempts(evercert, pebble, tmp_path):
    """Once before the first of those that go on together, once behind the last."""
    file = tmp_path / "noted"
    steps = [note(file, on=["starting", "finished"])]
    names = ["a.example", "b.example", "c.example"]
    client = evercert(pebble(), config={"certificates": [{"domains": [name], "deploy": steps} for name in names]})
    client.renew()
    lines = wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == 2 and file.read_text().splitlines(), "both to be run")
    assert lines[0].split()[0] == "starting"
    assert lines[1].split()[0] == "finished" and sorted(lines[1].split()[1:]) == names


def test_what_must_run_before_and_fails(evercert, pebble):
    ca = pebble()
    steps = [{"run": ["/bin/sh", "-c", "echo the firewall is stuck; exit 1"], "on": ["starting"]}]
    client = evercert(ca, config=config(*steps))
    done = client.renew(status=FAILED)
    assert "the firewall is stuck" in done.stderr
    assert ca.request_counts().get("POST /order-plz", 0) == 0


def test_failures_are_told(evercert, pebble, tmp_path):
    file = tmp_path / "noted"
    steps = [
        {"run": ["/bin/sh", "-c", f'echo "$EVERCERT_EVENT $EVERCERT_ERROR" >> {file}'], "on": ["failing"]},
        {"run": ["/bin/false"]},
    ]
    client = evercert(pebble(), config=config(*steps))
    client.renew(status=FAILED)
    wait_until(file.exists, "it to be told")
    event, error = file.read_text().split(" ", 1)
    assert event == "failing" and "/bin/false" in error
    client.renew("a.example", status=FAILED)  # within the hour: not again
    assert len(file.read_text().splitlines()) == 1


def test_the_end_is_near(evercert, pebble, tmp_path):
    """A renewal that fails with little time left is told as failing, and as expiring."""
    file = tmp_path / "noted"
    ca = pebble(validity=3)
    client = evercert(ca, config=config(note(file, on=["failing", "expiring"])))
    client.renew()
    client.wait_row("a.example", lambda row: row["state"] == "expired", "expired")
    ca.process.stop()
    client.renew("a.example", force=True, status=FAILED)
    assert sorted(file.read_text().splitlines()) == ["expiring a.example", "failing a.example"]


def test_that_all_is_well_is_told_too(evercert, pebble, tmp_path):
    """As dehydrated tells its hook of each certificate that it left alone."""
    file = tmp_path / "noted"
    client = evercert(pebble(), config=config(note(file, on=["unchanged"])))
    client.renew()
    assert not file.exists()
    client.renew()
    assert file.read_text() == "unchanged a.example\n"


# The daily look


def test_a_server_that_fell_back_is_noticed(evercert, pebble, server):
    client = evercert(pebble(), config=config(*server.steps()))
    client.renew()
    live = server.served()
    # Somebody restores an old configuration.
    server.self_signed("backup.example")
    server.nginx.reload()
    wait_until(lambda: all(server.served() != live for _ in range(10)), "the backup to be served by all workers")
    done = client.renew()
    assert "not-as-deployed" in client.events("a.example")
    wait_until(lambda: server.served() == live, "the last of nginx's old workers to stop taking connections")
    assert client.row("a.example")["served"]["state"] == "yes"
    assert "a.example  deployed" in done.stdout


def test_another_copy_is_written_at_once(evercert, pebble, tmp_path):
    """Nothing is due, but what is wanted of the certificate has changed."""
    client = evercert(pebble())
    client.issue("a.example")
    copy, count = tmp_path / "copy.pem", tmp_path / "count"
    more = {"publish": f"fullchain:{copy}", "deploy": f"/usr/bin/tee -a {count}"}
    done = client.issue("a.example", **more)
    assert "deployed" in done.stdout
    assert copy.read_bytes() == (client.live("a.example") / "fullchain.pem").read_bytes()
    copy.unlink()
    client.renew("a.example")
    assert copy.exists()
    assert client.events("a.example").count("repaired") == 2
