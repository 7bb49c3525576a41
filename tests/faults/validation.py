"""How the CA looks whether a client controls a name: http-01 (RFC 8555 8.3) and tls-alpn-01 (RFC 8737, RFC 8738), for
real, against the client's responder on loopback. Each returns None, or (ACME error type, detail)."""

import hashlib
import http.client
import ipaddress
import socket
import ssl

from cryptography import x509

_TIMEOUT_S = 5
_BODY_MAX = 128
_ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def reverse_name(address):
    """RFC 8738 6: the name that stands in SNI for an address."""
    return ipaddress.ip_address(address).reverse_pointer


def _host(kind, value):
    return f"[{value}]" if kind == "ip" and ":" in value else value


def http_01(identifier, token, key_authorization, port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/.well-known/acme-challenge/{token}", headers={"Host": _host(*identifier)})
        answer = connection.getresponse()
        body = answer.read(_BODY_MAX + 1)
    except (OSError, http.client.HTTPException) as error:
        return "connection", f"{identifier[1]}: {error}"
    finally:
        connection.close()
    if answer.status != 200:
        return "unauthorized", f"{identifier[1]} answered with status {answer.status}"
    if body.rstrip().decode(errors="replace") != key_authorization:
        return "unauthorized", f"{identifier[1]} answered with {body!r}, not with the key authorization"
    return None


def _check_certificate(octets, identifier, key_authorization):
    certificate = x509.load_der_x509_certificate(octets)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    kind, value = identifier
    wanted = x509.IPAddress(ipaddress.ip_address(value)) if kind == "ip" else x509.DNSName(value)
    if list(names) != [wanted]:
        return f"its names are {list(names)}, not only {value}"
    extension = certificate.extensions.get_extension_for_oid(_ACME_IDENTIFIER)
    if not extension.critical:
        return "acmeIdentifier is not critical"
    digest = hashlib.sha256(key_authorization.encode()).digest()
    if extension.value.value != b"\x04\x20" + digest:
        return "acmeIdentifier is not the digest of the key authorization"
    if certificate.issuer != certificate.subject:
        return "it is not self-signed"
    return None


def tls_alpn_01(identifier, token, key_authorization, port):
    del token  # only in the key authorization
    kind, value = identifier
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["acme-tls/1"])
    name = reverse_name(value) if kind == "ip" else value
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                chosen, octets = tls.selected_alpn_protocol(), tls.getpeercert(binary_form=True)
    except OSError as error:
        return ("tls" if isinstance(error, ssl.SSLError) else "connection"), f"{value}: {error}"
    if chosen != "acme-tls/1":
        return "tls", f"{value}: the protocol is {chosen}, not acme-tls/1"
    try:
        wrong = _check_certificate(octets, identifier, key_authorization)
    except (ValueError, x509.ExtensionNotFound) as error:
        wrong = str(error)
    return ("incorrectResponse", f"{value}: the certificate: {wrong}") if wrong else None


def dns_01(identifier, token, key_authorization, port):
    del token, key_authorization, port
    return "dns", f"no TXT record found at _acme-challenge.{identifier[1]}"


METHODS = {"http-01": http_01, "tls-alpn-01": tls_alpn_01, "dns-01": dns_01}
