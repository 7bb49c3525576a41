"""An engine that is followed (src/docker), against the stand-in, which can be made to go wrong, and against real
engines: dockerd over its socket and over TCP with certificates, a swarm of one, and podman's service."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from certificates import Authority
from docker_engine import ApiError
from docker_follow import Follower
from docker_stand_in import DockerStandIn
from evercert import build_folder
from podman import OPTIONS, Podman
from ports import free_port
from processes import sanitizer_reports, wait_until

ODD_LABELS = {
    "newline": "a\nb",
    "quotes": "\"'`\\",
    "shell": "$(touch /tmp/x); rm -rf * | & < > ${HOME} %s %n {{.}}",
    "unicode": "käse 🧀",
    "empty": "",
    "long": "x" * 16000,
    "odd key $(x) \"'": "1",
}


@pytest.fixture
def short_folder():
    """For sockets, whose paths must be short."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evd-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stand_in(short_folder):
    with DockerStandIn(short_folder / "d.sock") as engine:
        yield engine


@pytest.fixture
def follow(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(Follower(tmp_path, *args, **options))


# --- the stand-in: what is told ---


def test_a_list_and_what_changes(stand_in, follow):
    """All that is there is told before it is synced, and afterwards what changes, with one question for changes that
    come together."""
    web = stand_in.add("web-1", {"a": "b"}, {"X": "y"}, project="shop", service="web", quiet=True, health="healthy")
    old = stand_in.add("old", state="exited", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    assert set(follower.containers) == {web, old}
    told = follower.containers[web]
    assert (told["name"], told["project"], told["service_name"]) == ("web-1", "shop", "web")
    assert (told["state"], told["health"], told["engine"]) == ("running", "healthy", "test")
    assert told["env"] == {"X": "y"} and told["labels"]["a"] == "b"
    assert follower.containers[old]["state"] == "exited"
    assert follower.state["containers"] == 2 and follower.state["version"] == "Docker 20.10.24, API 1.41"

    new = stand_in.add("new")  # create and start: one question
    follower.wait(lambda: follower.named("new"), "the new container")
    assert stand_in.requests.count(f"GET /v1.41/containers/{new}/json") == 1
    stand_in.rename(new, "newer")
    follower.wait(lambda: follower.named("newer"), "the new name")
    stand_in.update(new, health="unhealthy")
    follower.wait(lambda: follower.named("newer")["health"] == "unhealthy", "its health")
    stand_in.die(new)
    follower.wait(lambda: follower.named("newer")["state"] == "exited", "its end")
    assert follower.deaths == [new]
    stand_in.remove(new)
    follower.wait(lambda: follower.gone == [new], "that it is gone")
    assert new not in follower.containers and follower.state["synced"]


def test_commands_in_containers_cause_no_questions(stand_in, follow):
    """Health checks are commands that are run in containers all the time."""
    web = stand_in.add("web", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    for _ in range(50):
        for action in ("exec_create: sh -c check", "exec_start: sh -c check", "exec_die", "attach", "top"):
            stand_in.event(action, web)
    stand_in.add("last")
    follower.wait(lambda: follower.named("last"), "a container behind these events")
    assert follower.puts.count(web) == 1


def test_many_containers(stand_in, follow):
    """More than a thousand: all are told, over few connections, which are kept."""
    stand_in.add_many(1500, {"evercert.domains": "{}.example", "other": "x" * 500})
    follower = follow(stand_in.url)
    follower.wait_synced(60)
    assert len(follower.containers) == 1500 and len(follower.puts) == 1500
    assert stand_in.connections <= 18
    follower.rescan()
    follower.wait(lambda: len(follower.puts) == 3000, "the second list")
    assert follower.state["synced"] and follower.gone == []


def test_a_storm_of_events(stand_in, follow):
    """Ten thousand events of one container become few questions, and the last state is told."""
    web = stand_in.add("web", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    for number in range(10000):
        stand_in.update(web, labels={"number": str(number)})
    follower.wait(lambda: follower.containers[web]["labels"] == {"number": "9999"}, "the last label")
    assert len(follower.puts) < 1000


def test_labels_of_any_text(stand_in, follow):
    """Whatever stands in labels is told as it is, but for control characters; what is too long is left out, and its
    container is there all the same."""
    web = stand_in.add("web", {**ODD_LABELS, "nul": "a\0b", "escape": "\x1b[31m", "too long": "x" * 17000}, quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    told = follower.containers[web]
    assert told["labels"] == {**ODD_LABELS, "nul": "a?b", "escape": "?[31m"}
    assert told["left_out"] == 1


def test_services_of_a_swarm(short_folder, follow):
    """Services with their stacks and the names of their networks; a node that is no manager has none."""
    with DockerStandIn(short_folder / "d.sock", swarm=True) as engine:
        front = engine.add_network("front")
        labels = {"com.docker.stack.namespace": "shop", "a": "outer"}
        api = engine.add_service("shop_api", labels, {"a": "inner", "b": "c"}, {"X": "y"}, networks=[front], quiet=True)
        engine.add("task", {"com.docker.swarm.service.id": api, "com.docker.swarm.service.name": "shop_api"}, quiet=True)
        follower = follow(engine.url)
        follower.wait_synced()
        told = follower.containers[api]
        assert told["service"] and (told["name"], told["project"], told["service_name"]) == ("shop_api", "shop", "api")
        assert told["labels"] == {**labels, "b": "c"} and told["env"] == {"X": "y"}
        assert [network["name"] for network in told["networks"]] == ["front"]
        assert (follower.state["containers"], follower.state["services"]) == (1, 1)
        back = engine.add_network("back")
        web = engine.add_service("web", networks=[back, "nobody-knows"])
        follower.wait(lambda: follower.named("web"), "the new service")
        assert sorted(n["name"] for n in follower.containers[web]["networks"]) == ["back", "nobody-knows"]
        engine.update_service(web, {"new": "label"})
        follower.wait(lambda: follower.named("web")["labels"] == {"new": "label"}, "its new label")
        # The answer to the list says nothing about what is there: nothing is taken for gone.
        engine.fault("error", "/services")
        follower.rescan()
        follower.wait(lambda: len([r for r in engine.requests if "all=1" in r]) == 2, "the second list")
        engine.remove_service(web)
        follower.wait(lambda: web not in follower.containers, "that it is gone")
        assert api in follower.containers
        done = follower.act("service-signal", api, "HUP")
        assert done["done"] and [signal for _, signal in engine.signals] == ["HUP"]
        before = json.loads(json.dumps(engine.services[api]["Spec"]))
        assert follower.act("service-restart", "shop_api")["done"]
        [(_, version, spec)] = engine.service_updates
        before["TaskTemplate"]["ForceUpdate"] = 1
        assert (version, spec) == (7, before)
        assert follower.act("service-signal", "nothing", "HUP")["code"] == "ERR_NOT_FOUND"


def test_more_networks_than_are_kept(short_folder, follow):
    """They are asked for at the same time, and there is room for 4096: the rest is known by its id."""
    with DockerStandIn(short_folder / "d.sock", swarm=True) as engine:
        for i in range(20):
            engine.add_service(f"s{i}", networks=[f"n{i}x{k}" for k in range(256)], quiet=True)
        follower = follow(engine.url)
        follower.wait(lambda: len(follower.containers) == 20, "all services", 120)
        assert all(len(told["networks"]) == 256 for told in follower.containers.values())


# --- the stand-in: what goes wrong ---


def test_an_engine_that_goes_away(stand_in, follow):
    """What was told stays told while it is away; when it is back, what is no longer there is gone before all is known."""
    stays, goes = stand_in.add("stays", quiet=True), stand_in.add("goes", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    stand_in.stop()
    follower.wait_lost()
    assert set(follower.containers) == {stays, goes} and not follower.gone
    stand_in.remove(goes, quiet=True)
    comes = stand_in.add("comes", quiet=True)
    stand_in.update(stays, labels={"new": "1"}, quiet=True)
    stand_in.begin()
    follower.wait_synced()
    assert set(follower.containers) == {stays, comes}
    assert follower.containers[stays]["labels"] == {"new": "1"}
    gone = next(i for i, said in enumerate(follower.said) if "gone" in said)
    synced = [i for i, said in enumerate(follower.said) if said.get("synced")]
    assert gone < synced[-1]


def test_a_connection_that_is_cut_again_and_again(stand_in, follow):
    """Each time all is found anew, and nothing is lost of what happened meanwhile."""
    follower = follow(stand_in.url)
    follower.wait_synced()
    for number in range(5):
        stand_in.drop()
        added = stand_in.add(f"web-{number}", quiet=number % 2 == 0)
        follower.wait(lambda: added in follower.containers, f"container {number}")
    follower.wait_synced()
    assert len(follower.containers) == 5 and follower.gone == []


# What is wrong, where, and a word of the error.
BAD_ANSWERS = [
    ("rubbish", "/version", "not HTTP"),
    ("noise", "/version", "not JSON"),
    ("html", "/version", "not JSON"),
    ("null", "/version", "not JSON"),
    ("types", "/version", "version"),
    ("close", "/version", "without an answer"),
    ("cut", "/version", "cut short"),
    ("refuse", "/version", "GET /version is not allowed"),
    ("error", "/version", "something is ?[31mbroken"),
    ("redirect", "/version", "leads elsewhere"),
    ("headers", "/version", "head of the answer"),
    ("deep", "/version", "nested more than"),
    ("rubbish", "/containers/json", "not HTTP"),
    ("noise", "/containers/json", "not a JSON array"),
    ("html", "/containers/json", "not a JSON array"),
    ("types", "/containers/json", "not a JSON array"),
    ("null", "/containers/json", "not a JSON array"),
    ("cut", "/containers/json", "cut short"),
    ("long", "/containers/json", "cut short"),
    ("short", "/containers/json", "too early"),
    ("refuse", "/containers/json", "GET /containers/json is not allowed"),
    ("error", "/containers/json", "500"),
    ("endless", "/containers/json", "more than 20000"),
    ("huge", "/containers/json", "an element of more than"),
    ("deep", "/containers/json", "nested more than"),
    ("headers", "/containers/json", "head of the answer"),
    ("rubbish", "/events", "not HTTP"),
    ("noise", "/events", "not JSON"),
    ("html", "/events", "not JSON"),
    ("close", "/events", "without an answer"),
    ("refuse", "/events", "GET /events is not allowed"),
    ("endless", "/events", "not JSON objects"),
    ("missing", "/events", "GET /events: page not found"),
]


@pytest.mark.parametrize("kind, where, words", BAD_ANSWERS, ids=lambda value: value if value else "none")
def test_an_answer_that_is_wrong(stand_in, follow, kind, where, words):
    """It is said what was wrong, nothing that was told is forgotten, memory stays bounded, and when the engine has
    recovered all is known."""
    web = stand_in.add("web", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    before = follower.memory()
    stand_in.fault(kind, where, times=None)
    stand_in.drop()
    error = follower.wait_lost(words)
    assert "\x1b" not in error
    assert web in follower.containers and follower.gone == []
    assert follower.memory() - before < 64 << 20
    stand_in.clear_faults()
    stand_in.drop()
    follower.wait_synced()
    assert web in follower.containers


@pytest.mark.parametrize("kind", ["noise", "html", "types", "null", "cut", "close", "error", "missing", "deep", "rubbish"])
def test_one_container_that_cannot_be_read(stand_in, follow, kind):
    """It alone is left out, and this is said; all others are there. When it changes it is asked for again."""
    good = [stand_in.add(f"web-{number}", quiet=True) for number in range(5)]
    bad = stand_in.add("bad", quiet=True)
    stand_in.fault(kind, f"/containers/{bad}", times=None)
    follower = follow(stand_in.url)
    follower.wait_synced()
    assert set(follower.containers) == set(good) and follower.gone == []
    assert kind == "missing" or f"GET /containers/{bad}" in follower.state["error"]
    stand_in.clear_faults()
    stand_in.update(bad, labels={"a": "b"})
    follower.wait(lambda: bad in follower.containers, "the container that was bad")


def test_an_answer_that_is_wrong_for_a_moment(stand_in, follow):
    """Nobody notices."""
    web = stand_in.add("web", quiet=True)
    stand_in.fault("error", f"/containers/{web}", times=2)
    follower = follow(stand_in.url)
    follower.wait_synced()
    assert web in follower.containers and follower.state["error"] == ""


def test_no_container_can_be_read(stand_in, follow):
    """Then it is the engine that is at fault."""
    stand_in.add_many(3)
    stand_in.fault("error", "/containers/0", times=None)
    follower = follow(stand_in.url)
    follower.wait_lost("status 500")
    stand_in.clear_faults()
    follower.wait_synced()
    assert len(follower.containers) == 3


def test_an_event_that_is_too_long(stand_in, follow):
    """The stream is begun anew."""
    follower = follow(stand_in.url)
    follower.wait_synced()
    stand_in.raw_event(b'{"Type": "container", "x": "' + b"x" * 300000)
    follower.wait_lost("more than 262144")
    follower.wait_synced()


@pytest.mark.parametrize("version, api, least, said", [("29.0.0", "1.52", "1.44", "1.51"), ("1.12", "1.24", "1.12", "1.24")])
def test_versions_of_the_api(short_folder, follow, version, api, least, said):
    """The newest that both know is spoken."""
    with DockerStandIn(short_folder / "d.sock", version=version, api=api, min_api=least) as engine:
        web = engine.add("web", quiet=True)
        follower = follow(engine.url)
        follower.wait_synced()
        assert web in follower.containers
        assert follower.state["version"] == f"Docker {version}, API {said}"
        assert all(request.split()[1].startswith(f"/v{said}/") for request in engine.requests[1:])


@pytest.mark.parametrize("api, least, words", [("1.99", "1.60", "1.51"), ("1.23", "1.12", "oldest")])
def test_versions_that_are_not_spoken(short_folder, follow, api, least, words):
    with DockerStandIn(short_folder / "d.sock", api=api, min_api=least) as engine:
        follower = follow(engine.url)
        follower.wait_lost(words)


def test_nobody_listens(short_folder, follow):
    """It is tried until somebody does."""
    follower = follow(f"unix://{short_folder / 'd.sock'}")
    follower.wait_lost("d.sock")
    with DockerStandIn(short_folder / "d.sock") as engine:
        web = engine.add("web", quiet=True)
        follower.wait_synced()
        assert web in follower.containers


def test_engines_that_stall(short_folder, tmp_path):
    """Without an answer: of its version, of a list, of one container alone, of a stream of events and the question after
    it. All at the same time, for each takes as long as an answer may."""
    kinds = {"version": "/version", "list": "/containers/json", "events": "/events", "ping": "/_ping", "one": None}
    with contextlib.ExitStack() as stack:
        engines, followers = {}, {}
        for name, where in kinds.items():
            engine = engines[name] = stack.enter_context(DockerStandIn(short_folder / f"{name}.sock"))
            web, bad = engine.add("web", quiet=True), engine.add("bad", quiet=True)
            engine.fault("stall", where or f"/containers/{bad}", times=None)
            folder = tmp_path / name
            folder.mkdir()
            followers[name] = stack.enter_context(Follower(folder, engine.url))
        for name in ("version", "list", "ping"):
            assert "no answer in time" in followers[name].wait_lost("GET " + kinds[name], 120)
        followers["events"].wait_lost("GET /events: no answer in time", 120)
        one = followers["one"]
        one.wait_synced(120)
        assert one.named("web") and not one.named("bad") and "no answer in time" in one.state["error"]
        for name, engine in engines.items():
            engine.clear_faults()
            engine.drop()
            followers[name].wait(lambda: followers[name].named("bad"), f"the end of the stall of {name}", 120)
            followers[name].wait_synced(120)


# --- actions, at the stand-in ---


def test_actions(stand_in, follow):
    """Signals, restarts and commands, their output cleaned and cut; what an engine or a proxy refuses is said."""
    web, off = stand_in.add("web", quiet=True), stand_in.add("off", state="exited", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    assert follower.act("signal", web, "HUP")["done"] and stand_in.signals == [(web, "HUP")]
    assert follower.act("signal", "web", "USR1")["done"] and stand_in.signals[-1] == (web, "USR1")
    assert follower.act("restart", web)["done"] and stand_in.restarts == [web]
    failed = follower.act("signal", off, "HUP")
    assert failed["code"] == "ERR_NOT_FOUND" and "is not running" in failed["error"]
    missing = follower.act("restart", "f" * 64)
    assert missing["code"] == "ERR_NOT_FOUND" and "No such container" in missing["error"]
    for words in (("signal", "../x", "HUP"), ("signal", web, "HUP&x=y"), ("restart", "a/b"), ("exec", web, "5", "-")):
        assert follower.act(*words)["code"] in ("ERR_INPUT", "ERR_REFUSED")

    stand_in.on_exec = lambda container, argv: (0, b"out\x1b[31m\n" + b"x" * 20000, b"err")
    done = follower.act("exec", web, "5", "nobody", "nginx", "-s", "reload")
    assert done["done"] and done["output"].startswith("out?[31m xxx") and len(done["output"]) < 9000
    assert stand_in.execs == [(web, ["nginx", "-s", "reload"], "nobody")]
    stand_in.on_exec = lambda container, argv: (3, b"one\n", b"two\n")
    done = follower.act("exec", web, "5", "-", "false")
    assert (done["code"], done["error"], done["output"]) == ("ERR_FAILED", "exit status 3", "one two")
    stand_in.on_exec = lambda container, argv: None
    assert follower.act("exec", web, "1", "-", "sleep")["code"] == "ERR_TIMEOUT"

    stand_in.fault("refuse", f"/containers/{web}/kill")
    refused = follower.act("signal", web, "HUP")
    assert refused["code"] == "ERR_REFUSED" and f"POST /containers/{web}/kill" in refused["error"]
    stand_in.fault("close", f"/containers/{web}/restart")
    assert follower.act("restart", web)["code"] == "ERR_NETWORK"
    assert stand_in.restarts == [web]
    assert follower.state["synced"]


def test_actions_while_it_is_away(stand_in, follow):
    follower = follow(stand_in.url)
    follower.wait_synced()
    stand_in.stop()
    follower.wait_lost()
    failed = follower.act("restart", "web")
    assert failed["code"] == "ERR_NETWORK" and "not connected" in failed["error"]


def test_commands_that_take_long_hold_nothing_up(stand_in, follow):
    """More of them than may run at once: containers are asked about all the same."""
    web = stand_in.add("web", quiet=True)
    follower = follow(stand_in.url)
    follower.wait_synced()
    stand_in.on_exec = lambda container, argv: None
    for _ in range(30):
        follower.say("exec", web, "60", "-", "sleep")
    follower.wait(lambda: stand_in.execs, "the first command")
    new = stand_in.add("new")
    follower.wait(lambda: new in follower.containers, "a container meanwhile")
    assert stand_in.connections <= 18


# --- TCP ---


def test_tcp_without_tls(follow):
    """As to a proxy of the socket on this machine."""
    with DockerStandIn(port=free_port()) as engine:
        web = engine.add("web", quiet=True)
        follower = follow(engine.url, insecure=True)
        follower.wait_synced()
        assert web in follower.containers


def test_tcp_with_certificates(docker_engines, authority, tmp_path, follow):
    """A real engine that asks for certificates of its clients."""
    engine = docker_engines(tcp="tls", authority=authority)
    web = engine.run("busybox", "sleep", "1000", name="web")
    url = f"tcp://127.0.0.1:{engine.tcp_port}"
    follower = follow(url, engine.ca_file, engine.client_certificate, engine.client_key)
    follower.wait_synced()
    assert web in follower.containers
    engine.rename(web, "other")
    follower.wait(lambda: follower.named("other"), "the new name")
    assert follower.act("exec", web, "20", "-", "echo", "hello")["output"] == "hello"

    other = Authority(tmp_path / "other", "another root")
    wrong_cert, wrong_key = other.leaf("client.example", client=True)
    assert "certificate is not trusted" in follow(
        url, other.ca_file, engine.client_certificate, engine.client_key
    ).wait_lost("not trusted")
    follow(url, engine.ca_file, wrong_cert, wrong_key).wait_lost("refused the TLS connection")
    follow(url, engine.ca_file, "-", "-").wait_lost("refused the TLS connection")
    follow(url.replace("127.0.0.1", "127.0.0.2"), engine.ca_file, engine.client_certificate, engine.client_key).wait_lost()


@pytest.mark.parametrize(
    "numbers, words",
    [((2, 1, 2), "ca-file"), ((0, 2, 2), "cert-file"), ((0, 1, 1), "key-file"), ((0, 1, 3), "not the key")],
)
def test_files_that_are_no_certificates(authority, numbers, words):
    """Said at once, in words."""
    certificate, key = authority.leaf("client.example", client=True)
    _, other = authority.leaf("other.example", client=True)
    files = [authority.ca_file, certificate, key, other]
    argv = [build_folder() / "tests/docker_run", "tcp://127.0.0.1:1", *(files[i] for i in numbers)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    failed = json.loads(done.stdout)
    assert done.returncode == 1 and failed["code"] == "ERR_TLS" and words in failed["failed"]
    assert not sanitizer_reports(done.stderr), done.stderr


# --- a real engine ---


def test_a_real_engine(docker_engine, follow):
    """Containers are started, changed, stopped and removed, and told as the engine knows them."""
    labels = {**ODD_LABELS, "escape": "\x1b[31m"}
    first = docker_engine.run("busybox", "sleep", "1000", name="first", labels=labels, env={"A": "b c", "B": "$(x)"})
    made = docker_engine.create("busybox", "sleep", "1000", name="made")
    follower = follow(docker_engine.host)
    follower.wait_synced()
    assert set(follower.containers) == {first, made}
    told, real = follower.containers[first], docker_engine.inspect(first)
    assert told["labels"] == {**ODD_LABELS, "escape": "?[31m"}
    assert told["env"]["A"] == "b c" and told["env"]["B"] == "$(x)"
    assert told["hostname"] == real["Config"]["Hostname"] and told["image"] == real["Config"]["Image"]
    assert (told["state"], told["network_mode"]) == ("running", "host")
    assert [network["name"] for network in told["networks"]] == ["host"]
    assert follower.containers[made]["state"] == "created" and follower.containers[made]["started"] == 0

    second = docker_engine.run("busybox", "sleep", "1000", name="second", volumes=["data:/data:ro"])
    follower.wait(lambda: (follower.named("second") or {}).get("state") == "running", "the second one")
    [(kind, _, destination, volume, writable)] = follower.containers[second]["mounts"]
    assert (kind, destination, volume, writable) == ("volume", "/data", "data", False)
    docker_engine.rename(second, "renamed")
    follower.wait(lambda: follower.named("renamed"), "the new name")
    docker_engine.exec(second, "true")
    docker_engine.kill_container(second)
    follower.wait(lambda: follower.containers[second]["state"] == "exited", "its end")
    crash = docker_engine.run("busybox", "sh", "-c", "exit 1", name="crash")
    follower.wait(lambda: follower.deaths, "a death")
    assert follower.deaths == [crash]  # somebody wanted the other to end
    docker_engine.rm(second)
    follower.wait(lambda: second not in follower.containers, "that it is gone")


def test_actions_in_real_containers(docker_engine, follow):
    """A signal is seen by the container's process; a restart, a command's output, status and time."""
    words = ("sh", "-c", "trap 'echo got a signal' HUP; echo ready; while true; do sleep 0.1; done")
    web = docker_engine.run("busybox", *words, name="web", user="0")
    docker_engine.wait_log(web, "ready")
    follower = follow(docker_engine.host)
    follower.wait_synced()
    assert follower.act("signal", web, "HUP")["done"]
    docker_engine.wait_log(web, "got a signal")
    started = docker_engine.inspect(web)["State"]["StartedAt"]
    assert follower.act("exec", web, "20", "-", "echo", "hello", "$HOME")["output"] == "hello $HOME"
    done = follower.act("exec", web, "20", "nobody", "sh", "-c", "id;echo>&2;exit${IFS}7")
    assert (done["code"], done["error"]) == ("ERR_FAILED", "exit status 7") and "uid=65534" in done["output"]
    assert follower.act("exec", web, "20", "-", "no-such-program")["code"] == "ERR_FAILED"
    assert follower.act("exec", web, "1", "-", "sleep", "1000")["code"] == "ERR_TIMEOUT"
    assert follower.act("restart", "web")["done"]
    assert docker_engine.inspect(web)["State"]["StartedAt"] != started
    docker_engine.stop_container(web)
    failed = follower.act("signal", web, "HUP")
    assert failed["code"] == "ERR_NOT_FOUND" and "is not running" in failed["error"]
    assert follower.act("exec", web, "5", "-", "true")["code"] == "ERR_NOT_FOUND"
    docker_engine.rm(web)
    assert follower.act("signal", web, "HUP")["code"] == "ERR_NOT_FOUND"


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_an_engine_that_is_restarted(docker_engine, follow, way):
    """Killed, or stopped: what it says afterwards is what is told."""
    labels = {"a": "b"}
    stays = docker_engine.run("busybox", "sleep", "1000", name="stays", labels=labels)
    goes = docker_engine.create("busybox", "sleep", "1000", name="goes")
    follower = follow(docker_engine.host)
    follower.wait_synced()
    assert set(follower.containers) == {stays, goes}
    getattr(docker_engine, way)()
    follower.wait_lost()
    docker_engine.start()
    docker_engine.rm(goes)
    new = docker_engine.run("busybox", "sleep", "1000", name="new")
    follower.wait(lambda: follower.state["synced"] and set(follower.containers) == {stays, new}, "what is there now", 60)

    def as_it_is():
        return all(follower.containers[c]["state"] == docker_engine.inspect(c)["State"]["Status"] for c in (stays, new))

    follower.wait(as_it_is, "the states")
    assert follower.containers[stays]["labels"] == labels


def test_a_real_swarm(docker_engines, follow):
    """A swarm of one node: a service is told with the name of its network, gets a signal and is restarted."""
    engine = docker_engines()
    follower = follow(engine.host)
    follower.wait_synced()
    engine.api("POST", "/swarm/init", {"ListenAddr": f"127.0.0.1:{free_port()}", "AdvertiseAddr": "127.0.0.1"})
    words = "trap 'echo got a signal' HUP; echo ready; while true; do sleep 0.1; done"
    service = engine.api(
        "POST",
        "/services/create",
        {
            "Name": "shop_api",
            "Labels": {"a": "b", "com.docker.stack.namespace": "shop"},
            "TaskTemplate": {
                "ContainerSpec": {"Image": "busybox", "Command": ["sh", "-c", words], "Labels": {"c": "d"}, "Env": ["X=y"]},
                "Networks": [{"Target": "host"}],
            },
            "Mode": {"Replicated": {"Replicas": 1}},
        },
    )["ID"]
    told = follower.wait(lambda: follower.containers.get(service), "the service", 60)
    assert told["service"] and (told["project"], told["service_name"]) == ("shop", "api")
    assert told["labels"] == {"a": "b", "c": "d", "com.docker.stack.namespace": "shop"} and told["env"] == {"X": "y"}
    assert [network["name"] for network in told["networks"]] == ["host"]

    def task():
        return next((c for c in list(follower.containers.values()) if not c["service"] and c["state"] == "running"), None)

    first = follower.wait(task, "its task", 60)["put"]
    engine.wait_log(first, "ready")
    assert follower.act("service-signal", service, "HUP")["done"]
    engine.wait_log(first, "got a signal")
    assert follower.act("service-restart", service)["done"]

    def replaced():
        one = task()
        return one is not None and one["put"] != first

    follower.wait(replaced, "another task", 60)
    engine.api("DELETE", f"/services/{service}")
    follower.wait(lambda: service not in follower.containers, "that the service is gone", 60)
    with contextlib.suppress(ApiError):
        engine.api("POST", "/swarm/leave", force=1)


# --- podman ---


@pytest.fixture
def podman(processes):
    with Podman(processes) as engine:
        yield engine


def test_podman(podman, follow):
    """Its compatible API: containers are listed, followed, signalled, restarted, and commands are run in them."""
    run, options = podman.run, OPTIONS
    image = podman.image()
    words = ("sh", "-c", "trap 'echo got a signal' HUP; echo ready; while true; do sleep 0.1; done")
    made = run("create", *options, "--name=made", "--label=a=b\nc", "--env=X=y", image, "sleep", "1000")
    follower = follow(podman.host)
    follower.wait_synced()
    assert follower.state["version"].startswith("podman ")
    told = follower.containers[made]
    assert (told["name"], told["state"], told["labels"]["a"], told["env"]["X"]) == ("made", "created", "b\nc", "y")
    web = run("run", "-d", *options, "--name=web", "--label=io.podman.compose.project=shop", image, *words)
    follower.wait(lambda: (follower.named("web") or {}).get("state") == "running", "the second one")
    told = follower.containers[web]
    assert (told["project"], told["network_mode"]) == ("shop", "host") and told["started"] >= told["created"] > 0
    wait_until(lambda: "ready" in run("logs", "web"), "it to be ready")
    assert follower.act("signal", web, "HUP")["done"]
    wait_until(lambda: "got a signal" in run("logs", "web"), "the signal")
    assert follower.act("exec", web, "20", "-", "echo", "hello")["output"] == "hello"
    done = follower.act("exec", web, "20", "-", "sh", "-c", "exit${IFS}7")
    assert (done["code"], done["error"]) == ("ERR_FAILED", "exit status 7")
    assert follower.act("signal", "nobody", "HUP")["code"] == "ERR_NOT_FOUND"
    run("rename", "made", "renamed")
    follower.wait(lambda: follower.named("renamed"), "the new name")
    run("kill", "web")
    follower.wait(lambda: follower.containers[web]["state"] == "exited", "its end")
    assert web not in follower.deaths  # somebody wanted it to end
    assert follower.act("restart", web)["done"]
    follower.wait(lambda: follower.containers[web]["state"] == "running", "that it runs again")
    run("rm", "-f", "-t", "0", "web", "renamed")
    follower.wait(lambda: not follower.containers, "that they are gone")

