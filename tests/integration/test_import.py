"""Moving in from other clients: no request to any CA, nothing of theirs changed, and the next renewal is of the same
account and replaces what they got. State is made by the real clients; what they would not write is made here, by an
importer that prints what a test wants."""

import json
import shutil

import pytest

from certificates import read_chain
from evercert import DONE, FAILED, USAGE
from moved_from import certbot, dehydrated
from other_clients import Lineages, tree


def replaced(ca):
    """Orders that named the certificate they replace, whether Pebble found that or not."""
    return ca.process.log.read_text().count("is a replacement of") + ca.lost_serials()


def standalone(ca):
    return ["--standalone", "--http-01-port", str(ca.http_port)]


def moved_in(client, ca, name, was, url=None):
    """It is here, as it was; and its renewal is of the account that it had, and says what it replaces."""
    assert ca.requests() == []
    row = client.row(name)
    assert row["state"] == "valid" and row["generation"] == 1 and row["fingerprint"] == was
    assert client.leaf(name).fingerprint == was
    client.renew(name, force=True)
    assert client.row(name)["generation"] == 2 and client.leaf(name).fingerprint != was
    assert "POST /sign-me-up" not in ca.request_counts()
    assert replaced(ca) == 1
    if url is not None:
        shown = json.loads(client.run("account", "show", "--json", status=DONE).stdout)
        assert url in json.dumps(shown)


def test_certbot(evercert, pebble, tmp_path):
    ca = pebble()
    was = certbot(tmp_path / "certbot", ca, "a.example", "www.a.example")
    certbot(tmp_path / "certbot", ca, "b.example", options=["--key-type", "rsa", *standalone(ca)])
    [account] = was.glob("accounts/*/dir/*/regr.json")
    before = tree(was)
    ca.forget_requests()
    client = evercert(ca)

    dry = client.run("import", "certbot", was, "--dry-run", status=DONE).stdout
    assert "domains: [a.example, www.a.example]" in dry and "rsa-2048" in dry
    assert not client.state.exists() and not (client.folder / "evercert.d").exists()

    client.run("import", "certbot", was, status=DONE)
    leaf = read_chain(was / "live/a.example/cert.pem")[0]
    moved_in(client, ca, "a.example", leaf.fingerprint, json.loads(account.read_text())["uri"])
    assert client.row("b.example")["key_type"] == "rsa-2048"
    again = client.run("import", "certbot", was, status=DONE)
    assert "it is here already" in again.stdout
    assert len(list((client.folder / "evercert.d").iterdir())) == 1
    assert tree(was) == before


def test_hooks_and_files_of_certbot_go_on(evercert, pebble, tmp_path):
    """Its hooks are run with what they expect, and servers find the new certificate where the old one was."""
    ca = pebble()
    seen = tmp_path / "seen"
    hooks = [f"echo {word} >> {seen}" for word in ("before", "after", '$RENEWED_LINEAGE "$RENEWED_DOMAINS"')]
    names = [word for pair in zip(("--pre-hook", "--post-hook", "--deploy-hook"), hooks) for word in pair]
    was = certbot(tmp_path / "certbot", ca, "a.example", options=[*standalone(ca), *names])
    program = was / "renewal-hooks/deploy/reload"
    program.write_text(f'#!/bin/sh\necho "directory $RENEWED_DOMAINS" >> {seen}\n')
    program.chmod(0o755)
    served = was / "live/a.example/fullchain.pem"
    old = read_chain(served)[0].fingerprint
    seen.unlink()
    client = evercert(ca)
    client.run("import", "certbot", was, "--publish-in-place", status=DONE)
    assert not seen.exists() and served.is_symlink() and read_chain(served)[0].fingerprint == old
    client.renew("a.example", force=True)
    lines = seen.read_text().splitlines()
    assert lines[0] == "before" and "after" in lines
    assert "directory a.example" in lines and any(line.endswith("/a.example a.example") for line in lines)
    assert read_chain(served)[0].fingerprint == client.leaf("a.example").fingerprint != old
    assert read_chain(served)[0].has_key(was / "live/a.example/privkey.pem")


def test_lego(evercert, pebble, lego):
    """It keeps no more of a CA than its host: which directory that is, the configuration knows."""
    ca = pebble()
    was = lego(ca, ca.http_port)
    chain, _ = was.issue("a.example")
    before = tree(was.folder)
    ca.forget_requests()
    client = evercert(ca)
    client.run("import", "lego", was.folder, status=DONE)
    moved_in(client, ca, "a.example", read_chain(chain)[0].fingerprint)
    assert tree(was.folder) == before


def test_dehydrated(evercert, pebble, nginx, tmp_path):
    web = nginx(webroot=tmp_path / "web")
    web.start()
    ca = pebble(http_port=web.http_port)
    was = dehydrated(tmp_path / "dehydrated", ca, tmp_path / "web", "a.example\n")
    before = tree(was)
    ca.forget_requests()
    client = evercert(ca)
    client.run("import", "dehydrated", was, status=DONE)
    assert tree(was) == before
    moved_in(client, ca, "a.example", read_chain(was / "certs/a.example/cert.pem")[0].fingerprint)


# --- what the real clients would not write ---


@pytest.fixture
def lineages():
    return Lineages()


def test_into_a_daemon(evercert, pebble, lineages):
    """It reads its configuration anew, and asks for nothing."""
    ca = pebble()
    client = evercert(ca)
    client.run_daemon()
    client.issue("mine.example")
    ca.forget_requests()
    client.importer(lineages.document(ca.url, ["a.example", "b.example", "mine.example"]))
    done = client.run("import", "certbot", "/nowhere")
    assert done.status == DONE, done.stdout + done.stderr
    assert "mine.example: it is here already" in done.stdout
    assert {row["name"]: row["state"] for row in client.list()} == {
        "a.example": "valid",
        "b.example": "valid",
        "mine.example": "valid",
    }
    assert {row["source"] for row in client.list() if row["name"] != "mine.example"} == {"config"}
    client.reload()
    client.stop_daemon()
    client.run_daemon()
    assert all(row["generation"] == 1 and row["state"] == "valid" for row in client.list())
    assert ca.request_counts() == {}
    # The account of evercert's own is not the other's: each keeps its key.
    text = next((client.folder / "evercert.d").iterdir()).read_text()
    assert "account: certbot" in text and ca.url in text


def test_what_cannot_be_carried_over_is_told(evercert, pebble, lineages):
    """Each for its own reason, and the rest comes along."""
    ca = pebble()
    client = evercert(ca)
    names = ["good.example", "other-key.example", "expired.example", "other-name.example", "dns.example", "no-key.example"]
    document = lineages.document(ca.url, names)
    rows = {row["name"]: row for row in document["certificates"]}
    rows["other-key.example"]["key"] = rows["good.example"]["key"]
    rows["expired.example"].update(lineages.certificate("expired.example", days=-1))
    rows["other-name.example"]["domains"] = ["somebody.example"]
    rows["dns.example"].update(challenge="dns-01", dns_provider="cloudflare")
    rows["no-key.example"]["key"] = ""
    wild = {**rows["good.example"], "name": "wild.example", "domains": ["*.wild.example"]}
    bad = {**rows["good.example"], "name": "bad.example", "domains": ["no name"], "warnings": ["\x1b[2J was here"]}
    document["certificates"] += [wild, bad, rows["good.example"]]
    client.importer(document)
    done = client.run("import", "certbot", "/nowhere", status=FAILED)
    for text in (
        "dns.example: it is proven by dns-01 with cloudflare",
        "wild.example: it needs dns-01",
        "bad.example: ",
        "good.example: there are two of that name",
    ):
        assert text in done.stdout
    for name in ("other-key.example", "expired.example", "other-name.example"):
        assert name in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    rows = {row["name"]: row for row in client.list()}
    assert rows["good.example"]["state"] == "valid"
    assert {name: row["generation"] for name, row in rows.items() if name != "good.example"} == {
        "other-key.example": 0,
        "expired.example": 0,
        "other-name.example": 0,
        "no-key.example": 0,
    }
    assert ca.requests() == []
    assert "PRIVATE KEY" not in client.text()


@pytest.mark.parametrize("answer", ["", "{", "[]", '{"format": "certbot"}', "x" * 1000])
def test_a_broken_answer_changes_nothing(evercert, answer):
    client = evercert()
    client.importer(answer)
    done = client.run("import", "certbot", "/nowhere")
    assert done.status in (FAILED, USAGE) and "reading /nowhere" in done.stderr
    assert not (client.folder / "evercert.d").exists() and not client.state.exists()


def test_nobody_there_leaves_nothing(evercert, lineages):
    """Who cannot be reached has heard of nothing: no file may be found later that asks for all of it anew."""
    client = evercert()
    client.importer(lineages.document("https://ca.example/dir", ["a.example"]))
    client.state.write_text("no directory")
    done = client.run("import", "certbot", "/nowhere")
    assert done.status != DONE
    assert not list((client.folder / "evercert.d").iterdir())


def test_what_was_cut_short_goes_on(evercert, lineages):
    client = evercert()
    document = lineages.document("https://127.0.0.1:1/dir", ["a.example", "b.example"])
    half = {**document, "certificates": document["certificates"][:1]}
    client.importer(document)
    client.run("import", "certbot", "/nowhere", status=DONE)
    written = tree(client.folder / "evercert.d")
    shutil.rmtree(client.state)
    client.importer(half)
    client.run("import", "certbot", "/nowhere", status=DONE)
    client.importer(document)
    done = client.run("import", "certbot", "/nowhere", status=DONE)
    assert "a.example: it is here already" in done.stdout
    assert {row["name"]: row["generation"] for row in client.list()} == {"a.example": 1, "b.example": 1}
    assert tree(client.folder / "evercert.d") == written
