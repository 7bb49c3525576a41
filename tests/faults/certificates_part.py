"""Certificates of the CA: issuing, downloading with alternates (RFC 8555 7.4.2), revocation (7.6), renewal
information (RFC 9773)."""

import datetime
import json

import issuing
import jose
from cryptography import x509
from jose import Breach, Problem
from wire import Answer

_REASONS = {0, 1, 3, 4, 5, 9}
_CHAIN = "application/pem-certificate-chain"


class Issued:
    def __init__(self, number, url, order, certificate):
        self.number, self.url, self.order, self.certificate = number, url, order, certificate
        self.account, self.revoked, self.replaced_by = order.account, None, None

    def ari_name(self):
        """RFC 9773 4.1."""
        extension = self.certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        serial = self.certificate.serial_number
        octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # as DER: a sign bit of its own
        return f"{jose.b64(extension.key_identifier)}.{jose.b64(octets)}"


class Certificates:
    """A part of ca.Ca. windows: {name of RFC 9773 4.1: (start, end)}; a third of the lifetime before its end where
    there is none."""

    def issue(self, order):
        start = order.not_before or issuing.now() - datetime.timedelta(hours=1)
        end = order.not_after or issuing.now() + datetime.timedelta(seconds=self.settings.lifetime_s)
        leaf = issuing.Leaf(order.csr.public_key(), list(order.identifiers), start, end)
        leaf.must_staple = issuing.wants_must_staple(order.csr)
        self.run("leaf", order, leaf)
        number = len(self.certificates) + 1
        order.certificate = Issued(number, self.url_of(f"/cert/{number}"), order, self.issuing.sign(leaf))
        self.certificates.append(order.certificate)
        if order.replaces:
            self.named(order.replaces).replaced_by = order.certificate

    def do_certificate(self, request, number, alternate):
        self.expect_read(request)
        number, alternate = int(number), int(alternate or 0)
        if not 1 <= number <= len(self.certificates) or alternate > self.settings.alternates:
            raise Breach("there is no such certificate", status=404)
        one = self.certificates[number - 1]
        if one.account is not request.account:
            raise Problem(403, "unauthorized", "this is somebody else's certificate")
        blocks = [issuing.pem(one.certificate), issuing.pem(self.issuing.intermediate(alternate))]
        text = self.fold("chain", one.order, alternate, blocks)
        text = text if isinstance(text, (str, bytes)) else "".join(text)
        answer = Answer(200, text, _CHAIN)
        for other in range(self.settings.alternates + 1):
            if other != alternate:
                target = one.url + (f"/{other}" if other else "")
                answer.headers.append(("Link", f'<{target}>;rel="alternate"'))
        return answer

    # RFC 9773

    def named(self, name):
        return next((one for one in self.certificates if one.ari_name() == name), None)

    def check_replaces(self, account, name):
        if name is None:
            return
        if not self.settings.renewal_info:
            raise Breach("replaces, where the directory has no renewalInfo (RFC 9773 5)")
        one = self.named(name)
        if one is None or one.account is not account:
            raise Problem(400, "malformed", "replaces names no certificate of this account")
        if one.replaced_by:
            raise Problem(409, "alreadyReplaced", "the certificate was replaced already")

    def window(self, one):
        """(start, end) of the suggested window."""
        certificate = one.certificate
        lifetime = certificate.not_valid_after - certificate.not_valid_before
        start = certificate.not_valid_after - lifetime / 3
        return self.windows.get(one.ari_name(), (start, start + lifetime / 50))

    def do_renewalInfo(self, request, name):
        one = self.named(name)
        if one is None or not self.settings.renewal_info:
            raise Problem(404, "malformed", "there is no such certificate")
        start, end = (when.strftime("%Y-%m-%dT%H:%M:%SZ") for when in self.window(one))
        document = self.show("renewalInfo", one, {"suggestedWindow": {"start": start, "end": end}})
        body = document if isinstance(document, (str, bytes)) else json.dumps(document)
        return Answer(200, body, "application/json", [("Retry-After", "21600")])

    # Revocation

    def do_revokeCert(self, request):
        self.expect_object(request, {"certificate", "reason"})
        octets = jose.unb64(request.payload.get("certificate"), "certificate")
        one = next((one for one in self.certificates if issuing.der(one.certificate) == octets), None)
        if one is None:
            raise Problem(404, "malformed", "this is no certificate of ours")
        reason = request.payload.get("reason", 0)
        if reason not in _REASONS:
            raise Problem(400, "badRevocationReason", f"the reason {reason} is not taken")
        if request.account is None:
            key = jose.public_key(request.jwk)
            if issuing.spki(key) != issuing.spki(one.certificate.public_key()):
                raise Problem(403, "unauthorized", "the key is neither an account's nor the certificate's")
        elif one.account is not request.account:
            raise Problem(403, "unauthorized", "this is somebody else's certificate")
        if one.revoked is not None:
            raise Problem(400, "alreadyRevoked", "the certificate is revoked already")
        one.revoked = reason
        return Answer(200)
