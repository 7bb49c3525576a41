"""The certificates of the misbehaving CA: a root, an intermediate, other roots that cross-sign it, and leaves, each
made from a specification that a switch may have changed before."""

import dataclasses
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def general_name(kind, value):
    return x509.IPAddress(ipaddress.ip_address(value)) if kind == "ip" else x509.DNSName(value)


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclasses.dataclass
class Leaf:
    """What a certificate is to say. A right one as it stands; switches change it."""

    public_key: object
    names: list  # (type, value) pairs of identifiers
    not_before: datetime.datetime
    not_after: datetime.datetime
    ca: bool = False
    server_auth: bool = True
    common_name: str = ""
    must_staple: bool = False
    signed_by: object = None  # a key that is not the intermediate's


class _Issuer:
    def __init__(self, name):
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())


def _key_usage(ca):
    return x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)


class Issuing:
    """root(k) and intermediate(k): the k-th root, and the one intermediate key as that root certified it."""

    def __init__(self):
        self._intermediate = _Issuer("faults intermediate")
        self._roots = []
        self._add_root()

    def _add_root(self):
        root = _Issuer(f"faults root {len(self._roots)}")
        certificate = self._certify(root.name, root.key.public_key(), root, 3650 * DAY)
        cross = self._certify(self._intermediate.name, self._intermediate.key.public_key(), root, 1825 * DAY)
        self._roots.append((certificate, cross))

    @staticmethod
    def _certify(subject, public_key, issuer, lifetime):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - DAY)
            .not_valid_after(now() + lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .add_extension(_key_usage(ca=True), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
        )
        return builder.sign(issuer.key, hashes.SHA256())

    def root(self, number=0):
        while len(self._roots) <= number:
            self._add_root()
        return self._roots[number][0]

    def intermediate(self, number=0):
        self.root(number)
        return self._roots[number][1]

    def sign(self, leaf):
        """A certificate as the specification wants it."""
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)] if leaf.common_name else []
        issuer_key = self._intermediate.key
        names = [general_name(*name) for name in leaf.names]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._intermediate.name)
            .public_key(leaf.public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(leaf.not_before)
            .not_valid_after(leaf.not_after)
            .add_extension(x509.BasicConstraints(ca=leaf.ca, path_length=None), True)
            .add_extension(_key_usage(ca=leaf.ca), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf.public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), not subject)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if leaf.server_auth else ExtendedKeyUsageOID.CODE_SIGNING
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if leaf.must_staple:
            builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
        return builder.sign(leaf.signed_by or issuer_key, hashes.SHA256())

    def ari_key_identifier(self):
        return x509.SubjectKeyIdentifier.from_public_key(self._intermediate.key.public_key()).digest


def read_csr(octets):
    """(csr, [(type, value), ...] of its subjectAltName); ValueError for what is no CSR."""
    csr = x509.load_der_x509_csr(octets)
    names = []
    try:
        for name in csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value:
            if isinstance(name, x509.DNSName):
                names.append(("dns", name.value))
            elif isinstance(name, x509.IPAddress):
                names.append(("ip", str(name.value)))
            else:
                raise ValueError(f"a name of an odd kind: {name}")
    except x509.ExtensionNotFound:
        pass
    return csr, names


def wants_must_staple(csr):
    try:
        csr.extensions.get_extension_for_class(x509.TLSFeature)
        return True
    except x509.ExtensionNotFound:
        return False
