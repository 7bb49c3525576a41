"""evercert check: the path of the CA's request, walked by ourselves at port 80 of loopback addresses, and what a renewal
would stumble over."""

import http.server
import json
import os
import threading

import pytest

from evercert import DONE, FAILED
from processes import wait_until

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
TOKEN_PATH = "/.well-known/acme-challenge/"


class Web:
    """A web server at port 80 of an address of its own. `answer(path)` gives (status, headers, body)."""

    def __init__(self, address, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 80), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    running = []

    def start(address, answer):
        running.append(Web(address, answer))

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def place(pebble, evercert):
    """A client whose resolver knows a.example at an address of this test alone."""
    if os.geteuid() != 0:
        pytest.skip("port 80 needs root")
    ca = pebble()
    address = f"127.{50 + WORKER}.0.1"
    ca.dns("add-a", host="a.example.", addresses=[address])

    def make(listen=None, **more):
        config = {"propagation": {"resolvers": [f"127.0.0.1:{ca.dns_port}"]}, **more}
        if listen:
            config["http-01"] = {"listen": listen}
        return evercert(ca, config=config)

    make.ca, make.address = ca, address
    return make


def check(client, *words, status):
    return json.loads(client.run("check", *words, "--json", status=status).stdout)


def serving(folder):
    def answer(path):
        file = folder / path.lstrip("/")
        return (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"not here\n")

    return answer


def test_the_own_responder_is_reached(place):
    client = place(listen=[f"{place.address}:80"])
    clock, row = check(client, "-d", "a.example", status=DONE)
    assert (clock["check"], clock["ok"], clock["identifier"]) == ("clock", True, None)
    assert (row["identifier"], row["check"], row["ok"], row["remedy"]) == ("a.example", "http-01", True, None)
    (hop,) = row["hops"]
    assert hop["url"].startswith("http://a.example/.well-known/acme-challenge/")
    assert (hop["address"], hop["status"]) == (place.address, 200)
    assert "ok    a.example: " in client.run("check", "-d", "a.example", status=DONE).stdout


def test_a_webroot_that_is_served_and_one_that_is_not(place, web, tmp_path):
    served, other = tmp_path / "served", tmp_path / "other"
    served.mkdir()
    other.mkdir()
    web(place.address, serving(served))
    client = place()
    assert all(row["ok"] for row in check(client, "-d", "a.example", "--webroot", served, status=DONE))
    (row,) = [r for r in check(client, "-d", "a.example", "--webroot", other, status=FAILED) if r["check"] == "http-01"]
    assert "404" in row["text"] and str(other) in row["remedy"] and "--form webroot" in row["remedy"]
    assert not list((served / TOKEN_PATH.strip("/")).iterdir())
    assert not list((other / TOKEN_PATH.strip("/")).iterdir())


def test_another_server_has_the_port(place, web):
    web(place.address, lambda path: (200, {}, b"welcome\n"))
    client = place(listen=["127.0.0.1:8402"])
    (row,) = [r for r in check(client, "-d", "a.example", status=FAILED) if r["check"] == "http-01"]
    assert "--form proxy" in row["remedy"]
    assert "FAILS a.example: " in client.run("check", "-d", "a.example", status=FAILED).stdout


@pytest.mark.parametrize("target, word", [("https://{address}{path}", "redirect"), ("http://{address}:8080{path}", "80 and 443")])
def test_a_redirect_that_leads_nowhere(place, web, tmp_path, target, word):
    web(place.address, lambda path: (301, {"Location": target.format(address=place.address, path=path)}, b""))
    client = place()
    (row,) = [r for r in check(client, "-d", "a.example", "--webroot", tmp_path, status=FAILED) if r["check"] == "http-01"]
    assert word in row["text"] + row["remedy"]
    assert "--form redirect" in row["remedy"]
    assert row["hops"][0]["status"] == 301 and row["hops"][0]["location"].startswith("http")


def test_redirects_without_end(place, web, tmp_path):
    web(place.address, lambda path: (302, {"Location": f"http://a.example{path}x"}, b""))
    (row,) = [r for r in check(place(), "-d", "a.example", "--webroot", tmp_path, status=FAILED) if r["check"] == "http-01"]
    assert "more than 10 redirects" in row["text"]
    assert len(row["hops"]) == 11


def test_a_reload_in_the_middle(place, web, tmp_path):
    """The servers that names are asked of are read again; whoever waits for an answer of theirs gets it."""
    asked, told = threading.Event(), threading.Event()

    def answer(path):
        if path.startswith("/elsewhere"):
            return serving(tmp_path)(path.removeprefix("/elsewhere"))
        asked.set()
        told.wait(20)
        return 302, {"Location": f"http://a.example/elsewhere{path}"}, b""

    web(place.address, answer)
    client = place()
    client.run_daemon()
    running = client.start("check", "-d", "a.example", "--webroot", tmp_path)
    assert asked.wait(20)
    client.reload()
    told.set()
    wait_until(lambda: not running.alive(), "check to end", 20)
    assert running.status() == DONE


def test_one_of_two_addresses_is_wrong(place, web, tmp_path):
    """The forgotten AAAA record."""
    place.ca.dns("add-aaaa", host="a.example.", addresses=["::1"])
    web(place.address, serving(tmp_path))
    rows = [r for r in check(place(), "-d", "a.example", "--webroot", tmp_path, status=FAILED) if r["check"] == "http-01"]
    assert sorted((row["hops"][0]["address"], row["ok"]) for row in rows) == [(place.address, True), ("::1", False)]


def test_a_name_that_nobody_knows(place, tmp_path):
    place.ca.dns("set-servfail", host="a.example.")
    (row,) = [r for r in check(place(), "-d", "a.example", "--webroot", tmp_path, status=FAILED) if r["check"] == "http-01"][:1]
    assert not row["ok"] and row["hops"] == []


def test_a_hook_that_cannot_be_run(place, tmp_path):
    """Told before a renewal needs it."""
    steps = [{"run": ["/no/such/program"]}]
    client = place(listen=[f"{place.address}:80"], certificates=[{"domains": ["a.example"], "deploy": steps}])
    client.renew(status=FAILED)  # no port 80 to be validated at, or a hook that fails: whatever comes first
    rows = check(client, status=FAILED)
    assert any("/no/such/program" in row["text"] and row["check"] == "steps" and not row["ok"] for row in rows)
    assert [row["ok"] for row in rows if row["check"] == "http-01"] == [True]


# CAA: pebble-challtestsrv answers with what a zone would have.


@pytest.mark.parametrize(
    "policies, ok, says",
    [
        ([("issue", "pebble.letsencrypt.org")], True, "let test issue it"),
        ([("issue", "other.example")], False, "other.example"),
        ([("issue", ";")], False, "a.example"),
        ([("issue", "pebble.letsencrypt.org; validationmethods=dns-01")], False, "http-01"),
        ([("issue", "pebble.letsencrypt.org; accounturi=https://ca.example/acct/1")], False, "accounturi"),
        ([("issuewild", "other.example"), ("issue", "pebble.letsencrypt.org")], True, "let test issue it"),
    ],
)
def test_caa(place, policies, ok, says):
    place.ca.dns("add-caa", host="a.example.", policies=[{"tag": tag, "value": value} for tag, value in policies])
    client = place(listen=f"{place.address}:80")
    rows = check(client, "-d", "a.example", status=DONE if ok else FAILED)
    caa = [row for row in rows if row["check"] == "caa"]
    assert [row["ok"] for row in caa] == [ok] and says in caa[0]["text"]
    assert ok or "evercert dns record a.example" in caa[0]["remedy"]


def test_caa_that_nobody_can_tell(place):
    place.ca.dns("set-servfail", host="a.example.")
    client = place(listen=f"{place.address}:80")
    rows = check(client, "-d", "a.example", status=FAILED)
    assert any(row["check"] == "caa" and "takes that for a no" in row["remedy"] for row in rows)
