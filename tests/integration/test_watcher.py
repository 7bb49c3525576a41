"""The watcher, whose parent is the test: what it tells of containers, what it does in them, and what it renders. Most of
it over an engine that is none, which is fast and goes wrong at will; the rest over Docker's."""

import json
import pathlib
import socket
import ssl
import tempfile
import threading
import time

import pytest

from docker_stand_in import DockerStandIn
from ports import free_port
from processes import wait_until
from watcher import EVERCERT, EXEC, NONE, ON_SIGNAL, RESTART, SIGNAL, Watcher

DOMAINS = "evercert.domains"
# Which containers there are, and in which state.
NAMES = "<% for _, c in ipairs(containers) do %><%= c.name %>:<%= c.state %>\n<% end %>"
SITES = "<% for _, c in ipairs(containers) do if c.running then %>[<%= c.name %>]<% end end %>"


@pytest.fixture
def folder():
    """Paths of sockets are short."""
    with tempfile.TemporaryDirectory(prefix="evw-", dir="/tmp") as path:
        yield pathlib.Path(path)


@pytest.fixture
def stand_in(folder):
    """Makes engines, and begins them."""
    made = []

    def make(name="d", **options):
        made.append(DockerStandIn(folder / f"{name}.sock", **options).__enter__())
        return made[-1]

    yield make
    for engine in made:
        engine.__exit__()


@pytest.fixture
def watcher(tmp_path):
    """A watcher of these engines (objects, or URLs), started; it ends in good order, or the test fails."""
    made = []

    def make(engines=None, start=True, templates=None, **options):
        urls = {name: getattr(engine, "url", engine) for name, engine in (engines or {}).items()}
        made.append(Watcher(tmp_path, urls, **options))
        for output, words in (templates or {}).items():
            made[-1].template(output, *([words] if isinstance(words, str) else words))
        return made[-1].start() if start else made[-1]

    yield make
    for one in made:
        try:
            if one.popen is not None and one.popen.poll() is None:
                one.stop()
        finally:
            one.kill()


def label(**words):
    """evercert.X labels; "_" is "-"."""
    return {f"evercert.{name.replace('_', '-')}": text for name, text in words.items()}


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


# --- engines ---


def test_two_engines(stand_in, watcher):
    engines = {"one": stand_in("one"), "two": stand_in("two")}
    ids = {name: engine.add("web", label(domains=f"{name}.example")) for name, engine in engines.items()}
    assert ids["one"] == ids["two"]  # the same id: whose it is says the engine
    one = watcher(engines)
    told = one.wait_domains("one.example", "two.example")
    assert {(claim["engine"], claim["id"]) for claim in told.claims} == set(ids.items())
    assert told.complete and len(one.all_told) == 1
    engines["one"].remove(ids["one"])
    one.wait_domains("two.example")


def test_an_engine_lost_and_back(stand_in, watcher):
    """Nothing that was told is taken back while an engine is away; what happened meanwhile is told when it is there."""
    engine = stand_in()
    gone = engine.add("gone", label(domains="gone.example"))
    engine.add("stays", label(domains="stays.example"))
    one = watcher({"docker": engine})
    one.wait_domains("gone.example", "stays.example")
    engine.stop()
    one.wait(lambda: not one.states["docker"]["connected"], "the loss to be told")
    engine.remove(gone, quiet=True)
    engine.add("new", label(domains="new.example"), quiet=True)
    engine.begin()
    one.wait_domains("stays.example", "new.example")
    assert all("stays.example" in told.domains and told.complete for told in one.all_told)
    # Each change of an engine is a line, however often it was tried.
    log = one.text()
    assert log.count("docker: connected") == 2 and log.count("docker: connection lost") == 1


def test_an_engine_that_is_not_there(stand_in, watcher, folder):
    """The others are told of, and that it is not all; when it is there, it is."""
    here, there = stand_in("here"), stand_in("there")
    there.stop()
    here.add("web", label(domains="here.example"))
    there.add("web", label(domains="there.example"), quiet=True)
    one = watcher({"here": here, "there": there})
    told = one.wait_domains("here.example")
    assert not told.complete
    assert one.states["there"]["error"] and not one.states["there"]["connected"]
    there.begin()
    assert one.wait_domains("here.example", "there.example").complete
    # Away again, everything has been listed all the same.
    there.stop()
    here.add("more", label(domains="more.example"))
    assert one.wait_domains("here.example", "there.example", "more.example").complete


def test_an_engine_without_containers(stand_in, watcher, folder):
    """Complete is said even where there is nothing to be told, or no engine at all."""
    one = watcher({"docker": stand_in()})
    assert one.wait_complete().claims == []
    one.engines = {}
    one.feed()
    one.wait(lambda: len(one.all_told) == 2, "another round")
    assert one.told.complete and one.told.claims == []


def test_a_reload_keeps_engines_that_did_not_change(stand_in, watcher):
    """One is removed and its claims with it; the other keeps its connection, and is not even listed again."""
    stays, goes = stand_in("stays"), stand_in("goes")
    stays.add("web", label(domains="stays.example"))
    goes.add("web", label(domains="goes.example"))
    one = watcher({"stays": stays, "goes": goes})
    one.wait_domains("stays.example", "goes.example")
    wants, requests = list(one.wants), len(stays.requests)
    del one.engines["goes"]
    one.feed()
    told = one.wait_domains("stays.example")
    assert told.complete
    wait_until(lambda: goes.connections == 0, "its connections to be closed")
    assert one.wants == wants and len(stays.requests) == requests
    stays.add("more", label(domains="more.example"))
    one.wait_domains("stays.example", "more.example")


def test_a_reload_lists_anew(stand_in, watcher):
    """SIGHUP finds what no event told of."""
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine})
    one.wait_domains("a.example")
    engine.add("quiet", label(domains="quiet.example"), quiet=True)
    one.feed(rescan=True)
    one.wait_domains("a.example", "quiet.example")


def test_an_engine_that_changed_is_another(stand_in, watcher):
    """The same name, and another socket."""
    old, new = stand_in("old"), stand_in("new")
    old.add("web", label(domains="old.example"))
    new.add("web", label(domains="new.example"))
    one = watcher({"docker": old})
    one.wait_domains("old.example")
    one.engines["docker"] = new.url
    one.feed()
    assert one.wait_domains("new.example").complete
    wait_until(lambda: old.connections == 0, "its connections to be closed")


def test_an_engine_whose_settings_are_no_good(stand_in, watcher):
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine, "odd": "gopher://x"})
    assert not one.wait_domains("a.example").complete
    assert one.states["odd"]["error"]


def server_context(authority):
    """TLS that asks for a client's certificate, and the fields of an engine that may use it."""
    certificate, key = authority.leaf("localhost", "127.0.0.1")
    mine, my_key = authority.leaf("client.example", client=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    words = {"ca": authority.ca_file, "cert": mine, "key": my_key}
    return context, {word: pathlib.Path(file).read_bytes() for word, file in words.items()}


def test_an_engine_elsewhere(authority, watcher):
    """Over TCP with TLS, by address and by name, from inside the sandbox; the parent connects nothing."""
    context, words = server_context(authority)
    with DockerStandIn(port=free_port(), context=context) as engine:
        web = engine.add("web", label(domains="a.example"))
        by_name = {"url": engine.url.replace("127.0.0.1", "localhost"), **words}
        one = watcher({"address": {"url": engine.url, **words}, "name": by_name})
        told = one.wait_complete()
        assert {claim["engine"] for claim in told.claims} == {"address", "name"} and one.wants == []
        assert one.act("web", SIGNAL, signal="HUP", engine="name")["error"]["code"] == ""
        assert engine.signals == [(web, "HUP")]
        # A reload with the same words keeps them, one with another certificate does not.
        requests = len(engine.requests)
        one.feed()
        one.wait(lambda: len(one.all_told) == 2, "another round")
        assert len(engine.requests) == requests
        one.engines["name"]["ca"] += b"\n"
        one.feed()
        wait_until(lambda: len(engine.requests) > requests, "it to be asked anew")
        assert one.wait_told(lambda told: len(told.claims) == 2 and told.complete)


# --- doing something in containers ---


def test_act_by_id_name_and_service(stand_in, watcher):
    """Whom a word means: a container's name before all, then PROJECT/SERVICE, then a service of compose, all replicas."""
    engine = stand_in()
    ids = {
        name: engine.add(name, project=project, service=service)
        for name, project, service in (
            ("nginx", "", ""),
            ("shop_web_1", "shop", "web"),
            ("shop_web_2", "shop", "web"),
            ("blog_web_1", "blog", "web"),
            ("web-extra", "blog", "nginx"),
        )
    }
    engine.add("shop_web_3", project="shop", service="web", state="exited")
    one = watcher({"docker": engine})
    one.wait_complete()

    def told(*names):
        wanted = sorted((ids[name], "HUP") for name in names)
        got, engine.signals[:] = sorted(engine.signals), []
        return got == wanted

    def fine(**words):
        assert one.act(verb=SIGNAL, signal="HUP", **words)["error"]["code"] == "", words

    fine(id=ids["nginx"])
    assert told("nginx")
    fine(engine="docker", id=ids["shop_web_1"])
    assert told("shop_web_1")
    fine(container="nginx")
    assert told("nginx")
    fine(container="shop/web")
    assert told("shop_web_1", "shop_web_2")
    fine(container="web")
    assert told("shop_web_1", "shop_web_2", "blog_web_1")
    fine(container="shop_web_2", engine="docker")
    assert told("shop_web_2")
    assert one.act("web", RESTART)["error"]["code"] == ""
    assert sorted(engine.restarts) == sorted(ids[name] for name in ("shop_web_1", "shop_web_2", "blog_web_1"))


def test_act_on_nobody(stand_in, watcher):
    """What was looked for is said; nothing is done."""
    engine = stand_in()
    engine.add("web")
    stopped = engine.add("stopped", state="exited")
    one = watcher({"docker": engine})
    one.wait_complete()
    for words, text in (
        ({"container": "nobody"}, "nobody"),
        ({"container": "shop/web"}, "shop/web"),
        ({"container": "web", "engine": "other"}, "other"),
        ({"id": "ab" * 32}, "ab" * 32),
        ({"container": "stopped"}, "exited"),
        ({"container": "web*"}, "web*"),
    ):
        error = one.act(verb=SIGNAL, signal="HUP", **words)["error"]
        assert error["code"] == "NOT_FOUND" and text in error["text"], (words, error)
    assert one.act(container="web", verb=99)["error"]["code"] == "INPUT"
    assert one.act(verb=SIGNAL, signal="HUP")["error"]["code"] == "INPUT"
    assert engine.signals == [] and stopped in engine.containers


def test_exec(stand_in, watcher):
    """Words, user, what was printed and the status; of several, whose it was."""
    engine = stand_in()
    container = engine.add("nginx")
    one = watcher({"docker": engine})
    one.wait_complete()
    engine.on_exec = lambda id, argv: (0, b"test is successful\n", b"")
    done = one.act("nginx", EXEC, argv=["nginx", "-t", "$(reboot)"], user="www-data")
    assert done["error"]["code"] == "" and "test is successful" in done["output"]
    assert engine.execs == [(container, ["nginx", "-t", "$(reboot)"], "www-data")]
    engine.add("a_web_1", project="a", service="web")
    second = engine.add("a_web_2", project="a", service="web")
    one.wait(lambda: one.changes >= 2, "the world to change")
    engine.on_exec = lambda id, argv: (1 if id == second else 0, b"said", b"")
    done = one.act("a/web", EXEC, argv=["true"])
    assert done["error"]["code"] == "FAILED"
    assert "a_web_2" in done["error"]["text"] and "1 of 2" in done["error"]["text"]
    assert "a_web_1: said" in done["output"] and "a_web_2: said" in done["output"]


def test_a_service_of_a_swarm(stand_in, watcher):
    """It claims as a container does, and a restart of it is the engine's to carry out."""
    engine = stand_in(swarm=True)
    service = engine.add_service("api", labels=label(domains="api.example"))
    one = watcher({"docker": engine})
    claim = one.wait_domains("api.example").claims[0]
    assert claim["service"] and claim["id"] == service
    assert one.act("api", RESTART)["error"]["code"] == ""
    assert [update[0] for update in engine.service_updates] == [service]


def test_an_engine_goes_while_it_is_asked(stand_in, watcher):
    """Who waits for an answer gets one."""
    engine = stand_in()
    engine.add("web")
    one = watcher({"docker": engine})
    one.wait_complete()
    engine.on_exec = lambda id, argv: None  # never ends
    asked = one.begin("act", container="web", verb=EXEC, argv=["sleep", "9"], timeout=60)
    wait_until(lambda: engine.execs, "the command to be run")
    one.engines = {}
    one.feed()
    error = one.answer(asked)["error"]
    assert error["code"] == "CANCELLED" and "web" in error["text"]


# --- templates ---


def test_rendered_only_when_it_changed(stand_in, watcher):
    engine = stand_in()
    web = engine.add("web")
    one = watcher({"docker": engine}, templates={"sites": SITES, "fixed": "text"})
    one.wait_output("sites", "[web]")
    one.wait_output("fixed", "text")
    engine.add("more")
    one.wait_output("sites", "[web][more]")
    engine.update(web, {"a": "b"})
    engine.add("stopped", state="exited")
    changes = one.changes
    one.wait(lambda: one.changes > changes, "the world to change")
    engine.add("last")
    one.wait_output("sites", "[web][more][last]")
    assert [fields["text"] for fields in one.outputs["sites"]] == [b"[web]", b"[web][more]", b"[web][more][last]"]
    assert len(one.outputs["fixed"]) == 1
    # A reload by which nothing changed renders nothing anew, SIGHUP hands in everything.
    one.feed()
    one.feed(rescan=True)
    one.wait(lambda: len(one.outputs["fixed"]) == 2 and len(one.outputs["sites"]) == 4, "all to be handed in")
    one.template("fixed", "other").feed()
    one.wait_output("fixed", "other")
    assert len(one.outputs["sites"]) == 4


def test_certificates_and_settings(stand_in, watcher):
    """They are what templates see besides containers: a change of them is one."""
    one = watcher({"docker": stand_in()}, start=False)
    one.template("names", "<% for _, c in ipairs(certificates) do %>[<%= c.name %>]<% end %>")
    one.template("host", "<%= host.name %>")
    one.rows = [json.dumps({"name": "a.example"})]
    one.start()
    one.wait_output("names", "[a.example]")
    one.wait_output("host", "test")
    one.model([json.dumps({"name": name}) for name in ("a.example", "b.example")])
    one.wait_output("names", "[a.example][b.example]")
    one.settings = '{"challenge": {}, "host": {"name": "other"}}'
    one.feed()
    one.wait_output("host", "other")
    assert len(one.outputs["names"]) == 2


def test_nothing_is_rendered_before_all_is_known(stand_in, watcher):
    """A file that is there is better than one without the certificates, or the containers, that are about to be told."""
    engine = stand_in()
    engine.add("web")
    engine.fault("unavailable", "/containers/json", times=None)
    one = watcher({"docker": engine}, start=False, templates={"sites": SITES})
    one.start(feed=False)
    one.feed()
    assert not one.wait_told(lambda told: True).complete
    one.model()
    # It may be tried meanwhile: what is known is rendered.
    assert one.try_template(SITES)["text"] == b""
    assert one.outputs == {}
    engine.clear_faults()
    one.wait_output("sites", "[web]")
    assert len(one.outputs["sites"]) == 1


def test_each_has_its_own_wait(stand_in, watcher):
    """One that waits long does not keep the others."""
    engine = stand_in()
    one = watcher({"docker": engine}, start=False)
    one.template("slow", SITES, wait=(60 * 1000, 60 * 1000)).template("quick", SITES, wait=(1, 1)).start()
    one.wait_output("slow", "")
    engine.add("web")
    one.wait_output("quick", "[web]")
    assert one.output("slow") == ""


def test_a_text_that_is_not_taken(stand_in, watcher):
    """While one is under way no other is handed in; the one that was not taken comes again with a later change."""
    engine = stand_in()
    held, answers = threading.Event(), []

    def take(fields):
        held.wait(20)
        answers.append(fields["text"])
        return ("FAILED", "nginx -t says no") if len(answers) == 1 else None

    one = watcher({"docker": engine}, start=False, templates={"sites": SITES})
    one.take = take
    one.start()
    one.wait_output("sites", "")
    for n in range(3):
        changes = one.changes
        engine.add(f"c{n}")
        one.wait(lambda: one.changes > changes, "the world to change")
    assert len(one.outputs["sites"]) == 1
    held.set()
    one.wait_output("sites", "[c0][c1][c2]")
    assert len(one.outputs["sites"]) == 2
    # Back to the one that was not taken: it differs from what was, so it is handed in.
    for container in list(engine.containers):
        engine.remove(container)
    one.wait_output("sites", "")


def test_a_template_that_fails(stand_in, watcher):
    """Its error is told once, with its line, and the others are rendered all the same."""
    engine = stand_in()
    one = watcher({"docker": engine}, templates={"bad": "x\n<% error('on purpose') %>", "good": SITES})
    one.wait_output("good", "")
    one.wait(lambda: "bad" in one.outputs, "the error")
    error = one.outputs["bad"][0]["error"]
    assert error["code"] == "INPUT" and "bad.tmpl:2" in error["text"] and one.outputs["bad"][0]["text"] == b""
    engine.add("web")
    one.wait_output("good", "[web]")
    assert len(one.outputs["bad"]) == 1
    one.template("bad", "fine now").feed()
    one.wait_output("bad", "fine now")


def test_an_endless_loop_does_not_stop_the_others(stand_in, watcher):
    """It is ended by its limits, and claims, the other templates and actions go on."""
    engine = stand_in()
    web = engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine}, templates={"bad": "<% while true do end %>", "good": SITES})
    one.wait_output("good", "[web]", timeout=60)
    one.wait(lambda: "bad" in one.outputs, "the error", 60)
    assert one.outputs["bad"][0]["error"]["code"] == "LIMIT"
    for n in range(3):
        engine.add(f"c{n}", label(domains=f"c{n}.example"))
        one.wait_told(lambda told, n=n: f"c{n}.example" in told.domains)
        one.wait(lambda n=n: f"[c{n}]" in one.output("good"), "the good one", 60)
    assert one.act("web", SIGNAL, signal="HUP")["error"]["code"] == ""
    assert engine.signals == [(web, "HUP")]
    assert len(one.outputs["bad"]) == 1


def test_lines(stand_in, watcher):
    """Which line of the template each line of the text came from."""
    engine = stand_in()
    engine.add("a")
    engine.add("b")
    one = watcher({"docker": engine}, templates={"sites": "first\n<% for _, c in ipairs(containers) do %>\n<%= c.name %>\n<% end %>\nlast\n"})
    one.wait_output("sites", "first\na\nb\nlast\n")
    lines = one.outputs["sites"][0]["lines"]
    assert [int.from_bytes(lines[i : i + 4], "little") for i in range(0, len(lines), 4)] == [1, 3, 3, 5]


def test_try(stand_in, watcher):
    """Rendered once, over what is known, after every engine has answered; nothing of it is kept."""
    engine = stand_in()
    engine.add("web")
    one = watcher({"docker": engine}, start=False)
    one.start(feed=False)
    asked = one.begin("template_try", source="try.tmpl", text=SITES.encode(), kind="none")
    one.feed()
    assert one.answer(asked)["text"] == b"[web]"
    assert one.try_template("a <%= 'b c' %>", "nginx")["text"] == b'a "b c"'
    error = one.try_template("\n<% nonsense( %>")["error"]
    assert error["code"] == "INPUT" and "try.tmpl:2" in error["text"]
    assert one.try_template("x", "unheard-of")["error"]["code"] == "INPUT"
    assert one.outputs == {}


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
