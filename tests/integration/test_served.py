"""The look at what servers serve (src/tls/), at real ones, by the small program tests/unit/tls/look.c."""

import json
import subprocess

import pytest

from certificates import read_chain
from chat import Prosody
from database import Postgres
from directory import Slapd
from evercert import build_folder
from ftp import Vsftpd
from mail import Dovecot, Postfix
from processes import wait_until


def look(host, port, **words):
    """What it saw: {"seen": [{"address", "code", "error", "chain": [{"sha256", "subject", "issuer"}]}], "why"}"""
    path = build_folder() / "tests/unit/tls/look"
    argv = [path, host, str(port), *(f"{name}={value}" for name, value in words.items())]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def only(host, port, **words):
    """The one address that was seen."""
    (one,) = look(host, port, **words)["seen"]
    return one


def served(port, **words):
    """The leaf's fingerprint, of a look that must succeed."""
    one = only("127.0.0.1", port, **words)
    assert one["code"] == "OK", one["error"]
    return one["chain"][0]["sha256"]


def first(authority, name):
    """(certificate file, key file), and another pair with another fingerprint."""
    return authority.leaf(name), authority.leaf(f"next.{name}")


# What is looked at of each server: (attribute with its port, word of starttls).
PEERS = [
    (Postfix, [("port", "smtp"), ("tls_port", "")]),
    (Dovecot, [("port", "imap"), ("tls_port", ""), ("pop3_port", "pop3")]),
    (Postgres, [("port", "postgres")]),
    (Slapd, [("port", "ldap")]),
    (Vsftpd, [("port", "ftp")]),
    (Prosody, [("port", "xmpp")]),
]


@pytest.mark.parametrize("kind, looks", PEERS, ids=[kind.NAME for kind, _ in PEERS])
def test_real_servers(service, authority, kind, looks):
    (certificate, key), (next_certificate, next_key) = first(authority, "chat.example")
    server = service(kind, certificate, key)
    fingerprint = read_chain(certificate)[0].fingerprint
    for port, word in looks:
        one = only("127.0.0.1", getattr(server, port), starttls=word, name="chat.example", chain=certificate)
        assert one["code"] == "OK", f"{port}: {one['error']}\n{server.text()}"
        assert one["chain"][0]["sha256"] == fingerprint
        assert one["chain"][0]["subject"] == "CN=chat.example"
    server.set_certificate(next_certificate, next_key)
    server.reload()
    renewed = read_chain(next_certificate)[0].fingerprint
    for port, word in looks:
        wait_until(
            lambda: served(getattr(server, port), starttls=word, name="chat.example") == renewed,
            f"{kind.NAME} to serve its new certificate at {port}",
        )
