"""The answerer on real sockets: asked by dig and kdig, and by BIND as the resolver, through delegations and CNAMEs."""

import os
import re
import socket
import subprocess

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from bind import Bind
from knot import Knot
from peers import from_system
from ports import free_address, free_port
from processes import wait_until

ZONE = "auth.example"
NAME = f"_acme-challenge.www.{ZONE}"


class Answerer:
    def __init__(self, folder, address="127.0.0.1", port=None, listen=None, zone=ZONE):
        self.address, self.port = address, port or free_port()
        self.text = f"{self.address}:{self.port}"
        program = os.path.join(os.environ["EVERCERT_BUILD"], "tests/answer_run")
        self.log = open(folder / "answerer.log", "w+")
        self._program = subprocess.Popen(
            [program, f"{listen or self.address}:{self.port}", zone, "ns.example.net"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self._program.stdout.readline() == "ready\n"

    def do(self, *words):
        self._program.stdin.write(" ".join(words) + "\n")
        self._program.stdin.flush()
        return self._program.stdout.readline().strip()

    def put(self, name, value):
        assert self.do("put", name, value) == "done"

    def remove(self, name, value):
        assert self.do("remove", name, value) == "done"

    def ask(self, name, kind="TXT", **options):
        query = dns.message.make_query(name, kind, **options)
        return dns.query.udp(query, self.address, port=self.port, timeout=5)

    def connect(self):
        return socket.create_connection((self.address, self.port), 5)

    def finish(self):
        self._program.stdin.close()
        status = self._program.wait(10)
        self.log.seek(0)
        said = self.log.read()
        self.log.close()
        self._program.stdout.close()
        assert status == 0 and said == "", said


@pytest.fixture
def answerer(tmp_path):
    made = []

    def make(**options):
        folder = tmp_path / f"answerer-{len(made)}"
        folder.mkdir()
        made.append(Answerer(folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


def dig(server, *words, program="dig"):
    port = ["-p", str(server.port), f"@{server.address}"]
    done = subprocess.run(
        [from_system(program), *port, *words], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("program", ["dig", "kdig"])
@pytest.mark.parametrize("more", [[], ["+tcp"], ["+noedns"], ["+dnssec"], ["+nocookie", "+bufsize=512"]])
def test_dig(answerer, program, more):
    server = answerer()
    server.put(NAME, "one")
    server.put(NAME, 'tw"o')
    said = dig(server, NAME, "TXT", *more, program=program)
    assert "status: NOERROR" in said and re.search(r"[Ff]lags: qr aa( rd)?;", said), said
    assert '"one"' in said and '"tw\\"o"' in said
    assert "WARN" not in said.replace("WARNING: recursion requested", "")
    server.remove(NAME, "one")
    said = dig(server, NAME, "TXT", *more, program=program)
    assert '"one"' not in said and '"tw\\"o"' in said
    assert "status: NXDOMAIN" in dig(server, f"x.{ZONE}", "TXT", *more, program=program)
    assert "status: NOERROR" in dig(server, f"www.{ZONE}", "TXT", *more, program=program)
    assert "status: REFUSED" in dig(server, "example", "NS", *more, program=program)


def test_versions_and_operations(answerer):
    server = answerer()
    assert "status: BADVERS" in dig(server, ZONE, "SOA", "+edns=1", "+noednsneg")
    assert "status: NOTIMP" in dig(server, ZONE, "SOA", "+opcode=notify")
    assert "status: REFUSED" in dig(server, ZONE, "SOA", "-c", "CH")
    assert "Transfer failed" in dig(server, ZONE, "AXFR")


def test_a_resolver_that_forwards(processes, tmp_path, answerer):
    server = answerer()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True).forward(ZONE, server).start()
    server.put(NAME, "value")
    resolver.wait_txt(NAME, "value")
    server.put(NAME, "other")
    resolver.wait_txt(NAME, "value", "other")
    for value in ("value", "other"):
        server.remove(NAME, value)
    resolver.wait_txt(NAME)


def test_a_resolver_that_follows_delegations(processes, tmp_path, answerer):
    root, here = free_address(), free_address()
    server = answerer(address=here, port=53)
    records = [
        f"{ZONE} NS ns.example.net.",
        f"ns.example.net A {here}",
        f"_acme-challenge.site.example CNAME {NAME}.",
        "www.site.example A 127.0.0.1",
    ]
    Knot(processes, tmp_path / "root", address=root, port=53).zone(".", records=records).start()
    resolver = Bind(processes, tmp_path / "resolver", recursion=True).hints(root).start()
    server.put(NAME, "value")
    resolver.wait_txt(NAME, "value")
    answer = resolver.ask("_acme-challenge.site.example")
    assert [str(rrset.name) for rrset in answer.answer] == ["_acme-challenge.site.example.", NAME + "."]
    assert resolver.ask(NAME, "CAA").rcode() == dns.rcode.NOERROR
    assert resolver.ask(f"deep.below.www.{ZONE}", "CAA").rcode() == dns.rcode.NXDOMAIN
    assert [str(record.target) for record in resolver.ask(ZONE, "NS").answer[0]] == ["ns.example.net."]


def test_a_large_set_comes_by_tcp(processes, tmp_path, answerer):
    server = answerer()
    values = [f"{number:043}" for number in range(100)]  # more of them at one name BIND does not take
    for value in values:
        server.put(NAME, value)
    answer = server.ask(NAME, use_edns=0, payload=4096)
    assert answer.flags & dns.flags.TC and not answer.answer
    resolver = Bind(processes, tmp_path / "resolver", recursion=True).forward(ZONE, server).start()
    resolver.wait_txt(NAME, *values)


def test_it_answers_from_the_address_that_was_asked(answerer):
    address = free_address()
    server = answerer(address=address, listen="0.0.0.0")
    server.put(NAME, "value")
    assert server.ask(NAME).answer  # dnspython takes it from nobody else
    six = answerer(address="::1", listen="[::]", port=free_port()) if socket.has_ipv6 else server
    six.put(NAME, "value")
    assert six.ask(NAME).answer


def test_a_flood(answerer):
    server = answerer()
    server.put(NAME, "value")
    query = dns.message.make_query(NAME, "TXT").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.settimeout(1)
        answers = []
        for _ in range(8):
            for _ in range(50):
                flood.sendto(query, (server.address, server.port))
            while True:
                try:
                    answers.append(dns.message.from_wire(flood.recv(4096)))
                except TimeoutError:
                    break
                flood.settimeout(0.05)
    cut = [answer for answer in answers if answer.flags & dns.flags.TC]
    assert len(answers) < 400 and cut and all(not answer.answer for answer in cut)
    assert dns.query.tcp(dns.message.make_query(NAME, "TXT"), server.address, port=server.port, timeout=5).answer
    # others go on
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((free_address(), 0))
        other.settimeout(5)
        other.sendto(query, (server.address, server.port))
        assert dns.message.from_wire(other.recv(4096)).answer


def _framed(name):
    query = dns.message.make_query(name, "TXT").to_wire()
    return len(query).to_bytes(2, "big") + query


def _messages(connection, count):
    data, found = b"", []
    while len(found) < count:
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = connection.recv(65536)
            if not more:
                return found
            data += more
        size = 2 + int.from_bytes(data[:2], "big")
        found.append(dns.message.from_wire(data[2:size]))
        data = data[size:]
    return found


def test_many_questions_on_a_connection(answerer):
    server = answerer()
    server.put(NAME, "value")
    with server.connect() as connection:
        connection.sendall(_framed(NAME) * 100)
        connection.shutdown(socket.SHUT_WR)
        answers = _messages(connection, 101)
    assert len(answers) == 100 and all(answer.answer for answer in answers)
    with server.connect() as connection:
        for octet in _framed(NAME):
            connection.sendall(bytes([octet]))
        assert _messages(connection, 1)[0].answer


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.0\r\n\r\n", b"\xff\xff", b"\0\0", b"\0\5abcde"])
def test_rubbish_on_a_connection(answerer, rubbish):
    server = answerer()
    with server.connect() as connection:
        connection.sendall(rubbish)
        try:
            assert connection.recv(100) == b""
        except ConnectionResetError:
            pass


def _closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_idle_connections_are_closed(answerer):
    server = answerer()
    with server.connect() as connection:
        connection.sendall(b"\0")  # and no more
        wait_until(lambda: _closed(connection), "an idle connection to be closed", 20)


def test_connections_of_one_address(answerer):
    server = answerer()
    server.put(NAME, "value")
    connections = [server.connect() for _ in range(8)]
    try:
        for connection in connections:
            connection.sendall(_framed(NAME))
            assert _messages(connection, 1)[0].answer
        with server.connect() as more:
            wait_until(lambda: _closed(more), "the ninth to be closed")
        connections.pop().close()

        def again():
            with server.connect() as more:
                try:
                    more.sendall(_framed(NAME))
                    return _messages(more, 1)
                except ConnectionError:
                    return None

        wait_until(again, "a place for another one")
        assert not any(_closed(connection) for connection in connections)
    finally:
        for connection in connections:
            connection.close()


def test_the_oldest_connection_gives_way(answerer):
    server = answerer(listen="0.0.0.0")
    server.put(NAME, "value")
    connections = []
    try:
        for number in range(65):
            connection = socket.socket()
            connection.bind((f"127.8.{number}.1", 0))
            connection.settimeout(5)
            connection.connect((server.address, server.port))
            connection.sendall(_framed(NAME))
            assert _messages(connection, 1)[0].answer
            connections.append(connection)
        wait_until(lambda: _closed(connections[0]), "the oldest to be closed")
        assert not any(_closed(connection) for connection in connections[1:])
    finally:
        for connection in connections:
            connection.close()
