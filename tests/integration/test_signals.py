"""What signals do to a daemon: SIGUSR1 has it tell its state in the log, SIGHUP has it read, list and render anew."""

import re
import signal

import pytest

from docker_stand_in import DockerStandIn
from evercert import DONE
from processes import wait_until


@pytest.fixture
def engine(open_folder):
    with DockerStandIn(open_folder / "d.sock") as stand_in:
        yield stand_in


def docker(engine, **more):
    return {"docker": {"socket": engine.url, "wait": "50ms..1s", "policy": [{"allow": ["*.good.example"]}]}, **more}


def tell(client, until="hooks under way"):
    """SIGUSR1; the lines it makes, up to the last one."""
    before = len(client.text())
    client.daemon.send(signal.SIGUSR1)

    def lines():
        found = re.findall(r"info: (state: .*)", client.text()[before:])
        return found if found and until in found[-1] else None

    return wait_until(lines, "the daemon to tell its state")


def one(lines, start):
    (line,) = [line for line in lines if line.startswith(f"state: {start}")]
    return line


# SIGUSR1


def test_usr1_tells_the_state(evercert, pebble, engine):
    """Version and time, each process with its pid, certificates, engines, requests, hooks and commands."""
    engine.add("web", labels={"evercert.domains": "a.good.example"})
    engine.add("bad", labels={"evercert.domains": "a.bad.example"})
    config = docker(engine, certificates=[{"domains": ["c.example"]}])
    client = evercert(pebble(), config=config)
    client.run_daemon()
    client.wait_live("a.good.example")
    client.wait_live("c.example")
    lines = tell(client)
    first = one(lines, "evercert ")
    assert re.fullmatch(rf"state: evercert 0\.\S+, process {client.daemon.pid}, up \d+[smhd].*", first)
    for name in ("keeper", "engine", "responder", "watcher"):
        assert one(lines, f"{name}: ") == f"state: {name}: process {client.pid_of(name)}"
    assert one(lines, "1 certificates configured")
    assert "connected, Docker" in one(lines, "engine docker: ")
    assert "2 containers" in one(lines, "engine docker: ")
    assert "a.bad.example" in one(lines, "refused bad: evercert.domains: ")
    assert one(lines, "containers: 1 requests granted, 1 refused")
    assert one(lines, "0 hooks under way, 0 commands connected")


def test_usr1_tells_a_bounded_number_of_refusals(evercert, pebble, engine):
    """Twenty of them, and how many more there are."""
    for number in range(25):
        engine.add(f"bad-{number}", labels={"evercert.domains": f"a{number}.bad.example"})
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    client.run("containers", status=DONE)
    lines = tell(client)
    assert len([line for line in lines if line.startswith("state: refused ")]) == 20
    assert one(lines, "5 more")
    assert one(lines, "containers: 0 requests granted, 25 refused")


def test_usr1_tells_of_an_engine_that_is_away_and_a_template_with_an_error(evercert, pebble, engine, tmp_path):
    template = tmp_path / "t.tmpl"
    template.write_text("<% error('no') %>")
    config = docker(engine, templates=[{"source": str(template), "output": str(tmp_path / "out")}])
    client = evercert(pebble(), config=config)
    client.run_daemon()
    wait_until(lambda: "t.tmpl:1:" in client.text(), "the error of the template")
    engine.stop()
    wait_until(lambda: "not connected" in one(tell(client), "engine docker: "), "the engine to be away")
    assert "t.tmpl:1:" in one(tell(client), f"template {tmp_path / 'out'}: ")


def test_usr1_without_containers(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    lines = tell(client)
    assert one(lines, "0 certificates configured")
    assert not [line for line in lines if "containers" in line or "engine docker" in line]


def test_usr1_again_and_again(evercert, pebble, engine):
    """It goes on working."""
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    for _ in range(20):
        client.daemon.send(signal.SIGUSR1)
    assert tell(client)
    assert client.list() == []


# SIGHUP


def test_hup_lists_containers_again(evercert, pebble, engine):
    """Although no event told of a change: a proxy may have swallowed it."""
    client = evercert(pebble(), config=docker(engine))
    web = engine.add("web", labels={"evercert.domains": "a.good.example"})
    client.run_daemon()
    client.wait_live("a.good.example")
    engine.update(web, labels={"evercert.domains": "b.good.example"}, quiet=True)
    client.reload()
    client.wait_live("b.good.example")


def test_hup_renders_templates_again(evercert, pebble, engine, tmp_path):
    """The template is read anew, and a file that somebody changed is as it should be again."""
    template, output = tmp_path / "t.tmpl", tmp_path / "out"
    template.write_text("one\n")
    config = docker(engine, templates=[{"source": str(template), "output": str(output)}])
    client = evercert(pebble(), config=config)
    client.run_daemon()
    wait_until(lambda: output.exists() and output.read_text() == "one\n", "the first output")
    template.write_text("two\n")
    client.reload()
    wait_until(lambda: output.read_text() == "two\n", "the second output")
    output.write_text("by hand\n")
    client.reload()
    wait_until(lambda: output.read_text() == "two\n", "the output as it should be")


def test_hup_begins_and_ends_watching(evercert, pebble, engine):
    """docker: that comes with a reload is watched from then on, and not any more where it goes."""
    engine.add("web", labels={"evercert.domains": "a.good.example"})
    client = evercert(pebble())
    client.run_daemon()
    assert engine.connections == 0
    client.write_config(docker(engine))
    client.reload()
    client.wait_live("a.good.example")
    client.write_config()
    client.reload()
    wait_until(lambda: engine.connections == 0, "the engine to be left alone")
    assert "no container engine is configured" in client.run("containers", status=DONE).stderr


def test_hup_with_a_bad_configuration_changes_nothing(evercert, pebble, engine):
    engine.add("web", labels={"evercert.domains": "a.good.example"})
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    client.wait_live("a.good.example")
    client.write_config({"docker": {"socket": 7, "colour": "red"}})
    client.reload()
    assert "colour" in client.text()
    engine.add("more", labels={"evercert.domains": "b.good.example"})
    client.wait_live("b.good.example")
