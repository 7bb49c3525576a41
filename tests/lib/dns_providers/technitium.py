"""Technitium DNS Server: forms with a token; errors have status 200."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi


class Api(ZonesApi):
    provider = "technitium"
    good = {"api-token": "good-token-of-technitium"}
    wrong = [({**good, "api-token": "wrong-token-of-technitium"}, "invalid-token")]

    def form(self, request):
        assert request.headers["content-type"].startswith("application/x-www-form-urlencoded") and not request.query
        form = request.form
        if form.pop("token") != self.good["api-token"]:
            raise Refusal(200, {"status": "invalid-token", "errorMessage": "Session expired or invalid-token."})
        return form

    def error(self, text):
        raise Refusal(200, {"status": "error", "errorMessage": text, "stackTrace": "   at DnsServerCore...", "innerErrorMessage": ""})

    def record(self, request):
        form = self.form(request)
        zone, name = form.pop("zone"), form.pop("domain")
        if zone not in self.zones:
            self.error(f"No such zone was found: {name}")
        assert form.pop("type") == "TXT"
        return zone, name, form

    @route("POST", "/api/zones/list")
    def list(self, request):
        assert not self.form(request)
        zones = [{"name": name, "type": "Primary", "internal": False, "disabled": False} for name in self.zones]
        zones += [{"name": "127.in-addr.arpa", "type": "Primary", "internal": True, "disabled": False}]
        zones += [{"name": "com", "type": "Secondary", "disabled": False}]  # cannot be written
        return {"response": {"pageNumber": 1, "totalPages": 1, "totalZones": len(zones), "zones": zones}, "status": "ok"}

    @route("POST", "/api/zones/records/add")
    def create(self, request):
        zone, name, form = self.record(request)
        if self.exists(zone, name, "TXT", form["text"]):
            self.error("Cannot add record: record already exists.")
        self.add(name, form.pop("text"), zone, int(form.pop("ttl")))
        assert not form
        return {"response": {"zone": {"name": zone}, "addedRecord": {"name": name, "type": "TXT"}}, "status": "ok"}

    @route("POST", "/api/zones/records/delete")
    def delete(self, request):
        zone, name, form = self.record(request)
        value = form.pop("text")
        assert not form
        found = [r for r in self.find(zone, name, "TXT") if r["value"] == value]
        if not found:
            self.error("Cannot delete record: no such record exists.")
        self.records.remove(found[0])
        return {"response": {}, "status": "ok"}
