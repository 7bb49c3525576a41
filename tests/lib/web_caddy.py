"""Caddy as a web.py server: sites on a plain port and a TLS port of our own, which `http://NAME` and `NAME` mean then.
`top` is whole sites; `http` and `https` are none of their own."""

import os
import signal
import subprocess

from peers import from_system
from web import WebServer

_MAIN = """\
{{
    admin 127.0.0.1:{admin_port}
    skip_install_trust
    http_port {http_port}
    https_port {https_port}
    default_bind 127.0.0.1
    storage file_system {folder}/storage
}}
{top}
"""


class CaddyText(WebServer):
    KIND = "caddy"
    RELOAD = signal.SIGUSR1  # unused: `caddy reload` talks to its admin port

    def __init__(self, *words, admin_port, **options):
        self._admin_port = admin_port
        super().__init__(*words, **options)

    def configuration(self, http, https, top, certificate):
        return _MAIN.format(
            folder=self.folder,
            admin_port=self._admin_port,
            http_port=self.http_port,
            https_port=self.https_port,
            top=top,
        )

    def has_tls(self):
        return False

    def environment(self):
        return {**os.environ, "XDG_DATA_HOME": str(self.folder / "data"), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def _words(self, verb, *more):
        return [str(word) for word in (from_system("caddy"), verb, "--config", self.config_file, "--adapter", "caddyfile", *more)]

    def command(self):
        return self._words("run", "--pidfile", self.pid_file)

    def check_command(self):
        return self._words("validate")

    @property
    def reload_command(self):
        """For a deploy step, whose `env` has to have environment()'s XDG_DATA_HOME and XDG_CONFIG_HOME."""
        return self._words("reload", "--force")

    def reload(self):
        subprocess.run(self.reload_command, check=True, capture_output=True, timeout=30, env=self.environment())
