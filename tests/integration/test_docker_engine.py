"""The tests' own Docker engine: what other tests rely on."""

import pathlib
import ssl
import urllib.error
import urllib.request

import pytest
from docker_engine import ApiError
from ports import free_port
from processes import wait_until


def _get(url, context=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=5) as answer:
        return answer.read().decode()


def _commands_with(word):
    """Command lines of this machine that have the word."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass  # ended meanwhile
    return [command for command in found if word in command]


def test_a_container(docker_engine):
    """A container runs, says what it was told, runs a command, and is gone when it is removed."""
    words = ("sh", "-c", "echo $GREETING; sleep 100")
    container = docker_engine.run("busybox", *words, env={"GREETING": "hello"}, labels={"a.b": "c"})
    docker_engine.wait_log(container, "hello\n")
    assert docker_engine.inspect(container)["Config"]["Labels"] == {"a.b": "c"}
    said = docker_engine.exec(container, "sh", "-c", "echo out; echo err >&2; echo $GREETING")
    assert sorted(said.split()) == ["err", "hello", "out"]
    assert docker_engine.exec(container, "false", check=False)[0] == 1
    assert [row["Id"] for row in docker_engine.containers(label=["a.b=c"])] == [container]
    docker_engine.rm(container)
    assert docker_engine.containers() == []
    with pytest.raises(ApiError) as said:
        docker_engine.inspect(container)
    assert said.value.status == 404


def test_nothing_is_left_from_another_test(docker_engine):
    """Whatever a test before left running is gone."""
    assert docker_engine.containers() == []
    docker_engine.run("busybox", "sleep", "100", name="left", volumes=["left:/left"])


def test_nothing_is_left_from_yet_another_test(docker_engine):
    """The same, the other way round."""
    assert docker_engine.containers() == []
    docker_engine.run("busybox", "sleep", "100", name="left", volumes=["left:/left"])


def test_nginx(docker_engine, open_folder):
    """The image of nginx serves what a volume configures, on the host's network, and reads it anew at HUP."""
    port = free_port()

    def configure(text):
        (open_folder / "one.conf").write_text(f'server {{ listen 127.0.0.1:{port}; return 200 "{text}"; }}\n')

    configure("one")
    container = docker_engine.run("nginx", volumes=[f"{open_folder}:/etc/nginx/conf.d:ro"])
    docker_engine.wait_running(container)

    def says(text):
        try:
            return _get(f"http://127.0.0.1:{port}/") == text
        except (urllib.error.URLError, ConnectionError):
            return False

    wait_until(lambda: says("one"), "nginx to answer")
    configure("two")
    docker_engine.kill_container(container, "HUP")
    wait_until(lambda: says("two"), "nginx to have read its configuration")


def test_restart_and_kill(docker_engines):
    """An engine of one's own can be stopped and killed; its containers are there afterwards, ended."""
    engine = docker_engines()
    container = engine.run("busybox", "sleep", "100")
    engine.restart()
    assert engine.inspect(container)["State"]["Status"] == "exited"
    engine.start_container(container)
    engine.kill()
    engine.start()
    assert engine.inspect(container)["State"]["Running"] is False


def test_two_engines_are_apart(docker_engine, docker_engines):
    """Neither sees the other's containers."""
    other = docker_engines()
    container = other.run("busybox", "sleep", "100")
    assert docker_engine.containers() == []
    assert [row["Id"] for row in other.containers()] == [container]


def test_tcp(docker_engines, authority):
    """By TCP with TLS it answers who shows a certificate, and by plain TCP everybody."""
    plain = docker_engines(tcp="plain")
    assert _get(f"http://127.0.0.1:{plain.tcp_port}/_ping") == "OK"
    engine = docker_engines(tcp="tls", authority=authority)
    context = ssl.create_default_context(cafile=str(engine.ca_file))
    url = f"https://127.0.0.1:{engine.tcp_port}/_ping"
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        _get(url, context)
    context.load_cert_chain(engine.client_certificate, engine.client_key)
    assert _get(url, context) == "OK"


def test_compose(docker_engine, tmp_path):
    """docker-compose reaches this engine, and takes down what it brought up."""
    (tmp_path / "compose.yaml").write_text(
        "services:\n  one:\n    image: busybox\n    command: [sleep, '100']\n"
        "    network_mode: host\n    volumes: ['data:/data']\n"
        "volumes: {data: {}}\n"
    )
    docker_engine.compose("up", "-d", files=[tmp_path / "compose.yaml"])
    rows = docker_engine.containers(label=["com.docker.compose.project=test"])
    assert [row["Labels"]["com.docker.compose.service"] for row in rows] == ["one"]
    docker_engine.compose("down", "-v", "-t", "1", files=[tmp_path / "compose.yaml"])
    assert docker_engine.containers() == []
    assert not docker_engine.api("GET", "/volumes")["Volumes"]


def test_all_of_it_ends(docker_engines):
    """When an engine ends, nothing of it is left: no process, no mount, no group, no folder."""
    engine = docker_engines()
    engine.run("busybox", "sleep", "100")
    folder = engine.folder
    assert _commands_with(folder.name) and list(pathlib.Path("/sys/fs/cgroup").glob(f"**/{folder.name}"))
    engine.end()
    assert not folder.exists()
    assert folder.name not in pathlib.Path("/proc/self/mounts").read_text()
    assert not list(pathlib.Path("/sys/fs/cgroup").glob(f"**/{folder.name}"))
    assert not _commands_with(folder.name)
