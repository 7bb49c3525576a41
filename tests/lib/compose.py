"""The examples of examples/compose, brought up by docker-compose on a private engine against Pebble.

A test works on a copy of the example's folder. What is changed in it is what the place demands, and all of it is here and
in the tests: images that are made of this machine's programs instead of public ones, the host's network instead of one of
Docker's (so ports are the test's, and names of services lead to 127.0.0.1), Pebble instead of Let's Encrypt, and no restart of
what ends, for a test must see it. Changes to files name the text that they replace, and fail where it is not there."""

import http.client
import pathlib
import shutil
import socket
import ssl

import yaml

from certificates import Leaf
from processes import SANITIZER, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples/compose"
_SOCKET = "/var/run/docker.sock"
_CA_FILE = "/etc/evercert-test-root.pem"

# A stand-in for an application: answers with its own name, the name that was asked for, and how.
_APPLICATION = """\
daemon off;
error_log /dev/stderr;
pid /tmp/application.pid;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "{name} $http_host $http_x_forwarded_proto"; }}
    }}
}}
"""


class Example:
    """A copy of an example, under `folder`.

    .services and .volumes are of its compose.yaml, to be changed before up(); .http_port and .https_port are nginx's"""

    def __init__(self, engine, folder, name, pebble, https_port):
        self.engine = engine
        self.name = name
        self.pebble = pebble
        self.http_port, self.https_port = pebble.http_port, https_port
        self.folder = folder / name
        shutil.copytree(EXAMPLES / name, self.folder)
        self.file = self.folder / "compose.yaml"
        document = yaml.safe_load(self.file.read_text())
        self.services, self.volumes = document["services"], document["volumes"]

    def edit(self, path, **changes):
        """Replaces texts in a file: each (old, new) of changes.values() must be found."""
        file = self.folder / path
        text = file.read_text()
        for old, new in changes.values():
            assert old in text, f"{old!r} is not in {path} of the example {self.name} any more"
            text = text.replace(old, str(new))
        file.write_text(text)

    def ports(self, *paths):
        """nginx's own ports, in these files of its configuration."""
        for path in paths:
            text = (self.folder / path).read_text()
            changes = {}
            if "listen 80 " in text:
                changes["http"] = ("listen 80 ", f"listen 127.0.0.1:{self.http_port} ")
            if "listen 443 " in text:
                changes["https"] = ("listen 443 ", f"listen 127.0.0.1:{self.https_port} ")
            assert changes, f"{path} listens nowhere"
            self.edit(path, **changes)

    def settings(self, path="evercert/evercert.yaml", more=None):
        """Adds what stands for Let's Encrypt to evercert's configuration."""
        file = self.folder / path
        added = {
            "authority": "test",
            "authorities": {"test": {"directory": self.pebble.url, "ca-file": _CA_FILE}},
            **(more or {}),
        }
        assert not set(added) & set(yaml.safe_load(file.read_text())), f"{path} says that itself"
        file.write_text(file.read_text() + "\n" + yaml.safe_dump(added))

    def application(self, service, port):
        """A service whose image cannot be had here answers by a stand-in of nginx's."""
        config = self.folder / f"{service}.application.conf"
        config.write_text(_APPLICATION.format(port=port, name=service))
        self.services[service].update(image="nginx", command=["nginx", "-c", "/application.conf"])
        self.services[service].setdefault("volumes", []).append(f"{config}:/application.conf:ro")

    def _adapted(self, service):
        service = dict(service)
        service.pop("ports", None)
        service["restart"] = "no"
        service["network_mode"] = "host"
        service["stop_grace_period"] = "5s"
        service["extra_hosts"] = [f"{name}:127.0.0.1" for name in self.services]
        service["volumes"] = [
            f"{self.engine.socket}:{volume.removeprefix(_SOCKET + ':')}" if volume.startswith(_SOCKET) else volume
            for volume in service.get("volumes", [])
        ]
        if service["image"] == "nginx:stable":
            service["image"] = "nginx"
        if service["image"] == "evercert":
            service["volumes"].append(f"{self.pebble.ca_file}:{_CA_FILE}:ro")
            # A container may not ptrace, which LeakSanitizer would.
            service["environment"] = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
        return service

    def volume(self, name):
        """The folder of one of its volumes, made as Compose does."""
        labels = {"com.docker.compose.project": self.name, "com.docker.compose.volume": name}
        return self.engine.volume(f"{self.name}_{name}", labels)

    def write(self):
        services = {name: self._adapted(service) for name, service in self.services.items()}
        for service in services.values():
            self.engine.image(service["image"])
        self.file.write_text(yaml.safe_dump({"services": services, "volumes": self.volumes}))

    def compose(self, *words):
        return self.engine.compose(*words, project=self.name, files=[self.file], folder=self.folder)

    def up(self, *services):
        self.write()
        self.compose("up", "-d", *services)
        for service in services or self.services:
            self.engine.wait_running(self.container(service))

    def container(self, service):
        rows = self.engine.containers(label=[f"com.docker.compose.service={service}"])
        assert rows, f"no container of {service}; there are {[row['Names'] for row in self.engine.containers()]}"
        return rows[0]["Id"]

    def evercert(self, *words):
        """A command of evercert in its container; what it printed."""
        return self.engine.exec(self.container("evercert"), "evercert", *words)

    def log(self, service="evercert"):
        return self.engine.logs(self.container(service))

    def expect_all_well(self):
        """Nothing ended, nothing was started twice, no sanitizer spoke."""
        for service in self.services:
            state = self.engine.inspect(self.container(service))
            assert state["State"]["Running"], f"{service} ended:\n{self.log(service)[-4000:]}"
        found = SANITIZER.search(self.log())
        assert not found, f"a sanitizer reports:\n{self.log()[found.start() :][:4000]}"

    def down(self):
        """docker-compose down, and that nothing is left: no container, no volume."""
        self.expect_all_well()
        self.compose("down", "-v")
        assert self.engine.containers() == []
        assert not self.engine.api("GET", "/volumes")["Volumes"]

    # As a client of nginx

    def get(self, name, path="/"):
        """(text, Leaf) of a request over https whose certificate is verified against Pebble's root."""
        context = ssl.create_default_context(cadata=self.pebble.root())
        with socket.create_connection(("127.0.0.1", self.https_port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                leaf = Leaf(tls.getpeercert(binary_form=True))
                tls.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
                raw = b"".join(iter(lambda: tls.recv(65536), b""))
        head, _, text = raw.partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0] + b" ", raw
        return text.decode(), leaf

    def wait_get(self, name, but=None, timeout=60):
        """Waits until `name` is served over https, with a certificate whose fingerprint is not `but`."""

        def served():
            try:
                text, leaf = self.get(name)
            except (OSError, AssertionError):
                return None
            return (text, leaf) if leaf.fingerprint != but else None

        return wait_until(served, f"{name} over https; evercert:\n{self.log()[-4000:]}", timeout)

    def wait_redirect(self, name):
        """Waits until http leads to https; for a moment after a reload an old worker of nginx may answer."""
        wait_until(lambda: self._redirect(name) == (301, f"https://{name}/page"), f"http of {name} to lead to https")

    def _redirect(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", "/page", headers={"Host": name})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location")
        finally:
            connection.close()
