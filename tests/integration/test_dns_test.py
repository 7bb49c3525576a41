"""dns test: a record is put into a real zone, seen, and taken out again, without a CA."""

import json
import re

import pytest
import yaml
from bind import Bind
from name_server import Key

from evercert import DONE, FAILED, USAGE

CHALLENGE = "_acme-challenge"


@pytest.fixture
def key():
    return Key("client")


@pytest.fixture
def client(processes, tmp_path, evercert, key):
    """A client with the entry `corp` for the zone a.example of a server, which is client.server."""
    server = Bind(processes, tmp_path / "bind")
    server.zone("a.example", key=key)
    server.start()
    entry = {
        "provider": "rfc2136",
        "server": server.text,
        "key-name": key.name,
        "key-algorithm": key.algorithm,
        "key-secret": key.secret,
        "propagation": {"nameservers": [server.text]},
    }
    wrong = {**entry, "key-secret": "bm90IHRoZSBrZXkgb2YgdGhpcyBzZXJ2ZXIhIQ=="}
    propagation = {"resolvers": [server.text], "timeout": "10s"}
    one = evercert(config={"dns": {"corp": entry, "wrong": wrong}, "propagation": propagation, "challenge": "dns-01"})
    one.server = server
    return one


def steps(done):
    return [(float(seconds), step) for seconds, step in re.findall(r"^ +([\d.]+)s  (.*)$", done.stdout, re.M)]


@pytest.mark.parametrize("daemon", [False, True], ids=["alone", "daemon"])
def test_a_round(client, daemon):
    if daemon:
        client.run_daemon()
    done = client.run("dns", "test", "corp", "www.a.example", status=DONE)
    told = steps(done)
    assert len(told) >= 2 and told[-1][1] == "removed", done.stdout
    assert [seconds for seconds, _ in told] == sorted(seconds for seconds, _ in told)
    assert done.stdout.splitlines()[-1].startswith("www.a.example")
    client.server.wait_txt(f"{CHALLENGE}.www.a.example")
    assert client.list() == []


def test_a_reload(client):
    """Entries that are not good leave those from before in force, and good ones are there at once."""
    client.run_daemon()
    settings = yaml.safe_load(client.config_file.read_text())
    entries = settings["dns"]
    entries["wrong"]["key-secrt"] = "x"
    client.config_file.write_text(yaml.safe_dump(settings))
    client.reload()
    assert "dns.wrong.key-secrt: " in client.daemon.text() and "stays in force" in client.daemon.text()
    client.run("dns", "test", "corp", "a.example", status=DONE)
    settings["dns"] = {"other": entries["corp"]}
    client.config_file.write_text(yaml.safe_dump(settings))
    client.reload()
    assert "there is no entry corp of dns" in client.run("dns", "test", "corp", "a.example", status=USAGE).stderr
    client.run("dns", "test", "other", "a.example", status=DONE)


def test_in_json(client):
    done = client.run("dns", "test", "corp", "*.a.example", "--json", status=DONE)
    *rows, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(row) == {"step", "seconds"} for row in rows) and rows[-1]["step"] == "removed"
    assert result["ok"] and result["name"] == "a.example" and result["error"] is None
    client.server.wait_txt(f"{CHALLENGE}.a.example")


def test_another_value_stays(client):
    client.server.put("a.example", f"{CHALLENGE}.a.example", "another's value")
    client.run("dns", "test", "corp", "a.example", status=DONE)
    client.server.wait_txt(f"{CHALLENGE}.a.example", "another's value")


def test_a_server_that_refuses_the_key(client):
    done = client.run("dns", "test", "wrong", "a.example", status=FAILED)
    assert "wrong" in done.stderr and "a.example" in done.stderr
    assert "bm90IHRoZ" not in done.stdout + done.stderr
    row = json.loads(client.run("dns", "test", "wrong", "a.example", "--json", status=FAILED).stdout.splitlines()[-1])
    assert not row["ok"] and row["error"]
    client.server.wait_txt(f"{CHALLENGE}.a.example")
