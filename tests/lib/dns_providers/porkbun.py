"""Porkbun: keys in each body; errors have status 400."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, whole


class Api(ZonesApi):
    provider = "porkbun"
    root = "/api/json/v3"
    good = {"api-key": "pk1_good-key-of-porkbun", "secret-api-key": "sk1_good-secret-of-porkbun"}
    wrong = [({**good, "secret-api-key": "sk1_wrong-secret"}, "Invalid API key. (002)")]

    def authenticate(self, request):
        assert request.method == "POST" and request.headers["content-type"].startswith("application/json")
        body = request.json
        if body.get("apikey") != self.good["api-key"]:
            raise Refusal(400, {"status": "ERROR", "message": "Invalid API key. (001)"})
        if body.get("secretapikey") != self.good["secret-api-key"]:
            raise Refusal(400, {"status": "ERROR", "message": "Invalid API key. (002)"})

    def known(self, zone):
        if zone not in self.zones:
            raise Refusal(400, {"status": "ERROR", "message": "Invalid domain.", "code": "INVALID_DOMAIN"})

    @route("POST", "/api/json/v3/domain/listAll")
    def list_all(self, request):
        start = int(request.json["start"])
        names = list(self.zones)[start : start + 1000]
        return {"status": "SUCCESS", "domains": [{"domain": name, "status": "ACTIVE", "notLocal": 0} for name in names]}

    @route("POST", "/api/json/v3/dns/create/{zone}")
    def create(self, request, zone):
        self.known(zone)
        body = request.json
        assert body["type"] == "TXT" and isinstance(body["ttl"], str) and int(body["ttl"]) >= 600
        name = whole(body["name"], zone, "")
        if self.exists(zone, name, "TXT", body["content"]):
            return 400, {"status": "ERROR", "message": "Create error: The record already exists."}
        return {"status": "SUCCESS", "id": self.add(name, body["content"], zone, int(body["ttl"]))["id"]}

    def listed(self, zone, name):
        self.known(zone)
        records = [
            {"id": str(r["id"]), "name": r["name"], "type": r["type"], "content": r["value"], "ttl": str(r["ttl"]), "prio": "0"}
            for r in self.find(zone, name, "TXT")
        ]
        return {"status": "SUCCESS", "records": records}

    @route("POST", "/api/json/v3/dns/retrieveByNameType/{zone}/TXT")
    def at_apex(self, request, zone):
        return self.listed(zone, zone)

    @route("POST", "/api/json/v3/dns/retrieveByNameType/{zone}/TXT/{sub}")
    def at_name(self, request, zone, sub):
        return self.listed(zone, f"{sub}.{zone}")

    @route("POST", "/api/json/v3/dns/delete/{zone}/{id}")
    def delete(self, request, zone, id):
        self.known(zone)
        found = self.find(zone, id=int(id))
        if not found:
            return 400, {"status": "ERROR", "message": "Invalid record ID."}
        self.records.remove(found[0])
        return {"status": "SUCCESS"}
