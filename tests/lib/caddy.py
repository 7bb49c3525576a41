"""Caddy's own CA (acme_server), where everything is synchronous: what a challenge or a finalize is answered with is
final. It looks at port 80 itself, so it runs in a network namespace of its own; evercert has to be run in there too,
through `caddy.through`. The one name that resolves there is localhost."""

import collections
import json
import os
import subprocess

import namespace
from peers import from_cache, from_system
from processes import wait_until

VERSIONS = ("system", "new")

_CONFIG = """\
{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}/storage
}}
https://localhost:8443 {{
    tls internal
    acme_server
    log {{
        output file {folder}/access.log
        format json
    }}
}}
"""


class Caddy:
    """version   "system" (Debian 12: 2.6) or "new"
    url       the directory      ca_file   the root that its own certificate, and what it issues, leads to
    through   for Evercert(through=...)
    """

    url = "https://localhost:8443/acme/local/directory"

    def __init__(self, processes, folder, version):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        program = from_system("caddy") if version == "system" else from_cache("caddy-new", "caddy")
        config = folder / "Caddyfile"
        config.write_text(_CONFIG.format(folder=folder))
        argv = [program, "run", "--config", config, "--adapter", "caddyfile"]
        # The CA's own database follows the home folder, whatever the configuration says of storage.
        env = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
        self.process = processes.start(namespace.command(argv), folder / "caddy.log", peer=True, env=env)
        self.ca_file = folder / "storage/pki/authorities/local/root.crt"
        self.through = namespace.enter(self.process.pid, [])
        wait_until(self._up, f"Caddy to answer ({self.process.log})", 30)

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"Caddy ended with {self.process.status()}:\n{self.process.text()}")
        if not self.ca_file.exists():
            return False
        script = (
            "import ssl, sys, urllib.request as u\n"
            "context = ssl.create_default_context(cafile=sys.argv[2])\n"
            "u.build_opener(u.ProxyHandler({}), u.HTTPSHandler(context=context)).open(sys.argv[1], timeout=5).read()\n"
        )
        argv = self.through + ["/usr/bin/python3", "-c", script, self.url, str(self.ca_file)]
        return subprocess.run(argv, capture_output=True, timeout=30).returncode == 0

    def _entries(self):
        log = self.folder / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def requests(self):
        """[(method, kind)] of all requests that were answered, in the order they ended, this class' own left out."""
        found = []
        for entry in self._entries():
            request = entry.get("request", {})
            agent = " ".join(request.get("headers", {}).get("User-Agent", []))
            if agent.startswith("evercert/"):
                found.append((request["method"], self._kind(request["uri"])))
        return found

    @staticmethod
    def _kind(uri):
        """/acme/local/order/X/finalize is finalize, /acme/local/authz/X is authz."""
        words = uri.split("/")
        return words[-1] if words[-1] in ("directory", "finalize") else words[3]

    def request_counts(self):
        return dict(collections.Counter(f"{method} {kind}" for method, kind in self.requests()))
