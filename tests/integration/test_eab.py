"""External account binding (RFC 8555 7.3.4) at Pebble: what was configured, how it was written, and that the key stays
a secret."""

import base64
import json
import os
import threading

import pytest

import lineage
from evercert import DONE, FAILED, USAGE
from processes import wait_until

KID = "kid-1"
RAW = bytes(range(7, 7 + 63)) + b"\xfb\xff\xfe?>"  # its base64 has both characters that the alphabets differ in, and padding
KEY = base64.urlsafe_b64encode(RAW).decode().rstrip("=")
SPELLINGS = {
    "base64url": KEY,
    "padded-base64url": base64.urlsafe_b64encode(RAW).decode(),
    "base64": base64.b64encode(RAW).decode(),
    "base64-without-padding": base64.b64encode(RAW).decode().rstrip("="),
}
OTHER = base64.urlsafe_b64encode(bytes(68)).decode().rstrip("=")


@pytest.fixture
def ca(pebble, each_pebble):
    return pebble(each_pebble, eab={KID: KEY})


def configure(client, **more):
    """The authority with what belongs to the binding: configure(client, eab_kid=..., ...)."""
    entry = {"directory": client.pebble.url, "ca-file": str(client.pebble.ca_file)}
    entry.update({name.replace("_", "-"): value for name, value in more.items()})
    client.write_config({"authorities": {"test": entry}})


def key_file(client, text=KEY + "\n", mode=0o600):
    path = client.folder / "eab.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def error_of(done):
    errors = [line for line in done.stderr.splitlines() if line.startswith("evercert: error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def accounts(client):
    return json.loads(client.run("account", "show", "--json", status=DONE).stdout)


def test_the_spellings_differ():
    assert len(set(SPELLINGS.values())) == len(SPELLINGS)
    assert SPELLINGS["base64"].count("=") == 1 and "+" in SPELLINGS["base64"] and "/" in SPELLINGS["base64"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_in_each_spelling(evercert, ca, spelling):
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac=SPELLINGS[spelling])
    client.issue("a.example")
    lineage.check(client, "a.example")


def test_a_key_that_systemd_passes_on(evercert, ca, open_folder):
    """LoadCredential=zerossl:...: by its name, and by the path that %d stands for. Files there have the mode that an
    access list gives them."""
    folder = open_folder / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "zerossl").write_text(KEY + "\n")
    (folder / "zerossl").chmod(0o440)
    client = evercert(ca, env={"CREDENTIALS_DIRECTORY": str(folder)})
    configure(client, eab_kid=KID, eab_hmac_file="zerossl")
    client.run_daemon()
    client.issue("a.example")
    configure(client, eab_kid=KID, eab_hmac_file=str(folder / "zerossl"))
    client.reload()
    client.issue("b.example")
    assert "stays in force" not in client.daemon.text()
    (folder / "zerossl").chmod(0o444)
    assert "chmod 600" in client.run("config", "check", status=USAGE).stderr


def test_a_key_in_a_file_and_a_daemon(evercert, ca):
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac_file=str(key_file(client, SPELLINGS["base64"] + "\n")))
    client.run_daemon()
    client.issue("a.example")
    lineage.check(client, "a.example")
    assert [account["status"] for account in accounts(client)] == ["valid"]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_each_algorithm(evercert, ca, algorithm):
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac=KEY, eab_algorithm=algorithm)
    client.run("account", "register", status=DONE)
    assert len(accounts(client)) == 1


def test_the_command_line(evercert, ca):
    client = evercert(ca)
    client.run("account", "register", "--eab-kid", KID, "--eab-hmac-file", key_file(client), status=DONE)
    client.issue("a.example")  # the account is there, and needs no binding any more
    lineage.check(client, "a.example")


@pytest.mark.parametrize("daemon", [False, True], ids=["one-shot", "daemon"])
def test_the_command_line_of_issue(evercert, ca, daemon):
    client = evercert(ca)
    if daemon:
        client.run_daemon()
    client.issue("a.example", eab_kid=KID, eab_hmac_file=str(key_file(client)))
    client.renew("a.example", force=True)
    assert lineage.generation(client, "a.example") == 2


def test_only_the_first_authority_gets_the_binding_of_the_command_line(evercert, pebble, ca):
    """Its word is of one CA; another must not even see the key's identifier."""
    other = pebble(ca.version, eab={"kid-2": KEY}, http_port=ca.http_port)
    client = evercert(ca)
    entries = {
        name: {"directory": one.url, "ca-file": str(one.ca_file)} for name, one in (("test", ca), ("other", other))
    }
    client.write_config({"authority": ["test", "other"], "authorities": entries})
    ca.process.stop()
    done = client.issue("a.example", status=None, eab_kid=KID, eab_hmac_file=str(key_file(client)))
    assert done.status in (FAILED, USAGE)
    assert "POST /sign-me-up" not in other.request_counts()
    assert "external account binding" in error_of(done)


def test_without_a_binding_the_settings_are_named(evercert, ca):
    client = evercert(ca)
    for words in (["issue", "-d", "a.example"], ["account", "register"]):
        done = client.run(*words)
        assert done.status in (FAILED, USAGE)
        error = error_of(done)
        assert "external account binding" in error and "`eab-kid`" in error and "`eab-hmac-file`" in error
        # With a key made before, the CA is asked whether it has an account; that is all.
        assert ca.request_counts().get("POST /sign-me-up", 0) == int("register" in words)
    assert accounts(client) == [] and client.list() == []


def test_a_wrong_key_gets_the_words_of_the_ca(evercert, ca):
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac=OTHER)
    error = error_of(client.run("account", "register", status=FAILED))
    assert "malformed" in error or "unauthorized" in error, error
    assert accounts(client) == []
    # Mended, it goes on with the account key that it made.
    configure(client, eab_kid=KID, eab_hmac=KEY)
    client.run("account", "register", status=DONE)
    assert (client.state / "account-key").read_text().count("BEGIN PRIVATE KEY") == 1


def test_a_wrong_key_in_a_daemon_that_reloads(evercert, ca):
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac=OTHER)
    client.run_daemon()
    client.run("account", "register", status=FAILED)
    configure(client, eab_kid=KID, eab_hmac=KEY)
    client.reload()
    client.run("account", "register", status=DONE)


def test_a_kid_that_the_ca_does_not_know(evercert, ca):
    client = evercert(ca)
    configure(client, eab_kid="kid-9", eab_hmac=KEY)
    error = error_of(client.run("account", "register", status=FAILED))
    assert "unauthorized" in error or "malformed" in error
    assert "kid-9" in error or "key" in error


@pytest.mark.parametrize(
    "words, part",
    [
        (["--eab-kid", KID], "eab-hmac-file"),
        (["--eab-hmac-file", "KEY"], "eab-kid"),
        (["--eab-kid", KID, "--eab-hmac-file", "/nowhere/eab.key"], "/nowhere/eab.key"),
    ],
)
def test_half_a_binding_on_the_command_line(evercert, ca, words, part):
    client = evercert(ca)
    words = [str(key_file(client)) if word == "KEY" else word for word in words]
    assert part in error_of(client.run("account", "register", *words, status=USAGE))
    assert ca.requests() == []


def test_a_key_file_that_others_can_read(evercert, ca):
    client = evercert(ca)
    path = key_file(client, mode=0o644)
    error = error_of(client.run("account", "register", "--eab-kid", KID, "--eab-hmac-file", path, status=USAGE))
    assert str(path) in error
    configure(client, eab_kid=KID, eab_hmac_file=str(path))
    done = client.run("config", "check", status=USAGE)
    assert "eab-hmac-file" in done.stdout + done.stderr
    assert ca.requests() == []


@pytest.mark.parametrize("text", ["", "\n", "not base64!", "a" * 5])
def test_a_key_that_is_none(evercert, ca, text):
    client = evercert(ca)
    path = key_file(client, text)
    done = client.run("account", "register", "--eab-kid", KID, "--eab-hmac-file", path, status=USAGE)
    assert "eab-hmac-file" in error_of(done)
    assert ca.requests() == []


def watch_command_lines(stop, found):
    """Every command line that any process has while this runs."""
    while not stop.is_set():
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as text:
                        found.add(text.read())
                except OSError:
                    pass  # gone meanwhile


def test_the_key_is_a_secret(evercert, ca):
    """It is shown nowhere, and rests nowhere but where the operator put it."""
    client = evercert(ca)
    configure(client, eab_kid=KID, eab_hmac=SPELLINGS["base64"])
    lines, stop = set(), threading.Event()
    watcher = threading.Thread(target=watch_command_lines, args=(stop, lines))
    watcher.start()
    try:
        done = client.run("-v", "account", "register", status=DONE)
        shown = client.run("config", "show", status=DONE)
        client.run_daemon("-v")
        client.issue("a.example")
        client.run("log", "--json", status=DONE)
        wait_until(lambda: any(b"evercert" in line for line in lines), "the command lines to be seen")
    finally:
        stop.set()
        watcher.join()
    assert KID in shown.stdout  # so the binding is shown, but for its key
    secrets = [text.encode() for text in SPELLINGS.values()] + [RAW, RAW.hex().encode()]
    places = {"config show": shown.stdout, "output": done.stdout + done.stderr, "the log": client.text()}
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text.encode(), place
    for line in lines:
        assert not any(secret in line for secret in secrets), line
    files = [path for path in client.state.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path
