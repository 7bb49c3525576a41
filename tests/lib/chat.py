"""Prosody (XMPP)."""

from peers import from_system
from ports import free_port
from service import Service

_CONFIG = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{ {server_port} }}
c2s_direct_tls_ports = {{}}
s2s_direct_tls_ports = {{}}
modules_enabled = {{ {modules} }}
c2s_require_encryption = {encryption}
s2s_require_encryption = {encryption}
log = {{ info = "{folder}/prosody.log" }}
ssl = {{ certificate = "{certificate}"; key = "{key}" }}
c2s_ssl = ssl
VirtualHost "{host}"
ssl = {{ certificate = "{certificate}"; key = "{key}" }}
"""


class Prosody(Service):
    """Serves the name .host: .port is for clients, .server_port for servers."""

    NAME = "prosody"
    tls = True
    host = "chat.example"

    def __init__(self, processes, certificate, key, **options):
        self.server_port = free_port()
        super().__init__(processes, certificate, key, **options)

    def configure(self):
        (self.folder / "data").mkdir(exist_ok=True)
        names = ("folder", "certificate", "key", "port", "server_port", "host")
        values = {name: getattr(self, name) for name in names}
        values["modules"] = '"saslauth"; "dialback"' + ('; "tls"' if self.tls else "")
        values["encryption"] = "true" if self.tls else "false"
        (self.folder / "prosody.cfg.lua").write_text(_CONFIG.format(**values))

    def argv(self):
        return [from_system("prosody"), "-F", "--config", self.folder / "prosody.cfg.lua"]

    def ports(self):
        return [self.port, self.server_port]
