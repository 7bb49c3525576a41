"""DNSPod's classic API: forms with a token; always status 200, with a code."""

from stand_in import route

from dns_providers.zones_api import ZonesApi, relative, whole


class Api(ZonesApi):
    provider = "dnspod"
    good = {"api-key": "730060,good-token-of-dnspod"}
    wrong = [({**good, "api-key": "730060,wrong-token-of-dnspod"}, "Login fail")]
    paged = 520

    @staticmethod
    def answer(code, message, **more):
        return {"status": {"code": str(code), "message": message, "created_at": "2026-01-01 00:00:00"}, **more}

    @route("POST", "/{action}")
    def action(self, request, action):
        assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
        form = request.form
        assert (form.pop("format"), form.pop("lang"), form.pop("error_on_empty")) == ("json", "en", "no")
        if form.pop("login_token") != self.good["api-key"]:
            return self.answer(-1, "Login fail, please check login info")
        return getattr(self, action.replace(".", "_"))(**form)

    def done(self, **more):
        return self.answer(1, "Action completed successful", **more)

    def Domain_List(self, offset, length):
        names = [{"id": n, "name": z, "punycode": z, "status": "enable"} for z, n in self.zones.items()]
        return self.done(info={"domain_total": len(names)}, domains=names[int(offset) :][: int(length)])

    def Record_Create(self, domain_id, sub_domain, record_type, record_line, value, ttl):
        zone = self.zone_numbered(domain_id)
        assert zone and record_type == "TXT" and record_line == "默认" and int(ttl) >= 1
        name = whole(sub_domain, zone)
        if self.exists(zone, name, "TXT", value):
            return self.answer(104, "The record already exists")
        record = self.add(name, value, zone, int(ttl))
        return self.done(record={"id": str(record["id"]), "name": sub_domain, "status": "enable"})

    def Record_List(self, domain_id, sub_domain, record_type, offset, length):
        zone = self.zone_numbered(domain_id)
        found = self.find(zone, whole(sub_domain, zone), record_type)[int(offset) :][: int(length)]
        if not found:
            return self.answer(10, "No records on the list")
        shown = [
            {"id": str(r["id"]), "name": relative(r), "type": r["type"], "value": r["value"], "line": "默认", "ttl": str(r["ttl"])}
            for r in found
        ]
        return self.done(domain={"id": domain_id, "name": zone}, info={"record_total": str(len(found))}, records=shown)

    def Record_Remove(self, domain_id, record_id):
        found = self.find(self.zone_numbered(domain_id), id=int(record_id))
        if not found:
            return self.answer(8, "Invalid record id")
        self.records.remove(found[0])
        return self.done()
