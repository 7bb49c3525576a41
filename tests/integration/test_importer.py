"""The importer over the state of real clients: what it prints is what they have."""

import json
import os
import signal
import subprocess

import pytest

import moved_from
from certificates import read_chain
from evercert import process_binary
from peers import from_cache


def importer(*words):
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "exitcode=99"}
    argv = [str(word) for word in (process_binary("importer"), *words)]
    return subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60)


def imported(*words):
    """(document, {name: certificate}); there is nothing on standard error, and keys and chains are what they say."""
    done = importer(*words)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    accounts = {account["id"]: account for account in document["accounts"]}
    assert len(accounts) == len(document["accounts"])
    for account in document["accounts"]:
        assert account["key"].startswith("-----BEGIN PRIVATE KEY-----")
        assert account["agreed"] is True
    for one in document["certificates"]:
        assert one["account"] is None or accounts[one["account"]]["directory"] == one["directory"]
    return document, {one["name"]: one for one in document["certificates"]}


def check_material(one, chain, key, tmp_path):
    """The certificate of the document is the one in these files."""
    (tmp_path / "chain").write_text(one["chain"])
    (tmp_path / "key").write_text(one["key"])
    leaf = read_chain(tmp_path / "chain")[0]
    assert leaf.fingerprint == read_chain(chain)[0].fingerprint
    assert leaf.has_key(tmp_path / "key") and leaf.has_key(key)
    assert sorted(one["domains"]) == sorted(leaf.names)
    assert one["not_after"] == leaf.not_after.timestamp()


def files(one):
    return {entry["path"]: (entry["format"], entry["mode"]) for entry in one["publish"]}


def test_certbot(pebble, nginx, tmp_path):
    (tmp_path / "www").mkdir()
    server = nginx(webroot=tmp_path / "www").start()
    ca, own = pebble(http_port=server.http_port), pebble()
    webroot = ("--webroot", "-w", tmp_path / "www", "--deploy-hook", 'echo "x, y" # z', "--key-type", "rsa")
    config = moved_from.certbot(tmp_path, ca, "b.example", "a.example", options=webroot)
    again = ("--standalone", "--http-01-port", own.http_port, "--reuse-key", "--cert-name", "other")
    assert moved_from.certbot(tmp_path, own, "c.example", options=again) == config
    hook = config / "renewal-hooks/deploy/reload"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    document, found = imported("certbot", config)
    assert document["warnings"] == []
    assert {account["directory"] for account in document["accounts"]} == {ca.url, own.url}
    assert all(account["url"].startswith(account["directory"][:-4]) for account in document["accounts"])
    first, second = found["b.example"], found["other"]
    assert first["domains"] == ["b.example", "a.example"]
    assert (first["key_type"], second["key_type"]) == ("rsa-2048", "ecdsa-p256")
    assert (first["webroot"], second["webroot"]) == (str(tmp_path / "www"), "")
    assert (first["reuse_key"], second["reuse_key"]) == (False, True)
    assert second["http_port"] == own.http_port
    assert first["hooks"][0] == {"event": "issued", "command": 'echo "x, y" # z', "source": "renew_hook"}
    assert first["hook_directories"] == second["hook_directories"] == [str(config / "renewal-hooks")]
    live = config / "live/b.example"
    check_material(first, live / "fullchain.pem", live / "privkey.pem", tmp_path)
    assert files(first)[str(live / "privkey.pem")] == ("key", "0600")
    assert files(first)[str(live / "fullchain.pem")] == ("fullchain", "0644")
    assert first["warnings"] == second["warnings"] == []


@pytest.mark.parametrize("version", ["system", "new"])
def test_lego(pebble, tmp_path, version):
    ca = pebble()
    program = from_cache("lego-new", "lego") if version == "new" else None
    folder = moved_from.lego(tmp_path / "lego", ca, "b.example", "a.example", program=program, options=["--pem"])
    document, found = imported("lego", folder)
    (account,) = document["accounts"]
    # Only the origin of the CA is known, by the account's URL.
    assert (account["directory"], account["email"]) == ("", "lego@b.example")
    assert account["url"].startswith(ca.url[:-4])
    assert any("did not keep the URL" in warning for warning in document["warnings"])
    document, found = imported(f"--directory={ca.url}", "lego", folder)
    assert [account["directory"] for account in document["accounts"]] == [ca.url]
    stem = folder / "certificates/b.example"
    check_material(found["b.example"], f"{stem}.crt", f"{stem}.key", tmp_path)
    assert found["b.example"]["domains"][0] == "b.example"
    assert files(found["b.example"])[f"{stem}.pem"] == ("combined", "0600")


def test_dehydrated(pebble, nginx, tmp_path):
    (tmp_path / "www").mkdir()
    ca = pebble(http_port=nginx(webroot=tmp_path / "www").start().http_port)
    settings = "HOOK=/bin/true\nKEY_ALGO=prime256v1\n"
    folder = moved_from.dehydrated(
        tmp_path / "dehydrated", ca, tmp_path / "www", "b.example a.example > name\n", settings
    )
    document, found = imported("dehydrated", folder)
    (account,) = document["accounts"]
    assert (account["directory"], account["email"]) == (ca.url, "dehydrated@b.example")
    assert account["url"].startswith(ca.url[:-4])
    one = found["name"]
    assert one["domains"] == ["b.example", "a.example"]
    assert (one["webroot"], one["key_type"]) == (str(tmp_path / "www"), "ecdsa-p256")
    assert one["hooks"] == [{"event": "issued", "command": "/bin/true", "source": "HOOK"}]
    live = folder / "certs/name"
    check_material(one, live / "fullchain.pem", live / "privkey.pem", tmp_path)
    assert (document["warnings"], one["warnings"]) == ([], [])


@pytest.mark.parametrize("version", ["system", "new"])
def test_caddy(pebble, processes, tmp_path, version):
    ca = pebble()
    program = from_cache("caddy-new", "caddy") if version == "new" else None
    storage = moved_from.caddy(processes, tmp_path / "caddy", ca, "a.example", program=program)
    document, found = imported("caddy", storage)
    (account,) = document["accounts"]
    assert (account["directory"], account["email"]) == (ca.url, "caddy@b.example")
    (chain,) = storage.glob("certificates/*/a.example/a.example.crt")
    check_material(found["a.example"], chain, chain.with_suffix(".key"), tmp_path)


def test_links_out_of_the_folder(tmp_path):
    """Neither read nor a failure: told."""
    outside = tmp_path / "outside"
    (outside / "acme.example/dir/x").mkdir(parents=True)
    (outside / "acme.example/dir/x/private_key.json").write_text("{}")
    folder = tmp_path / "letsencrypt"
    (folder / "renewal").mkdir(parents=True)
    (folder / "accounts").symlink_to(outside)
    (folder / "renewal/a.example.conf").symlink_to(outside / "a.conf")
    document, found = imported("certbot", folder)
    assert (document["accounts"], found) == ([], {})
    assert any("a.example: not imported" in text and "leads out of" in text for text in document["warnings"])


def test_what_is_no_state(tmp_path):
    done = importer("certbot", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path} is no certbot directory: renewal/ is missing\n"
    done = importer("certbot", tmp_path / "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No such file" in done.stderr
    assert importer("certbot").returncode == 2


@pytest.mark.parametrize(
    "what,status",
    [("open", 10), ("create", -signal.SIGSYS), *((what, -signal.SIGSYS) for what in ("socket", "exec", "ptrace"))],
)
def test_confined(tmp_path, what, status):
    """Other files are refused by Landlock (10); all the rest is not among its calls."""
    assert importer(f"--probe={what}", "certbot", tmp_path).returncode == status
