"""What the authoritative name servers have in common: zones, keys, and what can be read of them.

    key = Key("client", "hmac-sha512")
    server = Bind(processes, tmp_path / "bind")            # 127.0.0.1 and a free port; or address="127.9.9.9", port=53
    server.zone("a.example", key=key, records=["www A 127.0.0.1"])
    server.start()
    server.txt("_acme-challenge.a.example")                 # ["value", ...], sorted; [] where there is none
    server.put("a.example", "_acme-challenge.a.example", "value"); server.drop(...)     # by the server's own means

    other = Knot(processes, tmp_path / "knot")
    other.secondary("a.example", of=server)                 # transfers; told of changes (NOTIFY), unless lags=True:
    other.start()                                           # then it stays behind until other.refresh("a.example")
    server.secondaries_of("a.example", other)               # before server.start()

server.address, .port, .text ("127.0.0.1:5353", as evercert wants servers)
"""

import base64
import os

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update
from ports import free_port
from processes import wait_until


class Key:
    """A TSIG key; `secret` is base64, chosen when not given."""

    def __init__(self, name, algorithm="hmac-sha256", secret=None):
        self.name, self.algorithm = name, algorithm
        self.secret = secret or base64.b64encode(os.urandom(32)).decode()

    @property
    def dnspython(self):
        return {"keyring": dns.tsigkeyring.from_text({self.name: self.secret}), "keyalgorithm": self.algorithm}


class Zone:
    """One that a server holds; see NameServer.zone and .secondary."""

    def __init__(self, name, keys=(), records=(), nameservers=None, primary=None, lags=False, missing=1):
        self.name, self.keys, self.records, self.nameservers = name, list(keys), list(records), nameservers
        self.primary, self.lags, self.missing = primary, lags, missing
        self.secondaries = []


class NameServer:
    NAME = "name-server"

    def __init__(self, processes, folder, address="127.0.0.1", port=None):
        self._processes = processes
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.address, self.port = address, port or free_port()
        self.text = f"{self.address}:{self.port}"
        self.zones = {}
        self.own_key = Key(f"own-{os.urandom(4).hex()}")  # may change and transfer every zone
        self.process = None
        self.log = folder / "output.log"

    # what it holds, before start()

    def zone(self, name, key=None, keys=(), records=(), nameservers=None, missing=1):
        """A zone of its own. key, keys: may change it. records: lines of a zone file; names without a dot at the end
        are relative. nameservers: [(name, address or None), ...]; "ns" with the server's own address otherwise.
        missing: for how many seconds others may keep that something is not there."""
        keys = [*([key] if key else []), *keys]
        self.zones[name] = Zone(name, keys, records, nameservers, missing=missing)
        return self

    def secondary(self, name, of, lags=False):
        """A copy of a zone of another server."""
        self.zones[name] = Zone(name, primary=of, lags=lags)
        if not lags:
            of.zones[name].secondaries.append(self)
        return self

    def secondaries_of(self, name, *servers):
        """These are told when the zone changes."""
        self.zones[name].secondaries.extend(s for s in servers if s not in self.zones[name].secondaries)
        return self

    def all_keys(self):
        found = {self.own_key.name: self.own_key}
        for zone in self.zones.values():
            found.update({key.name: key for key in zone.keys})
            if zone.primary:  # transfers are signed with the primary's key
                found[zone.primary.own_key.name] = zone.primary.own_key
        return list(found.values())

    def zone_text(self, zone):
        """The zone file at the start. Nobody keeps an answer for more than 1 s, nor, unless the zone says so,
        that there is nothing."""
        nameservers = zone.nameservers or [("ns", self.address)]
        lines = [f"$ORIGIN {zone.name.rstrip('.')}.", "$TTL 1"]
        lines += [f"@ {zone.missing} SOA {nameservers[0][0]} hostmaster 1 3600 3600 604800 {zone.missing}"]
        for name, address in nameservers:
            lines += [f"@ NS {name}"] + ([f"{name} A {address}"] if address else [])
        return "\n".join([*lines, *zone.records]) + "\n"

    # its life

    def configure(self):
        """Writes the configuration and zone files."""

    def argv(self):
        raise NotImplementedError

    def start(self):
        self.configure()
        self.process = self._processes.start(self.argv(), self.log, peer=True, cwd=self.folder)
        wait_until(self._up, f"{self.NAME} to start ({self.log})", 30)
        return self

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"{self.NAME} ended with {self.process.status()}:\n{self.log.read_text()}")
        return all(self.serial(name) is not None for name in self.zones) if self.zones else self._answers()

    def _answers(self):
        try:
            self.ask("tests-started.invalid", "A", timeout=0.2)
            return True
        except (OSError, dns.exception.DNSException):
            return False

    def stop(self):
        """It is gone: connections are refused."""
        self.process.stop()

    # what is there

    def ask(self, name, kind="TXT", tcp=False, timeout=2):
        """The answer, a dns.message.Message."""
        query = dns.message.make_query(name, kind)
        if tcp:
            return dns.query.tcp(query, self.address, port=self.port, timeout=timeout)
        return dns.query.udp_with_fallback(query, self.address, port=self.port, timeout=timeout)[0]

    def txt(self, name):
        """Values of the TXT records that stand at `name` itself, sorted."""
        answer = self.ask(name)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise AssertionError(f"{self.NAME} says {dns.rcode.to_text(answer.rcode())} of {name}")
        owner = dns.name.from_text(name)
        return sorted(
            b"".join(record.strings).decode(errors="surrogateescape")
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.TXT and rrset.name == owner
            for record in rrset
        )

    def wait_txt(self, name, *values, timeout=10.0):
        """Waits until exactly these are there."""
        wait_until(lambda: self.txt(name) == sorted(values), f"{list(values)} at {name} of {self.NAME}", timeout)

    def serial(self, zone):
        """The serial of the zone's SOA record; None where it has no such zone, or is not there (yet)."""
        try:
            answer = self.ask(zone, "SOA", timeout=0.2)
        except (OSError, dns.exception.DNSException):
            return None
        for rrset in answer.answer:
            if rrset.rdtype == dns.rdatatype.SOA:
                return rrset[0].serial
        return None

    def _change(self, zone, change):
        update = dns.update.Update(zone, **self.own_key.dnspython)
        change(update)
        answer = dns.query.tcp(update, self.address, port=self.port, timeout=5)
        if answer.rcode() != dns.rcode.NOERROR:
            raise AssertionError(f"{self.NAME} refused a change of {zone}: {dns.rcode.to_text(answer.rcode())}")

    def put(self, zone, name, value, kind="TXT", ttl=1):
        """Adds a record, whoever may change the zone. A TXT value is given as it is."""
        data = quoted(value) if kind == "TXT" else value
        self._change(zone, lambda update: update.add(name.rstrip(".") + ".", ttl, kind, data))

    def drop(self, zone, name, value=None, kind="TXT"):
        """Takes a record out, or all of that kind."""
        data = [] if value is None else [quoted(value) if kind == "TXT" else value]
        self._change(zone, lambda update: update.delete(name.rstrip(".") + ".", kind, *data))

    def refresh(self, zone):
        """A secondary asks its primary now; returns when it is as new as that."""
        self.ask_to_refresh(zone)
        primary = self.zones[zone].primary
        wait_until(
            lambda: self.serial(zone) == primary.serial(zone), f"{self.NAME} to take {zone} from its primary", 15
        )

    def ask_to_refresh(self, zone):
        raise NotImplementedError

    def said(self):
        """Its log."""
        return self.log.read_text(errors="replace")


def quoted(value):
    """A TXT value as zone files have it, in strings of at most 255 octets."""
    octets = value.encode()
    parts = [octets[at : at + 255] for at in range(0, max(len(octets), 1), 255)]

    def one(part):
        return "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03d}" for c in part)

    return " ".join(f'"{one(part)}"' for part in parts)
