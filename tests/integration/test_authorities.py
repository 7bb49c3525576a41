"""Several accounts at one directory, several authorities, their order, and the staging directory that is tried first
after a failure."""

import json
import socket

import pytest

import lineage
from evercert import DONE, FAILED
from ports import free_port
from processes import wait_until


def entry(ca, **more):
    return {"directory": ca.url, "ca-file": str(ca.ca_file), **{k.replace("_", "-"): v for k, v in more.items()}}


def accounts(client):
    rows = json.loads(client.run("account", "show", "--json", status=DONE).stdout)
    return {row["authority"]: row for row in rows}


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def error_of(done):
    errors = [line for line in done.stderr.splitlines() if line.startswith("evercert: error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


class Answers:
    """Takes the place of a CA that is down, at its port: every request is answered with one status."""

    def __init__(self, authority, port, status):
        import http.server
        import ssl
        import threading

        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                requests.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, *_):
                pass

        certificate, key = authority.leaf("127.0.0.1", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def answers(authority):
    made = []

    def make(port, status):
        made.append(Answers(authority, port, status))
        return made[-1]

    yield make
    for one in made:
        one.close()


def restart(ca, authority):
    """Another Pebble in the place of one that was stopped; it has forgotten everything."""
    configuration = json.loads((ca.folder / "pebble.json").read_text())
    ca._start_ca(authority, configuration, False, {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_VA_NOSLEEP": "1"})


@pytest.fixture
def two(evercert, pebble):
    """An evercert with authorities a and b, in that order: client, a, b."""
    a = pebble()
    b = pebble(http_port=a.http_port, tls_port=a.tls_port)
    client = evercert(a)
    client.write_config({"authority": ["a", "b"], "authorities": {"a": entry(a), "b": entry(b)}})
    return client, a, b


# Accounts


def test_two_accounts_at_one_directory(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.write_config(
        {"authority": "one", "authorities": {"one": entry(ca, account="first"), "other": entry(ca, account="second")}}
    )
    client.issue("a.example")
    client.issue("b.example", authority="other")
    known = accounts(client)
    assert set(known) == {"one", "other"}
    assert known["one"]["url"] != known["other"]["url"] and known["one"]["directory"] == known["other"]["directory"]
    keys = (client.state / "account-key").read_text()
    assert f"directory {ca.url}#first\n" in keys and f"directory {ca.url}#second\n" in keys
    # Each is renewed, and revoked, by its own.
    client.renew("b.example", force=True)
    assert lineage.generation(client, "b.example") == 2
    serial = client.leaf("b.example").certificate.serial_number
    client.run("revoke", "b.example", status=DONE)
    assert ca.certificate_status(serial)["Status"] == "Revoked"
    assert set(accounts(client)) == {"one", "other"}


def test_a_change_of_one_account_leaves_the_other(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.write_config({"authority": "one", "authorities": {"one": entry(ca), "other": entry(ca, account="second")}})
    client.run_daemon()
    for name in ("one", "other"):
        client.run("account", "register", "--authority", name, status=DONE)
    before = accounts(client)
    client.run("account", "rollover", "--authority", "other", status=DONE)
    after = accounts(client)
    assert after["one"] == before["one"] and after["other"]["thumbprint"] != before["other"]["thumbprint"]
    client.run("account", "deactivate", "--yes", "--authority", "other", status=DONE)
    client.issue("a.example")
    assert "deactivated" in error_of(client.run("issue", "-d", "b.example", "--authority", "other", status=FAILED))


@pytest.mark.parametrize("daemon", [False, True], ids=["one-shot", "daemon"])
def test_each_certificate_from_its_own_authority(evercert, pebble, daemon):
    a = pebble("2.4")
    b = pebble("2.10", http_port=a.http_port)
    client = evercert(a)
    certificates = [{"domains": ["a.example"], "authority": "a"}, {"domains": ["b.example"], "authority": "b"}]
    client.write_config(
        {"authority": None, "authorities": {"a": entry(a), "b": entry(b)}, "certificates": certificates}
    )
    if daemon:
        client.run_daemon()
        for name in ("a.example", "b.example"):
            client.wait_valid(name)
    else:
        client.renew()
    assert (orders(a), orders(b)) == (1, 1)
    for name, ca in (("a.example", a), ("b.example", b)):
        lineage.check(client, name)
        assert client.row(name)["directory"] == ca.url
        ca.certificate_status(client.leaf(name).certificate.serial_number)


# Their order


def test_the_first_is_asked(two):
    client, a, b = two
    client.issue("a.example")
    assert (orders(a), orders(b)) == (1, 0)
    assert set(accounts(client)) == {"a"} and b.requests() == []


def test_the_second_when_the_first_is_down(two, authority):
    client, a, b = two
    a.process.stop()
    done = client.issue("a.example")
    assert orders(b) == 1 and set(accounts(client)) == {"b"}
    b.certificate_status(client.leaf("a.example").certificate.serial_number)
    lineage.check(client, "a.example")
    assert "error" not in done.stderr
    events = [(row["event"], row["text"]) for row in client.log_rows("a.example")]
    assert ["failed", "issued"] == [event for event, _ in events if event in ("failed", "issued")]
    assert "authority a" in next(text for event, text in events if event == "failed")
    assert "by b" in next(text for event, text in events if event == "issued")
    # The first comes back, and is the first again.
    restart(a, authority)
    b.forget_requests()
    client.renew("a.example", force=True)
    assert (orders(a), orders(b)) == (1, 0)
    assert set(accounts(client)) == {"a", "b"}
    a.certificate_status(client.leaf("a.example").certificate.serial_number)


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_the_second_when_the_first_answers_with(two, answers, status):
    client, a, b = two
    a.process.stop()
    answers(a.port, status)
    client.issue("a.example")
    assert orders(b) == 1
    lineage.check(client, "a.example")


def test_the_second_when_the_first_is_no_acme_server(two, answers):
    client, a, b = two
    a.process.stop()
    other = answers(a.port, 200)
    client.issue("a.example")
    assert orders(b) == 1 and len(other.requests) == 1


def test_the_second_when_the_account_at_the_first_was_closed(two):
    client, a, b = two
    client.issue("a.example")
    client.run("account", "deactivate", "--yes", "--authority", "a", status=DONE)
    a.forget_requests()
    client.renew("a.example", force=True)
    assert orders(b) == 1 and a.requests() == []
    b.certificate_status(client.leaf("a.example").certificate.serial_number)


def test_the_second_when_the_first_wants_a_binding(evercert, pebble):
    a = pebble(eab={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})
    b = pebble(http_port=a.http_port)
    client = evercert(a)
    client.write_config({"authority": ["a", "b"], "authorities": {"a": entry(a), "b": entry(b)}})
    client.issue("a.example")
    assert orders(b) == 1 and set(accounts(client)) == {"b"}


def test_none_of_them(two):
    client, a, b = two
    a.process.stop()
    b.process.stop()
    error = error_of(client.run("issue", "-d", "a.example", status=FAILED))
    assert "authority b" in error or "authority a" in error
    texts = " ".join(row["text"] for row in client.log_rows("a.example"))
    assert "authority a" in texts and "authority b" in texts


def test_a_failed_validation_is_nothing_for_the_second(evercert, pebble):
    a, b = pebble(), pebble()
    client = evercert(a, listen=[f"127.0.0.1:{free_port()}"])  # where no CA looks
    client.write_config(
        {"authority": ["a", "b"], "authorities": {"a": entry(a), "b": entry(b)}, "challenge": "http-01"}
    )
    done = client.run("issue", "-d", "a.example", status=FAILED)
    assert "a.example" in error_of(done)
    assert orders(a) == 1 and b.requests() == []


def test_only_the_issuer_is_told_of_what_is_replaced(two):
    """RFC 9773 5: the other has never seen it. Pebble refuses what it has not issued, which would cost a request."""
    client, a, b = two
    client.issue("a.example")
    a.process.stop()
    client.renew("a.example", force=True)
    assert orders(b) == 1 and lineage.generation(client, "a.example") == 2
    b.forget_requests()
    client.renew("a.example", force=True)  # its own, by now
    assert lineage.generation(client, "a.example") == 3 and orders(b) == 1


def test_a_daemon_comes_back_to_the_first(two, authority):
    """Its backoff is not over, and the certificate is good: so nobody is asked until there is a reason."""
    client, a, b = two
    client.write_config(
        {
            "authority": ["a", "b"],
            "authorities": {"a": entry(a), "b": entry(b)},
            "certificates": [{"domains": ["a.example"]}],
        }
    )
    a.process.stop()
    client.run_daemon()
    client.wait_valid("a.example")
    assert orders(b) == 1
    restart(a, authority)
    client.renew("a.example", force=True)
    assert (orders(a), orders(b)) == (1, 1)
    events = [row["event"] for row in client.log_rows("a.example")]
    assert [event for event in events if event in ("failed", "issued", "renewed")] == ["failed", "issued", "renewed"]


# Staging first, after a failure


@pytest.fixture
def staged(evercert, pebble):
    """An evercert whose CA has another Pebble as its staging directory, and whose challenges are answered where only
    `client.reachable()` makes the CA look: client, ca, staging."""
    ca = pebble()
    staging = pebble(http_port=ca.http_port)
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])

    def configure(listen):
        client.listen = listen
        client.write_config(
            {
                "authority": "a",
                "authorities": {"a": entry(ca, staging=staging.url)},
                "certificates": [{"domains": ["a.example"]}],
            }
        )

    client.reachable = lambda: configure([f"127.0.0.1:{ca.http_port}"])
    configure(client.listen)
    return client, ca, staging


def test_after_a_failure_staging_is_asked_first(staged):
    client, ca, staging = staged
    client.renew(status=FAILED)
    assert orders(ca) == 1 and staging.requests() == []
    ca.forget_requests()
    # Not mended yet: the real one is spared.
    error = error_of(client.run("renew", "--force", "a.example", status=FAILED))
    assert staging.url in error
    assert orders(staging) == 1 and orders(ca) == 0
    staging.forget_requests()
    client.reachable()
    client.renew("a.example", force=True)
    assert (orders(staging), orders(ca)) == (1, 1)
    leaf = lineage.check(client, "a.example")
    ca.certificate_status(leaf.certificate.serial_number)
    assert lineage.generations(client, "a.example") == [1]
    events = [row["event"] for row in client.log_rows("a.example")]
    assert [event for event in events if event in ("failed", "rehearsed", "issued")] == [
        "failed",
        "failed",
        "rehearsed",
        "issued",
    ]
    # It is well now: the real one at once.
    staging.forget_requests()
    client.renew("a.example", force=True)
    assert staging.requests() == []


def test_after_a_failure_staging_is_asked_first_by_a_daemon(staged):
    client, ca, staging = staged
    client.run_daemon()
    client.wait_row("a.example", lambda row: row["failures"] == 1, "failed once")
    assert orders(ca) == 1
    client.reachable()
    client.reload()
    client.renew("a.example", force=True)
    assert (orders(staging), orders(ca)) == (1, 2)
    lineage.check(client, "a.example")


def test_a_staging_directory_that_is_down_holds_up_nothing(staged):
    client, ca, staging = staged
    client.renew(status=FAILED)
    staging.process.stop()
    client.reachable()
    client.run("renew", "--force", "a.example", status=FAILED)
    client.renew("a.example", force=True)
    lineage.check(client, "a.example")


def test_the_staging_account_has_its_own_key(staged):
    client, ca, staging = staged
    client.renew(status=FAILED)
    client.reachable()
    client.renew("a.example", force=True)
    keys = (client.state / "account-key").read_text()
    assert keys.count("BEGIN PRIVATE KEY") == 2
    assert f"directory {ca.url}\n" in keys and f"directory {staging.url}\n" in keys
