"""BIND (named) as a name_server.py server, and as the resolver of Pebble and evercert:

    resolver = Bind(processes, tmp_path / "resolver", recursion=True)
    resolver.forward("a.example", server)               # a NameServer, or "127.0.0.1:5353"
    resolver.forward(".", "127.0.0.1:5354")             # everything else
    resolver.hints("127.9.9.9")                         # or: it starts at this root and follows delegations, port 53
    resolver.trust("a.example", "257 3 13 KEY...")      # it checks DNSSEC, of that zone and what is below
    Bind(..., recursion=True, missing=3600)             # it keeps that something is not there for as long as zones say
    resolver.start(); pebble(resolver=resolver.text)

Answers are kept for one second at most unless `missing` is given, and DNSSEC is not checked, unless trust() says so."""

import subprocess

from name_server import NameServer
from peers import from_system
from ports import free_port

_OPTIONS = """\
options {{
    directory "{folder}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    pid-file "{folder}/named.pid";
    lock-file none;
    session-keyfile none;
    dnssec-validation {validation};
    empty-zones-enable no;
    recursion {recursion};
    allow-query {{ any; }};
    {allow_recursion}
    max-cache-ttl 1;
    max-ncache-ttl {missing};
    servfail-ttl 0;
    notify {notify};
    notify-delay 0;
    serial-query-rate 1000;
    allow-transfer {{ key "{own}"; }};
    minimal-responses no;
    {more}
}};
controls {{ inet {address} port {control} allow {{ any; }} keys {{ "{own}"; }}; }};
"""


class Bind(NameServer):
    NAME = "BIND"

    def __init__(self, processes, folder, address="127.0.0.1", port=None, recursion=False, missing=1, options=""):
        """missing: for how many seconds it keeps at most that something is not there. options: more statements of
        `options`."""
        # named takes the addresses of interfaces alone, of which 127.9.9.9 is none; Knot takes any.
        assert address == "127.0.0.1", f"BIND cannot listen on {address}"
        super().__init__(processes, folder, address, port)
        self.recursion, self.missing, self.options = recursion, missing, options
        self.forwards, self.roots, self.anchors = {}, [], {}
        self.control_port = free_port()

    def forward(self, zone, *servers):
        """Questions for names in that zone go to these and nowhere else."""
        self.forwards[zone] = [getattr(server, "text", server) for server in servers]
        return self

    def trust(self, zone, key):
        """key: of a DNSKEY record, as zone files have it."""
        self.anchors[zone] = key
        return self

    def hints(self, *addresses):
        """The addresses of the root's servers; they listen on port 53."""
        self.roots = list(addresses)
        return self

    def configure(self):
        text = "".join(
            f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n' for key in self.all_keys()
        )
        text += _OPTIONS.format(
            folder=self.folder,
            address=self.address,
            port=self.port,
            control=self.control_port,
            own=self.own_key.name,
            recursion="yes" if self.recursion else "no",
            missing=self.missing,
            validation="yes" if self.anchors else "no",
            allow_recursion="allow-recursion { any; };" if self.recursion else "",
            notify="explicit" if any(zone.secondaries for zone in self.zones.values()) else "no",
            more=self.options,
        )
        for zone in self.zones.values():
            text += self._secondary(zone) if zone.primary else self._primary(zone)
        for zone, key in self.anchors.items():
            flags, protocol, algorithm, *data = key.split()
            text += f'trust-anchors {{ "{zone}" static-key {flags} {protocol} {algorithm} "{"".join(data)}"; }};\n'
        for zone, servers in self.forwards.items():
            text += f'zone "{zone}" {{ type forward; forward only; forwarders {{ {_servers(servers)} }}; }};\n'
        if self.roots:
            names = [(f"root-{number}.invalid.", address) for number, address in enumerate(self.roots)]
            (self.folder / "root.hints").write_text(
                "".join(f". 60 NS {name}\n{name} 60 A {address}\n" for name, address in names)
            )
            text += f'zone "." {{ type hint; file "{self.folder}/root.hints"; }};\n'
        (self.folder / "named.conf").write_text(text)
        (self.folder / "rndc.conf").write_text(
            f'key "{self.own_key.name}" {{ algorithm {self.own_key.algorithm}; secret "{self.own_key.secret}"; }};\n'
            f'options {{ default-key "{self.own_key.name}"; default-server {self.address};'
            f" default-port {self.control_port}; }};\n"
        )

    def _file(self, zone):
        return self.folder / ("zone-" + (zone.name.strip(".") or "root"))

    def _primary(self, zone):
        self._file(zone).write_text(self.zone_text(zone))
        keys = " ".join(f'key "{key.name}";' for key in [self.own_key, *zone.keys])
        told = _servers(server.text for server in zone.secondaries)
        also = f"also-notify {{ {told} }};" if told else ""
        return (
            f'zone "{zone.name}" {{ type primary; file "{self._file(zone)}"; allow-update {{ {keys} }}; {also} }};\n'
        )

    def _secondary(self, zone):
        key = zone.primary.own_key.name
        primary = f'{zone.primary.address} port {zone.primary.port} key "{key}";'
        return (
            f'zone "{zone.name}" {{ type secondary; file "{self._file(zone)}"; primaries {{ {primary} }};'
            f" allow-notify {{ {'none' if zone.lags else 'any'}; }}; min-refresh-time 3600; }};\n"
        )

    def argv(self):
        return [from_system("named"), "-4", "-g", "-c", self.folder / "named.conf"]

    def rndc(self, *words):
        """What rndc says."""
        argv = [from_system("rndc"), "-c", self.folder / "rndc.conf", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask_to_refresh(self, zone):
        self.rndc("refresh", zone)

    def forget(self):
        """A resolver that has nothing in its cache any more."""
        self.rndc("flush")


def _servers(texts):
    return " ".join("{} port {};".format(*text.rsplit(":", 1)) for text in texts)
