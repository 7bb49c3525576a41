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
    certificate, key = authority.leaf("chat.example")
    next_certificate, next_key = authority.leaf("next.example", "chat.example")
    server = service(kind, certificate, key)
    fingerprint = read_chain(certificate)[0].fingerprint
    for port, word in looks:
        all_of_it = look("127.0.0.1", getattr(server, port), starttls=word, name="chat.example", chain=certificate)
        (one,) = all_of_it["seen"]
        assert one["code"] == "OK", f"{port}: {one['error']}\n{server.text()}"
        assert all_of_it["judgement"] is None
        assert one["chain"][0]["sha256"] == fingerprint
        assert one["chain"][0]["subject"] == "CN=chat.example"
    server.set_certificate(next_certificate, next_key)
    server.reload()
    renewed = read_chain(next_certificate)[0].fingerprint
    assert renewed != fingerprint
    for port, word in looks:
        wait_until(
            lambda: served(getattr(server, port), starttls=word, name="chat.example") == renewed,
            f"{kind.NAME} to serve its new certificate at {port}",
        )


# One that is there without TLS, and what is said of it.
WITHOUT = [
    (Postfix, {"level": "none"}, "smtp", "the server does not offer STARTTLS; is TLS set up in it? It offers: 250-mail.example"),
    (Dovecot, {"ssl": "no"}, "imap", "the server refuses STARTTLS: BAD"),
    (Postgres, {"ssl": "off"}, "postgres", "the server has no TLS; it is turned on by ssl = on in postgresql.conf"),
    (Slapd, {"tls": False}, "ldap", "the server refuses StartTLS with result 2 (protocolError"),
    (Vsftpd, {"ssl": "NO"}, "ftp", "the server refuses AUTH TLS: 530"),
    (Prosody, {"tls": False}, "xmpp", "the server does not offer starttls; is TLS set up in it?"),
]


@pytest.mark.parametrize("kind, options, word, text", WITHOUT, ids=[row[0].NAME for row in WITHOUT])
def test_servers_without_tls(service, authority, kind, options, word, text):
    server = service(kind, *authority.leaf("chat.example"), **options)
    one = only("127.0.0.1", server.port, starttls=word, name="chat.example")
    assert one["error"].startswith(text), one["error"]
    assert one["code"] == "ERR_TLS"
    plain = only("127.0.0.1", server.port, timeout=1000)
    assert plain["code"] in ("ERR_TLS", "ERR_TIMEOUT"), plain["error"]
