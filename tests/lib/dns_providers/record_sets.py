"""Stand-ins of providers whose API has all TXT values of a name at a time."""

from dns_providers.account import Account, json_body
from stand_in import Refusal, route


class GoDaddy(Account):
    """https://developer.godaddy.com/doc/endpoint/domains"""

    provider = "godaddy"
    good = {"api-key": "dLYfJe7xTuQ1_9mKpVwRzAaBbCcDdEe", "api-secret": "Xh3sN8vQ2kLmP7rTyU4wZb"}
    wrong = [({**good, "api-secret": "0000000000000000000000"}, "Unable to authenticate")]

    def authenticate(self, request):
        if request.headers.get("authorization") != "sso-key {api-key}:{api-secret}".format(**self.good):
            raise Refusal(401, {"code": "UNABLE_TO_AUTHENTICATE", "message": "Unauthorized : Unable to authenticate"})

    def need_zone(self, zone):
        if "_" in zone:
            raise Refusal(422, {"code": "INVALID_DOMAIN", "message": "domain is not valid"})
        if zone not in self.zones:
            raise Refusal(404, {"code": "NOT_FOUND", "message": "Domain not found for shopper."})

    @route("GET", "/v1/domains/{zone}")
    def show_zone(self, request, zone):
        self.need_zone(zone)
        return {"domain": zone, "domainId": self.zones[zone], "status": "ACTIVE"}

    @route("GET", "/v1/domains/{zone}/records/TXT/{relative}")
    def show(self, request, zone, relative):
        self.need_zone(zone)
        blank = {"data": " ", "name": relative, "ttl": 600, "type": "TXT"}
        there = self.at(zone, self.full(relative, zone))
        return [blank] + [{**blank, "data": record["value"], "ttl": record["ttl"]} for record in there]

    @route("PUT", "/v1/domains/{zone}/records/TXT/{relative}")
    def replace(self, request, zone, relative):
        self.need_zone(zone)
        body = request.json
        for one in body if isinstance(body, list) and body else [{}]:
            if set(one) != {"data", "ttl"} or one["ttl"] < 600 or not one["data"].strip():
                error = {"code": "INVALID_BODY", "message": "Request body doesn't fulfill schema"}
                raise Refusal(422, {**error, "fields": [{"message": "is not defined", "path": "records"}]})
        self.put(zone, self.full(relative, zone), [one["data"] for one in body], body[0]["ttl"])
        return 200, None

    @route("DELETE", "/v1/domains/{zone}/records/TXT/{relative}")
    def delete(self, request, zone, relative):
        self.need_zone(zone)
        if not self.at(zone, self.full(relative, zone)):
            raise Refusal(404, {"code": "NOT_FOUND", "message": "Records not found"})
        self.put(zone, self.full(relative, zone), [], 0)
        return 204, None


class Ns1(Account):
    """https://developer.ibm.com/apis/catalog/ns1--ibm-ns1-connect-api/"""

    provider = "ns1"
    root = "/v1"
    good = {"api-key": "qACMD09OJXBxT7XOuRs8"}
    wrong = [({"api-key": "00000000000000000000"}, "Unauthorized")]

    def authenticate(self, request):
        if request.headers.get("x-nsone-key") != self.good["api-key"]:
            raise Refusal(401, {"message": "Unauthorized"})

    def need_zone(self, zone):
        if zone not in self.zones:
            raise Refusal(404, {"message": "zone not found"})

    def body(self, request, zone, name, **more):
        invalid = Refusal(400, {"message": "Input validation failed"})
        body = json_body(request, invalid, zone=str, domain=str, type=str, answers=list, **more)
        if (body["zone"], body["domain"], body["type"]) != (zone, name, "TXT") or not name.endswith(zone):
            raise invalid
        return body, ["".join(answer["answer"]) for answer in body["answers"]]

    def shown(self, zone, name):
        there = self.at(zone, name)
        if not there:
            raise Refusal(404, {"message": "record not found"})
        answers = [{"id": str(record["id"]), "answer": [record["value"]]} for record in there]
        return {"zone": zone, "domain": name, "type": "TXT", "ttl": there[0]["ttl"], "answers": answers, "filters": []}

    @route("GET", "/v1/zones/{zone}")
    def show_zone(self, request, zone):
        self.need_zone(zone)
        assert request.query == {"records": "false"}
        return {"id": "520422af9f782d37dffb588b", "zone": zone, "ttl": 3600}

    @route("GET", "/v1/zones/{zone}/{name}/TXT")
    def show(self, request, zone, name):
        self.need_zone(zone)
        return self.shown(zone, name)

    @route("PUT", "/v1/zones/{zone}/{name}/TXT")
    def create(self, request, zone, name):
        self.need_zone(zone)
        body, values = self.body(request, zone, name, ttl=int)
        if self.at(zone, name):
            raise Refusal(400, {"message": "record already exists"})
        self.put(zone, name, values, body["ttl"])
        return self.shown(zone, name)

    @route("POST", "/v1/zones/{zone}/{name}/TXT")
    def update(self, request, zone, name):
        self.need_zone(zone)
        ttl = self.shown(zone, name)["ttl"]
        self.put(zone, name, self.body(request, zone, name)[1], ttl)
        return self.shown(zone, name)

    @route("DELETE", "/v1/zones/{zone}/{name}/TXT")
    def delete(self, request, zone, name):
        self.need_zone(zone)
        self.shown(zone, name)
        self.put(zone, name, [], 0)
        return {}


class Gandi(Account):
    """https://api.gandi.net/docs/livedns/"""

    provider = "gandi"
    root = "/v5/livedns"
    good = {"personal-access-token": "pat_9f8e7d6c5b4a39281706"}
    variants = [{"api-key": "gandi-api-key-1234567890"}]
    wrong = [({"personal-access-token": "pat_00000000000000000000"}, "Access was denied to this resource.")]

    @staticmethod
    def bad(status, cause, message):
        return Refusal(status, {"object": "HTTP" + cause, "cause": cause, "code": status, "message": message})

    def authenticate(self, request):
        good = ["Bearer " + self.good["personal-access-token"], "Apikey " + self.variants[0]["api-key"]]
        if request.headers.get("authorization") not in good:
            raise self.bad(403, "Forbidden", "Access was denied to this resource.")

    def need_zone(self, zone):
        if zone not in self.zones:
            raise self.bad(404, "NotFound", "The resource could not be found.")

    @route("GET", "/v5/livedns/domains")
    def list_zones(self, request):
        # 99 others come first: a page has 100.
        names = [f"n{i}.example" for i in range(99)] + list(self.zones)
        size, page = int(request.query["per_page"]), int(request.query["page"])
        assert size <= 100
        return [{"fqdn": name} for name in names[(page - 1) * size : page * size]]

    @route("GET", "/v5/livedns/domains/{zone}/records/{relative}/TXT")
    def show(self, request, zone, relative):
        self.need_zone(zone)
        there = self.at(zone, self.full(relative, zone))
        if not there:
            raise self.bad(404, "NotFound", "Can't find the DNS record")
        values = [self.quoted(record["value"]) for record in there]
        return {"rrset_name": relative, "rrset_type": "TXT", "rrset_ttl": there[0]["ttl"], "rrset_values": values}

    @route("PUT", "/v5/livedns/domains/{zone}/records/{relative}/TXT")
    def replace(self, request, zone, relative):
        self.need_zone(zone)
        invalid = self.bad(400, "BadRequest", "Invalid rrset")
        body = json_body(request, invalid, rrset_values=list, rrset_ttl=int)
        if not body["rrset_values"] or body["rrset_ttl"] < 300:
            raise invalid
        values = [self.unquoted(value, invalid) for value in body["rrset_values"]]
        self.put(zone, self.full(relative, zone), values, body["rrset_ttl"])
        return 201, {"message": "DNS Record Created"}

    @route("DELETE", "/v5/livedns/domains/{zone}/records/{relative}/TXT")
    def delete(self, request, zone, relative):
        self.need_zone(zone)
        self.put(zone, self.full(relative, zone), [], 0)
        return 204, None


class DuckDns(Account):
    """https://www.duckdns.org/spec.jsp"""

    provider = "duckdns"
    good = {"token": "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"}
    wrong = [({"token": "00000000-114e-40ef-ba1d-d217904a50f2"}, "KO")]
    domain, nested = "evercert.duckdns.org", None

    def __init__(self, authority=None):
        super().__init__(authority, zones=["evercert.duckdns.org", "other.duckdns.org"])
        self.value = ""

    def txt(self, name):
        assert name == self.domain or name.endswith("." + self.domain)
        return [self.value] if self.value else []

    def zone_of(self, name):
        return self.domain

    @route("GET", "/update")
    def update(self, request):
        q = request.query
        known = q.get("domains", "") + ".duckdns.org" in self.zones
        if q.get("token") != self.good["token"] or not known or set(q) - {"domains", "token", "txt", "clear"}:
            return "KO"
        self.value = "" if q.get("clear") == "true" else q["txt"]
        return "OK"
