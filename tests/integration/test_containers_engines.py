"""Engines of every kind under one daemon: a swarm, one over TCP with certificates, podman, and one that is broken while
the others are served."""

import json
import pathlib
import shutil
import tempfile

import pytest
from docker_stand_in import DockerStandIn
from podman import OPTIONS, Podman
from ports import free_port

from processes import wait_until

LISTENER = (
    "trap 'echo {0}-HUP >>/told/words' HUP; trap 'exit 0' TERM; echo {0}-started >>/told/words; "
    "while :; do sleep 0.05; done"
)


class Host:
    """A daemon that watches several engines; containers tell of themselves in .told."""

    def __init__(self, evercert, ca, folder):
        self.evercert, self.ca = evercert, ca
        self.told = folder / "told"
        self.told.mkdir()

    def start(self, policy=None, **docker):
        docker = {"policy": policy or [{"allow": ["*"]}], "wait": "100ms..1s", **docker}
        self.evercert.write_config({"docker": docker})
        self.evercert.run_daemon()

    def run(self, engine, name, **labels):
        """A listener with labels evercert.X."""
        container = engine.run(
            "busybox", "sh", "-c", LISTENER.format(name), name=name, volumes=[f"{self.told}:/told"], labels=own(labels)
        )
        engine.wait_running(container)
        return container

    def words(self):
        file = self.told / "words"
        return file.read_text().split() if file.exists() else []

    def rows(self, kind):
        rows = json.loads(self.evercert.run("containers", "--json", status=None).stdout or "[]")
        return [row for row in rows if row["kind"] == kind]

    def engine(self, name):
        return next(row for row in self.rows("engine") if row["engine"] == name)

    def wait_connected(self, *names):
        def there():
            rows = {row["engine"]: row for row in self.rows("engine")}
            return all(name in rows and rows[name]["synced"] for name in names)

        wait_until(there, f"{names} to be known; the log:\n{self.evercert.text()[-3000:]}", 60)

    def wait_word(self, word, number=1):
        wait_until(lambda: self.words().count(word) >= number, f"{word}; the log:\n{self.evercert.text()[-3000:]}", 30)


def own(labels):
    return {f"evercert.{key.replace('_', '-')}": text for key, text in labels.items()}


@pytest.fixture
def host(evercert, pebble, open_folder):
    ca = pebble()
    return Host(evercert(pebble=ca), ca, open_folder)


@pytest.fixture
def short_folder():
    """For sockets, whose paths must be short."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evd-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def podman(processes):
    with Podman(processes) as engine:
        yield engine


def test_a_service_of_a_swarm(host, docker_engines):
    """Its labels ask for a certificate, its tasks are replaced for the next one, and when it is gone the certificate is
    nobody's."""
    engine = docker_engines()
    engine.api("POST", "/swarm/init", {"ListenAddr": f"127.0.0.1:{free_port()}", "AdvertiseAddr": "127.0.0.1"})
    host.start(socket=engine.host, policy=[{"allow": ["*"], "project": "shop", "service": "api"}])
    labels = own({"domains": "a.example", "on_change": "restart"})
    words = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
    spec = {
        "Name": "shop_api",
        "Labels": {**labels, "com.docker.stack.namespace": "shop"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "busybox", "Command": ["sh", "-c", words]},
            "Networks": [{"Target": "host"}],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    service = engine.api("POST", "/services/create", spec)["ID"]
    row = host.evercert.wait_valid("a.example", 60)
    assert "service" in row["holder"] and "api" in row["holder"], row

    def forced():
        return engine.api("GET", f"/services/{service}")["Spec"]["TaskTemplate"].get("ForceUpdate", 0)

    wait_until(lambda: forced() == 1, f"its tasks to be replaced; the log:\n{host.evercert.text()[-3000:]}", 60)
    host.evercert.wait_row("a.example", lambda row: row["deploy"]["state"] != "pending", "told", 60)
    assert (forced(), host.evercert.row("a.example")["park_at"]) == (1, None)
    host.evercert.renew("a.example", force=True)
    wait_until(lambda: forced() == 2, "the next time", 60)
    assert host.evercert.row("a.example")["park_at"] is None
    engine.api("DELETE", f"/services/{service}")
    host.evercert.wait_row("a.example", lambda row: row["park_at"] is not None, "left", 60)
    engine.api("POST", "/swarm/leave", force=1)


def test_two_engines_one_of_them_elsewhere(host, docker_engine, docker_engines, authority):
    """The policy tells them apart; a container of the one uses a certificate that the other's asked for; and a name has
    one holder among all."""
    there = docker_engines(tcp="tls", authority=authority)
    elsewhere = {
        "socket": f"tcp://127.0.0.1:{there.tcp_port}",
        "ca-file": str(there.ca_file),
        "cert-file": str(there.client_certificate),
        "key-file": str(there.client_key),
    }
    policy = [{"allow": ["here.example"], "engine": "docker"}, {"allow": ["there.example"], "engine": "far*"}]
    host.start(socket=docker_engine.host, engines={"farm": elsewhere}, policy=policy)
    host.run(docker_engine, "near", domains="here.example")
    host.run(there, "far", domains="there.example", use="here.example", on_change="signal:HUP")
    host.evercert.wait_valid("here.example")
    assert "far" in host.evercert.wait_valid("there.example")["holder"]
    host.wait_word("far-started")
    host.run(there, "thief", domains="x.here.example")
    host.wait_connected("docker", "farm")

    def refused():
        return next((r for r in host.rows("claim") if (r["container"], r["state"]) == ("thief", "refused")), None)

    assert "x.here.example" in wait_until(refused, "the refusal", 20)["reason"]
    before = host.words().count("far-HUP")
    host.evercert.renew("here.example", force=True)
    host.wait_word("far-HUP", before + 1)


def test_podman_beside_docker(host, docker_engine, podman):
    """Its containers ask for certificates, and are told of them."""
    host.start(socket=docker_engine.host, engines={"pod": {"socket": podman.host}})
    image = podman.image()
    labels = [f"--label={key}={text}" for key, text in own({"domains": "pod.example", "on_change": "signal:HUP"}).items()]
    told = f"--volume={host.told}:/told"
    podman.run("run", "-d", *OPTIONS, "--name=web", told, *labels, image, "sh", "-c", LISTENER.format("pod"))
    host.run(docker_engine, "near", domains="here.example")
    host.evercert.wait_valid("here.example")
    assert "web" in host.evercert.wait_valid("pod.example", 60)["holder"]
    host.wait_word("pod-HUP")
    assert host.engine("pod")["version"].startswith("podman ")
    podman.run("rm", "-f", "-t", "0", "web")
    host.evercert.wait_row("pod.example", lambda row: row["park_at"] is not None, "left", 60)
    assert host.evercert.row("here.example")["park_at"] is None


@pytest.mark.parametrize(
    "fault", ["rubbish", "stall", "half", "long", "short", "headers", "endless", "huge", "deep", "html", "null"]
)
def test_one_that_is_broken_while_another_is_served(host, docker_engine, short_folder, fault):
    """What it had asked for stays as it is, the other one's containers are served and told, and it is well again when it
    answers."""
    with DockerStandIn(short_folder / "d.sock") as broken:
        broken.add("before", own({"domains": "before.example"}))
        host.start(socket=docker_engine.host, engines={"broken": {"socket": broken.url}})
        host.evercert.wait_valid("before.example")
        broken.fault(fault, "/", times=None)
        broken.drop()
        broken.add("meanwhile", own({"domains": "meanwhile.example"}))
        host.run(docker_engine, "good", domains="good.example", on_change="signal:HUP")
        host.evercert.wait_valid("good.example")
        host.wait_word("good-HUP")
        host.evercert.renew("good.example", force=True)
        host.wait_word("good-HUP", 2)
        wait_until(lambda: host.engine("broken")["error"], "what is wrong with it to be shown", 60)
        assert host.engine("docker")["synced"] and not host.engine("broken")["connected"]
        assert host.evercert.row("before.example")["park_at"] is None
        assert host.evercert.row("meanwhile.example") is None
        broken.clear_faults()
        host.evercert.wait_valid("meanwhile.example", 120)
        assert host.evercert.row("before.example")["park_at"] is None
