"""The CA itself: that it is as strict as it says, and right where a client is right. Without evercert; family 28."""

import datetime
import hashlib
import http.server
import socket
import ssl
import tempfile
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import issuing
import validation
from bare_client import BareClient, csr_for, jwk_of, new_key
from jose import b64

NAME = ("dns", "a.example")


@pytest.fixture
def strict(ca):
    """A CA that does everything at once, and whatever breaches the test makes are its own."""
    one = ca(validates_at_once=True, issues_at_once=True)
    yield one
    one.breaches = []
    one.requests = [request for request in one.requests if request.method == "POST" and request.status < 400]


@pytest.fixture
def web(strict):
    """A responder for http-01: .tokens is {token: key authorization}."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.server.tokens.get(self.path.removeprefix("/.well-known/acme-challenge/"))
            self.server.hosts.append(self.headers["Host"])
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", strict.http_port), Handler)
    server.tokens, server.hosts = {}, []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def bare(strict):
    client = BareClient(strict)
    assert client.register(contact=["mailto:a@example.com"]).status == 201
    return client


@pytest.fixture
def issue(bare, web):
    def issue(*names, client=bare, **more):
        def show(client, challenge):
            web.tokens[challenge["token"]] = client.key_authorization(challenge["token"])

        return client.issue(*(names or (NAME,)), answer=show, **more)

    return issue


def test_issues(strict, issue, web):
    one = issue(NAME, ("ip", "127.0.0.1"), ("ip", "2001:db8::1"))
    assert web.hosts == ["a.example", "127.0.0.1", "[2001:db8::1]"]
    names = one.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(names) == 3
    assert not strict.breaches


# Requests that are wrong in their form


def _padded(client, url):
    jws = client.jws(url, {})
    return client.send(url, {**jws, "payload": jws["payload"] + "=="})


def _der(client, url):
    jws = client.jws(url, None)
    octets = f"{jws['protected']}.{jws['payload']}".encode()
    return client.send(url, {**jws, "signature": b64(client.key.sign(octets, ec.ECDSA(hashes.SHA256())))})


def _twice(client, url):
    jws = client.jws(url, None)
    assert client.send(url, jws).status == 200
    return client.send(url, jws)


WRONG = {
    "padding": _padded,
    "a DER signature": _der,
    "a nonce twice": _twice,
    "another url": lambda c, url: c.send(url, c.jws(url + "/", None)),
    "no url": lambda c, url: c.post(url, url=None),
    "jwk and kid": lambda c, url: c.post(url, jwk=jwk_of(c.key)),
    "neither": lambda c, url: c.post(url, kid=None),
    "jwk for kid": lambda c, url: c.post(url, kid=None, jwk=jwk_of(c.key)),
    "no nonce": lambda c, url: c.post(url, nonce=None),
    "no alg": lambda c, url: c.post(url, alg=None),
    "crit": lambda c, url: c.post(url, crit=["b64"], b64=False),
    "an unprotected header": lambda c, url: c.send(url, {**c.jws(url, None), "header": {}}),
    "general form": lambda c, url: c.send(url, {"payload": "", "signatures": [c.jws(url, None)]}),
    "another key": lambda c, url: c.post(url, key=new_key()),
    "GET": lambda c, url: c.get(url),
    "a payload where none is": lambda c, url: c.post(url, {}),
    "another content type": lambda c, url: c.send(url, c.jws(url, None), "application/json"),
    "no user agent": lambda c, url: c.get(url, headers={"User-Agent": ""}),
    "no such resource": lambda c, url: c.post(c.ca.url_of("/nothing")),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in WRONG])
def test_refuses(strict, bare, name):
    url = bare.order(NAME).headers["Location"]
    assert not strict.breaches and bare.post(url).status == 200
    assert WRONG[name](bare, url).status >= 400
    assert strict.breaches


def test_not_known_is_no_breach(strict, bare):
    """A nonce that was never given, or an alg that is not taken: a right client may come to that."""
    url = bare.order(NAME).headers["Location"]
    assert bare.post(url, nonce="AAAA").type == "badNonce"
    strict.on(algorithms=("RS256",))
    answer = bare.post(url)
    assert answer.type == "badSignatureAlgorithm" and answer.json()["algorithms"] == ["RS256"]
    assert not strict.breaches


JWKS = {
    "private": lambda jwk: {**jwk, "d": jwk["x"]},
    "short": lambda jwk: {**jwk, "x": b64(b"\1" * 31)},
    "of another curve": lambda jwk: {**jwk, "crv": "P-384"},
    "none": lambda jwk: {},
}


@pytest.mark.parametrize("name", JWKS)
def test_refuses_keys(strict, name):
    client = BareClient(strict)
    answer = client.post(client.directory["newAccount"], {}, with_jwk=True, jwk=JWKS[name](jwk_of(client.key)))
    assert answer.status == 400 and strict.breaches


ORDERS = {
    "capitals": [("dns", "A.example")],
    "a final dot": [("dns", "a.example.")],
    "the same twice": [NAME, NAME],
    "an address as a name": [("dns", "127.0.0.1")],
    "an address that is written long": [("ip", "2001:db8:0::1")],
    "nothing": [],
    "another type": [("email", "a@b.example")],
    "a star in the middle": [("dns", "a.*.example")],
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in ORDERS])
def test_refuses_orders(bare, name):
    assert bare.order(*ORDERS[name]).status == 400


def test_refuses_csrs(strict, bare, issue):
    order = bare.order(NAME).json()
    assert bare.post(order["finalize"], {"csr": b64(csr_for(new_key(), NAME))}).type == "orderNotReady"
    issue()
    strict.on(reuse_authorizations=True)
    order = bare.order(NAME).json()
    assert order["status"] == "ready"
    for wrong in (
        csr_for(new_key(), ("dns", "b.example")),
        csr_for(new_key(), NAME, ("dns", "b.example")),
        csr_for(bare.key, NAME),
        b"x",
    ):
        assert bare.post(order["finalize"], {"csr": b64(wrong)}).type == "badCSR"
    assert bare.post(order["finalize"], {"csr": b64(csr_for(new_key(), NAME))}).status == 200


def test_validates(strict, bare, web):
    """Another body than the key authorization is no validation; dns-01 never is."""
    for kind in ("http-01", "dns-01", "tls-alpn-01"):
        authorization = bare.order(NAME).json()["authorizations"][0]
        challenge = next(one for one in bare.post(authorization).json()["challenges"] if one["type"] == kind)
        web.tokens[challenge["token"]] = "something else"
        assert bare.post(challenge["url"], {}).json()["status"] == "invalid"
        assert bare.post(authorization).json()["status"] == "invalid"


# External account binding, key change, deactivation

SECRET = b"s" * 32


@pytest.mark.parametrize("alg, digest", [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
def test_binding(strict, alg, digest):
    strict.on(eab={"kid-1": SECRET})
    client = BareClient(strict)
    assert client.directory["meta"]["externalAccountRequired"] is True
    assert client.register().type == "externalAccountRequired"
    binding = client.binding("kid-1", SECRET, alg, getattr(hashlib, digest))
    assert client.register(externalAccountBinding=binding).status == 201
    assert strict.accounts[0].eab == "kid-1" and not strict.breaches


BINDINGS = {
    "secret": lambda c: c.binding("kid-1", b"x" * 32),
    "key id": lambda c: c.binding("kid-2", SECRET),
    "url": lambda c: c.binding("kid-1", SECRET, url=c.ca.url),
    "account key": lambda c: c.binding("kid-1", SECRET, key=new_key()),
    "nonce": lambda c: c.binding("kid-1", SECRET, nonce="AAAA"),
    "alg": lambda c: c.binding("kid-1", SECRET, alg="ES256"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in BINDINGS])
def test_refuses_bindings(strict, name):
    strict.on(eab={"kid-1": SECRET})
    client = BareClient(strict)
    assert client.register(externalAccountBinding=BINDINGS[name](client)).status >= 400
    assert not strict.accounts


def _change(client, new, **changes):
    url = client.directory["keyChange"]
    protected = {"alg": "ES256", "jwk": jwk_of(new), "url": url, **changes.pop("header", {})}
    payload = {"account": client.kid, "oldKey": jwk_of(client.key), **changes.pop("payload", {})}
    inner = client.flat(protected, payload, client.es256(changes.pop("signer", new)))
    return client.post(url, inner)


def test_key_change(strict, bare):
    new, other = new_key(), BareClient(strict)
    other.register()
    for wrong in (
        {"header": {"nonce": "AAAA"}},
        {"header": {"url": strict.url}},
        {"payload": {"account": other.kid}},
        {"payload": {"oldKey": jwk_of(new)}},
        {"signer": bare.key},
    ):
        assert _change(bare, new, **wrong).status >= 400
    answer = _change(bare, other.key)
    assert answer.status == 409 and answer.headers["Location"] == other.kid
    assert _change(bare, new).status == 200
    assert bare.order(NAME).status == 401
    bare.key = new
    assert bare.order(NAME).status == 201


def test_deactivation(bare):
    assert bare.post(bare.kid, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert bare.order(NAME).type == "unauthorized"
    assert bare.register().status == 401


# What is beside


def test_profiles_and_dates(strict, issue, bare):
    strict.on(profiles={"short": "a week"}, dates=True)
    assert bare.order(NAME, profile="long").type == "invalidProfile"
    end = (issuing.now() + datetime.timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    one = issue(profile="short", notAfter=end)
    assert one.order.profile == "short"
    assert one.certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ") == end


def test_alternates(strict, issue, bare):
    strict.on(alternates=2)
    one = issue()
    first = bare.post(one.url)
    assert sum('rel="alternate"' in link for link in first.headers.get_all("Link")) == 2
    chains = [first, *(bare.post(f"{one.url}/{number}") for number in (1, 2))]
    leaves = {chain.body.split(b"-----END")[0] for chain in chains}
    issuers = {issuing.pem(strict.issuing.intermediate(number)) for number in range(3)}
    assert len(leaves) == 1 and len(issuers) == 3
    assert bare.post(one.url + "/3").status == 404


def test_renewal_information(strict, issue, bare):
    strict.on(renewal_info=True)
    client = BareClient(strict, bare.key)
    first = issue()
    answer = client.get(client.directory["renewalInfo"] + "/" + first.ari_name())
    assert answer.status == 200 and set(answer.json()["suggestedWindow"]) == {"start", "end"}
    assert client.get(client.directory["renewalInfo"] + "/AAAA.AAAA").status == 404
    assert bare.order(NAME, replaces="AAAA.AAAA").status == 400
    second = issue(replaces=first.ari_name())
    assert first.replaced_by is second
    assert bare.order(NAME, replaces=first.ari_name()).type == "alreadyReplaced"


def test_authorization_beforehand(strict, bare, web):
    strict.on(pre_authorization=True)
    client = BareClient(strict, bare.key)
    client.kid = bare.kid
    answer = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": NAME[1]}})
    challenge = next(one for one in answer.json()["challenges"] if one["type"] == "http-01")
    web.tokens[challenge["token"]] = client.key_authorization(challenge["token"])
    client.post(challenge["url"], {})
    assert client.post(answer.headers["Location"]).json()["status"] == "valid"
    order = client.order(NAME).json()
    assert order["status"] == "ready" and order["authorizations"] == [answer.headers["Location"]]


def test_revocation(bare, issue, strict):
    key = new_key()
    one, two = issue(key=key), issue()
    url, octets = bare.directory["revokeCert"], b64(issuing.der(one.certificate))
    assert bare.post(url, {"certificate": octets, "reason": 7}).type == "badRevocationReason"
    other = BareClient(strict)
    other.register()
    assert other.post(url, {"certificate": octets}).status == 403
    assert bare.post(url, {"certificate": octets}, key=new_key(), with_jwk=True).status == 403
    assert bare.post(url, {"certificate": octets, "reason": 1}, key=key, with_jwk=True).status == 200
    assert bare.post(url, {"certificate": octets}).type == "alreadyRevoked"
    assert bare.post(url, {"certificate": b64(issuing.der(two.certificate))}).status == 200
    assert (one.revoked, two.revoked) == (1, 0)


# tls-alpn-01, with a responder that is right, and one that is wrong in one thing


def _responder(certificate, key, port, protocols=("acme-tls/1",)):
    """Answers one connection; returns the list that the name of its SNI comes into."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write(issuing.pem(certificate).encode() + private)
        file.flush()
        context.load_cert_chain(file.name)
    context.set_alpn_protocols(list(protocols))
    names = []
    context.sni_callback = lambda tls, name, _: names.append(name)
    listening = socket.create_server(("127.0.0.1", port))

    def serve():
        with listening:
            plain, _ = listening.accept()
            try:
                context.wrap_socket(plain, server_side=True).close()
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return names


def _challenge_certificate(
    identifiers, authorization, critical=True, extension="1.3.6.1.5.5.7.1.31", prefix=b"\x04\x20"
):
    key = new_key()
    name = x509.Name([])
    value = prefix + hashlib.sha256(authorization.encode()).digest()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(issuing.now())
        .not_valid_after(issuing.now() + issuing.DAY)
        .add_extension(x509.SubjectAlternativeName([issuing.general_name(*one) for one in identifiers]), False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(extension), value), critical)
    )
    return builder.sign(key, hashes.SHA256()), key


ALPN = {
    "right": ({}, None),
    "not critical": ({"critical": False}, "critical"),
    "the old extension": ({"extension": "1.3.6.1.5.5.7.1.30.1"}, "extension"),
    "no octet string": ({"prefix": b""}, "digest"),
    "another authorization": ({"authorization": "x.y"}, "digest"),
    "one name more": ({"identifiers": [NAME, ("dns", "b.example")]}, "names"),
    "another name": ({"identifiers": [("dns", "b.example")]}, "names"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in ALPN])
def test_tls_alpn(strict, name):
    change, wrong = ALPN[name]
    certificate, key = _challenge_certificate(**{"identifiers": [NAME], "authorization": "t.k", **change})
    names = _responder(certificate, key, strict.tls_port)
    result = validation.tls_alpn_01(NAME, "t", "t.k", strict.tls_port)
    assert names == ["a.example"]
    assert result is None if wrong is None else wrong in result[1], result


def test_tls_alpn_of_an_address(strict):
    address = ("ip", "127.0.0.1")
    names = _responder(*_challenge_certificate([address], "t.k"), strict.tls_port)
    assert validation.tls_alpn_01(address, "t", "t.k", strict.tls_port) is None
    assert names == ["1.0.0.127.in-addr.arpa"]


def test_tls_alpn_of_another_protocol(strict):
    _responder(*_challenge_certificate([NAME], "t.k"), strict.tls_port, ["http/1.1"])
    assert validation.tls_alpn_01(NAME, "t", "t.k", strict.tls_port)[0] == "tls"
