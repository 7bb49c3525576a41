"""The barest ACME client, to try the CA itself with: it signs what it is told to, right or wrong."""

import hashlib
import hmac
import json
import ssl
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from issuing import general_name
from jose import b64, thumbprint


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(key):
    numbers = key.public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return {"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)}


def csr_for(key, *names):
    """DER of a CSR for identifiers, as ("dns", "a.example")."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    alternative = x509.SubjectAlternativeName([general_name(*name) for name in names])
    request = builder.add_extension(alternative, False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


class Answered:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        """The ACME type of a problem, without its prefix."""
        return self.json().get("type", "").rpartition(":")[2]


class BareClient:
    def __init__(self, ca, key=None):
        self.ca, self.key, self.kid = ca, key or new_key(), None
        self._tls = ssl.create_default_context(cafile=str(ca.ca_file))
        self.directory = self.get(ca.url).json()

    def get(self, url, method="GET", body=None, headers=()):
        fields = {"User-Agent": "bare", **dict(headers)}
        request = urllib.request.Request(url, body, fields, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._tls)
        )
        try:
            with opener.open(request, timeout=10) as answer:
                return Answered(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answered(error.code, error.headers, error.read())

    def nonce(self):
        return self.get(self.directory["newNonce"], "HEAD").headers["Replay-Nonce"]

    @staticmethod
    def flat(protected, payload, sign):
        """A flattened JWS; payload None is the empty one of POST-as-GET."""
        head = b64(json.dumps(protected).encode())
        body = "" if payload is None else b64(json.dumps(payload).encode())
        return {"protected": head, "payload": body, "signature": b64(sign(f"{head}.{body}".encode()))}

    @staticmethod
    def es256(key):
        def sign(octets):
            r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

        return sign

    def jws(self, url, payload, /, key=None, with_jwk=False, **changes):
        """A signed request; changes are to the protected header, where None takes a member away."""
        key = key or self.key
        protected = {"alg": "ES256", "nonce": self.nonce(), "url": url}
        protected.update({"jwk": jwk_of(key)} if with_jwk else {"kid": self.kid})
        protected.update(changes)
        protected = {name: value for name, value in protected.items() if value is not None}
        return self.flat(protected, payload, self.es256(key))

    def post(self, url, payload=None, /, **more):
        return self.send(url, self.jws(url, payload, **more))

    def send(self, url, jws, content_type="application/jose+json"):
        return self.get(url, "POST", json.dumps(jws).encode(), {"Content-Type": content_type})

    def register(self, **payload):
        url = self.directory["newAccount"]
        answer = self.post(url, {"termsOfServiceAgreed": True, **payload}, with_jwk=True)
        self.kid = answer.headers["Location"]
        return answer

    def binding(self, kid, secret, alg="HS256", digest=hashlib.sha256, url=None, key=None, **changes):
        protected = {"alg": alg, "kid": kid, "url": url or self.directory["newAccount"], **changes}
        return self.flat(
            protected, jwk_of(key or self.key), lambda octets: hmac.new(secret, octets, digest).digest()
        )

    def order(self, *names, **more):
        identifiers = [{"type": kind, "value": value} for kind, value in names]
        return self.post(self.directory["newOrder"], {"identifiers": identifiers, **more})

    def key_authorization(self, token):
        return f"{token}.{thumbprint(jwk_of(self.key))}"

    def issue(self, *names, key=None, answer=lambda client, challenge: None, kind="http-01", **more):
        """All of an order at a CA that does everything at once, as the objects of the CA: its Issued."""
        order = self.order(*names, **more)
        assert order.status == 201, order.body
        for url in order.json()["authorizations"]:
            challenges = self.post(url).json()["challenges"]
            challenge = next(one for one in challenges if one["type"] == kind)
            answer(self, challenge)
            self.post(challenge["url"], {})
        csr = csr_for(key or new_key(), *names)
        done = self.post(order.json()["finalize"], {"csr": b64(csr)})
        assert done.json().get("status") == "valid", done.body
        url = done.json()["certificate"]
        return next(one for one in self.ca.certificates if one.url == url)
