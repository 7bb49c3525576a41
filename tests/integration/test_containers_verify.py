"""evercert.verify: after a container has been told, evercert connects to it as a visitor would, and sees whether the new
certificate is served. nginx in a container, with live/ mounted, on a loopback port."""

import pytest
from certificates import served_leaf
from ports import free_port

from evercert import DONE, FAILED
from processes import wait_until

SITE = """\
server {{
    listen 127.0.0.1:{port} ssl;
    server_name _;
    ssl_certificate /certs/a.example/fullchain.pem;
    ssl_certificate_key /certs/a.example/privkey.pem;
    location / {{ return 200 web; }}
}}
"""


class Host:
    """A daemon with a certificate "a.example", and nginx in a container that serves it at .port."""

    def __init__(self, evercert, engine, ca, folder):
        self.evercert, self.engine, self.ca = evercert, engine, ca
        self.port = free_port()
        self.sites = folder / "sites"
        self.sites.mkdir()
        (self.sites / "a.conf").write_text(SITE.format(port=self.port))
        docker = {"socket": engine.host, "wait": "50ms..1s", "policy": [{"allow": ["*"]}]}
        certificates = [{"domains": [name]} for name in ("a.example", "b.example")]
        evercert.write_config({"docker": docker, "certificates": certificates})
        evercert.run_daemon()
        for name in ("a.example", "b.example"):
            evercert.wait_valid(name)

    def nginx(self, name="web", **labels):
        volumes = [f"{self.sites}:/etc/nginx/conf.d:ro", f"{self.evercert.state / 'live'}:/certs:ro"]
        words = {f"evercert.{key.replace('_', '-')}": text for key, text in labels.items()}
        container = self.engine.run("nginx", name=name, volumes=volumes, labels=words)
        self.engine.wait_running(container)
        wait_until(lambda: self.served() == self.live(), "nginx to serve", 20)
        wait_until(self.known, f"{name} to be known", 20)
        return container

    def known(self):
        return '"consumer"' in self.evercert.run("containers", "--json", status=DONE).stdout

    def served(self):
        try:
            return served_leaf(self.port, "a.example", self.ca.root()).fingerprint
        except OSError:
            return None

    def live(self):
        return self.evercert.leaf("a.example").fingerprint

    def renew(self, status=DONE):
        """A container has a minute to serve the new one."""
        return self.evercert.renew("a.example", force=True, status=status, timeout=120)


@pytest.fixture
def host(evercert, docker_engine, pebble, open_folder):
    ca = pebble()
    return Host(evercert(pebble=ca), docker_engine, ca, open_folder)


def test_the_new_certificate_is_seen(host):
    """Told by a signal, and looked at once it can have been read: the command ends well. Of what it does not use nothing
    is expected there, though it is renewed at the same time."""
    before = host.live()
    host.nginx(use="a.example", on_change="signal:HUP", verify=str(host.port))
    host.evercert.renew("a.example", "b.example", force=True, timeout=120)
    assert host.live() != before
    wait_until(lambda: host.served() == host.live(), "the last of nginx's old processes to end", 20)
    row = host.evercert.row("a.example")
    assert row["deploy"]["error"] is None, row


def test_a_server_that_reads_nothing_anew(host):
    """nginx takes the signal for its logs, and serves the old one: a failure that says where and what was seen, until it
    is healed."""
    container = host.nginx(use="a.example", on_change="signal:USR1", verify=str(host.port))
    told = host.renew(FAILED).stderr
    assert f"127.0.0.1:{host.port}" in told, told
    assert host.served() != host.live()
    row = host.evercert.wait_row("a.example", lambda row: row["deploy"]["state"] == "failing", "failing")
    assert f"127.0.0.1:{host.port}" in row["deploy"]["error"] and row["state"] == "valid", row
    host.engine.kill_container(container, "HUP")
    host.evercert.wait_row("a.example", lambda row: row["deploy"]["state"] != "failing", "healed", 90)
    assert host.served() == host.live()
    assert host.evercert.row("a.example")["generation"] == 2


def test_other_peoples_servers_are_not_looked_at(host):
    """A label names its own container's addresses and names; anything else is shown, and the signal still comes."""
    host.nginx(use="a.example", on_change="signal:HUP", verify="192.0.2.1:443")
    shown = host.evercert.run("containers", "--json", status=DONE).stdout
    assert "evercert.verify" in shown and "192.0.2.1" in shown
    host.renew()
    wait_until(lambda: host.served() == host.live(), "nginx to serve the new one", 20)
