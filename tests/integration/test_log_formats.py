"""The log for machines: JSON lines on standard error, and fields for journald, with certificate, order and request."""

import json
import re
import socket

import pytest

from evercert import DONE, FAILED
from processes import wait_until


def entries(text):
    """Every line of the daemon has to be one; what commands printed stands in the same file."""
    own = re.sub(r"^\$ evercert .*?^\[\d+\]\n", "", text, flags=re.M | re.S)
    return [json.loads(line) for line in own.splitlines()]


def config(**more):
    return {"certificates": [{"domains": ["a.example"]}], **more}


def test_json_of_an_issue(evercert, pebble):
    client = evercert(pebble(), config=config(**{"log-format": "json"}))
    client.run_daemon("-vv")
    client.wait_live("a.example")
    client.wait_valid("a.example")
    client.stop_daemon()
    rows = entries(client.daemon.text())
    for row in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"])
        assert row["level"] in ("error", "warning", "info", "debug") and row["pid"] > 1 and row["message"]
    assert {row["process"] for row in rows} >= {"parent", "keeper", "engine", "responder"}
    (issued,) = [row for row in rows if row.get("event") == "issued"]
    assert (issued["certificate"], issued["authority"]) == ("a.example", "test")
    assert issued["message"].startswith("a.example: issued by test") and issued["level"] == "info"
    # The order's requests have numbers, and the history has the same.
    asked = [row for row in rows if row.get("certificate") == "a.example" and row["level"] == "debug" and "request" in row]
    (event,) = [row for row in client.log_rows("a.example") if row["event"] == "issued"]
    assert [row["request"] for row in asked] == [one["number"] for one in event["detail"]["exchange"]]
    assert [row["event"] for row in asked] == [one["request"] for one in event["detail"]["exchange"]]
    assert issued["request"] == asked[-1]["request"]
    assert {row["order"] for row in asked if "order" in row} == {issued["order"]}
    assert issued["order"].startswith("https://")


def test_json_of_a_configuration_that_is_not_good(evercert, pebble):
    """What is wrong with it is told as entries, too."""
    client = evercert(pebble(), config=config(**{"log-format": "json"}))
    client.run_daemon()
    client.wait_live("a.example")
    client.write_config({"colour": 'of "quotes"\n'})
    client.reload()
    assert any("colour" in row["message"] for row in entries(client.daemon.text()))


def test_the_option_wins(evercert, pebble):
    client = evercert(pebble(), config=config(**{"log-format": "json"}))
    client.run_daemon("--log-format", "text")
    client.wait_live("a.example")
    assert "evercert[engine]: info: a.example: getting a certificate from test" in client.daemon.text()
    client.stop_daemon()
    done = client.run("renew", "--force", "a.example", "-vv", "--log-format=json", status=DONE)
    assert any(json.loads(line)["message"] for line in done.stderr.splitlines() if line.startswith("{"))
    assert "evercert[engine]" not in done.stderr


class Journal:
    """What journald is: datagrams of its native protocol, taken apart."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.entries = []

    @staticmethod
    def _fields(data):
        fields = {}
        while data:
            line, data = data.split(b"\n", 1)
            name, equals, value = line.partition(b"=")
            if not equals:
                length, data = int.from_bytes(data[:8], "little"), data[8:]
                value, end, data = data[:length], data[length : length + 1], data[length + 1 :]
                assert end == b"\n"
            fields[name.decode()] = value.decode()
        return fields

    def read(self):
        while True:
            try:
                self.entries.append(self._fields(self._socket.recv(1 << 20)))
            except BlockingIOError:
                return self.entries

    def close(self):
        self._socket.close()


@pytest.fixture
def journal(open_folder):
    made = Journal(open_folder / "journal")
    yield made
    made.close()


def test_the_journal(evercert, pebble, journal, open_folder):
    """All processes write to a socket that the parent connected, whatever their sandboxes forbid."""
    path = open_folder / "journal"
    client = evercert(pebble(), config=config(**{"log-format": "journal"}), env={"EVERCERT_JOURNAL": str(path)})
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_valid("a.example")

    def issued():
        return [e for e in journal.read() if e.get("EVERCERT_EVENT") == "issued"]

    (entry,) = wait_until(issued, "the entry of the issue")
    assert entry["PRIORITY"] == "6" and entry["SYSLOG_IDENTIFIER"] == "evercert"
    assert entry["EVERCERT_CERTIFICATE"] == "a.example" and entry["EVERCERT_AUTHORITY"] == "test"
    assert entry["EVERCERT_ORDER"].startswith("https://") and int(entry["EVERCERT_REQUEST"]) > 0
    assert entry["MESSAGE"].startswith("a.example: issued by test")
    assert {e["EVERCERT_PROCESS"] for e in journal.read()} >= {"parent", "keeper", "engine", "responder"}
    assert "evercert[" not in client.daemon.text()
    # The journal goes: nothing is lost.
    journal.close()
    path.unlink()
    client.run("renew", "--force", "a.example", status=DONE)
    wait_until(lambda: "evercert[engine]: info: a.example: renewed" in client.daemon.text(), "the line of the renewal")


def test_a_journal_that_is_not_there(evercert, pebble, open_folder):
    env = {"EVERCERT_JOURNAL": str(open_folder / "none")}
    client = evercert(pebble(), config={"log-format": "journal"}, env=env)
    client.run_daemon()
    text = client.daemon.text()
    assert "the journal cannot be reached" in text and "evercert[parent]: info: ready" in text


def test_a_failure_names_order_and_request(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="a.example.")
    client = evercert(ca, config=config(**{"log-format": "json"}))
    client.run_daemon()
    client.wait_row("a.example", lambda row: row["failures"] == 1, "failing")
    (failed,) = [row for row in entries(client.daemon.text()) if row.get("event") == "failed"]
    assert failed["level"] == "warning" and failed["request"] > 0 and failed["order"].startswith("https://")
    assert client.run("renew", "--force", "a.example", status=FAILED)
