"""The watcher, whose parent is the test: what it tells of containers. Most of it over an engine that is none, which is fast
and goes wrong at will; the rest over Docker's."""

import socket
import threading
import time

from processes import wait_until
from watcher import EVERCERT, EXEC, NONE, ON_SIGNAL, SIGNAL
from watching import NAMES, SITES, folder, label, stand_in, watcher

DOMAINS = "evercert.domains"


# --- what containers say ---


def test_claims_consumers_and_problems(stand_in, watcher):
    """Everything that a container says arrives with who says it; labels that policy does not look at stay behind."""
    engine = stand_in()
    web = engine.add(
        "shop_web_1",
        {**label(domains="a.example, www.a.example", dns="corp", key_type="rsa-2048"), "tier": "1", "password": "x"},
        image="nginx:1",
        project="shop",
        service="web",
        networks={"front": "10.0.0.2", "back": "10.0.1.2"},
    )
    engine.add("proxy", label(use="a.example", on_change="signal:HUP", verify="443"))
    engine.add("odd", label(domians="b.example"))
    engine.add("companion", env={"LETSENCRYPT_HOST": "c.example"})
    engine.add("silent", {"tier": "2"})
    one = watcher({"docker": engine}, labels=["tier"])
    told = one.wait_complete()
    assert len(one.all_told) == 1  # at once all of it, and not bit by bit
    claim = next(claim for claim in told.claims if claim["container"] == "shop_web_1")
    assert (claim["engine"], claim["id"], claim["service"], claim["image"]) == ("docker", web, False, "nginx:1")
    assert (claim["project"], claim["service_name"], claim["key"]) == ("shop", "web", DOMAINS)
    assert (claim["domains"], claim["labels"]) == (["a.example", "www.a.example"], ["tier=1"])
    assert sorted(claim["options"]) == ["dns=corp", "key-type=rsa-2048"]
    assert sorted(claim["networks"]) == ["back", "front"] and claim["created"] > 1700000000
    assert told.domains == {"a.example", "www.a.example", "c.example"}
    (consumer,) = told.consumers
    assert (consumer["container"], consumer["uses"]) == ("proxy", ["a.example"])
    assert (consumer["change"], consumer["value"]) == (ON_SIGNAL, "HUP")
    assert len(consumer["verify"]) == 1 and consumer["verify"][0].endswith(":443")
    (problem,) = told.problems
    assert (problem["container"], problem["key"]) == ("odd", "evercert.domians")
    assert "domains" in problem["reason"]


def test_readers_are_the_configurations(stand_in, watcher):
    """Who reads what is the feed's to say; a reload with others tells all of it anew."""
    engine = stand_in()
    engine.add("one", label(domains="a.example"))
    engine.add("two", env={"ACME_HOST": "b.example"})
    one = watcher({"docker": engine}, readers=EVERCERT)
    one.wait_domains("a.example")
    one.readers = 15
    one.feed()
    one.wait_domains("a.example", "b.example")


def test_changes_are_told_once(stand_in, watcher):
    """A new container, a changed one, one that goes: each is told, and what says nothing is not."""
    engine = stand_in()
    one = watcher({"docker": engine})
    assert one.wait_complete().claims == []
    first = engine.add("one", label(domains="a.example"))
    one.wait_domains("a.example")
    changes, told = one.changes, len(one.all_told)
    engine.add("plain", {"any": "thing"})
    one.wait(lambda: one.changes > changes, "the world to change")
    assert len(one.all_told) == told
    engine.add("two", label(domains="b.example"))
    one.wait_domains("a.example", "b.example")
    engine.rename(first, "uno")
    one.wait_told(lambda told: "uno" in told.containers)
    engine.remove(first)
    one.wait_domains("b.example")


def test_only_those_that_are_up_claim(stand_in, watcher):
    engine = stand_in()
    for state in ("running", "paused", "created", "exited", "dead", "removing"):
        engine.add(state, label(domains=f"{state}.example", use="x", on_change="restart"), state=state)
    one = watcher({"docker": engine}, templates={"names": NAMES})
    told = one.wait_complete()
    assert told.domains == {"running.example", "paused.example"}
    assert {consumer["container"] for consumer in told.consumers} == {"running", "paused"}
    # Templates see all of them, by creation.
    one.wait_output("names", "running:running\npaused:paused\ncreated:created\nexited:exited\ndead:dead\nremoving:removing\n")
    container = next(id for id, document in engine.containers.items() if document["Name"] == "/exited")
    engine.start(container)
    one.wait_told(lambda told: "exited.example" in told.domains)
    engine.die(container)
    one.wait_told(lambda told: "exited.example" not in told.domains)


def test_a_crash_loop_claims_nothing(stand_in, watcher):
    """A container that dies again and again is never told of, whatever else happens; one beside it is, at once."""
    engine = stand_in()
    one = watcher({"docker": engine})
    one.wait_complete()
    loop = engine.add("loop", label(domains="loop.example"), state="created", quiet=True)
    for n in range(1, 6):
        document = engine.containers[loop]
        document["RestartCount"] = n
        engine.start(loop)
        engine.die(loop)
        engine.update(loop, state="restarting", action="die")
        engine.add(f"fine-{n}", label(domains=f"fine-{n}.example"))
        one.wait_told(lambda told, n=n: f"fine-{n}.example" in told.domains)
    engine.start(loop)
    engine.add("last", label(domains="last.example"))
    one.wait_told(lambda told: "last.example" in told.domains)
    assert all("loop.example" not in told.domains for told in one.all_told)


def test_what_was_told_stays_through_restarts(stand_in, watcher):
    """A container that had its certificate and begins to crash keeps it; its end is what ends that."""
    engine = stand_in()
    web = engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine})
    one.wait_domains("a.example")
    told = len(one.all_told)
    for n in range(3):
        engine.containers[web]["RestartCount"] = n + 1
        changes = one.changes
        engine.update(web, state="restarting", action="die")
        one.wait(lambda: one.changes > changes, "the world to change")
        changes = one.changes
        engine.start(web)
        one.wait(lambda: one.changes > changes, "the world to change")
    assert len(one.all_told) == told
    engine.remove(web)
    one.wait_domains()


def test_one_bad_container_spoils_nothing(stand_in, watcher):
    """What is too long for a message, or for a reader, is that container's problem alone."""
    engine = stand_in()
    names = ",".join(f"{'n' * 50}-{i}.example" for i in range(300))
    engine.add("long", {f"evercert.{i}.domains": names for i in range(60)})
    engine.add("rude", {DOMAINS: "$(reboot).example\x1b[31m\nx", "evercert.use": "\x07", "evercert.on-change": "signal:`id`"})
    engine.add("good", label(domains="good.example"))
    told = watcher({"docker": engine}).wait_told(lambda told: "good.example" in told.domains)
    assert {problem["container"] for problem in told.problems} >= {"rude"}
    assert all(ch.isprintable() for problem in told.problems for ch in problem["reason"] + problem["key"])


# --- many, and often ---


def test_a_thousand_containers(stand_in, watcher):
    """All are told at once, and the process stays small."""
    engine = stand_in()
    engine.add_many(1000, {DOMAINS: "n{}.example,www.n{}.example", "com.example.note": "x" * 40}, env={"PATH": "/bin", "A": "b"})
    one = watcher({"docker": engine}, templates={"sites": SITES})
    told = one.wait_complete()
    assert len(told.claims) == 1000 and len(told.domains) == 2000
    assert len(one.all_told) == 1
    one.wait_output("sites", "".join(f"[many-{i}]" for i in range(1000)))
    assert len(one.outputs["sites"]) == 1


def test_a_thousand_events_are_few_passes(stand_in, watcher):
    """A hundred changes a second: they are gathered, and the last state is the one that is told."""
    engine = stand_in()
    web = engine.add("web", label(domains="start.example"))
    one = watcher({"docker": engine}, wait=(500, 2000), templates={"t": "<%= containers[1].labels['n'] %>"})
    one.wait_domains("start.example")
    before, outputs, begun = len(one.all_told), len(one.outputs.get("t", [])), time.monotonic()
    for i in range(1000):
        engine.update(web, {DOMAINS: f"n{i}.example", "n": str(i)})
        left = begun + (i + 1) * 0.01 - time.monotonic()
        time.sleep(max(left, 0))  # the pace of the events is what this is about
    one.wait_domains("n999.example")
    one.wait_output("t", "999")
    # A pass for each two seconds that it took, and the last one: far from one for each event.
    passes = (time.monotonic() - begun) / 2 + 2
    assert 1 <= len(one.all_told) - before <= passes
    assert 1 <= len(one.outputs["t"]) - outputs <= passes + 1


def test_events_that_change_nothing(stand_in, watcher):
    """Health checks, and commands that are run in containers, lead to nothing that is told."""
    engine = stand_in()
    web = engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine}, templates={"sites": SITES})
    one.wait_domains("a.example")
    one.wait_output("sites", "[web]")
    for _ in range(200):
        engine.event("exec_start: sh", web)
        engine.update(web, action="update")
    engine.add("end", label(domains="end.example"))
    one.wait_domains("a.example", "end.example")
    one.wait_output("sites", "[web][end]")
    assert len(one.all_told) == 2 and len(one.outputs["sites"]) == 2


# --- its life ---


def test_it_ends_with_its_parent(stand_in, watcher):
    one = watcher({"docker": stand_in()})
    one.wait_complete()
    one.parent._socket.shutdown(socket.SHUT_RDWR)
    assert one.popen.wait(20) == 0


def test_it_ends_in_the_middle_of_everything(stand_in, watcher):
    """Calls, tries and texts under way: it still ends in good order."""
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine}, start=False, templates={"sites": SITES})
    hold = threading.Event()
    one.take = lambda fields: hold.wait(20) and None
    one.start()
    one.wait_output("sites", "[web]")
    engine.on_exec = lambda id, argv: None
    one.begin("act", container="web", verb=EXEC, argv=["sleep"], timeout=60)
    wait_until(lambda: engine.execs, "the command to be run")
    one.begin("template_try", source="t", text=b"<% while true do end %>", kind="none")
    one.stop()
    hold.set()


def test_frames_out_of_turn(stand_in, watcher):
    """Pieces of a feed without a feed, sockets nobody asked for, answers to nothing: it goes on."""
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine}, start=False)
    one.start(feed=False)
    one.engine("stray", engine.url)
    one.parent.send("watch_template", output="x", source="x", text=b"x", kind="none")
    one.begin("act", container="x", verb=2**32 - 1, timeout=2**63 - 1)
    one.parent.send("watch_end")
    one.parent.send("model_row", json="{}")
    one.parent.send("model_end")
    one.parent.send("engine_no_socket", engine="nobody")
    with open("/dev/null", "rb") as nothing:
        one.parent.send("engine_socket", engine="docker", fd=nothing.fileno())
    one.parent.send("model_begin")
    one.parent.send("model_begin")
    one.parent.send("model_row", json="no JSON")
    one.parent.send("model_end")
    one.parent.send("watch_begin", wait_min=2**63 - 1, wait_max=-(2**63), readers=2**32 - 1, settings="no JSON")
    one.parent.send("watch_template", output="y", source="y", text=b"<%", kind="?", wait_max=2**63 - 1)
    one.parent.send("watch_end")
    one.template("t", "<%= #certificates %>").feed()
    one.wait_domains("a.example")
    for _ in range(50):
        one.feed(rescan=True)
    assert one.wait_domains("a.example").complete
    assert one.act("web", SIGNAL, signal="HUP")["error"]["code"] == ""


# --- a real engine ---

SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; trap 'echo HUP' HUP; while :; do sleep 0.1; done")


def test_docker(docker_engine, watcher):
    """Labels of a running container, a signal that reaches its process, a command's output, and its end."""
    web = docker_engine.run("busybox", *SLEEPER, name="web", labels=label(domains="a.example", use="a.example"))
    docker_engine.wait_running(web)
    one = watcher({"docker": docker_engine.host}, templates={"sites": SITES})
    told = one.wait_domains("a.example")
    assert told.claims[0]["id"] == web and told.consumers[0]["change"] == NONE
    one.wait_output("sites", "[web]")
    assert "Docker" in one.states["docker"]["version"]
    assert one.act("web", SIGNAL, signal="HUP")["error"]["code"] == ""
    docker_engine.wait_log(web, "HUP")
    done = one.act("web", EXEC, argv=["echo", "$HOME", "a b"])
    assert (done["error"]["code"], done["output"].strip()) == ("", "$HOME a b")
    docker_engine.rm(web)
    one.wait_domains()
    one.wait_output("sites", "")


def test_docker_crash_loop(docker_engine, watcher):
    """A container that Docker starts again and again is never told of, one beside it is. It dies within the time that
    changes are waited for; one that dies later has claimed once, before anybody could know."""
    one = watcher({"docker": docker_engine.host}, wait=(1000, 10 * 1000))
    one.wait_complete()
    words = {"labels": label(domains="loop.example"), "host": {"RestartPolicy": {"Name": "always"}}}
    loop = docker_engine.run("busybox", "false", name="loop", **words)
    wait_until(lambda: docker_engine.inspect(loop)["RestartCount"] >= 3, "some restarts", 60)
    docker_engine.run("busybox", *SLEEPER, name="web", labels=label(domains="web.example"))
    one.wait_told(lambda told: "web.example" in told.domains)
    wait_until(lambda: docker_engine.inspect(loop)["RestartCount"] >= 5, "more restarts", 60)
    docker_engine.run("busybox", *SLEEPER, name="two", labels=label(domains="two.example"))
    one.wait_told(lambda told: "two.example" in told.domains)
    assert all("loop.example" not in told.domains for told in one.all_told)


def test_docker_restarted(docker_engine, watcher):
    """dockerd goes and comes back: its containers are told of again, and nothing was taken back before."""
    policy = {"RestartPolicy": {"Name": "always"}}
    docker_engine.run("busybox", *SLEEPER, name="web", labels=label(domains="a.example"), host=policy)
    one = watcher({"docker": docker_engine.host})
    one.wait_domains("a.example")
    docker_engine.restart()
    one.wait(lambda: one.text().count("docker: connected") == 2, "the engine to be back", 60)
    one.wait(lambda: one.states["docker"]["synced"], "its list", 60)
    docker_engine.run("busybox", *SLEEPER, name="new", labels=label(domains="new.example"))
    one.wait_told(lambda told: "new.example" in told.domains)
    assert one.told.complete
