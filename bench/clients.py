"""ACME clients side by side: each is told a CA once, makes its account, and then gets one certificate a call."""

import os
import pathlib
import subprocess
import time

import meter
from common import package_version
from nginx import Nginx
from peers import cache, from_cache, from_system

SETTLE_S = 0.1  # after a command to a daemon, for what its processes still have to do


class Client:
    """Base: .name .version .issue(NAME) -> Cost.

    ca        .url .ca_file .http_port: the CA, and where it looks for answers
    through   put before each command line, for a CA in a network namespace of its own"""

    def __init__(self, scene, ca, through=()):
        self.scene, self.ca, self.through = scene, ca, list(through)
        self.folder = scene.sub(self.name.split()[0])
        self.log = self.folder / "log"

    def environment(self):
        return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}

    def prepare(self, name="first.example"):
        """The account, and whatever else is only done once."""
        self.issue(name)

    def finish(self):
        """Whatever was started in prepare()."""

    def issue(self, name):
        argv = [str(word) for word in self.argv(name)]
        if argv[: len(self.through)] != self.through:
            argv = self.through + argv
        if not argv[0].startswith("/"):
            argv[0] = str(from_system(argv[0]))
        cost = meter.run(argv, self.environment(), self.log)
        if cost.status != 0:
            raise AssertionError(f"{self.name} failed:\n{self.log.read_text(errors='replace')[-2000:]}")
        return cost


class EvercertOnce(Client):
    """`evercert issue` where no daemon runs: all processes are started for this one certificate."""

    name = "evercert, one command"

    def __init__(self, scene, ca, through=()):
        super().__init__(scene, ca, through)
        self.program = scene.evercert(ca, through=through)
        self.version = subprocess.run(
            self.program.argv("--version"), capture_output=True, text=True, check=True
        ).stdout.strip().split()[-1]

    def environment(self):
        return {**super().environment(), **self.program.environment()}

    def argv(self, name):
        if self.program.live(name).exists():
            return self.program.argv("renew", "--force", name)
        return self.program.argv("issue", "-d", name)


class EvercertDaemon(EvercertOnce):
    """`evercert issue` to a running daemon: the command, and what the daemon's processes used meanwhile."""

    name = "evercert, daemon"

    def prepare(self, name="first.example"):
        self.program.run_daemon()
        super().prepare(name)

    def issue(self, name):
        pids = self.scene.members(self.program.daemon).values() if self.program.daemon else []
        before = sum(meter.process_cpu_ms(pid) for pid in pids)
        cost = super().issue(name)
        time.sleep(SETTLE_S)
        cost.cpu_ms += sum(meter.process_cpu_ms(pid) for pid in pids) - before
        return cost

    def finish(self):
        self.program.stop_daemon()


class Lego(Client):
    name = "lego, Debian 12"

    def __init__(self, scene, ca, through=()):
        super().__init__(scene, ca, through)
        self.version = package_version("lego")

    def program(self):
        return from_system("lego")

    def environment(self):
        return {**super().environment(), "LEGO_CA_CERTIFICATES": str(self.ca.ca_file)}

    def argv(self, name):
        return [
            self.program(),
            *("--server", self.ca.url, "--email", "lego@example.com", "--accept-tos", "--path", self.folder),
            *("--http", "--http.port", f"127.0.0.1:{self.ca.http_port}", "--domains", name, "run"),
        ]


class LegoNew(Lego):
    name = "lego, current"

    def __init__(self, scene, ca, through=()):
        super().__init__(scene, ca, through)
        self.version = (cache() / "lego-new/version").read_text().strip()

    def program(self):
        return from_cache("lego-new", "lego")


def extra(name):
    """The folder of a peer that bench/peers brought, None where it did not."""
    folder = cache() / f"extra-{name}"
    return folder if (folder / "version").is_file() else None


class Certbot(Client):
    name = "certbot, Debian 12"

    def __init__(self, scene, ca, through=()):
        super().__init__(scene, ca, through)
        self.tree = extra("certbot")
        self.version = (self.tree / "version").read_text().strip()

    def environment(self):
        return {
            **super().environment(),
            "PYTHONPATH": str(self.tree / "usr/lib/python3/dist-packages"),
            "PYTHONDONTWRITEBYTECODE": "",
            "REQUESTS_CA_BUNDLE": str(self.ca.ca_file),
        }

    def argv(self, name):
        folders = (("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs"))
        return [
            *("/usr/bin/python3", self.tree / "usr/bin/certbot", "certonly", "--standalone", "-n", "--agree-tos"),
            *("--server", self.ca.url, "-m", "certbot@example.com", "--key-type", "ecdsa"),
            *("--http-01-port", self.ca.http_port, "--http-01-address", "127.0.0.1", "-d", name),
            *(word for option, folder in folders for word in (option, self.folder / folder)),
        ]


class Dehydrated(Client):
    """A shell script around openssl and curl. Writes its answers into a folder, which nginx serves; the cost of
    nginx is not counted."""

    name = "dehydrated, Debian 12"

    def __init__(self, scene, ca, through=()):
        super().__init__(scene, ca, through)
        self.tree = extra("dehydrated")
        self.version = (self.tree / "version").read_text().strip()
        root = pathlib.Path(self.folder / "www")
        (root / ".well-known/acme-challenge").mkdir(parents=True)
        self.server = Nginx(scene.processes, scene.sub("nginx"), http_port=ca.http_port, webroot=root)
        self.config = self.folder / "config"
        self.config.write_text(
            f'CA="{ca.url}"\nBASEDIR="{self.folder}"\nWELLKNOWN="{root}/.well-known/acme-challenge"\n'
            f'KEY_ALGO=prime256v1\nCURL_OPTS="--cacert {ca.ca_file}"\nCONTACT_EMAIL=d@example.com\n'
        )

    def prepare(self, name="first.example"):
        self.server.start()
        argv = [self.tree / "usr/bin/dehydrated", "--config", self.config, "--register", "--accept-terms"]
        meter.run(argv, self.environment(), self.log)
        self.issue(name)

    def argv(self, name):
        return [self.tree / "usr/bin/dehydrated", "--config", self.config, "--cron", "--domain", name]


def others(scene, ca_of):
    """Those of the slower clients that are there; ca_of() starts a CA."""
    kinds = (("certbot", Certbot), ("dehydrated", Dehydrated))
    return [kind(scene, ca_of()) for name, kind in kinds if extra(name)]
