"""publish: copies of what is in force, where and as other programs want them; whatever is on the way or in the way."""

import grp
import os
import pathlib
import pwd
import stat
import subprocess

import pytest

import lineage
from certificates import read_chain
from disk import SmallDisk
from evercert import DONE, FAILED

NOBODY, NOGROUP = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
DAEMON = grp.getgrnam("daemon").gr_gid


@pytest.fixture(autouse=True)
def permissive_umask():
    """Nothing is right by the luck of the caller's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def folder(open_folder):
    """Where copies go: root's, on a way that others can go but not change."""
    path = open_folder / "copies"
    path.mkdir(mode=0o755)
    return path


def config(*copies, **more):
    return {"certificates": [{"domains": ["a.example"], "publish": list(copies), **more}]}


def owners(path):
    found = path.lstat()
    return found.st_uid, found.st_gid, oct(stat.S_IMODE(found.st_mode))


def live(client, name, certificate="a.example"):
    return (client.live(certificate) / name).read_bytes()


def nothing_left(folder):
    assert not [path for path in folder.rglob(".tmp-*")]


def test_the_layout_of_an_odoo_module(evercert, pebble, folder):
    """domain.crt and domain.key in a folder of the service's own, kept as they should be."""
    os.chown(folder, NOBODY, NOGROUP)
    crt, key = folder / "domain.crt", folder / "domain.key"
    copies = [
        {"format": "fullchain", "path": str(crt), "owner": "nobody", "mode": "0644"},
        {"format": "key", "path": str(key), "owner": "nobody", "mode": "0600"},
    ]
    client = evercert(pebble(), config=config(*copies))
    client.renew()

    def good():
        assert crt.read_bytes() == live(client, "fullchain.pem") and key.read_bytes() == live(client, "privkey.pem")
        assert (owners(crt), owners(key)) == ((NOBODY, 0, "0o644"), (NOBODY, 0, "0o600"))
        assert sorted(path.name for path in folder.iterdir()) == ["domain.crt", "domain.key"]

    good()
    client.renew("a.example", force=True)
    good()
    assert client.row("a.example")["generation"] == 2
    # What is as it should be is left alone; what somebody changed or took away is not.
    inodes = [path.stat().st_ino for path in (crt, key)]
    client.renew()
    assert [path.stat().st_ino for path in (crt, key)] == inodes and "repaired" not in client.events("a.example")
    crt.write_text("a backup that was put back")
    key.chmod(0o644)
    client.renew()
    good()
    assert client.events("a.example").count("repaired") == 1
    key.unlink()
    os.chown(crt, 0, 0)
    client.renew()
    good()


def opened(file, password):
    argv = ["openssl", "pkcs12", "-in", file, "-passin", f"pass:{password}", "-nodes"]
    return subprocess.run(argv, capture_output=True, text=True)


def test_every_form(evercert, pebble, folder, tmp_path):
    """Two key types, so two certificates; a PKCS #12 among the copies, which has other bytes each time anywhere else."""
    secret = tmp_path / "password"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    link = folder / "a.example.chain"
    (folder / "elsewhere").write_text("not ours")
    link.symlink_to("elsewhere")
    forms = {"fullchain": "fullchain.pem", "cert": "cert.pem", "chain": "chain.pem", "key": "privkey.pem"} | {
        "combined": "combined.pem"
    }
    copies = [{"format": form, "path": f"{folder}/{{name}}.{form}", "replace-symlink": form == "chain"} for form in forms]
    archive = {"format": "pkcs12", "path": f"{folder}/{{name}}.p12", "group": "daemon", "password-file": str(secret)}
    client = evercert(pebble(), config=config(*copies, archive, **{"key-type": ["ecdsa-p256", "rsa-2048"]}))
    client.renew()
    for name in ("a.example", "a.example-rsa"):
        for form, file in forms.items():
            copy = folder / f"{name}.{form}"
            assert copy.read_bytes() == live(client, file, name)
            assert owners(copy) == (0, 0, "0o600" if form in ("key", "combined") else "0o644")
        assert owners(folder / f"{name}.p12") == (0, DAEMON, "0o640")
        found = opened(folder / f"{name}.p12", "geheim")
        assert found.returncode == 0 and live(client, "privkey.pem", name).split(b"-----")[2].strip().decode() in found.stdout
        assert f"friendlyName: {name}" in found.stdout
    # The link gave way, and was not followed.
    assert not link.is_symlink() and (folder / "elsewhere").read_text() == "not ours"
    # The same certificate is the same archive; another password is another.
    archives = [folder / "a.example.p12", folder / "a.example-rsa.p12"]
    inodes = [path.stat().st_ino for path in archives]
    client.renew()
    assert [path.stat().st_ino for path in archives] == inodes
    secret.write_text("another")
    client.renew()
    assert [opened(path, "another").returncode for path in archives] == [0, 0]
    nothing_left(folder)


def test_what_is_in_the_way(evercert, pebble, folder):
    """Each copy that cannot be written is named, the first with its reason; the others are written."""
    (folder / "target").write_text("somebody's")
    (folder / "link").symlink_to("target")
    (folder / "directory").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "theirs").symlink_to("real")
    os.lchown(folder / "theirs", NOBODY, NOGROUP)
    (folder / "ours").symlink_to("real")
    for name, mode in {"real": 0o755, "open": 0o777, "sticky": 0o1777, "group": 0o775}.items():
        (folder / name).mkdir(mode=mode)
    os.chown(folder / "group", 0, DAEMON)

    def run(*paths, form="key", **more):
        copies = [{"format": form, "path": f"{folder}/{path}", **more} for path in paths]
        client.write_config(config(*copies))
        return client.renew(status=None)

    client = evercert(pebble(), config=config())
    client.renew()
    before = lineage.picture(client)
    reasons = {
        "link": "symbolic link",
        "directory": "there is a directory",
        "fifo": "something that is no file",
        "theirs/key": f"{folder}/theirs is a symbolic link of user {NOBODY}",
        "open/key": f"chmod o-w {folder}/open",
        "sticky/key": f"chmod o-w {folder}/sticky",
        "group/key": f"chmod g-w {folder}/group",
        "none/key": f"install -d -m 0700 {folder}/none",
    }
    for path, reason in reasons.items():
        done = run(path)
        assert done.status == FAILED and f"publish {folder}/{path}: " in done.stderr and reason in done.stderr, path
    # All of them at once: what can be written is, the rest is told.
    done = run(*reasons, "ours/key", "good")
    assert done.status == FAILED and reasons["link"] in done.stderr
    for path in list(reasons)[1:]:
        assert f"{folder}/{path}" in done.stderr
    assert (folder / "real/key").read_bytes() == (folder / "good").read_bytes() == live(client, "privkey.pem")
    assert (folder / "target").read_text() == "somebody's" and (folder / "link").is_symlink()
    assert not list((folder / "directory").iterdir()) and stat.S_ISFIFO((folder / "fifo").stat().st_mode)
    # A certificate is for everybody, wherever it lies; a group that may have the key may have its folder.
    assert run("open/crt", "sticky/crt", form="fullchain").status == DONE
    assert run("group/key", group="daemon").status == DONE
    assert owners(folder / "group/key") == (0, DAEMON, "0o640")
    done = run("good", owner="no-such-user")
    assert done.status == FAILED and 'there is no user "no-such-user"' in done.stderr
    assert lineage.picture(client) == before
    nothing_left(folder)


def test_a_full_disk(evercert, pebble, processes, folder, tmp_path):
    """What was there stays, whole, until there is room."""
    disk = SmallDisk(processes, folder / "disk", tmp_path / "disk.log", 256)
    assert not disk.why_not()
    copy = folder / "disk/combined.pem"
    client = evercert(pebble(), through=disk.through, config=config({"format": "combined", "path": str(copy)}))
    client.renew()
    first = disk.inside(copy).read_bytes()
    assert first == live(client, "combined.pem")
    disk.fill(leave=0)
    done = client.renew("a.example", force=True, status=FAILED)
    assert "No space left on device" in done.stderr and str(copy) in done.stderr
    assert disk.inside(copy).read_bytes() == first != live(client, "combined.pem")
    nothing_left(disk.inside(copy).parent)
    disk.empty()
    client.renew("a.example")
    assert disk.inside(copy).read_bytes() == live(client, "combined.pem")
    assert read_chain(disk.inside(copy))[0].fingerprint == client.leaf("a.example").fingerprint


def test_without_root(evercert, pebble, open_folder):
    """A user has copies of his own, and cannot give them away."""
    folder = open_folder / "copies"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    mine = {"format": "combined", "path": f"{folder}/mine"}
    ca = pebble()
    ca_file = open_folder / "root.pem"
    ca_file.write_bytes(pathlib.Path(ca.ca_file).read_bytes())
    client = evercert(ca, folder=open_folder / "e", user=NOBODY)
    known = {"authorities": {"test": {"directory": ca.url, "ca-file": str(ca_file)}}}
    client.write_config(config(mine) | known)
    client.renew()
    assert (folder / "mine").read_bytes() == live(client, "combined.pem")
    assert owners(folder / "mine") == (NOBODY, NOBODY, "0o600")
    others = [mine | {"path": f"{folder}/{key}", key: "daemon"} for key in ("owner", "group")]
    client.write_config(config(*others) | known)
    done = client.renew(status=FAILED)
    assert "only root can give a file to daemon" in done.stderr and f"{folder}/group" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["mine"]
