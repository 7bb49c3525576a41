"""`evercert template render`: what a template makes of what runs, before it is in the configuration."""

import json
import os
import pty
import signal

import pytest

from docker_stand_in import DockerStandIn
from evercert import DONE, FAILED, USAGE
from processes import wait_until

NAMES = "<% for _, c in ipairs(containers) do %><%= c.name %>\n<% end %>"


@pytest.fixture
def engine(open_folder):
    with DockerStandIn(open_folder / "d.sock") as stand_in:
        yield stand_in


def docker(engine):
    return {"docker": {"socket": engine.url, "wait": "50ms..1s", "policy": [{"allow": ["*.example"]}]}}


def write(folder, text, name="names.tmpl"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture(params=[False, True], ids=["one-shot", "daemon"])
def client(request, evercert, pebble, engine):
    """With two containers, without a daemon and with one; nothing is in templates:."""
    engine.add("web")
    engine.add("db")
    one = evercert(pebble(), config=docker(engine))
    if request.param:
        one.run_daemon()
    return one


def test_it_prints_what_the_template_makes(client, tmp_path):
    result = client.run("template", "render", write(tmp_path, f"begin\n{NAMES}end\n"), status=DONE)
    assert result.stdout == "begin\nweb\ndb\nend\n"
    assert result.stderr == ""


def test_certificates_are_there(client, tmp_path):
    """Those of `list`, although no template is configured that would need them."""
    client.issue("a.example")
    text = "<% for _, c in ipairs(certificates) do %><%= c.name %> <%= c.state %>\n<% end %>"
    assert client.run("template", "render", write(tmp_path, text), status=DONE).stdout == "a.example valid\n"


def test_a_relative_path_is_the_users(client, tmp_path, monkeypatch):
    write(tmp_path, "here\n")
    monkeypatch.chdir(tmp_path)
    assert client.run("template", "render", "names.tmpl", status=DONE).stdout == "here\n"


def test_json(client, tmp_path):
    path = write(tmp_path, NAMES)
    assert json.loads(client.run("template", "render", path, "--json", status=DONE).stdout) == {"text": "web\ndb\n"}


def test_the_kind_follows_from_the_name(client, tmp_path):
    """sites.html.tmpl is escaped as HTML, unless --kind says otherwise."""
    path = write(tmp_path, '<%= "<b>" %>', "sites.html.tmpl")
    assert client.run("template", "render", path, status=DONE).stdout == "&lt;b&gt;"
    assert client.run("template", "render", path, "--kind", "none", status=DONE).stdout == "<b>"


@pytest.mark.parametrize(
    "text, line",
    [("one\ntwo <% if %>\n", 2), ("one\n\n<%= nothing.at_all %>\n", 3), ("<% error('no') %>", 1)],
    ids=["syntax", "nil", "error"],
)
def test_a_mistake_is_named_with_its_line(client, tmp_path, text, line):
    path = write(tmp_path, text)
    result = client.run("template", "render", path, status=FAILED)
    assert result.stdout == ""
    assert f"names.tmpl:{line}:" in result.stderr


def test_a_file_that_is_not_there(client, tmp_path):
    result = client.run("template", "render", tmp_path / "none.tmpl", status=FAILED)
    assert "none.tmpl" in result.stderr


def test_a_file_that_is_too_large(client, tmp_path):
    path = write(tmp_path, "x" * (256 * 1024 + 1))
    assert "names.tmpl" in client.run("template", "render", path, status=FAILED).stderr


def test_a_template_without_an_end_is_ended(client, tmp_path):
    path = write(tmp_path, "<% while true do end %>")
    assert "names.tmpl" in client.run("template", "render", path, status=FAILED, timeout=60).stderr


def test_words(client, tmp_path):
    assert "FILE is missing" in client.run("template", "render", status=USAGE).stderr
    path = write(tmp_path, "x")
    assert "must be one of" in client.run("template", "render", path, "--kind", "xml", status=USAGE).stderr


def test_a_terminal_gets_nothing_to_obey(evercert, pebble, engine, tmp_path):
    """The text is printed as it is to a pipe, and cleaned to a terminal."""
    client = evercert(pebble(), config=docker(engine))
    path = write(tmp_path, "\x1b]0;owned\x07\tx\n")
    assert client.run("template", "render", path, status=DONE).stdout == "\x1b]0;owned\x07\tx\n"
    master, slave = pty.openpty()
    argv = client.argv("template", "render", path)
    pid = os.posix_spawn(argv[0], argv, client.environment(), file_actions=[(os.POSIX_SPAWN_DUP2, slave, 1)])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == DONE
    text = os.read(master, 4096).decode()
    os.close(master)
    os.close(slave)
    assert "]0;owned" in text and "\x1b" not in text and "\x07" not in text


def test_an_engine_that_cannot_be_reached(evercert, pebble, engine, open_folder, tmp_path):
    """What is known is rendered, and that something is missing in it is an error."""
    engine.add("web")
    config = docker(engine)
    config["docker"]["engines"] = {"far": {"socket": f"unix://{open_folder}/missing.sock"}}
    result = evercert(pebble(), config=config).run("template", "render", write(tmp_path, NAMES), status=FAILED)
    assert result.stdout == "web\n"
    assert "engine far" in result.stderr and "missing.sock" in result.stderr


def test_a_watcher_that_nothing_else_needs_goes_again(evercert, pebble, processes, tmp_path):
    """A daemon without docker: and templates: has one for as long as the command lasts."""
    client = evercert(pebble())
    client.run_daemon()
    client.issue("a.example")
    path = write(tmp_path, "<%= #certificates %>\n")
    for _ in range(2):
        assert client.run("template", "render", path, status=DONE).stdout == "1\n"
        wait_until(lambda: "watcher" not in processes.leftovers().values(), "the watcher to end")


# --watch


class Watched:
    """`template render FILE --watch --json` while it runs: its rows."""

    def __init__(self, processes, client, path, folder):
        self.log = folder / "watched"
        argv = client.argv("template", "render", path, "--watch", "--json")
        self.process = processes.start(argv, self.log, env=client.environment())

    def rows(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def wait(self, wanted, what):
        wait_until(lambda: self.rows() and wanted(self.rows()[-1]), f"{what}; so far: {self.rows()}", 30)

    def end(self):
        self.process.send(signal.SIGINT)
        assert self.process.wait() == 130


def test_watch_renders_again_at_each_change(client, engine, processes, tmp_path):
    """Of containers, of the file, of the file for the worse and for the better."""
    path = write(tmp_path, NAMES)
    watched = Watched(processes, client, path, tmp_path)
    watched.wait(lambda row: row == {"text": "web\ndb\n"}, "the first rendering")
    engine.add("cache")
    watched.wait(lambda row: row == {"text": "web\ndb\ncache\n"}, "the new container")
    path.write_text("now: " + NAMES)
    watched.wait(lambda row: row == {"text": "now: web\ndb\ncache\n"}, "the new template")
    path.write_text("<% if %>")
    watched.wait(lambda row: "names.tmpl:1:" in row.get("error", ""), "the error")
    path.write_text("good\n")
    watched.wait(lambda row: row == {"text": "good\n"}, "the good one")
    watched.end()


def test_watch_sees_certificates(evercert, pebble, engine, processes, tmp_path):
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    path = write(tmp_path, "<%= #certificates %> certificates\n")
    watched = Watched(processes, client, path, tmp_path)
    watched.wait(lambda row: row == {"text": "0 certificates\n"}, "the first rendering")
    client.issue("a.example")
    watched.wait(lambda row: row == {"text": "1 certificates\n"}, "the certificate")
    watched.end()


def test_watch_prints_nothing_twice(evercert, pebble, engine, processes, tmp_path):
    """A change that does not change the text is none."""
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    path = write(tmp_path, "<%= #containers %>\n")
    web = engine.add("web", labels={"a": "1"})
    watched = Watched(processes, client, path, tmp_path)
    watched.wait(lambda row: row == {"text": "1\n"}, "the first rendering")
    engine.update(web, labels={"a": "2"})
    engine.add("db")
    watched.wait(lambda row: row == {"text": "2\n"}, "the second container")
    assert watched.rows() == [{"text": "1\n"}, {"text": "2\n"}]
    watched.end()


def test_a_daemon_forgets_a_client_that_goes(evercert, pebble, engine, processes, tmp_path):
    client = evercert(pebble(), config=docker(engine))
    client.run_daemon()
    watched = Watched(processes, client, write(tmp_path, NAMES), tmp_path)
    watched.wait(lambda row: "text" in row, "the first rendering")
    watched.process.kill()
    engine.add("web")
    other = write(tmp_path, NAMES, "other.tmpl")
    wait_until(lambda: client.run("template", "render", other, status=DONE).stdout == "web\n", "the container")
