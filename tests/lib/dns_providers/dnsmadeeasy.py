"""DNS Made Easy: the date of a request is signed, and must be now; TXT values come back in quotes."""

import datetime
import email.utils
import hmac

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, relative, whole


class Api(ZonesApi):
    provider = "dnsmadeeasy"
    root = "/V2.0"
    good = {"api-key": "good-key-of-dnsmadeeasy", "api-secret": "good-secret-of-dnsmadeeasy"}
    wrong = [({**good, "api-secret": "wrong-secret-of-dnsmadeeasy"}, "HMAC is not correct")]
    paged = 70

    def authenticate(self, request):
        h = request.headers
        date = h["x-dnsme-requestdate"]
        assert date.endswith(" GMT")
        age = datetime.datetime.now(datetime.timezone.utc) - email.utils.parsedate_to_datetime(date)
        assert abs(age.total_seconds()) < 30, "the date is not now"
        if h.get("x-dnsme-apikey") != self.good["api-key"]:
            raise Refusal(403, {"error": ["API key is not known"]})
        if hmac.new(self.good["api-secret"].encode(), date.encode(), "sha1").hexdigest() != h["x-dnsme-hmac"]:
            raise Refusal(403, {"error": ["HMAC is not correct"]})

    @route("GET", "/V2.0/dns/managed/name")
    def name(self, request):
        zone = request.query["domainname"]
        if zone not in self.zones:
            return 404, {"error": [f"Could not find domain with name {zone}"]}
        return {"id": self.zones[zone], "name": zone, "gtdEnabled": False}

    @staticmethod
    def shown(record):
        return {
            "id": record["id"], "type": record["type"], "name": relative(record, ""), "value": f'"{record["value"]}"',
            "ttl": record["ttl"], "gtdLocation": "DEFAULT", "source": 1,
        }

    @route("GET", "/V2.0/dns/managed/{number}/records")
    def list(self, request, number):
        zone = self.zone_numbered(number)
        found = self.find(zone, whole(request.query["recordName"], zone, ""), request.query["type"])
        page = int(request.query.get("page", 0))
        return {
            "totalRecords": len(found), "totalPages": max(1, -(-len(found) // 50)), "page": page,
            "data": [self.shown(r) for r in found[page * 50 : page * 50 + 50]],
        }

    @route("POST", "/V2.0/dns/managed/{number}/records")
    def create(self, request, number):
        zone, body = self.zone_numbered(number), request.json
        assert body["type"] == "TXT" and body["gtdLocation"] == "DEFAULT" and isinstance(body["ttl"], int)
        name = whole(body["name"], zone, "")
        if self.exists(zone, name, "TXT", body["value"]):
            text = f'Record with this type (TXT), name ({body["name"]}), and value ("{body["value"]}") already exists.'
            return 400, {"error": [text]}
        return 201, self.shown(self.add(name, body["value"], zone, body["ttl"]))

    @route("DELETE", "/V2.0/dns/managed/{number}/records/{id}")
    def delete(self, request, number, id):
        found = self.find(self.zone_numbered(number), id=int(id))
        if not found:
            return 404, {"error": ["Record not found"]}
        self.records.remove(found[0])
        return 200, None
