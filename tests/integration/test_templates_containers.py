"""Templates and containers: nginx in a container is configured by what runs, checked there, and told."""

import json
import socket

import pytest

from evercert import DONE
from ports import free_port
from processes import wait_until

# Writes a line for each signal it gets, until it is ended.
LISTENER = (
    "trap 'echo HUP >>/told/words' HUP; trap 'exit 0' TERM; echo started >>/told/words; while :; do sleep 0.05; done"
)
SITES = """\
<% for _, c in ipairs(containers) do local port = c.labels["site.port"] if port then %>
server {
    listen 127.0.0.1:<%= port %>;
    server_name _;
    location / { return 200 <%= c.name %>; }
}
<% end end %>
"""
RAW_LINE = '    <%- c.labels["site.more"] or "server_name _;" %>'
RAW = SITES.replace("    server_name _;", RAW_LINE)


class Host:
    """A daemon, an engine, and a container that hears of things in .told."""

    def __init__(self, evercert, engine, folder):
        self.evercert, self.engine, self.folder = evercert, engine, folder
        self.told = folder / "told"
        self.out = folder / "out"
        self.told.mkdir()
        self.out.mkdir()
        self.source = folder / "sites.conf.tmpl"
        self.source.write_text(SITES)
        self.output = self.out / "sites.conf"
        self.template = {"source": str(self.source), "output": str(self.output), "wait": "50ms..1s"}

    def configure(self, actions=None, **template):
        self.template.update(template)
        docker = {"socket": self.engine.host, "wait": "50ms..1s", "policy": [{"allow": ["*.example"]}]}
        self.evercert.write_config({"docker": docker, "templates": [self.template], "actions": actions})

    def start(self, **more):
        self.configure(**more)
        self.evercert.run_daemon()

    def listener(self, name="listener", **labels):
        container = self.engine.run(
            "busybox", "sh", "-c", LISTENER, name=name, volumes=[f"{self.told}:/told"], labels=labels
        )
        self.engine.wait_running(container)
        wait_until(lambda: "started" in self.words(), "the listener")
        return container

    def nginx(self):
        container = self.engine.run("nginx", name="nginx", volumes=[f"{self.out}:/etc/nginx/conf.d"])
        self.engine.wait_running(container)
        return container

    def site(self, name, **labels):
        words = {f"site.{key}": str(text) for key, text in labels.items()}
        return self.engine.run("busybox", "sleep", "1000", name=name, labels=words)

    def words(self):
        file = self.told / "words"
        return file.read_text().split() if file.exists() else []

    def row(self):
        rows = json.loads(self.evercert.run("containers", "--json", status=None).stdout)
        return next(row for row in rows if row["kind"] == "template")

    def wait_state(self, state, error=""):
        def there():
            row = self.row()
            return row if row["state"] == state and error in row["error"] else None

        log = self.evercert.text
        return wait_until(there, f"{state} ({error}); the log:\n{log()[-3000:]}", 30)


@pytest.fixture
def host(evercert, docker_engine, open_folder):
    return Host(evercert(), docker_engine, open_folder)


def served(port):
    """What a site says, None where nobody is there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            connection.settimeout(5)
            data = b""
            while chunk := connection.recv(4096):
                data += chunk
        return data.decode().split("\r\n\r\n", 1)[1]
    except OSError:
        return None


def test_nginx_is_configured_by_what_runs(host):
    """Checked by nginx itself, told by a signal: a container that starts is served, one that goes is not."""
    port = free_port()
    host.nginx()
    host.start(check=["nginx", "-t"], **{"check-in": "nginx"}, notify=[{"container": "nginx", "signal": "HUP"}])
    shop = host.site("shop", port=port)
    wait_until(lambda: served(port) == "shop", f"the site; the log:\n{host.evercert.text()[-3000:]}", 30)
    host.engine.rm(shop)
    wait_until(lambda: served(port) is None, "the site to end", 30)
    assert host.wait_state("current")["error"] == ""


def test_what_nginx_refuses_is_not_put_in_place(host):
    """A template that writes labels as they come: nginx's own words say which line of the template it was, and the
    sites that are there stay."""
    host.source.write_text(RAW)
    port = free_port()
    host.nginx()
    host.start(check=["nginx", "-t"], **{"check-in": "nginx"}, notify=[{"container": "nginx", "signal": "HUP"}])
    host.site("shop", port=port)
    wait_until(lambda: served(port) == "shop", f"the site; the log:\n{host.evercert.text()[-3000:]}", 30)
    before = host.output.read_text()
    evil = host.site("evil", port=free_port(), more="no_such_word on;")
    row = host.wait_state("failed", "no_such_word")
    line = RAW.splitlines().index(RAW_LINE) + 1
    assert f"sites.conf.tmpl:{line}:" in row["error"]
    wait_until(lambda: host.output.read_text() == before, "the one before")
    assert served(port) == "shop"
    host.engine.rm(evil)
    host.wait_state("current")
    assert served(port) == "shop"


def test_a_signal(host):
    host.listener()
    host.start(notify=[{"container": "listener", "signal": "HUP"}])
    host.wait_state("current")
    wait_until(lambda: host.words() == ["started", "HUP"], "the signal")


def test_a_restart(host):
    host.listener()
    host.start(notify=[{"container": "listener", "restart": True}])
    wait_until(lambda: host.words() == ["started", "started"], "the restart", 30)
    host.wait_state("current")


def test_a_command_in_the_container(host):
    """Words, and no shell that would read them."""
    host.listener()
    words = ["sh", "-c", 'echo "$0" >>/told/words', "$(id)"]
    host.start(notify=[{"container": "listener", "exec": words}])
    wait_until(lambda: host.words() == ["started", "$(id)"], "the command")
    host.wait_state("current")


def test_an_action_and_a_program_of_the_host(host):
    host.listener()
    script = host.folder / "act"
    script.write_text(f"#!/bin/sh\necho $EVERCERT_ACTION >>'{host.told}/words'\n")
    script.chmod(0o755)
    actions = {"poke": {"container": "listener", "signal": "HUP"}, "host": {"run": [str(script)]}}
    host.start(actions=actions, notify=[{"action": "poke"}, {"action": "host"}])
    wait_until(lambda: sorted(host.words()) == ["HUP", "host", "started"], "both")
    host.wait_state("current")


def test_a_container_that_is_not_there(host):
    """The file is in place, the failure is shown, and it is told when it comes."""
    host.start(notify=[{"container": "listener", "signal": "HUP"}])
    host.wait_state("failed", "listener")
    assert host.output.exists()
    host.listener()
    wait_until(lambda: "HUP" in host.words(), "the signal", 60)
    host.wait_state("current")


def test_containers_become_configuration(evercert, docker_engine, pebble, open_folder):
    """A template writes a file of evercert.d and asks for a reload: the certificate is issued, once."""
    host = Host(evercert(pebble()), docker_engine, open_folder)
    more = host.evercert.config_file.parent / "evercert.d"
    more.mkdir()
    host.source.write_text(
        '{"certificates": [<% local n = 0 for _, c in ipairs(containers) do if c.labels["site.domain"] then '
        'if n > 0 then %>, <% end n = n + 1 %>{"domains": [<%= c.labels["site.domain"] %>]}<% end end %>]}\n'
    )
    host.start(output=str(more / "sites.yaml"), kind="json", notify=[{"reload": True}])
    host.site("shop", domain="shop.example")
    host.evercert.wait_live("shop.example")
    row = host.evercert.wait_valid("shop.example")
    assert row["source"] == "config" and row["generation"] == 1
    host.wait_state("current")
    reloads = host.evercert.text().count("reloading")
    host.site("bench", domain="bench.example")
    host.evercert.wait_live("bench.example")
    host.wait_state("current")
    assert host.evercert.text().count("reloading") == reloads + 1
    assert host.evercert.row("shop.example")["generation"] == 1


def test_certificates_of_the_model(evercert, docker_engine, pebble, open_folder):
    """What list says is there, and a new certificate renders the template anew."""
    host = Host(evercert(pebble()), docker_engine, open_folder)
    host.source.write_text("<% for _, c in ipairs(certificates) do %><%= c.name %> <%= c.state %>\n<% end %>")
    host.start(kind="none")
    host.evercert.issue("a.example")
    wait_until(lambda: host.output.exists() and host.output.read_text() == "a.example valid\n", "the certificate", 30)
    host.evercert.kill_one(host.evercert.pid_of("watcher"))
    host.evercert.issue("b.example")
    wait_until(lambda: host.output.read_text() == "a.example valid\nb.example valid\n", "the next one", 30)
    assert host.evercert.run("list", status=DONE)
