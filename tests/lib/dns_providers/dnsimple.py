"""DNSimple API v2: the number of the account is asked for; lists have pages."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole


class Api(ZonesApi):
    provider = "dnsimple"
    good = {"oauth-token": "good-token-of-dnsimple"}
    wrong = [({**good, "oauth-token": "wrong-token-of-dnsimple"}, "Authentication failed")]
    paged = 120
    account = 1010

    def authenticate(self, request):
        if request.headers.get("authorization") != "Bearer " + self.good["oauth-token"]:
            raise Refusal(401, {"message": "Authentication failed"})

    def known(self, account, zone):
        assert int(account) == self.account
        if zone not in self.zones:
            raise Refusal(404, {"message": f"Zone `{zone}` not found"})

    @staticmethod
    def shown(record):
        return {
            "id": record["id"], "zone_id": record["zone"], "name": relative(record, ""), "content": record["value"],
            "ttl": record["ttl"], "type": record["type"], "system_record": False,
        }

    @route("GET", "/v2/whoami")
    def whoami(self, request):
        return {"data": {"user": None, "account": {"id": self.account, "email": "somebody@example.org"}}}

    @route("GET", "/v2/{account}/zones/{zone}")
    def zone(self, request, account, zone):
        self.known(account, zone)
        return {"data": {"id": self.zones[zone], "account_id": self.account, "name": zone, "reverse": False}}

    @route("GET", "/v2/{account}/zones/{zone}/records")
    def list(self, request, account, zone):
        self.known(account, zone)
        found = self.find(zone, whole(request.query["name"], zone, ""), request.query["type"])
        size = int(request.query["per_page"])
        pages = {"current_page": int(request.query["page"]), "per_page": size, "total_pages": max(1, -(-len(found) // size))}
        return {"data": [self.shown(r) for r in a_page(found, request.query["page"], size, 100)], "pagination": pages}

    @route("POST", "/v2/{account}/zones/{zone}/records")
    def create(self, request, account, zone):
        self.known(account, zone)
        body = request.json
        assert body["type"] == "TXT" and body["ttl"] >= 60
        return 201, {"data": self.shown(self.add(whole(body["name"], zone, ""), body["content"], zone, body["ttl"]))}

    @route("DELETE", "/v2/{account}/zones/{zone}/records/{id}")
    def delete(self, request, account, zone, id):
        self.known(account, zone)
        found = self.find(zone, id=int(id))
        if not found:
            return 404, {"message": f"Record `{id}` not found"}
        self.records.remove(found[0])
        return 204, None
