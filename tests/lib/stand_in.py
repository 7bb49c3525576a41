"""A small, strict HTTP(S) server that stands in for the API of a DNS provider.

    class Example(StandIn):
        def authenticate(self, request):                       # for every request; optional
            if request.headers.get("authorization") != "Bearer good":
                raise Refusal(401, {"error": "who are you"})

        @route("GET", "/zones/{zone}/records")
        def records(self, request, zone):
            return 200, [...]                                   # or (status, body, headers), or the body alone

    with Example() as api:                                      # Example(authority) speaks https
        Provider("example", {"endpoint": api.url, ...}).present("_acme-challenge.example.org", "value")
        assert api.sent("POST", "/zones/1/records").json == {...}

Bodies are sent as JSON (dict, list), text (str), octets (bytes), or nothing (None). A part of a path in braces is given
to the function, decoded. What no route takes is answered with 404, and is a failure at the end of `with`, as is whatever
breaks the rules of HTTP that real providers are strict about (`complaints`). A request that a test makes on purpose where
there is no route: `api.expect_unknown = True`.

What goes wrong once:
    api.fail_next(503, {"Retry-After": "1"}, body)              # answers with that instead; times=2 for two requests
    api.html_next(status=200)                                   # a page for people where JSON is due
    api.hang_next()                                             # never answers
    api.cut_next()                                              # takes the request and closes the connection
Each takes where=("POST", "/records"): the next request of that method whose path ends or begins so.
"""

import http.server
import json
import re
import socket
import ssl
import threading
import urllib.parse

HTML = "<!DOCTYPE html><html><head><title>Sorry</title></head><body>Down for maintenance.</body></html>"


def route(method, pattern):
    """Marks a function of a StandIn as the answer to `method` at `pattern`."""

    def mark(function):
        function.routes = getattr(function, "routes", []) + [(method, pattern)]
        return function

    return mark


class Refusal(Exception):
    """Raised by a route (or authenticate): the answer is this."""

    def __init__(self, status, body=None, headers=None):
        super().__init__(f"{status} {body}")
        self.answer = (status, body, headers or {})


class Request:
    """What came: method, path (decoded), target (as sent), query (dict; the last of several), query_list (pairs),
    headers (lower-case names), body (octets), json, form (dict), text."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urllib.parse.urlsplit(target)
        self.raw_path = parts.path
        self.path = urllib.parse.unquote(parts.path)
        self.query_list = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        self.query = dict(self.query_list)

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def form(self):
        return dict(urllib.parse.parse_qsl(self.text, keep_blank_values=True, strict_parsing=bool(self.body)))

    def __repr__(self):
        return f"{self.method} {self.target}"


class StandIn:
    def __init__(self, authority=None, host="127.0.0.1"):
        """`authority` (tests/lib/certificates.py): speaks https with a certificate of it; `ca_file` is the root."""
        self.requests = []
        self.complaints = []
        self.expect_unknown = False
        self.lock = threading.RLock()
        self._mischief = []
        self._closing = threading.Event()
        self._routes = []
        for name in dir(type(self)):
            for method, pattern in getattr(getattr(type(self), name), "routes", []):
                expression = "".join(
                    f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
                    for part in re.split(r"(\{\w+\})", pattern)
                )
                self._routes.append((method, re.compile(expression), getattr(self, name)))
        self._server = http.server.ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        scheme = "http"
        self.ca_file = None
        if authority is not None:
            scheme = "https"
            self.ca_file = str(authority.ca_file)
            certificate, key = authority.leaf(host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.origin = self.url = f"{scheme}://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    # --- for subclasses ---

    def authenticate(self, request):
        """Raises Refusal where the request's credentials are not good."""

    # --- for tests ---

    def fail_next(self, status, headers=None, body=None, times=1, where=None):
        self._add(("answer", (status, body, headers or {})), times, where)

    def html_next(self, status=200, times=1, where=None):
        self._add(("answer", (status, HTML, {"Content-Type": "text/html"})), times, where)

    def hang_next(self, times=1, where=None):
        self._add(("hang", None), times, where)

    def cut_next(self, times=1, where=None):
        self._add(("cut", None), times, where)

    def all_sent(self, method=None, path=None):
        """The requests of that method and path (decoded; without the query), in their order."""
        with self.lock:
            return [r for r in self.requests if method in (None, r.method) and path in (None, r.path)]

    def sent(self, method, path=None):
        """The one request of that method (and path)."""
        found = self.all_sent(method, path)
        assert len(found) == 1, f"{len(found)} requests {method} {path or ''}, of all: {self.requests}"
        return found[0]

    def clear(self):
        with self.lock:
            self.requests.clear()

    def check(self):
        """Fails where a request broke a rule or a mischief was not used."""
        assert not self.complaints, "\n".join(self.complaints)
        assert not self._mischief, f"nothing came for {self._mischief}"

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
        if kind is None:
            self.check()

    # --- inside ---

    def _add(self, what, times, where):
        with self.lock:
            self._mischief += [(what, where)] * times

    def _take_mischief(self, request):
        for one in self._mischief:
            what, where = one
            if where is None or (
                where[0] in (None, request.method)
                and (request.path.endswith(where[1]) or request.path.startswith(where[1]))
            ):
                self._mischief.remove(one)
                return what
        return None, None

    def _complain(self, request, text):
        self.complaints.append(f"{request}: {text}")

    def _judge(self, request):
        """What servers in the world refuse, or should."""
        h = request.headers
        if h.get("host") != f"{self._server.server_address[0]}:{self.port}":
            self._complain(request, f"Host is {h.get('host')}")
        if not h.get("user-agent", "").startswith("evercert/"):
            self._complain(request, f"User-Agent is {h.get('user-agent')}")
        if request.body and "content-type" not in h:
            self._complain(request, "a body without Content-Type")
        if request.method == "GET" and request.body:
            self._complain(request, "a GET with a body")
        if request.method in ("POST", "PUT", "PATCH") and "content-length" not in h:
            self._complain(request, "no Content-Length")
        if h.get("content-type", "").startswith("application/json"):
            try:
                request.json
            except ValueError:
                self._complain(request, "the body is no JSON")
        if "//" in request.raw_path:
            self._complain(request, "a path with two slashes")

    def _answer(self, request):
        """(status, body, headers)"""
        self.authenticate(request)
        there = False
        for method, expression, function in self._routes:
            match = expression.fullmatch(request.raw_path)
            there = there or match is not None
            if match and method == request.method:
                arguments = {key: urllib.parse.unquote(value) for key, value in match.groupdict().items()}
                answer = function(request, **arguments)
                return answer if isinstance(answer, tuple) else (200, answer)
        if not self.expect_unknown:
            self._complain(request, "there is no such route")
        return (405 if there else 404), {"error": "no such route"}

    def _handler(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except (ConnectionError, ssl.SSLError, TimeoutError):
                    self.close_connection = True

            def _take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                with owner.lock:
                    owner.requests.append(request)
                    owner._judge(request)
                    kind, answer = owner._take_mischief(request)
                if kind == "hang":
                    owner._closing.wait()
                if kind in ("hang", "cut"):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if kind is None:
                    with owner.lock:
                        try:
                            answer = owner._answer(request)
                        except Refusal as refusal:
                            answer = refusal.answer
                        except Exception as error:  # of the stand-in itself
                            owner._complain(request, f"the stand-in failed: {error!r}")
                            answer = (500, {"error": repr(error)})
                self._send(*answer)

            def _send(self, status, body=None, headers=None):
                headers = dict(headers or {})
                kind = "application/octet-stream"
                if isinstance(body, (dict, list)):
                    body, kind = json.dumps(body).encode(), "application/json"
                elif isinstance(body, str):
                    body, kind = body.encode(), "text/xml" if body.startswith("<?xml") else "text/plain"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if body and "content-type" not in {name.lower() for name in headers}:
                    self.send_header("Content-Type", kind)
                if status != 204:
                    self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body or b"")

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take

        return Handler
