"""An account at a DNS provider: what the stand-ins of all of them have in common.

A subclass says how the provider speaks (routes, authenticate) and keeps its TXT records with the functions here. What
it is strict about answers with Refusal, in the provider's own words, so the test that broke it fails with them.
"""

from provider import Provider
from stand_in import Refusal, StandIn

# Zones in the order of the provider's list. Lists come in pages of PAGE: those of the tests are not on the first.
ZONES = ["aaa.example", "bbb.example", "example.org", "sub.example.org", "zzz.example"]
PAGE = 2


class Account(StandIn):
    provider = ""
    good = {}  # settings that are right, but for endpoints
    variants = []  # other right ones
    wrong = []  # (settings, what the provider says to them)
    domain, nested = "example.org", "sub.example.org"
    endpoints = ("endpoint",)
    root = ""  # the path that the endpoint ends with
    zoned = True  # it has zones that are looked for

    def __init__(self, authority=None, zones=None):
        self.zones = {name: self.make_zone_id(i, name) for i, name in enumerate(ZONES if zones is None else zones)}
        self.records = []
        self.next_id = 1000
        self.resolvers = []
        super().__init__(authority)

    def make_zone_id(self, index, name):
        return 70 + index

    @property
    def addresses(self):
        """Settings that say where it is."""
        return {name: self.url + self.root for name in self.endpoints}

    def run(self, settings=None, **more):
        """The provider with these settings, or the good ones, and `more` (- as _; None: without it)."""
        more = {name.replace("_", "-"): value for name, value in more.items()}
        settings = {**(self.good if settings is None else settings), **self.addresses, "ca-file": self.ca_file, **more}
        settings = {name: value for name, value in settings.items() if value is not None}
        return Provider(self.provider, settings, resolvers=self.resolvers, times={"retry_ms": 20})

    def calm(self):
        """What was to go wrong and did not yet does not any more."""
        with self.lock:
            self._mischief.clear()

    # --- the records ---

    def txt(self, name):
        """The TXT values at a name, sorted."""
        return sorted(record["value"] for record in self.records if (record["name"], record["type"]) == (name, "TXT"))

    def zone_of(self, name):
        """The zone that the records of a name are in."""
        (zone,) = {record["zone"] for record in self.records if record["name"] == name}
        return zone

    def add(self, name, value, zone=None, ttl=3600, type="TXT", **more):
        zone = zone or max((z for z in self.zones if name == z or name.endswith("." + z)), key=len)
        self.next_id += 1
        record = {"id": self.next_id, "zone": zone, "name": name, "type": type, "value": value, "ttl": ttl, **more}
        self.records.append(record)
        return self.records[-1]

    def remove(self, record):
        self.records.remove(record)

    def at(self, zone, name):
        return [record for record in self.records if record["zone"] == zone and record["name"] == name]

    def put(self, zone, name, values, ttl):
        """The set is these values and no others."""
        self.records = [record for record in self.records if record not in self.at(zone, name)]
        for value in values:
            self.add(name, value, zone, ttl)

    def by_id(self, zone, id, refusal):
        for record in self.records:
            if record["zone"] == zone and str(record["id"]) == str(id):
                return record
        raise refusal

    def zone_by_id(self, id, refusal):
        for name, one in self.zones.items():
            if str(one) == str(id):
                return name
        raise refusal

    @staticmethod
    def full(relative, zone, apex="@"):
        if relative.endswith("." + zone) or relative == zone:
            raise Refusal(422, {"error": "a whole name where the part before the zone is due"})
        return zone if relative == apex else f"{relative}.{zone}"

    @staticmethod
    def relative(name, zone, apex="@"):
        return apex if name == zone else name[: -len(zone) - 1]

    @staticmethod
    def quoted(value):
        return f'"{value}"'

    @staticmethod
    def unquoted(value, refusal):
        if len(value) < 2 or value[0] != '"' or value[-1] != '"' or '"' in value[1:-1]:
            raise refusal
        return value[1:-1]


def json_body(request, refusal, **types):
    """The body, an object with these members (name=type) and no others; NAME_=type may be absent."""
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise refusal
    body = request.json
    if not isinstance(body, dict):
        raise refusal
    known = {name.rstrip("_"): (kind, name.endswith("_")) for name, kind in types.items()}
    for name, (kind, optional) in known.items():
        if name not in body and optional:
            continue
        if not isinstance(body.get(name), kind):
            raise refusal
    if set(body) - set(known):
        raise refusal
    return body
