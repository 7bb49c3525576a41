"""Njalla: JSON-RPC; errors have status 200."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, relative, whole


class Api(ZonesApi):
    provider = "njalla"
    root = "/api/1"
    good = {"token": "good-token-of-njalla"}
    wrong = [({**good, "token": "wrong-token-of-njalla"}, "Invalid token.")]

    def refuse(self, code, message):
        raise Refusal(200, {"jsonrpc": "2.0", "error": {"code": code, "message": message}})

    def authenticate(self, request):
        if request.headers.get("authorization") != "Njalla " + self.good["token"]:
            self.refuse(403, "Invalid token.")

    @route("POST", "/api/1/")
    def rpc(self, request):
        method, params = request.json["method"], request.json["params"]
        return {"jsonrpc": "2.0", "id": "897", "result": getattr(self, method.replace("-", "_"))(**(params or {}))}

    def known(self, zone):
        if zone not in self.zones:
            self.refuse(404, "Domain not found")

    @staticmethod
    def shown(record):
        return {"id": record["id"], "name": relative(record), "type": record["type"], "content": record["value"], "ttl": record["ttl"]}

    def list_domains(self):
        return {"domains": [{"name": name, "status": "active", "expiry": "2027-01-01T00:00:00Z"} for name in self.zones]}

    def list_records(self, domain):
        self.known(domain)
        return {"records": [self.shown(r) for r in self.find(domain)]}

    def add_record(self, domain, name, type, content, ttl):
        self.known(domain)
        assert type == "TXT" and ttl in (60, 300, 900, 3600, 10800, 21600, 86400)
        return self.shown(self.add(whole(name, domain), content, domain, ttl))

    def remove_record(self, domain, id):
        self.known(domain)
        found = self.find(domain, id=id)
        if not found:
            self.refuse(400, "missing ID")
        self.records.remove(found[0])
        return {}
