"""`evercert containers`: what containers ask for and what became of it, with a daemon and without one, for people and
for programs; engines that cannot be reached."""

import json
import os
import pty
import signal

import pytest

from docker_stand_in import DockerStandIn
from evercert import DONE, FAILED, USAGE
from processes import wait_until

EVIL = "evil\x1b]0;owned\x07\u202e"


@pytest.fixture
def engine(open_folder):
    with DockerStandIn(open_folder / "d.sock") as stand_in:
        yield stand_in


def docker(engine, **more):
    return {"docker": {"socket": engine.url, "wait": "50ms..1s", "policy": [{"allow": ["*.good.example"]}], **more}}


def rows(client, status=DONE):
    return json.loads(client.run("containers", "--json", status=status).stdout)


def of_kind(found, kind):
    return [row for row in found if row["kind"] == kind]


def fill(engine):
    """One of each."""
    engine.add("web", labels={"evercert.domains": "a.good.example,b.good.example"}, project="shop")
    engine.add("bad", labels={"evercert.domains": "a.bad.example"})
    engine.add("typo", labels={"evercert.domain": "c.good.example"})
    engine.add("user", labels={"evercert.use": "a.good.example", "evercert.on-change": "signal:HUP"})
    engine.add("quiet")


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble, engine):
    """A client whose engine has one container of each kind, without a daemon and with one."""
    fill(engine)
    one = evercert(pebble(), config=docker(engine))
    if request.param:
        one.run_daemon()
    return one


def test_every_kind_of_row(client, engine):
    """Engine, request that is granted, request that is refused, label that cannot be followed, consumer."""
    found = rows(client)
    (state,) = of_kind(found, "engine")
    assert (state["engine"], state["connected"], state["synced"], state["containers"]) == ("docker", True, True, 5)
    assert "20.10.24" in state["version"]
    claims = {row["container"]: row for row in of_kind(found, "claim")}
    assert set(claims) == {"web", "bad"}
    assert (claims["web"]["state"], claims["web"]["certificate"]) == ("granted", "a.good.example")
    assert claims["web"]["domains"] == ["a.good.example", "b.good.example"]
    assert (claims["web"]["reader"], claims["web"]["key"]) == ("evercert", "evercert.domains")
    assert (claims["bad"]["state"], claims["bad"]["certificate"]) == ("refused", None)
    assert "a.bad.example" in claims["bad"]["reason"]
    (problem,) = of_kind(found, "problem")
    assert (problem["container"], problem["key"]) == ("typo", "evercert.domain")
    assert "did you mean domains?" in problem["reason"]
    (consumer,) = of_kind(found, "consumer")
    assert (consumer["container"], consumer["uses"]) == ("user", ["a.good.example"])
    assert consumer["on_change"] == "signal:HUP"


def test_the_table(client):
    """For people: tables, then in full what was refused and why; no escape codes where there is no terminal."""
    text = client.run("containers", status=DONE).stdout
    lines = [line.split() for line in text.splitlines()]
    assert ["ENGINE", "STATE", "CONTAINERS", "VERSION"] in lines
    assert ["web", "granted", "a.good.example", "evercert.domains", "a.good.example", "b.good.example"] in lines
    assert ["user", "signal:HUP", "a.good.example"] in lines
    (refused,) = [line for line in text.splitlines() if line.startswith("refused  bad: a.bad.example: ")]
    assert "docker.policy" in refused or "policy" in refused
    assert [line for line in text.splitlines() if line.startswith("problem  typo: evercert.domain: ")]
    assert "\x1b" not in text


def test_a_terminal_gets_colours_and_no_color_none(client):
    def on_terminal(**env):
        master, slave = pty.openpty()
        try:
            process = client.argv("containers")
            pid = os.posix_spawn(
                process[0],
                process,
                {**client.environment(), "TERM": "xterm", **env},
                file_actions=[(os.POSIX_SPAWN_DUP2, slave, 1)],
            )
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == DONE
            return os.read(master, 65536).decode()
        finally:
            os.close(master)
            os.close(slave)

    assert "\x1b[32mgranted\x1b[0m" in on_terminal()
    assert "\x1b" not in on_terminal(NO_COLOR="1")


def test_a_name_that_draws_on_the_terminal_is_cleaned(evercert, pebble, engine):
    """What containers write reaches the reader as text."""
    engine.add("web", labels={"evercert.domains": f"{EVIL}.good.example", EVIL: "x", f"evercert.{EVIL}": "y"})
    text = evercert(pebble(), config=docker(engine)).run("containers", status=DONE).stdout
    assert "problem" in text
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"]


def test_without_a_daemon_nothing_is_issued(evercert, pebble, engine):
    fill(engine)
    ca = pebble()
    client = evercert(ca, config=docker(engine))
    assert of_kind(rows(client), "claim")
    assert ca.request_counts() == {}
    assert client.list() == []
    assert not engine.signals


def test_without_a_policy_the_reason_says_what_to_write(evercert, pebble, engine):
    engine.add("web", labels={"evercert.domains": "a.good.example"})
    client = evercert(pebble(), config=docker(engine, policy=None) | {"docker": {"socket": engine.url}})
    (claim,) = of_kind(rows(client), "claim")
    assert claim["state"] == "refused"
    assert "policy" in claim["reason"] and "allow" in claim["reason"]


def test_nothing_configured_says_what_to_configure(evercert, pebble):
    client = evercert(pebble())
    for daemon in (False, True):
        if daemon:
            client.run_daemon()
        result = client.run("containers", status=DONE)
        assert result.stdout == ""
        assert "docker: {socket: unix:///var/run/docker.sock" in result.stderr
        assert client.run("containers", "--json", status=DONE).stdout == "[]\n"


def test_templates_without_an_engine(evercert, pebble, tmp_path):
    """They are rows as well: of a daemon with what became of them, else with what is known."""
    good, bad = tmp_path / "good.tmpl", tmp_path / "bad.tmpl"
    good.write_text("x\n")
    bad.write_text("<% error('no') %>")
    outputs = {path: str(path) + ".out" for path in (good, bad)}
    client = evercert(
        pebble(), config={"templates": [{"source": str(path), "output": output} for path, output in outputs.items()]}
    )
    assert [row["kind"] for row in rows(client)] == ["template"] * 2
    assert not any(os.path.exists(output) for output in outputs.values())
    client.run_daemon()

    def states():
        return {row["source"]: (row["state"], row["error"]) for row in rows(client)}

    wait_until(lambda: states()[str(good)] == ("current", ""), "the good one to be current")
    wait_until(lambda: states()[str(bad)][0] == "failed", "the bad one to have failed")
    assert "bad.tmpl:1:" in states()[str(bad)][1]
    assert f"failed   {outputs[bad]}: " in client.run("containers", status=DONE).stdout


@pytest.mark.parametrize("daemon", [False, True])
def test_an_engine_that_cannot_be_reached(evercert, pebble, engine, open_folder, daemon):
    """Exit status 1, its row says why, and the other engine's containers are there."""
    fill(engine)
    missing = f"unix://{open_folder}/missing.sock"
    client = evercert(pebble(), config=docker(engine, engines={"far": {"socket": missing}}))
    if daemon:
        client.run_daemon()
    result = client.run("containers", "--json", status=FAILED)
    found = json.loads(result.stdout)
    engines = {row["engine"]: row for row in of_kind(found, "engine")}
    assert engines["docker"]["connected"] and not engines["far"]["connected"]
    assert "missing.sock" in engines["far"]["error"]
    assert "engine far" in result.stderr and "missing.sock" in result.stderr
    assert {row["container"] for row in of_kind(found, "claim")} == {"web", "bad"}


def test_an_engine_that_never_answers_is_not_waited_for(evercert, pebble, engine):
    """It is connected and silent: the command ends by itself, with what is known."""
    engine.fault("stall", "/", times=None)
    result = evercert(pebble(), config=docker(engine)).run("containers", "--json", status=FAILED, timeout=40)
    (state,) = json.loads(result.stdout)
    assert not state["synced"]
    assert "engine docker" in result.stderr


def test_it_follows_what_changes(evercert, pebble, engine):
    """At a daemon: a container that is gone is gone from the answer, a new one is in it."""
    client = evercert(pebble(), config=docker(engine))
    web = engine.add("web", labels={"evercert.domains": "a.good.example"})
    client.run_daemon()
    assert [row["container"] for row in of_kind(rows(client), "claim")] == ["web"]
    engine.remove(web)
    engine.add("other", labels={"evercert.domains": "b.good.example"})

    def seen():
        return [row["container"] for row in of_kind(rows(client), "claim")] == ["other"]

    wait_until(seen, "the new container alone")


def test_an_interrupted_command_leaves_nothing(evercert, pebble, engine):
    """Its parent and watcher go with it (conftest.py looks for what is left), and the daemon forgets it."""
    engine.fault("stall", "/", times=None)
    client = evercert(pebble(), config=docker(engine))
    command = client.start("containers")
    wait_until(lambda: engine.connections > 0, "the watcher to have connected")
    command.send(signal.SIGINT)
    assert command.wait() == 130


def test_a_command_without_a_daemon_tells_consumers(evercert, pebble, engine):
    """`issue` and `renew` of cron: whoever uses the certificate is told, once."""
    user = engine.add("user", labels={"evercert.use": "a.good.example", "evercert.on-change": "signal:HUP"})
    client = evercert(pebble(), config=docker(engine))
    client.issue("a.good.example")
    assert engine.signals == [(user, "HUP")]
    client.renew("a.good.example", force=True)
    assert engine.signals == [(user, "HUP")] * 2


def test_a_command_is_not_kept_by_an_engine_that_is_away(evercert, pebble, open_folder):
    """The certificate is there, and it is said that perhaps somebody is to be told."""
    client = evercert(pebble(), config={"docker": {"socket": f"unix://{open_folder}/missing.sock"}})
    result = client.issue("a.good.example", status=FAILED)
    assert "the certificate is there" in result.stderr and "engine docker" in result.stderr
    assert client.leaf("a.good.example").names == ["a.good.example"]


def test_words(evercert, pebble):
    assert "takes no arguments" in evercert(pebble()).run("containers", "x", status=USAGE).stderr
