"""A DNS server whose answers a test decides on, for what no real one does on purpose:

    with OddServer(lambda question, tcp: None) as silent: ...
    with OddServer(answer, address="127.9.9.9", port=53) as server:
        server.text             "127.9.9.9:53"
        server.questions        what came: [(name, type, flags, tcp)], flags of dns.flags
        server.count("a.example", "TXT")

answer(question, tcp) returns a dns.message.Message, octets, or None for silence; question is the message that came.
reply() makes answers; relay(server) asks a real one."""

import select
import socket
import struct
import threading

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rrset
from ports import free_port


def reply(question, answer=(), authority=(), rcode=0, authoritative=True, error=None):
    """answer, authority: records as ("name.", "TXT", "data", ...). error: (code, text) of RFC 8914."""
    message = dns.message.make_response(question, recursion_available=True)
    if authoritative:
        message.flags |= dns.flags.AA
    for section, records in ((message.answer, answer), (message.authority, authority)):
        for name, kind, *data in records:
            section.append(dns.rrset.from_text(name, 1, "IN", kind, *data))
    message.set_rcode(rcode)
    if error:
        option = dns.edns.GenericOption(15, struct.pack("!H", error[0]) + error[1].encode())
        message.use_edns(0, 0, 1232, options=[option])
    return message


def relay(server):
    """The answer of a real server to every question."""

    def answer(question, tcp):
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(question, server.address, port=server.port, timeout=5)

    return answer


class OddServer:
    def __init__(self, answer, address="127.0.0.1", port=None):
        self.answer, self.address, self.port = answer, address, port or free_port()
        self.text = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.questions, self.failures = [], []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp = socket.socket(family, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one in (self._udp, self._tcp):
            one.bind((address, self.port))
        self._tcp.listen(16)
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.close()
        self._thread.join(10)
        for one in (self._udp, self._tcp, self._ended):
            one.close()
        assert not self.failures, self.failures

    def count(self, name, kind="TXT"):
        return sum(1 for asked in self.questions if asked[:2] == (name, kind))

    def _serve(self):
        while True:
            ready, _, _ = select.select([self._udp, self._tcp, self._ended], [], [])
            if self._ended in ready:
                return
            try:
                if self._udp in ready:
                    self._on_udp()
                if self._tcp in ready:
                    self._on_tcp()
            except (OSError, ValueError, AttributeError, TypeError, dns.exception.DNSException) as error:
                self.failures.append(repr(error))

    def _octets(self, octets, tcp):
        question = dns.message.from_wire(octets)
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True)
        self.questions.append((name, dns.rdatatype.to_text(asked.rdtype), question.flags, tcp))
        answer = self.answer(question, tcp)
        if answer is None or isinstance(answer, bytes):
            return answer
        return answer.to_wire(max_size=65535)

    def _on_udp(self):
        octets, peer = self._udp.recvfrom(4096)
        answer = self._octets(octets, False)
        if answer is not None:
            self._udp.sendto(answer, peer)

    def _on_tcp(self):
        connection, _ = self._tcp.accept()
        with connection:
            connection.settimeout(5)
            stream = connection.makefile("rb")
            head = stream.read(2)
            if len(head) == 2:
                answer = self._octets(stream.read(struct.unpack("!H", head)[0]), True)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)
