"""Modes and owners of everything that is made, whatever the umask."""

import contextlib
import grp
import os
import re
import stat

import pytest

from evercert import DONE, FAILED, USAGE
from processes import wait_until

# Path below the state directory, its mode; the first that matches counts.
MODES = [
    (r"(evercert\.db(-wal|-shm)?|seal\.key|account-key|burnt-keys|\.lock|control\.sock)", 0o600),
    (r"live(/\.generations(/[^/]+(/\d+)?)?)?", 0o755),
    (r"live/\.generations/[^/]+/\d+/(privkey|combined)\.pem", 0o600),
    (r"live/\.generations/[^/]+/\d+/(cert|chain|fullchain)\.pem", 0o644),
    (r"live/\.generations/[^/]+/\.permit", 0o600),
    (r"archive/\.sealed", 0o600),
    (r"archive(/[^/]+)?", 0o700),  # nothing below it can be reached by others
    (r"archive/[^/]+/\d+", 0o755),
    (r"archive/[^/]+/\d+/(privkey|combined)\.pem", 0o600),
    (r"archive/[^/]+/\d+/(cert|chain|fullchain)\.pem", 0o644),
]


@contextlib.contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def check(client, modes=MODES):
    seen = set()
    for path in sorted(client.state.rglob("*")):
        name = path.relative_to(client.state).as_posix()
        if path.is_symlink():
            assert re.fullmatch(r"live/[^/.][^/]*", name), f"a link {name}"
            continue
        row = next((row for row in modes if re.fullmatch(row[0], name)), None)
        assert row, f"{name} is not expected here"
        assert oct(stat.S_IMODE(path.stat().st_mode)) == oct(row[1]), name
        seen.add(row[0])
    assert not stat.S_IMODE(client.state.stat().st_mode) & 0o022
    client.no_key_readable()
    return seen


@pytest.mark.parametrize("mask", [0, 0o022, 0o077], ids=["000", "022", "077"])
def test_modes(evercert, pebble, mask):
    with umask(mask):
        client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
        client.run_daemon()
        client.wait_live("a.example")
        client.wait_valid("a.example")
        check(client)
        client.issue("b.example")
        for _ in range(3):
            client.renew("a.example", force=True)
        client.run("forget", "b.example", status=DONE)
        seen = check(client)
        assert seen == {row[0] for row in MODES}
        client.stop_daemon()
        client.renew("a.example", force=True)
        check(client)


@pytest.mark.parametrize("mask", [0, 0o077], ids=["000", "077"])
def test_modes_of_a_webroot(evercert, pebble, gate, nginx, tmp_path, mask):
    """The web server runs as somebody else: what it serves must be readable for it, and writable for nobody."""
    webroot = tmp_path / "www"
    webroot.mkdir(mode=0o755)
    server = nginx(webroot=webroot).start()
    ca = gate(pebble(http_port=server.http_port))
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"], "webroot": str(webroot)}]})
    ca.hold("/chalZ")
    with umask(mask):
        client.run_daemon()
    ca.wait_held()
    made = {path.relative_to(webroot).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in webroot.rglob("*")}
    assert made.pop(".well-known") == made.pop(".well-known/acme-challenge") == 0o755
    assert list(made.values()) == [0o644]
    ca.release()
    client.wait_live("a.example")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
@pytest.mark.parametrize("users", [None, {"keeper": "daemon", "engine": "nobody", "responder": "www-data"}])
def test_key_group_and_mode(evercert, pebble, open_folder, users):
    """Keys for a group: it can read them, others cannot, and so it stays after renewals."""
    group = grp.getgrnam("www-data")
    entry = {"domains": ["a.example"], "key-group": "www-data", "key-mode": "0640"}
    settings = {"certificates": [entry, {"domains": ["b.example"]}], "users": users}
    client = evercert(pebble(), folder=open_folder / "e", config=settings)
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_live("b.example")

    def modes(name):
        files = {file: (client.live(name) / file).stat() for file in ("privkey.pem", "combined.pem", "cert.pem")}
        return {file: (s.st_gid == group.gr_gid, oct(stat.S_IMODE(s.st_mode))) for file, s in files.items()}

    given = {"privkey.pem": (True, "0o640"), "combined.pem": (True, "0o640"), "cert.pem": (False, "0o644")}
    wait_until(lambda: modes("a.example") == given, "the keys to be the group's")
    assert modes("b.example")["privkey.pem"] == (False, "0o600")
    client.renew("a.example", force=True)
    assert modes("a.example") == given
    assert client.row("a.example")["generation"] == 2


@pytest.mark.parametrize("mode", ["0644", "0604", "0700", "0666"])
def test_key_modes_that_let_others_in_are_refused(evercert, pebble, mode):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"], "key-mode": mode}]})
    assert "key-mode" in client.run("run", status=USAGE).stderr


def test_a_state_that_others_can_write_is_refused(evercert, pebble):
    client = evercert(pebble())
    client.state.mkdir()
    client.state.chmod(0o777)
    result = client.run("run", status=FAILED)
    assert "chmod go-w" in result.stderr
    assert list(client.state.iterdir()) == []


def test_a_seal_key_that_others_can_read_is_refused(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    (client.state / "seal.key").chmod(0o644)
    result = client.run("renew", status=FAILED)
    assert "seal.key" in result.stderr and "chmod" in result.stderr


def test_a_seal_key_that_is_missing(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    before = client.leaf("a.example").fingerprint
    (client.state / "seal.key").rename(client.folder / "backup")
    result = client.run("renew", status=FAILED)
    assert "seal.key is missing" in result.stderr
    assert not (client.state / "seal.key").exists()
    (client.folder / "backup").rename(client.state / "seal.key")
    client.renew("a.example", force=True)
    assert client.leaf("a.example").fingerprint != before


@pytest.mark.parametrize("name", ["seal.key", "evercert.db", "evercert.db-wal", "account-key", ".lock", "live"])
def test_links_are_not_followed(evercert, pebble, tmp_path, name):
    """What stands where a file of ours belongs is not written through."""
    client = evercert(pebble())
    client.state.mkdir(mode=0o755)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (client.state / name).symlink_to(victim)
    result = client.run("list", status=FAILED)
    assert name in result.stderr
    assert victim.read_text() == "untouched"
    (client.state / name).unlink()
    client.issue("a.example")  # and nothing of it stays in the way


def test_live_is_whole_all_the_time(evercert, pebble):
    """A reader that opens the folder once sees one generation whole, however often it is renewed meanwhile."""
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    client.wait_live("a.example")
    renewals = 0
    seen = set()
    command = None
    while renewals < 3 or command.alive():
        if command is None or not command.alive():
            assert command is None or command.status() == DONE
            command = client.start("renew", "a.example", "--force")
            renewals += 1
        folder = os.open(client.live("a.example"), os.O_RDONLY | os.O_DIRECTORY)
        try:
            texts = {}
            for name in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", "combined.pem"):
                with open(os.open(name, os.O_RDONLY, dir_fd=folder), encoding="ascii") as file:
                    texts[name] = file.read()
        finally:
            os.close(folder)
        assert texts["fullchain.pem"] == texts["cert.pem"] + texts["chain.pem"]
        assert texts["combined.pem"] == texts["privkey.pem"] + texts["fullchain.pem"]
        seen.add(texts["cert.pem"])
    assert command.status() == DONE
    assert client.row("a.example")["generation"] == 4
    assert len(seen) >= 2
