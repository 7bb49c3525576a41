"""PowerDNS (pdns_server with SQLite) as a name_server.py server, with its HTTP API:

    server = Powerdns(processes, tmp_path / "powerdns"); server.zone("a.example"); server.start()
    server.url, server.api_key                          # "http://127.0.0.1:8081", for evercert
    server.api("GET", "/zones/a.example.")              # decoded JSON; the path is that below /api/v1/servers/localhost
"""

import json
import os
import sqlite3
import urllib.error
import urllib.request

from name_server import NameServer, quoted
from peers import from_system
from ports import free_port
from processes import wait_until

_SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
_CONFIGURATION = """\
launch=gsqlite3
gsqlite3-database={folder}/pdns.sqlite3
gsqlite3-pragma-synchronous=0
local-address={address}
local-port={port}
socket-dir={folder}
api=yes
api-key={api_key}
webserver=yes
webserver-address={address}
webserver-port={api_port}
webserver-allow-from=127.0.0.0/8
webserver-loglevel=detailed
loglevel=6
primary=yes
secondary=yes
dnsupdate=yes
allow-dnsupdate-from=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
receiver-threads=1
distributor-threads=1
security-poll-suffix=
version-string=anonymous
disable-syslog=yes
"""


class Powerdns(NameServer):
    NAME = "PowerDNS"

    def __init__(self, processes, folder, address="127.0.0.1", port=None):
        super().__init__(processes, folder, address, port)
        self.api_port, self.api_key = free_port(), os.urandom(16).hex()
        self.url = f"http://{self.address}:{self.api_port}"
        self._database = self.folder / "pdns.sqlite3"

    def configure(self):
        (self.folder / "pdns.conf").write_text(
            _CONFIGURATION.format(
                folder=self.folder, address=self.address, port=self.port, api_key=self.api_key, api_port=self.api_port
            )
        )
        if not self._database.exists():
            with sqlite3.connect(self._database) as connection, open(_SCHEMA) as schema:
                connection.executescript(schema.read())
            connection.close()

    def argv(self):
        server = from_system("pdns_server")
        return [server, f"--config-dir={self.folder}", "--daemon=no", "--guardian=no", "--write-pid=no"]

    def start(self):
        zones, self.zones = self.zones, {}
        fresh = not self._database.exists()
        super().start()  # with no zone: they come by the API
        self.zones = zones
        wait_until(self._api_up, "PowerDNS's API to answer", 20)
        if fresh:
            for key in self.all_keys():
                name = key.name.rstrip(".")
                self.api("POST", "/tsigkeys", {"name": name, "algorithm": key.algorithm, "key": key.secret})
            for zone in self.zones.values():
                self._create(zone)
        wait_until(self._up, "PowerDNS to have its zones", 20)
        return self

    def _create(self, zone):
        name = zone.name.rstrip(".") + "."
        if zone.primary:
            masters = [f"{zone.primary.address}:{zone.primary.port}"]
            self.api("POST", "/zones", {"name": name, "kind": "Slave", "masters": masters})
            self._metadata(name, "AXFR-MASTER-TSIG", [zone.primary.own_key.name])
            self.ask_to_refresh(zone.name)
            return
        kind = "Master" if zone.secondaries else "Native"
        self.api("POST", "/zones", {"name": name, "kind": kind, "zone": self.zone_text(zone), "soa_edit_api": "INCREASE"})
        keys = [self.own_key, *zone.keys]
        self._metadata(name, "TSIG-ALLOW-DNSUPDATE", [key.name.rstrip(".") for key in keys])
        self._metadata(name, "TSIG-ALLOW-AXFR", [self.own_key.name])
        self._metadata(name, "ALLOW-DNSUPDATE-FROM", ["127.0.0.0/8"])
        self._metadata(name, "SOA-EDIT-DNSUPDATE", ["INCREASE"])
        if zone.secondaries:
            self._metadata(name, "ALSO-NOTIFY", [server.text for server in zone.secondaries])

    def _metadata(self, zone, kind, values):
        # The API has no words for some kinds.
        connection = sqlite3.connect(self._database, timeout=10)
        with connection:
            connection.executemany(
                "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, ?, ? FROM domains WHERE name = ?",
                [(kind, value, zone.rstrip(".")) for value in values],
            )
        connection.close()

    def _api_up(self):
        try:
            return self.api("GET", "") or True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def api(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1/servers/localhost{path}", data, {"X-API-Key": self.api_key}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=5) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"PowerDNS: {method} {path}: {error.code}: {error.read().decode()}") from None
        return json.loads(text) if text else None

    def put(self, zone, name, value, kind="TXT", ttl=1):
        self._replace(zone, name, kind, ttl, lambda values, it: sorted({*values, it}), value)

    def drop(self, zone, name, value=None, kind="TXT"):
        keep = lambda values, it: [] if it is None else [v for v in values if v != it]  # noqa: E731
        self._replace(zone, name, kind, 1, keep, value)

    def _replace(self, zone, name, kind, ttl, change, value):
        zone, name = zone.rstrip(".") + ".", name.rstrip(".") + "."
        content = quoted(value) if kind == "TXT" and value is not None else value
        there = [s for s in self.api("GET", f"/zones/{zone}")["rrsets"] if (s["name"], s["type"]) == (name, kind)]
        values = change([record["content"] for rrset in there for record in rrset["records"]], content)
        rrset = {"name": name, "type": kind, "ttl": ttl, "changetype": "REPLACE" if values else "DELETE"}
        rrset["records"] = [{"content": one, "disabled": False} for one in values]
        self.api("PATCH", f"/zones/{zone}", {"rrsets": [rrset]})

    def ask_to_refresh(self, zone):
        self.api("PUT", f"/zones/{zone.rstrip('.')}./axfr-retrieve")
