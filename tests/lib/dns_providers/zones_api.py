"""What the stand-ins of DNS providers have in common: zones with records in memory, and what a test must know of them.

    class Api(ZonesApi):
        provider = "example"                       # providers/example.lua
        path = "/v1"                               # of the endpoint
        settings = {"token": "good"}               # that the API takes
        bad = {"token": "wrong"}                   # settings instead of these that it refuses,
        refusal = "Invalid token"                  # in these words

    with Api("example.org", "example.net") as api:
        api.add("example.org", "www.example.org", "A", "192.0.2.1")
        api.run().present("_acme-challenge.example.org", "value")
        assert api.txt("_acme-challenge.example.org") == ["value"]

A record is a dict: id, zone, name (whole), type, value, ttl, and what else the API knows of it. What a route finds wrong
with a request it says by `assert`: that is a complaint at the end of `with`."""

from provider import Provider
from stand_in import StandIn


class ZonesApi(StandIn):
    provider = ""
    path = ""
    settings = {}
    bad = {}
    refusal = ""
    zoned = True  # the API has zones that are looked for
    paged = 0  # so many records at one name need a second page

    def __init__(self, *zones, authority=None):
        super().__init__(authority)
        self.url = self.origin + self.path
        self.zones = {name: number for number, name in enumerate(zones, 1001)}
        self.records = []
        self._next = 70001

    # --- for tests ---

    def run(self, **more):
        """The provider with the good settings and `more` (names with _)."""
        settings = {"endpoint": self.url, **self.settings, **{k.replace("_", "-"): v for k, v in more.items()}}
        if self.ca_file:
            settings["ca-file"] = self.ca_file
        return Provider(self.provider, {k: v for k, v in settings.items() if v is not None})

    def secrets(self):
        """Texts that no error may have in it."""
        return [v for s in (self.settings, self.bad) for k, v in s.items() if k not in ("mode", "username")]

    def txt(self, name):
        return sorted(r["value"] for r in self.records if r["type"] == "TXT" and r["name"] == name)

    def calm(self):
        """What was to go wrong and did not yet does not any more."""
        with self.lock:
            self._mischief.clear()

    # --- for subclasses ---

    def add(self, zone, name, kind, value, ttl=300, **more):
        assert zone in self.zones and (name == zone or name.endswith("." + zone)), (zone, name)
        record = {"id": self._next, "zone": zone, "name": name, "type": kind, "value": value, "ttl": ttl, **more}
        self._next += 1
        self.records.append(record)
        return record

    def find(self, zone=None, name=None, kind=None, id=None):
        return [
            r
            for r in self.records
            if zone in (None, r["zone"]) and name in (None, r["name"]) and kind in (None, r["type"])
            and id in (None, r["id"])
        ]

    def zone_of(self, number):
        """The name of the zone of that number, or None."""
        return next((name for name, n in self.zones.items() if n == int(number)), None)

    def exists(self, zone, name, kind, value):
        return any(r["value"] == value for r in self.find(zone, name, kind))


def relative(record, apex="@"):
    """The name of a record below its zone."""
    return apex if record["name"] == record["zone"] else record["name"][: -len(record["zone"]) - 1]


def whole(label, zone, apex="@"):
    return zone if label == apex else f"{label}.{zone}"


def a_page(items, page, size, most):
    """Page number `page`, from 1."""
    page, size = int(page), int(size)
    assert page >= 1 and 1 <= size <= most, f"page {page} of {size}"
    return items[(page - 1) * size : page * size]
