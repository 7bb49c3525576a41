"""deSEC: sets of records, with a lowest TTL for each domain."""

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, whole


class Api(ZonesApi):
    provider = "desec"
    root = "/api/v1"
    good = {"token": "good-token-of-desec"}
    wrong = [({**good, "token": "wrong-token-of-desec"}, "Invalid token.")]
    minimum_ttl = 3600

    def authenticate(self, request):
        if request.headers.get("authorization") != "Token " + self.good["token"]:
            raise Refusal(401, {"detail": "Invalid token."}, {"WWW-Authenticate": "Token"})

    def known(self, zone):
        if zone not in self.zones:
            raise Refusal(404, {"detail": "Not found."})

    @route("GET", "/api/v1/domains/{zone}/")
    def one_domain(self, request, zone):
        self.known(zone)
        return {"name": zone, "minimum_ttl": self.minimum_ttl, "created": "2026-01-01T00:00:00.000000Z", "keys": []}

    @route("GET", "/api/v1/domains/{zone}/rrsets/{sub}/{kind}/")
    def set(self, request, zone, sub, kind):
        self.known(zone)
        found = self.find(zone, whole(sub, zone), kind)
        if not found:
            return 404, {"detail": "Not found."}
        return {
            "domain": zone, "subname": "" if sub == "@" else sub, "type": kind, "ttl": found[0]["ttl"],
            "records": [f'"{r["value"]}"' for r in found],
        }

    @route("PUT", "/api/v1/domains/{zone}/rrsets/")
    def write(self, request, zone):
        self.known(zone)
        assert request.headers["content-type"].startswith("application/json")
        answer = []
        for given in request.json:
            assert given.keys() == {"subname", "type", "ttl", "records"} and given["type"] == "TXT"
            assert isinstance(given["records"], list) and "@" not in given["subname"]
            if given["ttl"] < self.minimum_ttl:
                return 400, [{"ttl": [f"Ensure this value is greater than or equal to {self.minimum_ttl}."]}]
            name = whole(given["subname"], zone, "")
            for record in self.find(zone, name, "TXT"):
                self.records.remove(record)
            for text in given["records"]:
                assert text.startswith('"') and text.endswith('"'), text
                self.add(name, text[1:-1], zone, given["ttl"])
            answer += [given] if given["records"] else []
        return answer
