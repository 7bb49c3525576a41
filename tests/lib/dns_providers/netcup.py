"""netcup's CCP API: always status 200; a session for a login; records without a number are new."""

from stand_in import route

from dns_providers.zones_api import ZonesApi, relative, whole


class Api(ZonesApi):
    provider = "netcup"
    root = "/run/webservice/servers/endpoint.php"
    good = {"customer-number": "12345", "api-key": "good-key-of-netcup", "api-password": "good-password-of-netcup"}
    wrong = [({**good, "api-password": "wrong-password-of-netcup"}, "The login to the API failed")]

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.sessions = set()

    @staticmethod
    def answer(action, data="", code=2000, short="Success", long="Done."):
        status = "success" if code < 3000 else "error"
        return {
            "serverrequestid": "QWR2VVGF", "clientrequestid": "", "action": action, "status": status, "statuscode": code,
            "shortmessage": short, "longmessage": long, "responsedata": data,
        }

    @route("POST", "/run/webservice/servers/endpoint.php")
    def endpoint(self, request):
        assert request.target.endswith("?JSON") and request.headers["content-type"].startswith("application/json")
        action, param = request.json["action"], request.json["param"]
        assert param.pop("customernumber") == self.good["customer-number"]
        assert param.pop("apikey") == self.good["api-key"]
        if action == "login":
            if param != {"apipassword": self.good["api-password"]}:
                return self.answer(action, "", 4011, "Validation Error.", "The login to the API failed. Check your credentials.")
            self.sessions.add(f"session-{len(self.sessions)}-of-netcup")
            return self.answer(action, {"apisessionid": max(self.sessions)})
        session = param.pop("apisessionid")
        if session not in self.sessions:
            return self.answer(action, "", 4001, "Api session id in invalid format", "The session id is not in a valid format.")
        if action == "logout":
            self.sessions.remove(session)
            return self.answer(action)
        return getattr(self, action)(**param)

    def infoDnsZone(self, domainname):
        if "_" in domainname or "." not in domainname:
            text = "Value in field domainname does not match requirements of type: domainname. "
            return self.answer("", "", 4013, "Validation Error.", text)
        if domainname not in self.zones:
            text = f"Can not get DNS zone. The zone {domainname} could not be found."
            return self.answer("infoDnsZone", "", 5029, "Information about DNS zone failed", text)
        return self.answer("infoDnsZone", {"name": domainname, "ttl": "300", "serial": "2026010101"})

    def shown(self, zone):
        return [
            {
                "id": str(r["id"]), "hostname": relative(r), "type": r["type"], "priority": "0", "destination": r["value"],
                "deleterecord": False, "state": "yes",
            }
            for r in self.find(zone)
        ]

    def infoDnsRecords(self, domainname):
        records = self.shown(domainname)
        if not records:
            text = f"Can not get DNS records for zone. The zone {domainname} does not contain any DNS records."
            return self.answer("infoDnsRecords", "", 5029, "Information about DNS records failed", text)
        return self.answer("infoDnsRecords", {"dnsrecords": records})

    def updateDnsRecords(self, domainname, dnsrecordset):
        assert domainname in self.zones
        for given in dnsrecordset["dnsrecords"]:
            name = whole(given["hostname"], domainname)
            if "id" in given:
                (record,) = self.find(domainname, id=int(given["id"]))
                assert given["deleterecord"] is True and given["destination"] == record["value"] and record["name"] == name
                self.records.remove(record)
            else:
                assert given["type"] == "TXT" and name == name.lower()
                self.add(name, given["destination"], domainname)
        return self.answer("updateDnsRecords", {"dnsrecords": self.shown(domainname)})
