"""evercert install and uninstall, with an nginx and an Apache of the test's own."""

import http.client
import os
import re
import signal
import subprocess

import pytest

from evercert import DONE, FAILED, USAGE
from peers import from_system
from processes import wait_until
from site_servers import KINDS, SITE

CHALLENGE = "/.well-known/acme-challenge/"


def get(port, path, host):
    """(status, Location, body) of a plain request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode(errors="replace")
    finally:
        connection.close()


@pytest.fixture
def server(processes, open_folder):
    def make(kind, http_port, **options):
        return KINDS[kind](processes, open_folder, http_port, **options)

    return make


def client_of(evercert, ca, open_folder):
    """Its state is where a server's workers may go, as /var/lib is."""
    return evercert(ca, folder=open_folder / "evercert-client")


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(evercert, pebble, server, open_folder, kind):
    """A site over http gets its certificate, is renewed, and is afterwards what it was, to the octet."""
    ca = pebble()
    web = server(kind, ca.http_port)
    site = web.add("shop", "a.example", "www.a.example")
    web.start()
    client = client_of(evercert, ca, open_folder)
    before, text = web.snapshot(), site.read_bytes()

    # Nothing is changed by a dry run, which shows all.
    dry = client.run("install", *web.words("a.example", "www.a.example"), "--dry-run", status=DONE)
    assert web.snapshot() == before and not client.state.exists()
    assert f"+++ {site}" in dry.stdout and "+    " in dry.stdout and "fullchain.pem" in dry.stdout
    assert ca.requests() == []

    client.run("install", *web.words("a.example", "www.a.example"), status=DONE)
    leaf = client.leaf("a.example")
    assert leaf.names == ["a.example", "www.a.example"]
    assert client.row("a.example")["served"]["state"] == "yes"
    for name in leaf.names:
        assert web.leaf(name, ca).fingerprint == leaf.fingerprint
        status, location, _ = get(web.http, "/x?y=1", name)
        assert (status, location) == (301, f"https://{name}:{web.https}/x?y=1")
        (client.state / "challenges" / CHALLENGE[1:] / "probe").write_text("answer")
        assert get(web.http, CHALLENGE + "probe", name)[::2] == (200, "answer")
    added = [line for line in site.read_bytes().splitlines() if line not in text.splitlines()]
    assert len(added) == 1 and (site.stat().st_mode & 0o777) == 0o640
    assert site.read_bytes().replace(b"\n" + added[0], b"", 1) == text

    # Again: nothing to do. With a name less: refused, for the other one would go.
    after, orders = web.snapshot(), ca.request_counts()["POST /order-plz"]
    assert "nothing to do" in client.run("install", *web.words("a.example", "www.a.example"), status=DONE).stderr
    assert "www.a.example already" in client.run("install", *web.words("a.example"), status=FAILED).stderr
    assert web.snapshot() == after and ca.request_counts()["POST /order-plz"] == orders

    client.renew("a.example", force=True)
    assert client.leaf("a.example").fingerprint != leaf.fingerprint
    web.wait_leaf("a.example", ca, client.leaf("a.example").fingerprint)

    said = client.run("uninstall", *web.words("a.example"), status=DONE).stderr
    assert "a.example stays managed" in said
    assert web.snapshot() == before
    wait_until(lambda: get(web.http, "/", "a.example")[0] == 200, "http to be as it was")
    assert "nothing of evercert" in client.run("uninstall", *web.words("a.example"), status=DONE).stderr
    assert client.row("a.example")["state"] == "valid"


@pytest.mark.parametrize("kind", KINDS)
def test_failures_put_everything_back(evercert, pebble, server, open_folder, kind):
    """A CA that refuses, a configuration that the server does not take with the certificate, an end in the middle."""
    ca = pebble()
    web = server(kind, ca.http_port)
    site = web.add("shop", "a.example")
    web.start()
    client = client_of(evercert, ca, open_folder)
    before = web.snapshot()
    words = web.words("a.example")

    ca.dns("set-servfail", host="a.example.")
    refused = client.run("install", *words, status=FAILED)
    assert "a.example" in refused.stderr and "as it was before" in refused.stderr
    assert web.snapshot() == before
    ca.dns("clear-servfail", host="a.example.")

    # What the server does not take: its check fails as soon as a certificate is to be used.
    checker = open_folder / "checker"
    checker.write_text(
        f"#!/bin/sh\nif grep -qs fullchain {web.folder}/evercert/*.conf {web.folder}/sites-available/*.conf && "
        f'test "$3" = -t; then echo "no, really" >&2; exit 1; fi\nexec {from_system(web.program)} "$@"\n'
    )
    checker.chmod(0o755)
    bad = [str(checker) if word == str(from_system(web.program)) else word for word in words]
    failed = client.run("install", *bad, status=FAILED)
    assert "no, really" in failed.stderr and "stays managed" in failed.stderr and "as it was before" in failed.stderr
    assert web.snapshot() == before
    wait_until(lambda: get(web.http, "/", "a.example")[0] == 200, "http to be as it was")
    # The certificate is there by now, and is not asked for again.
    orders = ca.request_counts()["POST /order-plz"]
    client.run("install", *words, status=DONE)
    assert ca.request_counts()["POST /order-plz"] == orders
    assert web.leaf("a.example", ca).fingerprint == client.leaf("a.example").fingerprint
    client.run("uninstall", *words, "--forget", status=DONE)
    assert web.snapshot() == before and client.row("a.example") is None

    # kill -9 while the CA is asked: the next command puts back what there was before.
    ca.pause()
    process = client.start("install", *words)
    wait_until(lambda: web.snapshot() != before and (client.state / "install.journal").exists(), "the first change")
    client.kill_all()
    ca.resume()
    assert web.snapshot() != before
    assert "interrupted" in client.run("uninstall", *words, status=DONE).stderr
    assert web.snapshot() == before
    assert process.status() is not None

    # So does SIGINT, at once.
    ca.pause()
    process = client.start("install", *words)
    wait_until(lambda: web.snapshot() != before and (client.state / "evercert.db").exists(), "the first change")
    process.send(signal.SIGINT)
    wait_until(lambda: process.status() is not None, "evercert to end", 30)
    ca.resume()
    assert process.status() == 130
    assert web.snapshot() == before and site.exists()


def test_two_sites_of_one_file(evercert, pebble, server, open_folder):
    """In one line, by a wildcard, and one certificate for two blocks; each goes for itself."""
    ca = pebble()
    web = server("nginx", ca.http_port)
    one = "server { listen 127.0.0.1:%d; server_name a.example; location / { return 200 a; } }\n" % web.http
    two = SITE.format(http=web.http, names="*.b.example", text="b")
    path = web.site("both", one + two + "# the end, without a line break")
    web.start()
    client = client_of(evercert, ca, open_folder)
    before = web.snapshot()
    client.run("install", *web.words("a.example", "www.b.example"), "--no-redirect", status=DONE)
    for name in ("a.example", "www.b.example"):
        assert web.leaf(name, ca).fingerprint == client.leaf("a.example").fingerprint
        assert get(web.http, "/", name)[0] == 200
    # Now with a redirect; names of the block that are not in the certificate stay where they are.
    client.run("install", *web.words("a.example", "www.b.example"), status=DONE)
    assert get(web.http, "/", "www.b.example")[0] == 301
    assert get(web.http, "/", "other.b.example")[0] == 200
    assert path.read_text().count("include") == 2
    client.run("uninstall", *web.words("a.example"), status=DONE)
    assert path.read_text().count("include") == 1
    assert web.leaf("www.b.example", ca).fingerprint == client.leaf("a.example").fingerprint
    # A server that does not run is no reason to keep it.
    web.process.stop()
    assert "did not reload" in client.run("uninstall", *web.words("www.b.example"), status=DONE).stderr
    assert web.snapshot() == before


def test_apache_in_one_file(evercert, pebble, server, open_folder):
    """Without sites-enabled, and with a Listen of our own that two sites share."""
    ca = pebble()
    web = server("apache", ca.http_port, more="@")
    web.config.write_text(web.config.read_text().replace("@\n", web.vhost("a.example", "x.a.example") + web.vhost("b.example", "*.b.example")))
    web.start()
    client = client_of(evercert, ca, open_folder)
    before = web.snapshot()
    client.run("install", *web.words("a.example"), "--key-type", "ecdsa-p256,rsa-2048", status=DONE)
    assert (web.folder / "evercert/a.example.https.conf").read_text().count("SSLCertificateFile") == 2
    client.run("install", *web.words("www.b.example"), status=DONE)
    for name in ("a.example", "www.b.example"):
        assert web.leaf(name, ca).fingerprint == client.leaf(name).fingerprint
    assert [get(web.http, "/", name)[0] for name in ("www.b.example", "other.b.example")] == [301, 200]
    client.run("uninstall", *web.words("a.example"), status=DONE)
    assert web.leaf("www.b.example", ca).fingerprint == client.leaf("www.b.example").fingerprint
    client.run("uninstall", *web.words("www.b.example"), status=DONE)
    assert web.snapshot() == before


def test_what_cannot_be_done(evercert, pebble, server, open_folder, authority):
    """Said plainly, with what to do, before anything is changed or anybody asked."""
    ca = pebble()
    web = server("nginx", ca.http_port)
    certificate, key = authority.leaf("tls.example")
    web.add("twice", "twice.example")
    web.add("again", "twice.example")
    web.add("tls", "tls.example")
    web.site(
        "tls-443",
        f"server {{ listen 127.0.0.1:{web.https} ssl; server_name tls.example; ssl_certificate {certificate};"
        f" ssl_certificate_key {key}; }}\n",
    )
    web.site("away", f"server {{ listen 127.0.0.1:{web.http}; server_name away.example; return 301 https://$host/; }}\n")
    web.add("good", "good.example")
    web.start()
    client = client_of(evercert, ca, open_folder)
    before = web.snapshot()

    def refused(*names, status=FAILED):
        answer = client.run("install", *web.words(*names), status=status)
        assert web.snapshot() == before and ca.requests() == []
        return answer.stderr

    assert "no server block" in refused("none.example") and "server_name" in refused("none.example")
    assert re.search(r"twice.example: two server blocks.*/again:1 and .*/twice:1", refused("twice.example"))
    assert f"over TLS already, by the block at {web.folder}/sites-enabled/tls-443:1" in refused("tls.example")
    assert "sends everybody to https" in refused("away.example")
    assert "nginx or apache" in client.run("install", "lighttpd", "-d", "good.example", status=USAGE).stderr
    assert "no name is given" in client.run("install", "nginx", status=USAGE).stderr

    # Something stands before the challenge: found before the CA is asked.
    web.process.stop()
    assert "did not reload" in refused("good.example")
    if os.geteuid() == 0:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *client.argv("install", *web.words("good.example"))]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=client.environment())
        assert done.returncode == FAILED and "evercert: error: " in done.stderr, done.stderr
        assert web.snapshot() == before


def test_apache_without_a_module(evercert, pebble, server, open_folder):
    ca = pebble()
    web = server("apache", ca.http_port, without=("ssl",))
    web.add("shop", "a.example")
    web.start()
    before = web.snapshot()
    client = client_of(evercert, ca, open_folder)
    assert "a2enmod ssl" in client.run("install", *web.words("a.example"), status=FAILED).stderr
    assert "no virtual host" in client.run("uninstall", *web.words("b.example"), status=FAILED).stderr
    assert web.snapshot() == before
