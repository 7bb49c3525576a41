"""The host of acme.sh's dnsapi scripts: the functions that they call do what those of acme.sh do, and need neither
curl nor openssl. (`script/dnsapi` compares the two over all of acme.sh's own scripts.)"""

import base64
import http.server
import os
import pathlib
import ssl
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from evercert import process_binary

SCRIPTS = pathlib.Path(__file__).parents[1] / "lib/dnsapi"
NAME, VALUE = "_acme-challenge.a.example", "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"


class Api(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked: method, path, the headers that matter, body."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/text")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        told = [self.headers.get(name) for name in ("X-One", "Authorization", "Content-Type", "User-Agent")]
        text = "some text" if self.path == "/text" else f"{self.command} {self.path} {told} {body}"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("X-Answer", "42")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer


@pytest.fixture
def api(authority):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, authority.leaf("localhost", "127.0.0.1")))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def keys(tmp_path):
    made = {"ALL_RSA": rsa.generate_private_key(65537, 2048), "ALL_EC": ec.generate_private_key(ec.SECP256R1())}
    for name, key in made.items():
        (tmp_path / name).write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))  # fmt: skip
    return made


def run(tmp_path, action, script="dns_all.sh", **env):
    """(status, what it told, what is to be kept, standard error)."""
    kept, tools = tmp_path / "kept", tmp_path / "tools"
    if not tools.exists():
        tools.mkdir()
        for tool in "cat cut date grep head ls mkdir mktemp rm sed sh sleep tail touch tr wc".split():
            (tools / tool).symlink_to(f"/usr/bin/{tool}")
    (tmp_path / "temp").mkdir(exist_ok=True)
    (tmp_path / "out").unlink(missing_ok=True)
    words = [process_binary("primitive").parent / "acme-sh-host", action, SCRIPTS / script, NAME, VALUE]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" 3>"{kept}"', "sh", "/bin/sh", *map(str, words)],
        env={"PATH": str(tools), "LANG": "C.UTF-8", "EVERCERT_PRIMITIVE": str(process_binary("primitive")),
             "ALL_OUT": str(tmp_path / "out"), "ALL_LONG": "x" * 100, "TMPDIR": str(tmp_path / "temp"),
             "ALL_RSA": str(tmp_path / "ALL_RSA"), "ALL_EC": str(tmp_path / "ALL_EC"), **env},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert os.listdir(tmp_path / "temp") == []  # its own folder is gone
    out = (tmp_path / "out").read_text() if (tmp_path / "out").exists() else ""
    return done.returncode, dict(line.split("=", 1) for line in out.splitlines()), kept.read_text(), done.stderr


def test_functions(tmp_path, keys):
    status, told, kept, errors = run(tmp_path, "add")
    assert status == 0, errors
    rsa_signature, ec_signature = (base64.b64decode(told.pop(name)) for name in ("rsa", "ec"))
    keys["ALL_RSA"].public_key().verify(rsa_signature, b"text", padding.PKCS1v15(), hashes.SHA256())
    numbers = [int.from_bytes(ec_signature[i : i + 32], "big") for i in (0, 32)]
    keys["ALL_EC"].public_key().verify(utils.encode_dss_signature(*numbers), b"text", ec.ECDSA(hashes.SHA256()))
    assert told == {
        "name": NAME, "value": VALUE, "err": "one='two'|failed", "err1": "one", "info": "one one='two'", "usage": "one",
        "quiet": "", "debug": "a='b'", "secure": "a='[hidden]'|a='[hidden]'|a='[hidden]'", "colours": "goodbad",
        "contains": "yes", "contains_not": "no", "startswith": "yes", "startswith_not": "no", "endswith": "yes",
        "endswith_not": "no", "math": "7", "egrep": "12 345 ", "head": "a b ", "tail": "b c ", "cases": "abcABC",
        "json": '{"a":"b","c":[1]}', "json_decode": "https://x", "replace": "a_b-c", "field": "bbb",
        "base64": "136 3", "dbase64": "secreta", "hex": " 61 00 7a.", "h2b": "azAB", "url": "a%2fb%20c~%c3%a9 %2F%C3%A9",
        "md5": "900150983cd24fb0d6963f7d28e17f72", "sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "digest_unknown": "no", "hmac": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "hmac1": "7/zfauXrL6LSdBbV8YTfnCWafHk=", "is_rsa": "yes", "is_rsa_not": "no", "sign_not": "no", "time": "1",
        "date": "9999-99-99 99:99:99", "idn": "xn--a.example xn--bcher-kva.example,example.org", "exists": "yes",
        "exists_not": "no", "lookup": "", "sed": "x b", "read": "it's \"plain\"/two|lines/4711/", "bad_key": "no",
        "folder": "drwx------",
    }  # fmt: skip
    encoded = {text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in ("it's \"plain\"", "two\nlines")}
    assert kept.splitlines() == [
        f"a Plain={encoded['it' + chr(39) + 's ' + chr(34) + 'plain' + chr(34)]}",
        f"a SAVED_Mutable={encoded['two' + chr(10) + 'lines']}", "a Mutable", "d Zone=NDcxMQ", "d Gone=eA", "d Gone",
        "a Old=eA", "a Old", "a SAVED_Older=eA", "a Older", "a SAVED_Older", "a Older",
    ]  # fmt: skip


def test_http(tmp_path, keys, api, authority):
    status, told, _, errors = run(tmp_path, "add", ALL_Url=api, CA_BUNDLE=str(authority.ca_file), USER_AGENT="test")
    assert status == 0, errors
    form = "'application/x-www-form-urlencoded'"
    assert {name: told[name] for name in list(told)[list(told).index("get") :]} == {
        "get": "GET /echo?q=1 ['1', 'Bearer secret', None, 'test'] ",
        "headers": "X-Answer: 42", "header_file": "X-Answer: 42",
        "post": f"POST /echo ['1', 'Bearer secret', {form}, 'test'] a=1&b=2",
        "put": "PUT /echo ['1', 'Bearer secret', 'application/json', 'test'] {\"a\":1}",
        "delete": "DELETE /echo ['1', 'Bearer secret', None, 'test'] ",
        "post_base64": "c29tZSB0ZXh0", "redirect": "some text", "no_redirect": "302", "again": "some text",
        "status": "GET /missing ['1', 'Bearer secret', None, 'test'] .", "response": "some text", "untrusted": "77",
    }  # fmt: skip


def test_what_was_kept_and_an_end_by_exit(tmp_path, keys):
    """A script that calls exit takes only itself along."""
    kept = {"EVERCERT_ACCOUNT_Plain": "a'b", "EVERCERT_ACCOUNT_SAVED_Mutable": "$(id)\n`id`", "EVERCERT_DOMAIN_Zone": "4711"}
    status, told, lines, errors = run(tmp_path, "rm", **kept)
    assert (status, lines, errors) == (7, "", "there is no zone\n")
    assert told == {"read": "a'b/$(id)|`id`/4711"}


@pytest.mark.parametrize("words, said", [
    ((), "acme-sh-host add|rm"),
    (("add", "/nowhere/dns_x.sh", "a", "b"), "dns_x.sh"),
    (("renew", str(SCRIPTS / "dns_all.sh"), "a", "b"), "no function dns_all_renew"),
])  # fmt: skip
def test_wrong_calls(tmp_path, words, said):
    host = process_binary("primitive").parent / "acme-sh-host"
    env = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "EVERCERT_PRIMITIVE": str(process_binary("primitive"))}
    done = subprocess.run(["/bin/sh", host, *words], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and said in done.stderr
    assert os.listdir(tmp_path) == []
