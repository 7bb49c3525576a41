"""Accounts whose stand-ins keep records of every type: what the provider does not know of must stay.

A record has a `type` and what else the API knows of it. What a route finds wrong with a request it says by `assert`:
that is a complaint at the end of `with`."""

from dns_providers.account import Account


class ZonesApi(Account):
    paged = 0  # so many records at one name need a second page

    def find(self, zone=None, name=None, kind=None, id=None):
        return [
            r
            for r in self.records
            if zone in (None, r["zone"]) and name in (None, r["name"]) and kind in (None, r["type"])
            and id in (None, r["id"])
        ]

    def zone_numbered(self, number):
        """The name of the zone of that number, or None."""
        return next((name for name, n in self.zones.items() if n == int(number)), None)

    def exists(self, zone, name, kind, value):
        return any(r["value"] == value for r in self.find(zone, name, kind))


def relative(record, apex="@"):
    """The name of a record below its zone."""
    return Account.relative(record["name"], record["zone"], apex)


def whole(label, zone, apex="@"):
    return Account.full(label, zone, apex)


def a_page(items, page, size, most):
    """Page number `page`, from 1."""
    page, size = int(page), int(size)
    assert page >= 1 and 1 <= size <= most, f"page {page} of {size}"
    return items[(page - 1) * size : page * size]
