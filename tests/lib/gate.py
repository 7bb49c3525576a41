"""A gate in front of a CA: an HTTPS proxy that can hold one kind of request, or its answer, so that a test can do
something at exactly that moment."""

import http.client
import http.server
import ssl
import threading

from ports import free_port
from processes import wait_until


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # clients are killed in the middle: that is what a gate is for


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def setup(self):
        # Here and not in the listening socket, so that a slow handshake keeps nobody else waiting.
        self.request = self.server.gate.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.upstream = None

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()

    def log_message(self, *_):
        pass

    def _pass_on(self):
        gate = self.server.gate
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate.seen.append((self.path, body))
        if not gate.wait_at(self.path, answered=False):
            self.close_connection = True
            return
        if self.upstream is None:
            self.upstream = http.client.HTTPSConnection(
                "127.0.0.1", gate.pebble.port, context=gate.trust, timeout=60
            )
        # The CA makes its URLs out of the Host field, so they lead here.
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        self.upstream.request(self.command, self.path, body or None, headers)
        answer = self.upstream.getresponse()
        content = answer.read()
        if not gate.wait_at(self.path, answered=True):
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, gate.date if gate.date and name.lower() == "date" else value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = _pass_on


class Gate:
    """Stands where a Pebble does (Evercert takes it for one) and passes everything on until hold() is called.

    url  the directory, through the gate        everything else is the Pebble's own
    """

    def __init__(self, pebble, authority):
        self.pebble = pebble
        self.gate_port = free_port()
        self.url = f"https://127.0.0.1:{self.gate_port}/dir"
        certificate, key = authority.leaf("127.0.0.1", "localhost")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.trust = ssl.create_default_context(cafile=str(pebble.ca_file))
        self._changed = threading.Condition()
        self._kind = None
        self._answered = False
        self._held = 0
        self._dropped = 0
        self.date = None  # another Date for every answer
        self.seen = []  # (path, body) of every request
        self._server = _Server(("127.0.0.1", self.gate_port), _Handler)
        self._server.gate = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __getattr__(self, name):
        return getattr(self.pebble, name)

    def hold(self, kind, answered=False):
        """From now on requests of this kind, as "/order-plz", stay here: before the CA sees them, or, with
        `answered`, when it has answered and before the client knows."""
        with self._changed:
            self._kind, self._answered = kind, answered

    def bodies(self, kind):
        """The bodies of all requests of this kind so far."""
        return [body for path, body in self.seen if "/" + path.split("/")[1] == kind]

    def wait_at(self, path, answered):
        """For the handler: returns when the request may go on; False: its connection is to be closed."""
        with self._changed:
            if "/" + path.split("/")[1] != self._kind or answered != self._answered:
                return True
            self._held += 1
            before = self._dropped
            self._changed.wait_for(lambda: self._kind is None)
            self._held -= 1
            return self._dropped == before

    def held(self):
        """How many requests wait here now."""
        with self._changed:
            return self._held

    def wait_held(self, timeout=20.0):
        wait_until(self.held, f"a request {self._kind} at the gate", timeout)

    def _open(self, drop):
        with self._changed:
            self._kind = None
            self._dropped += drop
            self._changed.notify_all()

    def release(self):
        """What is held goes on, and nothing is held any more."""
        self._open(0)

    def drop(self):
        """The connections of what is held are closed, and nothing is held any more."""
        self._open(1)

    def close(self):
        self.drop()
        self._server.shutdown()
        self._server.server_close()
