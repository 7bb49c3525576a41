"""JSON Web Signatures as ACME allows them (RFC 8555 6.2, RFC 7515, RFC 7518) and nothing else: whatever a CA may
refuse is refused here."""

import base64
import hashlib
import hmac
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

URN = "urn:ietf:params:acme:error:"


class Problem(Exception):
    """An answer that refuses: HTTP status, ACME type, detail; with `fields` for further members and `headers`."""

    def __init__(self, status, kind, detail, headers=(), **fields):
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.fields = list(headers), fields

    def document(self):
        kind = URN + self.kind if re.fullmatch(r"[A-Za-z]+", self.kind) else self.kind
        return {"type": kind, "detail": self.detail, "status": self.status, **self.fields}


class Breach(Problem):
    """A request that no correct client sends."""

    def __init__(self, detail, kind="malformed", status=400):
        super().__init__(status, kind, detail)


_EC = {
    "ES256": ("P-256", ec.SECP256R1, hashes.SHA256, 32),
    "ES384": ("P-384", ec.SECP384R1, hashes.SHA384, 48),
    "ES512": ("P-521", ec.SECP521R1, hashes.SHA512, 66),
}
_MAC = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_MEMBERS = {"EC": {"kty", "crv", "x", "y"}, "RSA": {"kty", "n", "e"}, "OKP": {"kty", "crv", "x"}}


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text, what):
    """Strict: the alphabet of base64url, no padding, no bits left over."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Breach(f"{what} is not base64url without padding: {text!r:.60}")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(octets) != text:
        raise Breach(f"{what} has bits left over at its end")
    return octets


def _no_duplicates(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Breach("a member of a JSON object stands there twice")
    return found


def load(octets, what):
    """One JSON object."""
    try:
        value = json.loads(octets.decode(), object_pairs_hook=_no_duplicates)
    except ValueError as error:
        raise Breach(f"{what} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Breach(f"{what} is no JSON object")
    return value


def public_key(jwk):
    """The key that a JWK stands for; public members only, numbers in their one proper length (RFC 7518 6)."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in _MEMBERS:
        raise Breach("the JWK has no kty that is known", "badPublicKey")
    if set(jwk) != _MEMBERS[jwk["kty"]]:
        raise Breach(f"the JWK has the members {sorted(jwk)}")
    if jwk["kty"] == "EC":
        row = next((row for row in _EC.values() if row[0] == jwk["crv"]), None)
        if row is None:
            raise Breach(f"the curve {jwk['crv']!r} is not known", "badPublicKey")
        x, y = unb64(jwk["x"], "x"), unb64(jwk["y"], "y")
        if len(x) != row[3] or len(y) != row[3]:
            raise Breach("x or y has not the full length of the field")
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), row[1]())
        return numbers.public_key()
    if jwk["kty"] == "RSA":
        n, e = unb64(jwk["n"], "n"), unb64(jwk["e"], "e")
        if n[:1] == b"\0" or e[:1] == b"\0" or len(n) < 256:
            raise Breach("n or e has leading zeros, or the key is short", "badPublicKey")
        return rsa.RSAPublicNumbers(int.from_bytes(e, "big"), int.from_bytes(n, "big")).public_key()
    if jwk["crv"] != "Ed25519":
        raise Breach(f"the curve {jwk['crv']!r} is not known", "badPublicKey")
    return ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"], "x"))


def thumbprint(jwk):
    """RFC 7638."""
    members = {name: jwk[name] for name in sorted(_MEMBERS[jwk["kty"]])}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def _check_ecdsa(key, row, signed, signature):
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, row[1]):
        raise Breach("alg does not belong to the key")
    if len(signature) != 2 * row[3]:
        raise Breach(f"the signature has {len(signature)} octets, not {2 * row[3]} (r and s, no DER)")
    r, s = signature[: row[3]], signature[row[3] :]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    key.verify(der, signed, ec.ECDSA(row[2]()))


def check_signature(key, alg, signed, signature, algorithms):
    if alg not in algorithms:
        raise Problem(400, "badSignatureAlgorithm", f"alg {alg!r} is not taken", algorithms=list(algorithms))
    try:
        if alg in _EC:
            _check_ecdsa(key, _EC[alg], signed, signature)
        elif alg == "RS256":
            if not isinstance(key, rsa.RSAPublicKey) or len(signature) != (key.key_size + 7) // 8:
                raise Breach("the signature has not the length of the modulus, or the key is not RSA")
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        raise Breach("the signature does not verify", "unauthorized", 401) from None


class Jws:
    """A flattened JWS, taken apart, not verified: .protected (object), .payload (octets)."""

    def __init__(self, body, what="the request"):
        outer = load(body, what) if isinstance(body, bytes) else body
        if not isinstance(outer, dict) or set(outer) != {"protected", "payload", "signature"}:
            raise Breach(f"{what} is no flattened JWS of exactly three members")
        self.protected = load(unb64(outer["protected"], "protected"), "the protected header")
        self.payload = unb64(outer["payload"], "payload")
        self.signature = unb64(outer["signature"], "signature")
        self._signed = f"{outer['protected']}.{outer['payload']}".encode()

    def expect_header(self, names):
        if set(self.protected) != set(names):
            raise Breach(f"the protected header has {sorted(self.protected)}, not {sorted(names)}")

    def check(self, key, algorithms):
        check_signature(key, self.protected.get("alg"), self._signed, self.signature, algorithms)

    def check_mac(self, secret):
        digest = _MAC.get(self.protected.get("alg"))
        if digest is None:
            raise Breach(f"alg {self.protected.get('alg')!r} is no MAC")
        if not hmac.compare_digest(hmac.new(secret, self._signed, digest).digest(), self.signature):
            raise Problem(403, "unauthorized", "the MAC of the external account binding does not verify")


ALGORITHMS = (*_EC, "RS256", "EdDSA")
