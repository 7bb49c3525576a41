"""Dynamic updates (RFC 2136) against BIND, Knot and PowerDNS, through a program that does one."""

import os
import socket
import subprocess
import threading

import pytest
from bind import Bind
from knot import Knot
from name_server import Key
from ports import free_port
from powerdns import Powerdns

SERVERS = [Bind, Knot, Powerdns]
NAME = "_acme-challenge.a.example"


def update(server, zone, name, key, *changes):
    """What the program says: "done", or the error's code and text."""
    program = os.path.join(os.environ["EVERCERT_BUILD"], "tests/update_run")
    words = [key.name, key.algorithm, key.secret] if key else ["", "", ""]
    argv = [program, getattr(server, "text", server), zone, name, *words, *changes]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.strip()


@pytest.fixture(params=SERVERS)
def server(request, processes, tmp_path):
    return request.param(processes, tmp_path / "server")


def test_values_come_and_go(server):
    key, other = Key("a-key.", "hmac-sha256"), Key("B-Key", "hmac-sha512")
    server.zone("a.example", key=key).zone("b.example", key=other).start()
    assert update(server, "a.example", NAME, key, "+one") == "done"
    assert update(server, "a.example", NAME, key, "+two", "+one") == "done"
    server.wait_txt(NAME, "one", "two")
    assert update(server, "a.example", NAME, key, "-one") == "done"
    server.wait_txt(NAME, "two")
    assert update(server, "a.example", NAME, key, "-one") == "done", "gone already"
    assert update(server, "a.example", NAME, key, "-two", "+three") == "done"
    server.wait_txt(NAME, "three")
    # each key has its zone
    assert update(server, "b.example", "x.b.example", other, "+value") == "done"
    server.wait_txt("x.b.example", "value")
    assert update(server, "a.example", NAME, other, "-three").startswith("ERR_REFUSED ")
    server.wait_txt(NAME, "three")


def test_values_are_octets(server):
    key = Key("key")
    server.zone("a.example", key=key).start()
    values = ['"quoted" and \\back \\034', "$(touch x); 'a'", "x" * 300, "ä é", "  blanks  "]
    assert update(server, "a.example", NAME, key, *["+" + value for value in values]) == "done"
    server.wait_txt(NAME, *values)
    assert update(server, "a.example", NAME, key, *["-" + value for value in values[:4]]) == "done"
    server.wait_txt(NAME, values[4])


@pytest.mark.parametrize("algorithm", ["hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512"])
@pytest.mark.parametrize("kind", [Bind, Knot])
def test_algorithms(processes, tmp_path, kind, algorithm):
    key = Key("key", algorithm)
    server = kind(processes, tmp_path / "server").zone("a.example", key=key).start()
    assert update(server, "a.example", NAME, key, "+value") == "done"
    server.wait_txt(NAME, "value")


def test_wrong_keys(server):
    key = Key("key", "hmac-sha256")
    server.zone("a.example", key=key).start()
    said = update(server, "a.example", NAME, Key("other"), "+value")
    assert said.startswith("ERR_REFUSED ") and ("no key" in said or "REFUSED" in said), said
    said = update(server, "a.example", NAME, Key("key"), "+value")
    assert said.startswith("ERR_REFUSED ") and ("BADSIG" in said or "REFUSED" in said), said
    said = update(server, "a.example", NAME, Key("key", "hmac-sha512", key.secret), "+value")
    assert said.startswith("ERR_REFUSED "), said
    said = update(server, "a.example", NAME, None, "+value")
    assert said.startswith("ERR_REFUSED "), said
    for secret in ("a secret!", "abcde", "=", "===="):
        said = update(server, "a.example", NAME, Key("key", "hmac-sha256", secret), "+value")
        assert said.startswith("ERR_INPUT ") and "base64" in said and secret not in said, said
    said = update(server, "a.example", NAME, Key("key", "hmac-sha384"), "+value")
    assert said.startswith("ERR_INPUT ") and "hmac-sha512" in said, said
    assert server.txt(NAME) == []


def test_words_of_keys(processes, tmp_path):
    key = Key("key", "hmac-sha256")
    server = Bind(processes, tmp_path / "server").zone("a.example", key=key).start()
    assert 'it has no key "other"' in update(server, "a.example", NAME, Key("other"), "+value")
    assert "(BADSIG)" in update(server, "a.example", NAME, Key("key"), "+value")
    assert "(BADKEY)" in update(server, "a.example", NAME, Key("key", "hmac-sha512", key.secret), "+value")
    assert "not signed" in update(server, "a.example", NAME, None, "+value")


def test_a_zone_that_is_not_there(server):
    key = Key("key")
    server.zone("a.example", key=key).start()
    said = update(server, "b.example", "x.b.example", key, "+value")
    assert said.startswith("ERR_REFUSED ") and ("b.example" in said), said
    said = update(server, "a.example", "x.b.example", key, "+value")
    assert said == "ERR_INPUT x.b.example does not lie in the zone a.example"


def test_a_secondary_says_so(processes, tmp_path):
    key = Key("key")
    primary = Knot(processes, tmp_path / "primary").zone("a.example", key=key)
    secondary = Bind(processes, tmp_path / "secondary").secondary("a.example", of=primary)
    primary.start(), secondary.start()
    said = update(secondary, "a.example", NAME, key, "+value")
    assert said.startswith("ERR_REFUSED ") or said.startswith("ERR_INPUT "), said
    assert primary.txt(NAME) == []


def test_nobody_there():
    said = update(f"127.0.0.1:{free_port()}", "a.example", NAME, Key("key"), "+value")
    assert said.startswith("ERR_NETWORK cannot connect to 127.0.0.1:") and "Connection refused" in said, said
    said = update("ns.example", "a.example", NAME, Key("key"), "+value")
    assert said.startswith('ERR_INPUT the server "ns.example" is no address'), said


class Between:
    """Takes one connection to `server` and changes what comes back."""

    def __init__(self, server, change):
        self._server, self._change = server, change
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.text = "127.0.0.1:{}".format(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        client, _ = self._socket.accept()
        with client, socket.create_connection((self._server.address, self._server.port)) as there:
            there.sendall(self._message(client))
            answer = self._change(self._message(there)[2:])
            client.sendall(len(answer).to_bytes(2, "big") + answer)

    @staticmethod
    def _message(connection):
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = connection.recv(4096)
            if not more:
                raise ConnectionError(data)
            data += more
        return data

    def close(self):
        self._socket.close()
        self._thread.join(5)


def _unsigned(answer):
    return answer[:4] + bytes(8)


CHANGES = {
    "id": (lambda a: bytes([a[0] ^ 1]) + a[1:], "ERR_NETWORK", "no answer to the update"),
    "not an answer": (lambda a: a[:2] + bytes([a[2] & 0x7F]) + a[3:], "ERR_NETWORK", "no answer to the update"),
    "a bit of the MAC": (lambda a: a[:-30] + bytes([a[-30] ^ 1]) + a[-29:], "ERR_VERIFY", "does not verify"),
    "no signature": (_unsigned, "ERR_VERIFY", "without a signature"),
    "a rubbish end": (lambda a: a + b"x", "ERR_NETWORK", "no answer to the update"),
    "cut": (lambda a: a[:-3], "ERR_NETWORK", "no answer to the update"),
    "nothing": (lambda a: b"", "ERR_NETWORK", "no answer to the update"),
    "much": (lambda a: a + bytes(5000), "ERR_NETWORK", "more than 4096 octets"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_answers_on_the_way(processes, tmp_path, case):
    change, code, words = CHANGES[case]
    key = Key("key")
    server = Knot(processes, tmp_path / "server").zone("a.example", key=key).start()
    between = Between(server, change)
    try:
        said = update(between, "a.example", NAME, key, "+value")
    finally:
        between.close()
    assert said.startswith(code + " ") and words in said, said


