"""What the cases of one worker share. Each case asks for names of its own, and what it did at the CA is what came after
stage.begin()."""

import base64
import collections
import functools
import http.server
import json
import re
import threading

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dns_world import DnsWorld
from gate import Gate
from pebble import Pebble
from ports import free_port

_PLACED = re.compile(r"Added order \"")
_ISSUED = re.compile(r"Issued certificate serial ([0-9a-f]+) for order")

ZONE = "crash.example"


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Website:
    """Serves a folder where the CA looks for http-01, from with to its end."""

    def __init__(self, port, folder):
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), functools.partial(_Files, directory=str(folder)))

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _payload(body):
    payload = json.loads(body)["payload"]
    return json.loads(_decoded(payload)) if payload else None


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class WatchedCa:
    """A CA and what was said to it since begin()."""

    def __init__(self, processes, folder, authority, **options):
        self.pebble = Pebble(processes, folder, authority, **options)
        self.gate = Gate(self.pebble, authority)
        self.begin()

    def begin(self):
        self._seen = len(self.gate.seen)
        self.pebble.forget_requests()

    def _bodies(self, kind):
        return [body for path, body in self.gate.seen[self._seen :] if "/" + path.split("/")[1] == kind]

    def counts(self):
        """{"/order-plz": 1, ...} of the signed requests."""
        kinds = ["/" + path.split("/")[1] for path, body in self.gate.seen[self._seen :] if body]
        return dict(collections.Counter(kinds))

    def orders(self):
        """How many orders it took. (It refuses one in many for a fault of its own; see pebble.lost_serials().)"""
        return len(_PLACED.findall(self.pebble.log_text()))

    def keys(self):
        """The public keys of all CSRs it was sent."""
        csrs = [x509.load_der_x509_csr(_decoded(_payload(body)["csr"])) for body in self._bodies("/finalize-order")]
        return {public_bytes(csr.public_key()) for csr in csrs}

    def issued(self):
        """Serial numbers of what it issued."""
        return {int(serial, 16) for serial in _ISSUED.findall(self.pebble.log_text())}


class Stage:
    def __init__(self, processes, folder, authority):
        self._processes, self._folder, self._authority = processes, folder, authority
        self.http_port, self.closed_port = free_port(), free_port()
        self._web = self._dns = None
        self.world = None
        self._names = 0

    def name(self):
        """One that no other case has."""
        self._names += 1
        return f"n{self._names}.{ZONE}"

    def web(self):
        """The CA that validates http-01, at .http_port."""
        if self._web is None:
            self._web = WatchedCa(self._processes, self._folder / "web", self._authority, http_port=self.http_port)
        self._web.begin()
        return self._web

    def dns(self):
        """The CA that asks the name servers of .world."""
        if self._dns is None:
            self.world = DnsWorld(self._processes, self._folder / "world", ZONE)
            self._dns = WatchedCa(
                self._processes, self._folder / "dns", self._authority, resolver=self.world.of_ca.text
            )
        self._dns.begin()
        return self._dns

    def close(self):
        for one in (self._web, self._dns):
            if one is not None:
                one.gate.close()
