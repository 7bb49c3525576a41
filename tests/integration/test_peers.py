"""The peers themselves, without evercert: when one of these fails, look there first."""

import os
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import pytest

import namespace
from certificates import read_chain
from evercert import NotifySocket
from ports import free_port
from processes import Processes, sanitizer_reports


def test_pebble_answers_with_its_directory(pebble, each_pebble):
    ca = pebble(each_pebble)
    directory = ca.directory()
    assert {"newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"} <= set(directory)
    assert ("renewalInfo" in directory) == (each_pebble == "2.10")
    assert ca.root().startswith("-----BEGIN CERTIFICATE-----")


def test_pebble_counts_requests(pebble, each_pebble):
    ca = pebble(each_pebble)
    assert ca.requests() == []
    ca.directory()
    ca.directory()
    assert ca.request_counts() == {"GET /dir": 2}
    ca.management("/roots/0")
    ca.forget_requests()
    assert ca.requests() == []


def test_pebble_is_not_trusted_without_its_root(pebble, each_pebble):
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(pebble(each_pebble).url, timeout=5)


def test_lego_gets_a_certificate_that_nginx_serves(pebble, each_pebble, nginx, lego):
    ca = pebble(each_pebble, validity=7 * 86400)
    chain, key = lego(ca, ca.http_port).issue("a.example", "b.example")
    server = nginx(certificate=(chain, key)).start()
    leaf = server.served("b.example", ca.root())
    assert leaf.names == ["a.example", "b.example"]
    assert leaf.fingerprint == read_chain(chain)[0].fingerprint
    assert leaf.has_key(key)
    assert (leaf.not_after - leaf.not_before).total_seconds() == pytest.approx(7 * 86400, abs=2)
    counts = ca.request_counts()
    assert counts["POST /order-plz"] == 1
    assert counts["POST /finalize-order"] == 1
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        server.served("c.example", ca.root())
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        server.served("a.example", pebble(each_pebble).root())


def test_nginx_passes_challenges_on(pebble, nginx, lego):
    behind = free_port()
    server = nginx(proxy_to=behind).start()
    lego(pebble(http_port=server.http_port), behind).issue("a.example")
    assert any("/.well-known/acme-challenge/" in line and '" 200 ' in line for line in server.accesses())


def test_nginx_serves_challenges_from_a_folder(nginx, tmp_path):
    folder = tmp_path / "www/.well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("token.thumbprint")
    server = nginx(webroot=tmp_path / "www").start()
    url = f"http://127.0.0.1:{server.http_port}/.well-known/acme-challenge/token"
    assert urllib.request.urlopen(url, timeout=5).read() == b"token.thumbprint"


def test_nginx_takes_another_certificate_without_a_restart(nginx, authority):
    server = nginx(certificate=authority.leaf("one.example")).start()
    first = server.served("one.example", authority.ca_file)
    server.set_certificate(authority.leaf("two.example"))
    server.reload()
    second = server.served("two.example", authority.ca_file)
    assert (first.names, second.names) == (["one.example"], ["two.example"])
    assert server.reloads() == 1


def test_dns_answers_what_a_test_says(pebble, each_pebble, lego):
    ca = pebble(each_pebble)
    ca.dns("set-servfail", host="gone.example.")
    with pytest.raises(AssertionError, match="gone.example"):
        lego(ca, ca.http_port).issue("gone.example")


def test_a_process_left_running_is_found(tmp_path):
    """The check that every test of evercert relies on; an orphan in a session of its own is the hard case."""
    mine = Processes()
    script = "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(60)\n"
    mine.start([sys.executable, "-c", script], tmp_path / "log").wait()
    assert len(mine.leftovers()) == 1
    with pytest.raises(AssertionError, match="left running at the end of the test"):
        mine.expect_none_left(timeout=0.2)
    mine.expect_none_left()


def test_sanitizer_reports_are_seen(tmp_path):
    asan = "evercert: ok\n==12==ERROR: AddressSanitizer: heap-use-after-free on address\n    #0 0x1 in f\n"
    assert "heap-use-after-free" in sanitizer_reports(asan)
    assert sanitizer_reports("src/x.c:1:2: runtime error: shift exponent 64 is too large\n")
    assert sanitizer_reports("evercert: error: a.example: refused\n") == ""


def test_readiness_is_received(tmp_path, processes):
    with tempfile.TemporaryDirectory() as short:
        notify = NotifySocket(os.path.join(short, "n"))
        script = (
            "import os, socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
            "s.sendto(b'READY=1\\nSTATUS=fine', os.environ['NOTIFY_SOCKET'])\n"
        )
        env = {**os.environ, "NOTIFY_SOCKET": os.path.join(short, "n")}
        assert processes.start([sys.executable, "-c", script], tmp_path / "log", env=env).wait() == 0
        assert notify.read() == [{"READY": "1", "STATUS": "fine"}]
        notify.close()


def test_a_network_of_ones_own(tmp_path):
    reason = namespace.why_not()
    if reason:
        pytest.skip(reason)
    script = (
        "import socket, sys\ns = socket.create_server(('127.0.0.1', 80))\n"
        "print(sorted(name for _, name in socket.if_nameindex()))\n"
    )
    done = subprocess.run(namespace.command([sys.executable, "-c", script]), capture_output=True, text=True, timeout=10)
    assert done.stdout.strip() == "['lo']", done.stderr
