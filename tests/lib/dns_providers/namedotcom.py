"""name.com's Core API: basic authentication, pages that name the next."""

import base64

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole


class Api(ZonesApi):
    provider = "namedotcom"
    root = "/core/v1"
    good = {"username": "somebody", "api-token": "good-token-of-namecom"}
    wrong = [({**good, "api-token": "wrong-token-of-namecom"}, "Unauthorized")]
    paged = 1020

    def authenticate(self, request):
        good = base64.b64encode(f"{self.good['username']}:{self.good['api-token']}".encode()).decode()
        if request.headers.get("authorization") != "Basic " + good:
            raise Refusal(401, {"message": "Unauthorized"})

    def page_of(self, request, key, items):
        page, size = int(request.query["page"]), int(request.query["perPage"])
        answer = {key: a_page(items, page, size, 1000), "totalCount": len(items)}
        return {**answer, "nextPage": page + 1} if page * size < len(items) else answer

    def known(self, zone):
        if zone not in self.zones:
            raise Refusal(404, {"message": "Not Found"})

    @staticmethod
    def shown(record):
        return {
            "id": record["id"], "domainName": record["zone"], "host": relative(record, ""), "fqdn": record["name"] + ".",
            "type": record["type"], "answer": record["value"], "ttl": record["ttl"],
        }

    @route("GET", "/core/v1/domains")
    def domains(self, request):
        return self.page_of(request, "domains", [{"domainName": name, "locked": True} for name in self.zones])

    @route("GET", "/core/v1/domains/{zone}/records")
    def list(self, request, zone):
        self.known(zone)
        return self.page_of(request, "records", [self.shown(r) for r in self.find(zone)])

    @route("POST", "/core/v1/domains/{zone}/records")
    def create(self, request, zone):
        self.known(zone)
        body = request.json
        assert request.headers["content-type"].startswith("application/json") and "@" not in body["host"]
        assert body["type"] == "TXT"
        if body["ttl"] < 300:
            return 422, {"message": "Unprocessable Entity", "details": "TTL must be at least 300"}
        return self.shown(self.add(whole(body["host"], zone, ""), body["answer"], zone, body["ttl"]))

    @route("DELETE", "/core/v1/domains/{zone}/records/{id}")
    def delete(self, request, zone, id):
        self.known(zone)
        found = self.find(zone, id=int(id))
        if not found:
            return 404, {"message": "Not Found"}
        self.records.remove(found[0])
        return 204, None
