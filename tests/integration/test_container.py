"""packaging/container: the Dockerfile, and the image that its instructions make (see tests/lib/dockerfile.py for what stands in
for Debian's packages)."""

import json
import pathlib
import re
import subprocess

import dockerfile
import pytest
from processes import SANITIZER, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging/systemd/evercert.service.in"
SYSUSERS = ROOT / "packaging/sysusers/evercert.conf"
# A container may not ptrace, which LeakSanitizer would.
ENV = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
READ_ONLY = {"ReadonlyRootfs": True, "Tmpfs": {"/run/evercert": "", "/tmp": ""}}


def text():
    return dockerfile.FILE.read_text()


def capabilities():
    """Those that the Dockerfile says are enough."""
    return re.findall(r"--cap-add (\w+)", text())


def users():
    return [line.split()[1] for line in SYSUSERS.read_text().splitlines() if line.startswith("u ")]


# The file


def test_what_is_copied_is_there():
    """Each source of a COPY is in the repository, is let through by the list of what is ignored, and nothing that
    meson.build takes is missing."""
    ignored = dockerfile.FILE.with_suffix(".dockerignore").read_text().split()
    copied = []
    for one in dockerfile.stages(text())[1][0]:
        if one.word == "COPY":
            assert "--from" not in one.rest
            *sources, target = one.rest.split()
            copied += sources
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored, source
                assert target in (f"/src/{source}", "/src/"), target
    assert ignored[0] == "*" and sorted(ignored[1:]) == sorted(f"!{source}" for source in copied)
    subdirs = re.findall(r"^(?:subdir|install_subdir)\('(\w+)'", (ROOT / "meson.build").read_text(), re.M)
    assert set(subdirs) <= set(copied), "what meson.build wants is copied"


def test_packages_come_from_where_the_system_has_them(tmp_path):
    """What is built with is script/setup's list; what the programs' libraries come from is asked of dpkg by the file's own
    command, which names packages that are installed here, libcurl's and OpenSSL's among them."""
    build, last = dockerfile.stages(text())[1]
    runs = [one.rest for one in build if one.word == "RUN"]
    assert "/src/script/setup build" in runs
    assert [one.rest for one in last if one.word == "RUN"][0].count("$(cat /usr/local/share/evercert/packages)") == 1
    stage = dockerfile.staged(tmp_path)
    command = next(run for run in runs if "dpkg -S" in run)
    subprocess.run(["sh", "-euc", command.replace("/stage", str(stage))], check=True)
    packages = (stage / "packages").read_text().split()
    assert any(name.startswith("libcurl4") for name in packages) and any(name.startswith("libssl3") for name in packages)
    subprocess.run(["dpkg-query", "-W", *packages], check=True, capture_output=True)


def test_capabilities_are_of_those_of_the_unit():
    """The container needs nothing of root that the systemd unit does not keep."""
    kept = re.search(r"^CapabilityBoundingSet=(.*)$", UNIT.read_text(), re.M)[1].split()
    assert capabilities() and {f"CAP_{name}" for name in capabilities()} <= set(kept)


# The image


@pytest.fixture
def start(docker_engine, pebble, open_folder):
    """Starts evercert with a Pebble that validates at the port it listens on; returns (container, configuration folder)."""

    def run(config=None, **options):
        ca = pebble()
        folder = open_folder / "etc"
        folder.mkdir()
        settings = {
            "agree-tos": True,
            "email": "ops@example.com",
            "authority": "test",
            "authorities": {"test": {"directory": ca.url, "ca-file": "/etc/evercert/root.pem"}},
            "http-01": {"listen": [f"127.0.0.1:{ca.http_port}"]},
            **(config or {}),
        }
        (folder / "root.pem").write_text(ca.ca_file.read_text())
        (folder / "evercert.yaml").write_text(json.dumps(settings))  # which is YAML
        volumes = [f"{folder}:/etc/evercert:ro", *options.pop("volumes", [])]
        container = docker_engine.run(docker_engine.image("evercert"), env=ENV, volumes=volumes, **options)
        docker_engine.wait_log(container, "ready, ")
        return container

    return run


def expect_good_end(engine, container):
    """It ends when it is asked to, and no sanitizer spoke."""
    engine.stop_container(container)
    log = engine.logs(container)
    assert engine.inspect(container)["State"]["ExitCode"] == 0, log
    assert not SANITIZER.search(log), log


def test_as_little_as_it_says(docker_engine, start):
    """With a root file system that is read-only and the capabilities that the Dockerfile names, it gets a certificate; its
    processes have users of their own, and Docker's look at its health succeeds."""
    drop = {"CapDrop": ["ALL"], "CapAdd": capabilities(), "SecurityOpt": ["no-new-privileges"]}
    container = start(host={**READ_ONLY, **drop})
    docker_engine.exec(container, "evercert", "issue", "-d", "a.example")
    assert "valid" in docker_engine.exec(container, "evercert", "list")
    passwd = docker_engine.exec(container, "cat", "/etc/passwd")
    assert [line.split(":")[0] for line in passwd.splitlines() if line.startswith("evercert")] == users()
    who = docker_engine.exec(container, "sh", "-c", "stat -c '%U %n' /proc/[0-9]*").split()
    assert {"evercert", "evercert-keys", "evercert-web"} <= set(who)
    check = docker_engine.inspect(container)["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    docker_engine.exec(container, *check[1:])
    expect_good_end(docker_engine, container)


def test_the_state_outlives_it(docker_engine, start):
    """What a container got is there for the next one with the same volume."""
    first = start(host=READ_ONLY, volumes=["state:/var/lib/evercert"])
    docker_engine.exec(first, "evercert", "issue", "-d", "a.example")
    leaf = docker_engine.exec(first, "cat", "/var/lib/evercert/live/a.example/cert.pem")
    expect_good_end(docker_engine, first)
    second = docker_engine.run("evercert", env=ENV, host=READ_ONLY, volumes=["state:/var/lib/evercert"])
    docker_engine.wait_log(second, "ready, ")
    assert docker_engine.exec(second, "cat", "/var/lib/evercert/live/a.example/cert.pem") == leaf
    assert "a.example" in docker_engine.exec(second, "evercert", "list")
    expect_good_end(docker_engine, second)


def test_live_on_a_volume_of_its_own(docker_engine, start):
    """live/ can be a volume that other containers get without the rest: generations that are old go from there to the
    archive, which is on another."""
    volumes = ["state:/var/lib/evercert", "live:/var/lib/evercert/live"]
    container = start(host=READ_ONLY, volumes=volumes)
    docker_engine.exec(container, "evercert", "issue", "-d", "a.example")
    for _ in range(2):
        docker_engine.exec(container, "evercert", "renew", "--force", "a.example")
    listed = docker_engine.exec(container, "ls", "/var/lib/evercert/archive/a.example")
    assert listed.split() == ["1"], docker_engine.logs(container)
    other = docker_engine.run("busybox", "sleep", "100", volumes=["live:/live:ro"])
    assert sorted(docker_engine.exec(other, "ls", "-A", "/live").split()) == [".generations", "a.example"]
    assert "BEGIN CERTIFICATE" in docker_engine.exec(other, "cat", "/live/a.example/fullchain.pem")
    docker_engine.exec(container, "evercert", "forget", "a.example")
    assert docker_engine.exec(other, "ls", "/live").split() == []
    assert docker_engine.exec(container, "ls", "/var/lib/evercert/archive/a.example").split() == ["1", "2", "3"]
    expect_good_end(docker_engine, container)


def test_not_as_root(docker_engine, start, open_folder):
    """As another user, without any capability: it gets a certificate, and says that its processes share that user."""
    state = open_folder / "state"
    state.mkdir()
    docker_engine.run("busybox", "chown", "1000:1000", "/state", volumes=[f"{state}:/state"])
    wait_until(lambda: state.stat().st_uid == 1000, "the folder to be given away")
    container = start(
        user="1000:1000",
        host={**READ_ONLY, "Tmpfs": {"/run/evercert": "uid=1000", "/tmp": ""}, "CapDrop": ["ALL"]},
        volumes=[f"{state}:/var/lib/evercert"],
    )
    docker_engine.exec(container, "evercert", "issue", "-d", "a.example")
    assert "valid" in docker_engine.exec(container, "evercert", "list")
    expect_good_end(docker_engine, container)
