"""tls-alpn-01 (RFC 8737; RFC 8738 for addresses): by the responder itself, and behind a server that has the port."""

import collections
import socket
import ssl

import pytest

import caddy
import lineage
import namespace
from evercert import FAILED
from ports import free_port
from processes import wait_until
from test_requests import NONCE, ONE_NAME


def tls_only(**more):
    """A configuration for certificates that are proved by tls-alpn-01 alone."""
    return {"challenge": "tls-alpn-01", **more}


def shake(port, name="a.example", protocols=("acme-tls/1",), address="127.0.0.1"):
    """(protocol chosen, certificate) of a handshake that trusts everybody; ssl.SSLError where it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with socket.create_connection((address, port), 10) as connection:
        with context.wrap_socket(connection, server_hostname=name) as tls:
            return tls.selected_alpn_protocol(), tls.getpeercert(binary_form=True)


def closes(connection):
    """Whether the other side closes, sooner or later; whatever it says before is nobody's business."""
    connection.settimeout(20)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


# The responder


def test_the_responder_of_a_command(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])  # where no validator looks
    client.issue("a.example", "b.example", "c.example", challenge="tls-alpn-01")
    assert sorted(lineage.check(client, "a.example").names) == ["a.example", "b.example", "c.example"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ca.tls_port), 5)


def test_an_address(evercert, pebble, each_pebble):
    """RFC 8738 6: the name in SNI is one of the reverse tree."""
    ca = pebble(each_pebble)
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])
    client.issue("127.0.0.1", challenge="tls-alpn-01")
    assert lineage.check(client, "127.0.0.1").names == ["127.0.0.1"]


def test_it_costs_no_more_requests_than_http01(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.run("account", "register", status=0)
    ca.forget_requests()
    client.issue("a.example", challenge="tls-alpn-01")
    assert ca.request_counts() == {**ONE_NAME, **NONCE}


def test_a_daemon_renews(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca, config=tls_only(certificates=[{"domains": ["a.example"]}]))
    client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_valid("a.example")
    client.renew("a.example", force=True)
    client.wait_live("a.example", but=first.fingerprint)
    assert "answering tls-alpn-01 challenges" in client.text()
    assert "answering http-01 challenges" not in client.text()
    # Nothing is live any more, so nobody gets anything.
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        shake(ca.tls_port)


def test_both_kinds_in_one_daemon(evercert, pebble):
    ca = pebble()
    certificates = [{"domains": ["a.example"]}, {"domains": ["b.example"], "challenge": "http-01"}]
    client = evercert(ca, config=tls_only(certificates=certificates))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_live("b.example")
    for kind, port in (("tls-alpn-01", ca.tls_port), ("http-01", ca.http_port)):
        assert f"answering {kind} challenges on 127.0.0.1:{port}" in client.text()


def test_a_responder_for_http01_alone_is_replaced_when_tls_is_needed(evercert, pebble):
    """It is started without OpenSSL's memory; the first certificate that needs it comes by command."""
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    client.wait_valid("a.example")
    client.issue("b.example", "c.example", challenge="tls-alpn-01")
    assert lineage.check(client, "b.example").names == ["b.example", "c.example"]
    assert client.text().count("answering tls-alpn-01 challenges") == 1
    assert client.text().count(f"answering http-01 challenges on 127.0.0.1:{ca.http_port}") == 2
    assert "killed" not in client.text() and "error:" not in client.text()
    client.renew("a.example", force=True)


def test_at_a_ca_that_does_everything_at_once(evercert, processes, tmp_path):
    reason = namespace.why_not()
    if reason:
        pytest.skip(reason)
    ca = caddy.Caddy(processes, tmp_path / "caddy", "new")
    client = evercert(
        through=ca.through,
        config=tls_only(
            authority="caddy",
            authorities={"caddy": {"directory": ca.url, "ca-file": str(ca.ca_file)}},
        ),
    )
    client.run("account", "register", status=0)
    before = ca.request_counts()
    client.issue("localhost")
    wait_until(lambda: ca.request_counts().get("POST certificate"), "Caddy's log")
    counts = collections.Counter(ca.request_counts())
    counts.subtract(before)
    assert dict(+counts) == {
        "HEAD new-nonce": 1,
        "POST new-order": 1,
        "POST authz": 1,
        "POST challenge": 1,
        "POST finalize": 1,
        "POST certificate": 1,
    }
    assert lineage.check(client, "localhost").names == ["localhost"]


def test_orders_for_the_same_name_at_once(evercert, pebble, each_pebble):
    """A name can show one certificate at a time: an order waits until the one before has been validated."""
    ca = pebble(each_pebble, sleep=1)
    certificates = [
        {"name": "one", "domains": ["a.example"], "key-type": ["ecdsa-p256", "rsa-2048"]},
        {"name": "two", "domains": ["a.example", "b.example"]},
        {"name": "three", "domains": ["b.example", "a.example", "c.example"]},
    ]
    client = evercert(ca, config=tls_only(certificates=certificates))
    client.run_daemon()
    for name in ("one", "one-rsa", "two", "three"):
        client.wait_live(name, timeout=60)
    assert all(row["event"] != "failed" for row in client.log_rows())


# Whoever else comes


@pytest.fixture
def waiting(evercert, pebble, gate):
    """(client, CA) of a daemon in the middle of an order: the certificate of a.example is shown, and the CA has not
    been told yet."""
    at_gate = gate(pebble())
    client = evercert(at_gate, config=tls_only(certificates=[{"domains": ["a.example"]}]))
    at_gate.hold("/chalZ")
    client.run_daemon()
    at_gate.wait_held()
    yield client, at_gate
    at_gate.release()
    client.wait_live("a.example")


def test_only_the_protocol_and_the_name_of_a_live_challenge(waiting):
    _, ca = waiting
    protocol, certificate = shake(ca.tls_port)
    assert protocol == "acme-tls/1" and certificate
    for protocols in ((), ("h2",), ("h2", "http/1.1"), ("acme-tls/1", "h2")):
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            shake(ca.tls_port, protocols=protocols)
    for name in ("b.example", "x.a.example", None):
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            shake(ca.tls_port, name)


def test_slow_and_silent_ones_are_cut(waiting):
    _, ca = waiting
    silent = socket.create_connection(("127.0.0.1", ca.tls_port), 5)
    begun = socket.create_connection(("127.0.0.1", ca.tls_port), 5)
    begun.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 20)
    other = socket.create_connection(("127.0.0.1", ca.tls_port), 5)
    other.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert closes(other) and closes(begun) and closes(silent)


def test_a_crowd_that_waits_keeps_nobody_out(waiting):
    _, ca = waiting
    crowd = [socket.create_connection(("127.0.0.1", ca.tls_port), 5) for _ in range(700)]
    assert shake(ca.tls_port)[0] == "acme-tls/1"
    for connection in crowd:
        connection.close()


def test_a_new_responder_shows_what_is_live(waiting):
    client, ca = waiting
    before = shake(ca.tls_port)[1]
    pid = client.pid_of("responder")
    client.kill_one(pid)
    wait_until(lambda: client.pid_of("responder") != pid, "another responder")

    def shown():
        try:
            return shake(ca.tls_port)[1]
        except (OSError, ssl.SSLError):
            return None

    assert wait_until(shown, "the challenge to be shown again") != before  # its key was made anew


# A port that somebody else has


@pytest.fixture
def taken(pebble):
    """(a Pebble, the socket that has its TLS port)"""
    ca = pebble()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", ca.tls_port))
        other.listen()
        yield ca


def test_without_the_port_the_error_says_what_to_do(evercert, taken):
    client = evercert(taken)
    done = client.issue("a.example", challenge="tls-alpn-01", status=FAILED)
    assert f"127.0.0.1:{taken.tls_port}" in done.stderr and "port is in use" in done.stderr
    assert "tls-alpn-01.listen" in done.stderr and "examples/nginx/tls-alpn-01.conf" in done.stderr
    assert done.stderr.count("evercert: error:") == 1


def test_without_the_port_another_challenge_is_used(evercert, taken):
    client = evercert(taken, config={"challenge": ["tls-alpn-01", "http-01"]})
    client.issue("a.example")
    lineage.check(client, "a.example")


def test_a_daemon_without_the_port_warns_and_uses_another_challenge(evercert, taken):
    config = {"challenge": ["tls-alpn-01", "http-01"], "certificates": [{"domains": ["a.example"]}]}
    client = evercert(taken, config=config)
    client.run_daemon()
    client.wait_live("a.example")
    assert "warning: tls-alpn-01: cannot listen on" in client.text()


def test_a_daemon_whose_only_challenge_cannot_listen_does_not_start(evercert, taken):
    client = evercert(taken, config=tls_only(certificates=[{"domains": ["a.example"]}]))
    done = client.run("run", status=FAILED)
    assert "a.example: tls-alpn-01: cannot listen on" in done.stderr


def test_a_reload_opens_and_closes(evercert, pebble):
    ca = pebble()
    http = {"certificates": [{"domains": ["a.example"], "challenge": "http-01"}]}
    tls = {"certificates": [{"domains": ["a.example"], "challenge": "tls-alpn-01"}]}
    client = evercert(ca, config=http)
    client.run_daemon()
    client.wait_valid("a.example")

    def open_ports():
        found = set()
        for name, port in (("http", ca.http_port), ("tls", ca.tls_port)):
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                found.add(name)
            except ConnectionRefusedError:
                pass
        return found

    assert open_ports() == {"http"}
    client.write_config(tls)
    client.reload()
    wait_until(lambda: open_ports() == {"tls"}, "the other port alone to be open")
    client.renew("a.example", force=True)
    client.write_config(http)
    client.reload()
    wait_until(lambda: open_ports() == {"http"}, "the first port alone to be open")


# Behind a server that has the port


def test_behind_nginx_that_serves_https_on_the_same_port(evercert, pebble, each_pebble, nginx, authority):
    """The example of examples/nginx, as it stands but for its ports."""
    behind = free_port()
    server = nginx(certificate=authority.leaf("www.example"), alpn_to=behind).start()
    ca = pebble(each_pebble, tls_port=server.https_port)
    client = evercert(ca, config=tls_only(**{"tls-alpn-01": {"listen": f"127.0.0.1:{behind}"}}))
    client.issue("a.example", "b.example")
    lineage.check(client, "a.example")
    assert server.served("www.example", authority.ca_file).names == ["www.example"]
    assert shake(server.https_port, "www.example", ("h2", "http/1.1"))[1]
