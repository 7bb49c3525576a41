"""What the watcher does in containers, and what it renders over them."""

import json
import threading

from processes import wait_until
from watcher import EXEC, RESTART, SIGNAL
from watching import SITES, folder, label, stand_in, watcher


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


def test_what_is_asked_before_anything_is_known(stand_in, watcher):
    """It waits for the engines' first answers: a container that is there is found."""
    engine = stand_in()
    web = engine.add("web")
    one = watcher({"docker": engine}, start=False)
    one.start(feed=False)
    asked = [one.begin("act", container=name, verb=SIGNAL, signal="HUP") for name in ("web", "nobody")]
    one.feed()
    assert one.answer(asked[0])["error"]["code"] == ""
    assert one.answer(asked[1])["error"]["code"] == "NOT_FOUND"
    assert engine.signals == [(web, "HUP")]


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


def test_a_reload_while_a_text_is_under_way(stand_in, watcher):
    """The answer is to what was handed in before: after a reload it is handed in again."""
    held = threading.Event()
    one = watcher({"docker": stand_in()}, start=False, templates={"sites": "same"})
    one.take = lambda fields: held.wait(20) and None
    one.start()
    one.wait_output("sites", "same")
    one.feed(rescan=True)
    assert one.try_template("x")["text"] == b"x"  # it has read the feed
    assert len(one.outputs["sites"]) == 1
    held.set()
    one.wait(lambda: len(one.outputs["sites"]) == 2, "it to be handed in again")


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
