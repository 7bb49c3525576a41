"""A CA of our own (RFC 8555, RFC 8737, RFC 8738, RFC 9773, profiles): strict and right by default, and wrong in any
one way when a switch is turned on.

    ca = Ca(authority)                                  # listens; .url is the directory
    ca.turn_on("bad_nonce", times=3)                    # see the package switches; ca.turn_off() ends all
    ca.requests                                         # all there were (wire.Request), in their order
    ca.breaches                                         # what no correct client would have sent

It answers over HTTP/1.1 with one thread for each connection; all state is behind one lock. Names are never looked up:
validation goes to the loopback ports http_port and tls_port.

Switches act at stages. Each is a list of functions, run in the order of turning on:
    received(request)             before anything is looked at; may return an Answer, so that the CA does not act
    accepted(request)             the request is as it must be, nothing has been done yet; may return an Answer, too
    document(kind, thing, doc)    an object as JSON is about to be sent: "directory", "account", "order",
                                  "authorization", "challenge", "renewalInfo"; changes doc, or returns another
    leaf(order, leaf)             a certificate is about to be signed; changes the issuing.Leaf
    chain(order, number, blocks)  the PEM blocks of a chain are about to be sent; changes the list, or returns text
    answer(request, answer)       all is done; changes the Answer, or returns another
At each of them raising jose.Problem refuses the request, and raising wire.Cut ends the connection.
"""

import collections
import email.utils
import json
import re
import secrets
import threading
import time

import jose
import switches
from accounts_part import Accounts
from certificates_part import Certificates
from issuing import Issuing, pem
from jose import Breach, Problem
from orders_part import Orders
from ports import free_port
from wire import Answer, Cut, Listener, Trap

# path, kind, methods
_ROUTES = [
    (re.compile(pattern), kind, methods)
    for pattern, kind, methods in (
        (r"/dir", "directory", {"GET"}),
        (r"/nonce", "newNonce", {"HEAD", "GET"}),
        (r"/account", "newAccount", {"POST"}),
        (r"/account/(\d+)", "account", {"POST"}),
        (r"/account/(\d+)/orders", "orders", {"POST"}),
        (r"/order", "newOrder", {"POST"}),
        (r"/order/(\d+)", "order", {"POST"}),
        (r"/order/(\d+)/finalize", "finalize", {"POST"}),
        (r"/authz", "newAuthz", {"POST"}),
        (r"/authz/(\d+)", "authorization", {"POST"}),
        (r"/challenge/(\d+)", "challenge", {"POST"}),
        (r"/cert/(\d+)(?:/(\d+))?", "certificate", {"POST"}),
        (r"/revoke", "revokeCert", {"POST"}),
        (r"/key-change", "keyChange", {"POST"}),
        (r"/renewal/([A-Za-z0-9_.-]+)", "renewalInfo", {"GET"}),
    )
]

STAGES = ("received", "accepted", "document", "leaf", "chain", "answer")


class Settings:
    """What a CA may be like without being wrong. Set before or between requests."""

    def __init__(self):
        self.terms = "https://ca.example/terms"
        self.eab = None  # {key id: secret octets}: external account binding is required, with one of these
        self.algorithms = jose.ALGORITHMS
        self.profiles = {}  # {name: description}
        self.alternates = 0  # other chains offered
        self.pre_authorization = False  # RFC 8555 7.4.1
        self.renewal_info = False  # RFC 9773
        self.dates = False  # notBefore and notAfter may be asked for
        self.must_staple = False
        self.reuse_authorizations = False  # valid ones of the account are taken for a new order
        self.reuse_orders = False  # a pending or ready one for the same names is given again
        self.validates_at_once = False  # inside the answer to the challenge
        self.issues_at_once = False  # inside the answer to finalize
        self.processing_reads = 1  # where not at once: as often is the order processing when it is read
        self.challenges = ("dns-01", "http-01", "tls-alpn-01")
        self.lifetime_s = 90 * 86400
        self.names_max = 100


class Ca(Accounts, Orders, Certificates):
    """See above. What else a test looks at or sets:

    url             the directory                ca_file     the root of its own TLS
    http_port       where http-01 is validated   tls_port    where tls-alpn-01 is
    trap            wire.Trap                    issuing     the roots and the intermediate
    settings        Settings; on() sets several  accounts, orders, authorizations, certificates: its objects
    csr_keys        SubjectPublicKeyInfo of every CSR that was taken, in their order
    """

    def __init__(self, authority, http_port=None, tls_port=None, **settings):
        self.ca_file = authority.ca_file
        self.http_port, self.tls_port = http_port or free_port(), tls_port or free_port()
        self.settings, self.issuing, self.trap = Settings(), Issuing(), Trap(authority)
        self.requests, self.breaches, self.csr_keys, self.validations = [], [], [], []
        self.accounts, self.orders, self.authorizations, self.certificates = [], [], [], []
        self.challenges, self.windows = [], {}
        self._nonces, self._used = set(), set()
        self._hooks = {stage: [] for stage in STAGES}
        self.lock = threading.RLock()
        self.on(**settings)
        certificate = authority.leaf("localhost", "127.0.0.1", "::1")
        self._listener = Listener(self._handle, certificate, free_port())
        self.port = self._listener.port
        self.origin = f"https://127.0.0.1:{self.port}"
        self.url = self.origin + "/dir"

    # For tests

    def on(self, **settings):
        """Sets settings by name."""
        for name, value in settings.items():
            assert hasattr(self.settings, name), f"there is no setting {name}"
            setattr(self.settings, name, value)
        return self

    def turn_on(self, name, /, **options):
        """Turns one switch on; returns the CA."""
        with self.lock:
            for stage, function in switches.TABLE[name].make(self, **options).items():
                self._hooks[stage].append(function)
        return self

    def turn_off(self):
        """All switches."""
        with self.lock:
            for functions in self._hooks.values():
                functions.clear()

    def forget(self):
        """The requests and what else was recorded so far; not its objects."""
        with self.lock:
            self.requests, self.breaches, self.csr_keys, self.validations = [], [], [], []

    def counts(self):
        """{kind: number of requests}"""
        with self.lock:
            return collections.Counter(request.kind for request in self.requests)

    def of_kind(self, *kinds):
        with self.lock:
            return [request for request in self.requests if request.kind in kinds]

    def root(self, number=0):
        """A root that issued certificates lead to, as PEM text."""
        return pem(self.issuing.root(number))

    def forget_nonces(self):
        """Those it gave are bad from now on."""
        with self.lock:
            self._nonces.clear()

    def cut_connections(self):
        self._listener.cut_all()

    def close(self):
        self._listener.close()
        self.trap.close()

    # Stages

    def run(self, stage, *arguments):
        """The first thing that a function of this stage returns, if any does."""
        for function in list(self._hooks[stage]):
            result = function(*arguments)
            if result is not None:
                return result
        return None

    def fold(self, stage, *arguments):
        """As run(), but the last argument goes through all of them, each may replace it, and it is returned."""
        *first, value = arguments
        for function in list(self._hooks[stage]):
            result = function(*first, value)
            value = value if result is None else result
        return value

    def show(self, kind, thing, document):
        """The document after the switches were at it."""
        return self.fold("document", kind, thing, document)

    # Requests

    def url_of(self, path):
        return self.origin + path

    def new_nonce(self):
        nonce = secrets.token_urlsafe(18)
        self._nonces.add(nonce)
        return nonce

    def _take_nonce(self, nonce):
        if not isinstance(nonce, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", nonce):
            raise Breach("the nonce is none", "badNonce")
        if nonce in self._used:
            raise Breach("the nonce was used before", "badNonce")
        self._used.add(nonce)
        if nonce not in self._nonces:
            raise Problem(400, "badNonce", "the nonce is not known (any more)")
        self._nonces.remove(nonce)

    @staticmethod
    def _route(request):
        for pattern, kind, methods in _ROUTES:
            found = pattern.fullmatch(request.path.partition("?")[0])
            if found:
                return kind, methods, found.groups()
        return None, (), ()

    def _handle(self, request):
        with self.lock:
            kind, methods, groups = self._route(request)
            request.kind = kind
            self.requests.append(request)
            try:
                answer = self._answer(request, kind, methods, groups)
            except Problem as problem:
                if isinstance(problem, Breach):
                    self.breaches.append(f"{request.method} {request.path}: {problem.detail}")
                answer = self.problem(problem)
            self._dress(request, answer)
            answer = self.fold("answer", request, answer)
            request.status = answer.status
            return answer

    def _answer(self, request, kind, methods, groups):
        answer = self.run("received", request)
        if answer is not None:
            return answer
        if not request.headers.get("User-Agent"):
            raise Breach("there is no User-Agent (RFC 8555 6.1)")
        if kind is None:
            raise Breach("there is no such resource", status=404)
        if request.method not in methods:
            raise Breach(f"{kind} is not to be had with {request.method} (RFC 8555 6.3)", status=405)
        if request.method == "POST":
            self._authenticate(request, kind)
        answer = self.run("accepted", request)
        return answer if answer is not None else getattr(self, f"do_{kind}")(request, *groups)

    @staticmethod
    def problem(problem):
        return Answer(
            problem.status, json.dumps(problem.document()), "application/problem+json", list(problem.headers)
        )

    def _dress(self, request, answer):
        """The header fields that every answer has."""
        answer.headers.append(("Date", email.utils.formatdate(time.time(), usegmt=True)))
        answer.headers.append(("Cache-Control", "public, max-age=0, no-cache"))
        if request.method == "POST":
            answer.headers.append(("Replay-Nonce", self.new_nonce()))
        if request.kind != "directory":
            answer.headers.append(("Link", f'<{self.url}>;rel="index"'))

    def _authenticate(self, request, kind):
        """RFC 8555 6.2 to 6.5."""
        if request.headers.get("Content-Type") != "application/jose+json":
            raise Breach("Content-Type is not application/jose+json", status=415)
        jws = jose.Jws(request.body)
        request.protected = jws.protected
        request.payload = jose.load(jws.payload, "the payload") if jws.payload else b""
        request.jws = jws
        with_key = kind == "newAccount" or (kind == "revokeCert" and "jwk" in jws.protected)
        jws.expect_header({"alg", "nonce", "url", "jwk" if with_key else "kid"})
        if jws.protected["url"] != self.url_of(request.path):
            raise Breach(f"url is {jws.protected['url']!r}", "unauthorized", 401)
        if with_key:
            request.jwk = jws.protected["jwk"]
            jws.check(jose.public_key(request.jwk), self.settings.algorithms)
        else:
            request.account = self.account_of(jws.protected["kid"])
            jws.check(request.account.key, self.settings.algorithms)
        self._take_nonce(jws.protected["nonce"])
        if request.account and request.account.status != "valid":
            raise Problem(401, "unauthorized", f"the account is {request.account.status}")

    @staticmethod
    def expect_read(request):
        """POST-as-GET (RFC 8555 6.3)."""
        if request.payload != b"":
            raise Breach(f"{request.kind} is to be read with an empty payload")

    @staticmethod
    def expect_object(request, allowed):
        if request.payload == b"":
            raise Breach(f"{request.kind} needs a payload")
        unknown = set(request.payload) - set(allowed)
        if unknown:
            raise Breach(f"{request.kind} does not know {sorted(unknown)}")

    def json(self, status, document, headers=()):
        """An answer of JSON; a document that is already text or octets is sent as it is."""
        body = document if isinstance(document, (str, bytes)) else json.dumps(document)
        return Answer(status, body, "application/json", headers)

    # Resources of no object

    def do_directory(self, request):
        names = {
            "newNonce": "/nonce",
            "newAccount": "/account",
            "newOrder": "/order",
            "revokeCert": "/revoke",
            "keyChange": "/key-change",
        }
        if self.settings.pre_authorization:
            names["newAuthz"] = "/authz"
        if self.settings.renewal_info:
            names["renewalInfo"] = "/renewal"
        document = {name: self.url_of(path) for name, path in names.items()}
        document["meta"] = {"website": "https://ca.example/", "caaIdentities": ["ca.example"]}
        if self.settings.terms:
            document["meta"]["termsOfService"] = self.settings.terms
        if self.settings.eab:
            document["meta"]["externalAccountRequired"] = True
        if self.settings.profiles:
            document["meta"]["profiles"] = self.settings.profiles
        return self.json(200, self.show("directory", None, document))

    def do_newNonce(self, request):
        return Answer(200 if request.method == "HEAD" else 204, headers=[("Replay-Nonce", self.new_nonce())])


__all__ = ["Ca", "Cut", "Settings"]
