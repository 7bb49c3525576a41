"""`evercert export`: what is in force, in the form another program wants."""

import base64
import json
import os
import pty
import stat
import subprocess

from evercert import DONE, FAILED, USAGE


def issued(evercert, pebble, **more):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"], **more}]})
    client.renew()
    return client


def export(client, *words, status=DONE):
    return client.run("export", "a.example", *words, status=status)


def text(client, name):
    return (client.live("a.example") / name).read_text()


def opened(file, password, *words):
    """What openssl finds in a PKCS #12, its legacy provider not loaded."""
    return subprocess.run(
        ["openssl", "pkcs12", "-in", file, "-passin", f"pass:{password}", "-nodes", *words], capture_output=True, text=True
    )


def test_forms(evercert, pebble, tmp_path):
    """Of a certificate without a daemon, and through one; the log holds no key."""
    client = issued(evercert, pebble)
    key, fullchain = text(client, "privkey.pem"), text(client, "fullchain.pem")
    forms = {
        "fullchain": fullchain,
        "cert": text(client, "cert.pem"),
        "chain": text(client, "chain.pem"),
        "key": key,
        "pem": fullchain + key,
        "combined": key + fullchain,
    }
    client.run_daemon("-v", "-v")
    for form, want in forms.items():
        assert export(client, "--format", form).stdout == want
    assert client.text().count("BEGIN PRIVATE KEY") == 3  # what was asked for, and nowhere else
    client.stop_daemon()
    assert export(client, "--format", "pem").stdout == fullchain + key
    row = json.loads(export(client, "--format", "cert", "--json").stdout)
    assert (row["name"], row["format"]) == ("a.example", "cert")
    assert base64.urlsafe_b64decode(row["bytes"] + "=" * (-len(row["bytes"]) % 4)).decode() == text(client, "cert.pem")
    # Into a file: made for its owner alone, replaced as a whole, whatever it was.
    target = tmp_path / "out.pem"
    target.write_text("old")
    target.chmod(0o666)
    before = target.stat().st_ino
    umask = os.umask(0)
    try:
        assert export(client, "--format", "pem", "-o", target).stdout == ""
    finally:
        os.umask(umask)
    assert target.read_text() == fullchain + key
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 and target.stat().st_ino != before
    assert json.loads(export(client, "--format", "chain", "-o", target, "--json").stdout)["file"] == str(target)
    assert target.read_text() == text(client, "chain.pem") and stat.S_IMODE(target.stat().st_mode) == 0o644


def test_pkcs12(evercert, pebble, tmp_path):
    client = issued(evercert, pebble)
    target, secret = tmp_path / "out.p12", tmp_path / "password"
    secret.write_text("gehe im\n")
    secret.chmod(0o600)
    export(client, "--format", "pkcs12", "-o", target, "--password-file", secret)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert opened(target, "").returncode != 0
    found = opened(target, "gehe im")
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("BEGIN CERTIFICATE") == text(client, "fullchain.pem").count("BEGIN CERTIFICATE") > 1
    assert text(client, "privkey.pem").split("-----")[2].strip() in found.stdout
    assert "friendlyName: a.example" in found.stdout
    info = opened(target, "gehe im", "-info", "-noout")
    assert "MAC: sha256" in info.stderr and info.stderr.count("PBES2, PBKDF2, AES-256-CBC") == 2, info.stderr
    # The same again is the same; without a password file it is an empty one.
    first = target.read_bytes()
    export(client, "--format", "pkcs12", "-o", target, "--password-file", secret)
    assert target.read_bytes() == first
    export(client, "--format", "pkcs12", "-o", target)
    assert opened(target, "").returncode == 0


def test_what_is_refused(evercert, pebble, tmp_path):
    client = issued(evercert, pebble)
    assert "no certificate b.example" in client.run("export", "b.example", "--format", "pem", status=FAILED).stderr
    assert "name" in client.run("export", "../a.example", "--format", "pem", status=FAILED).stderr
    assert "--format" in export(client, status=USAGE).stderr
    assert "--password-file" in export(client, "--format", "pem", "--password-file", "x", status=USAGE).stderr
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    said = export(client, "--format", "pkcs12", "--password-file", secret, status=FAILED).stderr
    assert f"chmod 600 {secret}" in said
    # Nothing but a file is replaced.
    (tmp_path / "link").symlink_to("elsewhere")
    for place, what in {"link": "symbolic link", ".": "file name", "none/x": "none"}.items():
        said = export(client, "--format", "pem", "-o", f"{tmp_path}/{place}", status=FAILED if place != "." else None).stderr
        assert what in said
    assert not (tmp_path / "elsewhere").exists() and (tmp_path / "link").is_symlink()
    said = export(client, "--format", "pem", "-o", "/dev/null", status=FAILED).stderr
    assert "no ordinary file" in said and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    # A terminal gets text, and no bytes.
    ours, theirs = pty.openpty()
    try:
        argv = client.argv("export", "a.example", "--format", "pkcs12")
        done = subprocess.run(argv, stdout=theirs, stderr=subprocess.PIPE, env=client.environment(), timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == USAGE and b"-o FILE" in done.stderr
