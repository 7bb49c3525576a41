"""http-01 three ways: the responder itself, behind a proxy, and files in a web server's folder."""

import http.client
import os
import stat
import threading

import pytest

import lineage
from evercert import FAILED, USAGE
from ports import free_port
from processes import wait_until

CHALLENGES = ".well-known/acme-challenge"


@pytest.fixture
def webroot(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()
    return folder


def get(port, path, host="x.example"):
    """(status, body) of a plain request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# The responder


def test_the_responder_of_a_command(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.issue("a.example", "b.example")
    lineage.check(client, "a.example")
    with pytest.raises(ConnectionRefusedError):
        get(ca.http_port, f"/{CHALLENGES}/x")


def test_the_responder_of_a_daemon_knows_live_tokens_only(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    wait_until(lambda: client.live("a.example").exists(), "the certificate", 30)
    for path in ("/", f"/{CHALLENGES}/", f"/{CHALLENGES}/{'a' * 43}", "/../etc/passwd"):
        assert get(ca.http_port, path)[0] == 404
    client.stop_daemon()


def test_the_port_by_option(evercert, pebble):
    ca = pebble()
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])
    client.issue("a.example", http_port=ca.http_port)
    lineage.check(client, "a.example")


def test_several_addresses(evercert, pebble):
    ca = pebble()
    client = evercert(ca, listen=[f"[::1]:{ca.http_port}", f"127.0.0.1:{ca.http_port}"])
    client.issue("a.example")
    lineage.check(client, "a.example")


# Behind a proxy


def test_behind_a_proxy(evercert, pebble, each_pebble, nginx):
    behind = free_port()
    server = nginx(proxy_to=behind).start()
    client = evercert(pebble(each_pebble, http_port=server.http_port), listen=[f"127.0.0.1:{behind}"])
    client.issue("a.example", "b.example")
    lineage.check(client, "a.example")
    answered = [line for line in server.accesses() if f"GET /{CHALLENGES}/" in line and '" 200 ' in line]
    assert len(answered) >= 2


def test_a_proxy_that_says_another_host(evercert, pebble, nginx):
    """The name is in the CA's hands; what a proxy makes of the Host field is its own affair."""
    behind = free_port()
    server = nginx(proxy_to=behind)
    text = server.config_file.read_text()
    assert "proxy_set_header Host $host;" in text
    server.config_file.write_text(text.replace("proxy_set_header Host $host;", "proxy_set_header Host internal:1;"))
    server.start()
    client = evercert(pebble(http_port=server.http_port), listen=[f"127.0.0.1:{behind}"])
    client.issue("a.example")
    lineage.check(client, "a.example")


# Files


def watch_folder(folder, seen, stop):
    """Notes {name: (mode, owner)} of what comes and goes in `folder`, as each was last: a file is born as nobody else's
    and then given away, before the CA is told of it."""
    while not stop.is_set():
        try:
            for entry in os.scandir(folder):
                status = entry.stat(follow_symlinks=False)
                seen[entry.name] = (stat.S_IMODE(status.st_mode), status.st_uid)
        except FileNotFoundError:
            pass


def test_files_in_a_web_servers_folder(evercert, pebble, each_pebble, nginx, webroot):
    if os.geteuid() == 0:
        os.chown(webroot, 4711, 4712)
    owner = webroot.stat().st_uid
    server = nginx(webroot=webroot).start()
    ca = pebble(each_pebble, http_port=server.http_port)
    client = evercert(ca, through=["sh", "-c", 'umask 077; exec "$@"', "sh"])
    seen, stop = {}, threading.Event()
    watcher = threading.Thread(target=watch_folder, args=(webroot / CHALLENGES, seen, stop))
    watcher.start()
    try:
        client.issue("a.example", "b.example", webroot=webroot)
    finally:
        stop.set()
        watcher.join()
    lineage.check(client, "a.example")
    assert len(seen) == 2 and set(seen.values()) == {(0o644, owner)}
    assert all(set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") for name in seen)
    assert list((webroot / CHALLENGES).iterdir()) == []
    for folder in (webroot / ".well-known", webroot / CHALLENGES):
        assert lineage.mode(folder) == 0o755 and folder.stat().st_uid == owner
    assert client.show("a.example")["webroot"] == str(webroot)


# Serves each host from a folder of its own, and passes on what is not there.
BY_HOST = """location /.well-known/acme-challenge/ {{ root {folder}/$host; try_files $uri @responder; default_type text/plain; }}
        location @responder {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $host; }}"""


def test_each_name_has_its_own_folder(evercert, pebble, nginx, tmp_path):
    """As one certificate for several servers, each in a container with a volume of its own."""
    folders = {name: tmp_path / "volumes" / name for name in ("a.example", "b.example")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    behind = free_port()
    server = nginx(webroot="/placeholder")
    lines = server.config_file.read_text().splitlines()
    challenges = BY_HOST.format(folder=tmp_path / "volumes", port=behind)
    server.config_file.write_text("\n".join(challenges if "/placeholder" in line else line for line in lines))
    server.start()
    places = {name: str(folder) for name, folder in folders.items()}
    client = evercert(
        pebble(http_port=server.http_port),
        listen=[f"127.0.0.1:{behind}"],
        config={
            "webroot-map": {"a.example": places["a.example"], "nobody.example": "/nonexistent"},
            "certificates": [
                {"domains": ["a.example"]},
                {"name": "all", "domains": ["a.example", "b.example", "c.example"], "webroot-map": places},
            ],
        },
    )
    client.renew()
    lineage.check(client, "a.example")
    lineage.check(client, "all")
    assert sum("GET /.well-known/" in line and '" 200 ' in line for line in server.accesses()) >= 3
    for folder in folders.values():
        assert list((folder / CHALLENGES).iterdir()) == []


def test_no_port_is_opened_where_there_is_a_folder(evercert, pebble, nginx, webroot):
    """The configured responder's port is nginx' own: it would be in the way."""
    server = nginx(webroot=webroot).start()
    ca = pebble(http_port=server.http_port)
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"], "webroot": str(webroot)}]})
    client.run_daemon()
    wait_until(lambda: client.live("a.example").exists(), "the certificate", 30)
    client.stop_daemon()
    lineage.check(client, "a.example")


def test_what_is_in_the_folder_stays(evercert, pebble, nginx, webroot):
    (webroot / CHALLENGES).mkdir(parents=True)
    (webroot / CHALLENGES).chmod(0o775)
    (webroot / CHALLENGES / "other").write_text("another client's")
    (webroot / ".well-known/security.txt").write_text("Contact: x")
    server = nginx(webroot=webroot).start()
    client = evercert(pebble(http_port=server.http_port))
    client.issue("a.example", webroot=webroot)
    lineage.check(client, "a.example")
    assert [path.name for path in (webroot / CHALLENGES).iterdir()] == ["other"]
    assert (webroot / CHALLENGES / "other").read_text() == "another client's"
    assert (webroot / ".well-known/security.txt").read_text() == "Contact: x"
    assert lineage.mode(webroot / CHALLENGES) == 0o775


@pytest.mark.parametrize("link", [".well-known", CHALLENGES])
def test_a_symlink_below_the_folder_is_not_followed(evercert, pebble, nginx, webroot, tmp_path, link):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (webroot / link).parent.mkdir(parents=True, exist_ok=True)
    (webroot / link).symlink_to(elsewhere)
    server = nginx(webroot=webroot).start()
    client = evercert(pebble(http_port=server.http_port))
    done = client.issue("a.example", webroot=webroot, status=FAILED)
    assert f"webroot {webroot}: {link} is a symbolic link" in done.stderr
    assert done.stderr.count("evercert: error:") == 1
    assert list(elsewhere.iterdir()) == []
    assert not client.live("a.example").exists()


def test_a_folder_that_is_a_symlink_itself_is_the_operators_word(evercert, pebble, nginx, webroot, tmp_path):
    current = tmp_path / "current"
    current.symlink_to(webroot)
    server = nginx(webroot=webroot).start()
    client = evercert(pebble(http_port=server.http_port))
    client.issue("a.example", webroot=current)
    lineage.check(client, "a.example")


def test_a_folder_that_is_not_there(evercert, pebble, nginx, webroot, tmp_path):
    server = nginx(webroot=webroot).start()
    client = evercert(pebble(http_port=server.http_port))
    done = client.issue("a.example", webroot=tmp_path / "nowhere", status=FAILED)
    assert f"webroot {tmp_path}/nowhere" in done.stderr and "No such file or directory" in done.stderr
    assert done.stderr.count("evercert: error:") == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_relative_to_where_the_user_stands(evercert, pebble, nginx, webroot, tmp_path, monkeypatch):
    server = nginx(webroot=webroot).start()
    client = evercert(pebble(http_port=server.http_port))
    monkeypatch.chdir(tmp_path)
    client.issue("a.example", webroot="www")
    assert client.show("a.example")["webroot"] == str(webroot)


def test_files_of_a_failed_order_are_removed(evercert, pebble, nginx, webroot, tmp_path):
    """nginx serves another folder, so the CA does not find them."""
    other = tmp_path / "other"
    other.mkdir()
    server = nginx(webroot=other).start()
    client = evercert(pebble(http_port=server.http_port))
    done = client.issue("a.example", webroot=webroot, status=FAILED)
    assert "a.example" in done.stderr and "unauthorized" in done.stderr
    assert list((webroot / CHALLENGES).iterdir()) == []


# What http-01 cannot do


def test_wildcards_are_refused(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    done = client.issue("*.a.example", "b.example", status=USAGE)
    assert "*.a.example" in done.stderr and "http-01" in done.stderr
    assert done.stderr.count("evercert: error:") == 1
    assert ca.requests() == []
    assert client.list() == []


def test_wildcards_of_the_configuration_are_refused(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config={"certificates": [{"domains": ["a.example", "*.a.example"]}]})
    done = client.run("renew", status=USAGE)
    assert "*.a.example" in done.stderr and "certificates[0].domains[1]" in done.stderr
    assert ca.requests() == []


def test_a_challenge_that_nothing_answers_is_refused(evercert, pebble):
    ca = pebble()
    done = evercert(ca).issue("a.example", challenge="dns-01", status=USAGE)
    assert "--dns: " in done.stderr and "evercert dns list" in done.stderr
    assert ca.requests() == []
