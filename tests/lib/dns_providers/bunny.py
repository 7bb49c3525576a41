"""bunny.net: an AccessKey; types of records are numbers."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole

TYPES = {"A": 0, "AAAA": 1, "CNAME": 2, "TXT": 3, "MX": 4}


class Api(ZonesApi):
    provider = "bunny"
    good = {"api-key": "good-key-of-bunny"}
    wrong = [({**good, "api-key": "wrong-key-of-bunny"}, "Authorization has been denied for this request.")]

    def authenticate(self, request):
        if request.headers.get("accesskey") != self.good["api-key"]:
            raise Refusal(401, {"Message": "Authorization has been denied for this request."})

    def shown(self, zone):
        records = [
            {"Id": r["id"], "Type": TYPES[r["type"]], "Name": relative(r, ""), "Value": r["value"], "Ttl": r["ttl"]}
            for r in self.find(zone)
        ]
        return {"Id": self.zones[zone], "Domain": zone, "Records": records}

    def known(self, number):
        zone = self.zone_numbered(number)
        if not zone:
            raise Refusal(404, {"ErrorKey": "dnszone.not_found", "Field": "", "Message": "The requested DNS zone was not found"})
        return zone

    @route("GET", "/dnszone")
    def list(self, request):
        found = [zone for zone in self.zones if request.query["search"] in zone]
        page, size = int(request.query["page"]), int(request.query["perPage"])
        assert size >= 5
        items = [self.shown(zone) for zone in a_page(found, page, size, 1000)]
        return {"Items": items, "CurrentPage": page, "TotalItems": len(found), "HasMoreItems": page * size < len(found)}

    @route("GET", "/dnszone/{number}")
    def get(self, request, number):
        return self.shown(self.known(number))

    @route("PUT", "/dnszone/{number}/records")
    def write(self, request, number):
        zone, body = self.known(number), request.json
        assert body["Type"] == 3 and "@" not in body["Name"] and isinstance(body["Ttl"], int)
        record = self.add(whole(body["Name"], zone, ""), body["Value"], zone, body["Ttl"])
        return 201, {"Id": record["id"], **body}

    @route("DELETE", "/dnszone/{number}/records/{id}")
    def delete(self, request, number, id):
        found = self.find(self.known(number), id=int(id))
        if not found:
            return 404, {"ErrorKey": "dnszone.record.not_found", "Field": "", "Message": "The requested record was not found"}
        self.records.remove(found[0])
        return 204, None
