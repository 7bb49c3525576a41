"""HTTP/1.1 on loopback, over TLS or plain, one thread for each connection, with every octet of an answer in the hands
of whoever makes it: a server that is to misbehave cannot be built on one that knows how to behave."""

import http
import socket
import ssl
import threading
import time

_HEAD_MAX = 64 * 1024
_BODY_MAX = 1024 * 1024
_IDLE_S = 60


class Cut(Exception):
    """The connection ends here, with no answer, or none any more."""


class Headers(list):
    """[(name, value), ...] as they stood there; get() does not care about case."""

    def get(self, name, default=None):
        return next((value for key, value in self if key.lower() == name.lower()), default)

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def set(self, name, value):
        """In the place of all with that name; None: none of them."""
        self[:] = [(key, old) for key, old in self if key.lower() != name.lower()]
        if value is not None:
            self.append((name, str(value)))


class Request:
    """What a client sent. `time` is monotonic. A CA adds what it found out: kind, protected, payload, status."""

    def __init__(self, method, path, version, headers, body):
        self.method, self.path, self.version, self.headers, self.body = method, path, version, headers, body
        self.time = time.monotonic()
        self.kind, self.protected, self.payload, self.account, self.status = None, {}, None, None, None
        self.cut = False

    def __repr__(self):
        return f"{self.method} {self.path} ({self.kind}): {'cut' if self.cut else self.status}"


class Answer:
    """status, headers and body, put together as HTTP wants it; or `raw`, pieces of octets that are sent as they are,
    one after the other, until they end or the client has gone. After raw the connection is closed."""

    def __init__(self, status, body=b"", content_type=None, headers=()):
        self.status, self.version, self.raw, self.close = status, "HTTP/1.1", None, False
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = Headers(headers)
        if content_type:
            self.headers.append(("Content-Type", content_type))

    def head(self, length=None):
        """The octets up to the body."""
        try:
            reason = http.HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"{self.version} {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def octets(self, method):
        if self.raw is not None:
            yield from self.raw
        else:
            yield self.head(len(self.body)) + (b"" if method == "HEAD" else self.body)


class _Connection:
    def __init__(self, listener, plain):
        self._listener, self._socket, self._plain = listener, plain, plain
        self._buffer = b""

    def serve(self):
        try:
            self._plain.settimeout(_IDLE_S)
            self._plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._listener.tls:
                self._socket = self._listener.tls.wrap_socket(self._plain, server_side=True)
            while self._one():
                pass
        except (OSError, ValueError, Cut):
            pass  # clients go away whenever they like, and are cut off here on purpose
        finally:
            self._listener.gone(self._plain)
            self._socket.close()

    def _fill(self):
        piece = self._socket.recv(65536)
        self._buffer += piece
        return bool(piece)

    def _read_request(self):
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _HEAD_MAX or not self._fill():
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        headers = Headers((line.split(":", 1)[0], line.split(":", 1)[1].strip()) for line in lines)
        length = int(headers.get("Content-Length", "0"))
        if length > _BODY_MAX:
            return None
        while len(self._buffer) < length:
            if not self._fill():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(method, path, version, headers, body)

    def _one(self):
        request = self._read_request()
        if request is None:
            return False
        try:
            answer = self._listener.handle(request)
        except Cut:
            request.cut = True
            raise
        for piece in answer.octets(request.method):
            if self._listener.closing:
                return False
            self._socket.sendall(piece)
        return answer.raw is None and not answer.close


class Listener:
    """Serves `handle(request) -> Answer`, which may raise Cut, on a loopback port of its own until close().

    certificate     (certificate file, key file), or None for plain HTTP
    connections     how many there ever were, also those that never came to a request
    """

    def __init__(self, handle, certificate=None, port=0):
        self.handle, self.connections, self.closing, self.tls = handle, 0, False, None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
            self.tls.set_alpn_protocols(["http/1.1"])
        self._lock = threading.Lock()
        self._open = set()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(plain)
            threading.Thread(target=_Connection(self, plain).serve, daemon=True).start()

    def gone(self, plain):
        with self._lock:
            self._open.discard(plain)

    def cut_all(self):
        """Ends all connections that are open."""
        with self._lock:
            connections = list(self._open)
        for plain in connections:
            try:
                plain.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes up the thread that accepts
        except OSError:
            pass
        self._socket.close()
        self.cut_all()


class Trap:
    """Two servers that nobody has any business with: plain HTTP, and HTTPS of another origin than the CA's with a
    certificate that the client trusts, so that only the client's own judgement keeps it away."""

    def __init__(self, authority):
        self.hits = []
        certificate = authority.leaf("127.0.0.1", "localhost")
        self._listeners = {
            "http": Listener(lambda request: self._hit("http", request)),
            "https": Listener(lambda request: self._hit("https", request), certificate),
        }

    def _hit(self, scheme, request):
        self.hits.append(f"{scheme}: {request.method} {request.path}")
        return Answer(404, "a trap", "text/plain")

    def url(self, scheme, path="/trap", host="127.0.0.1"):
        return f"{scheme}://{host}:{self._listeners[scheme].port}{path}"

    def connections(self):
        """{"http": n, "https": n}, without those that nobody came to."""
        return {name: one.connections for name, one in self._listeners.items() if one.connections}

    def close(self):
        for one in self._listeners.values():
            one.close()
