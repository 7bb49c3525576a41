"""Certificates in tests: a small authority for the peers' own TLS, and reading what a server really serves."""

import datetime
import ipaddress
import pathlib
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def _now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(ca):
    """Said although few ask: newer Pythons check strictly (RFC 5280)."""
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """A root that signs leaves for peers. `ca_file` is its certificate."""

    def __init__(self, folder, name="evercert test root"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.certificate = self._sign(
            self._name,
            self._key.public_key(),
            365,
            [(x509.BasicConstraints(ca=True, path_length=None), True), (_key_usage(ca=True), True)],
        )
        self.ca_file = self.folder / "root.pem"
        self.ca_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, public_key, days, extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - datetime.timedelta(hours=1))
            .not_valid_after(_now() + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())

    def leaf(self, *names, days=30, client=False):
        """(certificate file, key file) for DNS names and IP addresses; `client`: to be shown by a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = self._sign(
            _name(names[0]),
            key.public_key(),
            days,
            [
                (x509.SubjectAlternativeName([_alternative(name) for name in names]), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_key_usage(ca=False), True),
                (x509.ExtendedKeyUsage([usage]), False),
            ],
        )
        stem = self.folder / names[0].replace("*", "_")
        certificate_file, key_file = stem.with_suffix(".crt"), stem.with_suffix(".key")
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.touch(mode=0o600)
        key_file.write_bytes(_pem_key(key))
        return certificate_file, key_file


class Leaf:
    """One certificate, read: `fingerprint` (SHA-256, hex), `names` (sorted), `serial`, `not_before`, `not_after`
    (UTC), `public_key`, `certificate` (of the cryptography package)."""

    def __init__(self, der):
        self.certificate = x509.load_der_x509_certificate(der)
        self.fingerprint = self.certificate.fingerprint(hashes.SHA256()).hex()
        try:
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            self.names = sorted(str(name.value) for name in names)
        except x509.ExtensionNotFound:
            self.names = []
        self.serial = self.certificate.serial_number
        # Aware times have other names in newer versions of the package; these are in all, and are UTC.
        utc = datetime.timezone.utc
        aware = hasattr(self.certificate, "not_valid_after_utc")
        self.not_after = (
            self.certificate.not_valid_after_utc if aware else self.certificate.not_valid_after.replace(tzinfo=utc)
        )
        self.not_before = (
            self.certificate.not_valid_before_utc if aware else self.certificate.not_valid_before.replace(tzinfo=utc)
        )
        self.public_key = self.certificate.public_key()

    def has_key(self, key_file):
        """Whether the private key in the PEM file is this certificate's."""
        key = serialization.load_pem_private_key(pathlib.Path(key_file).read_bytes(), None)
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return key.public_key().public_bytes(*form) == self.public_key.public_bytes(*form)


def read_chain(path):
    """The certificates of a PEM file, in their order."""
    blocks = pathlib.Path(path).read_text().split("-----BEGIN CERTIFICATE-----")[1:]
    return [Leaf(ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE-----" + block)) for block in blocks]


def served_leaf(port, name, roots, address="127.0.0.1", timeout=5.0):
    """Connects as a browser would (SNI, chain and name checked against the PEM text or file `roots`) and returns the
    Leaf that is served. ssl.SSLCertVerificationError when it does not verify."""
    if isinstance(roots, pathlib.Path):
        roots = roots.read_text()
    # A context of its own roots: create_default_context loads the system's only when given none.
    context = ssl.create_default_context(cadata=roots)
    with socket.create_connection((address, port), timeout) as connection:
        with context.wrap_socket(connection, server_hostname=name) as tls:
            return Leaf(tls.getpeercert(binary_form=True))
