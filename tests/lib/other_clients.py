"""What an import starts from: the tree of another client, and what the importer would say of one. The clients
themselves are in moved_from.py."""

import datetime
import hashlib
import os
import pathlib
import stat

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID



def tree(folder):
    """What is in a folder: {path: (mode, owner, target or hash of its bytes)}; two that are equal are the same."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        about = path.lstat()
        if stat.S_ISLNK(about.st_mode):
            what = os.readlink(path)
        else:
            what = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (stat.filemode(about.st_mode), about.st_uid, what)
    return found


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Lineages:
    """What LIBEXEC/importer would print of another client with these certificates, of a CA that nobody can ask."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = datetime.datetime.utcnow()
        built = self._build("Intermediate", "Root", self._key.public_key(), 900)
        built = built.add_extension(x509.BasicConstraints(True, 0), True)
        built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self._issuer = built.sign(self._key, hashes.SHA256())

    def _build(self, subject, issuer, key, days):
        built = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key)
        built = built.serial_number(x509.random_serial_number())
        built = built.not_valid_before(self._now - datetime.timedelta(days=9))
        return built.not_valid_after(self._now + datetime.timedelta(days=days))

    def certificate(self, name, days=81):
        """{"key", "chain", "not_after"}"""
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._build(name, "Intermediate", key.public_key(), days)
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        leaf = built.add_extension(identifier, False).sign(self._key, hashes.SHA256())
        chain = [one.public_bytes(serialization.Encoding.PEM).decode() for one in (leaf, self._issuer)]
        after = leaf.not_valid_after.replace(tzinfo=datetime.timezone.utc)
        return {"key": _pem(key), "chain": "".join(chain), "not_after": int(after.timestamp())}

    def document(self, directory, names):
        """One account, and a certificate for each name."""
        account = {
            "id": "a1",
            "directory": directory,
            "url": directory.rsplit("/", 1)[0] + "/acct/1",
            "email": "ops@example.com",
            "key": _pem(ec.generate_private_key(ec.SECP256R1())),
            "agreed": True,
        }
        rows = [
            {"name": name, "domains": [name], "account": "a1", "key_type": "ecdsa-p256", **self.certificate(name)}
            for name in names
        ]
        return {"format": "certbot", "path": "/nowhere", "accounts": [account], "certificates": rows}
