"""Stand-ins of providers whose API has one record at a time."""

import base64
import hashlib
import json
import time

from dns_providers.account import PAGE, Account, json_body
from stand_in import Refusal, route


class Cloudflare(Account):
    """https://developers.cloudflare.com/api/resources/dns/subresources/records/"""

    provider = "cloudflare"
    root = "/client/v4"
    good = {"api-token": "cf-Zf0Lr9aTq2vB8xYw3mN7kP1s"}
    variants = [
        {"api-token": "cf-Zf0Lr9aTq2vB8xYw3mN7kP1s", "zone-api-token": "cf-only-zones-8xYw3mN7"},
        {"email": "hostmaster@example.org", "api-key": "c2547eb745079dac9320b638f5e225cf483cc5cfdda41"},
    ]
    wrong = [
        ({"api-token": "cf-no-token-of-this-account"}, "Invalid access token (9109)"),
        ({"api-token": "something else"}, "Invalid format for Authorization header (6111)"),
        (
            {"email": "hostmaster@example.org", "api-key": "0000eb745079dac9320b638f5e225cf483cc5"},
            "Unknown X-Auth-Key or X-Auth-Email (9103)",
        ),
    ]

    @staticmethod
    def bad(status, code, message, *chain):
        errors = [{"code": code, "message": message, "error_chain": [{"code": c, "message": m} for c, m in chain]}]
        return Refusal(status, {"success": False, "errors": errors, "messages": [], "result": None})

    def make_zone_id(self, index, name):
        return hashlib.md5(name.encode()).hexdigest()

    def authenticate(self, request):
        h = request.headers
        if "authorization" in h:
            good = ["Bearer " + self.good["api-token"]]
            if request.path == "/client/v4/zones":
                good.append("Bearer " + self.variants[0]["zone-api-token"])
            if not h["authorization"].startswith("Bearer cf-"):
                chain = (6111, "Invalid format for Authorization header")
                raise self.bad(400, 6003, "Invalid request headers", chain)
            if h["authorization"] not in good:
                raise self.bad(403, 9109, "Invalid access token")
        elif (h.get("x-auth-email"), h.get("x-auth-key")) != tuple(self.variants[1].values()):
            raise self.bad(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")

    def ok(self, result):
        info = {"page": 1, "per_page": 20, "count": len(result), "total_count": len(result), "total_pages": 1}
        return {"success": True, "errors": [], "messages": [], "result": result, "result_info": info}

    def zone(self, id):
        return self.zone_by_id(id, self.bad(404, 7003, f"Could not route to /zones/{id}"))

    @route("GET", "/client/v4/zones")
    def list_zones(self, request):
        name = request.query["name"]
        found = [{"id": self.zones[name], "name": name, "status": "active"}] if name in self.zones else []
        if name == "example.org":  # also in an account that it has been taken from
            found.insert(0, {"id": "0" * 32, "name": name, "status": "moved"})
        return self.ok(found)

    @route("GET", "/client/v4/zones/{zone}/dns_records")
    def list(self, request, zone):
        zone, q = self.zone(zone), request.query
        assert q["type"] == "TXT"
        return self.ok([self.shown(record) for record in self.at(zone, q["name"])])

    def shown(self, record):
        return {
            "id": f"{record['id']:032x}",
            "type": "TXT",
            "name": record["name"],
            "content": self.quoted(record["value"]),
            "ttl": record["ttl"],
        }

    @route("POST", "/client/v4/zones/{zone}/dns_records")
    def create(self, request, zone):
        zone = self.zone(zone)
        invalid = self.bad(400, 9005, "Content for TXT record is invalid.")
        body = json_body(request, invalid, type=str, name=str, content=str, ttl=int)
        value = self.unquoted(body["content"], invalid)
        if body["type"] != "TXT" or not body["name"].endswith(zone) or not 60 <= body["ttl"] <= 86400:
            raise invalid
        if value in [record["value"] for record in self.at(zone, body["name"])]:
            raise self.bad(400, 81058, "An identical record already exists.")
        return {**self.ok([]), "result": self.shown(self.add(body["name"], value, zone, body["ttl"]))}

    @route("DELETE", "/client/v4/zones/{zone}/dns_records/{id}")
    def delete(self, request, zone, id):
        gone = self.bad(404, 81044, "Record does not exist.")
        self.remove(self.by_id(self.zone(zone), int(id, 16), gone))
        return {"result": {"id": id}, "success": True, "errors": [], "messages": []}


class DigitalOcean(Account):
    """https://docs.digitalocean.com/reference/api/"""

    provider = "digitalocean"
    good = {"auth-token": "dop_v1_6d7f8a9b0c1d2e3f40516273"}
    wrong = [({"auth-token": "dop_v1_00000000000000000000"}, "Unable to authenticate you")]

    def authenticate(self, request):
        if request.headers.get("authorization") != "Bearer " + self.good["auth-token"]:
            raise Refusal(401, {"id": "Unauthorized", "message": "Unable to authenticate you"})

    def need_zone(self, zone):
        if zone not in self.zones:
            raise Refusal(404, {"id": "not_found", "message": "The resource you were accessing could not be found."})

    def shown(self, record):
        return {
            "id": record["id"],
            "type": "TXT",
            "name": self.relative(record["name"], record["zone"]),
            "data": record["value"],
            "priority": None,
            "port": None,
            "ttl": record["ttl"],
        }

    @route("GET", "/v2/domains/{zone}")
    def show_zone(self, request, zone):
        self.need_zone(zone)
        return {"domain": {"name": zone, "ttl": 1800, "zone_file": ""}}

    @route("GET", "/v2/domains/{zone}/records")
    def list(self, request, zone):
        self.need_zone(zone)
        assert request.query["type"] == "TXT"
        found = [self.shown(record) for record in self.at(zone, request.query["name"])]
        return {"domain_records": found, "links": {}, "meta": {"total": len(found)}}

    @route("POST", "/v2/domains/{zone}/records")
    def create(self, request, zone):
        self.need_zone(zone)
        invalid = Refusal(422, {"id": "unprocessable_entity", "message": "Data needs to be valid."})
        body = json_body(request, invalid, type=str, name=str, data=str, ttl=int)
        if body["type"] != "TXT" or body["ttl"] < 30:
            raise invalid
        record = self.add(self.full(body["name"], zone), body["data"], zone, body["ttl"])
        return 201, {"domain_record": self.shown(record)}

    @route("DELETE", "/v2/domains/{zone}/records/{id}")
    def delete(self, request, zone, id):
        self.need_zone(zone)
        self.remove(self.by_id(zone, id, Refusal(404, {"id": "not_found", "message": "not found"})))
        return 204, None


class Hetzner(Account):
    """https://docs.hetzner.cloud/reference/cloud#zones"""

    provider = "hetzner"
    root = "/v1"
    good = {"api-token": "jEheVytlAoFl7F8MqUQ7jAo2hOXASztX"}
    wrong = [({"api-token": "no-token-of-any-project-0000000"}, "the token is invalid")]
    slow = 0  # actions are still running when asked that often

    @staticmethod
    def bad(status, code, message):
        return Refusal(status, {"error": {"code": code, "message": message, "details": None}})

    def authenticate(self, request):
        if request.headers.get("authorization") != "Bearer " + self.good["api-token"]:
            raise self.bad(401, "unauthorized", "unable to authenticate: the token is invalid")

    def zone(self, zone):
        if zone in self.zones:
            return zone
        return self.zone_by_id(zone, self.bad(404, "not_found", "zone not found"))

    def name(self, zone, relative):
        return self.full(relative, self.zone(zone))

    def action(self, command):
        status = "running" if self.slow else "success"
        self.slow = max(self.slow - 1, 0)
        return {"id": 590000000000001, "command": command, "status": status, "progress": 100, "error": None}

    @route("GET", "/v1/zones/{zone}")
    def show_zone(self, request, zone):
        zone = self.zone(zone)
        return {"zone": {"id": self.zones[zone], "name": zone, "mode": "primary", "status": "ok"}}

    @route("GET", "/v1/actions/{id}")
    def show_action(self, request, id):
        assert id == "590000000000001"
        return {"action": self.action("add_rrset_records")}

    @route("GET", "/v1/zones/{zone}/rrsets/{relative}/TXT")
    def show(self, request, zone, relative):
        there = self.at(self.zone(zone), self.name(zone, relative))
        if not there:
            raise self.bad(404, "not_found", "rrset not found")
        records = [{"value": self.quoted(record["value"]), "comment": ""} for record in there]
        rrset = {"id": relative + "/TXT", "name": relative, "type": "TXT", "ttl": there[0]["ttl"]}
        return {"rrset": {**rrset, "records": records}}

    def values(self, request, **more):
        invalid = self.bad(422, "invalid_input", "invalid input in field 'records'")
        body = json_body(request, invalid, records=list, **more)
        if not body["records"] or any(set(one) - {"value", "comment"} for one in body["records"]):
            raise invalid
        return body, [self.unquoted(one["value"], invalid) for one in body["records"]]

    @route("POST", "/v1/zones/{zone}/rrsets/{relative}/TXT/actions/add_records")
    def add_records(self, request, zone, relative):
        body, values = self.values(request, ttl_=int)
        name = self.name(zone, relative)
        there = self.at(self.zone(zone), name)
        ttl = there[0]["ttl"] if there else body.get("ttl", 86400)
        if body.get("ttl", ttl) != ttl:
            raise self.bad(422, "invalid_input", "invalid input in field 'ttl'")
        for value in values:
            if value in [record["value"] for record in there]:
                raise self.bad(409, "uniqueness_error", "record is not unique")
            self.add(name, value, self.zone(zone), ttl)
        return 201, {"action": self.action("add_rrset_records")}

    @route("POST", "/v1/zones/{zone}/rrsets/{relative}/TXT/actions/remove_records")
    def remove_records(self, request, zone, relative):
        _, values = self.values(request)
        there = self.at(self.zone(zone), self.name(zone, relative))
        if not there:
            raise self.bad(404, "not_found", "rrset not found")
        for value in values:
            self.remove(next(record for record in there if record["value"] == value))
        return 201, {"action": self.action("remove_rrset_records")}


class Infomaniak(Account):
    """https://developer.infomaniak.com/docs/api"""

    provider = "infomaniak"
    good = {"access-token": "ik-WFoT1ErBcYy8uJ0RduVp4IcJmRAy"}
    wrong = [({"access-token": "ik-nobody-has-this-one"}, "Authorization required")]

    @staticmethod
    def bad(status, code, description, *errors):
        error = {"code": code, "description": description, "errors": errors}
        return Refusal(status, {"result": "error", "error": error})

    def authenticate(self, request):
        if request.headers.get("authorization") != "Bearer " + self.good["access-token"]:
            raise self.bad(401, "not_authorized", "Authorization required")

    def need_zone(self, zone):
        if zone not in self.zones:
            raise self.bad(404, "object_not_found", "Object not found")

    def shown(self, record):
        return {
            "id": record["id"],
            "source": self.relative(record["name"], record["zone"], "."),
            "type": "TXT",
            "ttl": record["ttl"],
            "target": self.quoted(record["value"]),
            "updated_at": 1779826643,
        }

    @route("GET", "/2/zones/{zone}/exists")
    def exists(self, request, zone):
        self.need_zone(zone)
        return {"result": "success", "data": True}

    @route("GET", "/2/zones/{zone}/records")
    def list(self, request, zone):
        self.need_zone(zone)
        assert request.query["filter[types][]"] == "TXT"
        records = [self.shown(record) for record in self.records if record["zone"] == zone]
        page = int(request.query.get("page", 1))
        part = records[(page - 1) * PAGE : page * PAGE]
        pages = max(-(-len(records) // PAGE), 1)
        return {"result": "success", "data": part, "total": len(records), "page": page, "pages": pages}

    @route("POST", "/2/zones/{zone}/records")
    def create(self, request, zone):
        self.need_zone(zone)
        invalid = self.bad(422, "validation_failed", "Validation failed", {"code": "x", "description": "wrong"})
        body = json_body(request, invalid, type=str, source=str, target=str, ttl=int)
        if body["type"] != "TXT" or body["target"].startswith('"'):
            raise invalid
        record = self.add(self.full(body["source"], zone, "."), body["target"], zone, body["ttl"])
        return {"result": "success", "data": self.shown(record)}

    @route("DELETE", "/2/zones/{zone}/records/{id}")
    def delete(self, request, zone, id):
        self.need_zone(zone)
        self.remove(self.by_id(zone, id, self.bad(404, "object_not_found", "Object not found")))
        return {"result": "success", "data": True}


class Linode(Account):
    """https://techdocs.akamai.com/linode-api/reference/api"""

    provider = "linode"
    root = "/v4"
    good = {"token": "3ab5c41f6e8d4c0b9f2e7a6d5c4b3a29"}
    wrong = [({"token": "0000000000000000000000000000000000"}, "Invalid Token")]

    @staticmethod
    def bad(status, reason, field=None):
        return Refusal(status, {"errors": [{"reason": reason, **({"field": field} if field else {})}]})

    def authenticate(self, request):
        if request.headers.get("authorization") != "Bearer " + self.good["token"]:
            raise self.bad(401, "Invalid Token")

    def zone(self, id):
        return self.zone_by_id(id, self.bad(404, "Not found"))

    def paged(self, request, everything):
        size, page = min(int(request.query.get("page_size", 100)), PAGE), int(request.query.get("page", 1))
        pages = max(-(-len(everything) // size), 1)
        part = everything[(page - 1) * size : page * size]
        return {"data": part, "page": page, "pages": pages, "results": len(everything)}

    def filter(self, request):
        return json.loads(request.headers.get("x-filter", "{}"))

    def shown(self, record):
        return {
            "id": record["id"],
            "type": "TXT",
            "name": record.get("label", self.relative(record["name"], record["zone"], "")),
            "target": record["value"],
            "ttl_sec": record["ttl"],
        }

    @route("GET", "/v4/domains")
    def list_zones(self, request):
        wanted = self.filter(request)
        found = [{"id": id, "domain": zone} for zone, id in self.zones.items() if wanted.get("domain", zone) == zone]
        return self.paged(request, found)

    @route("GET", "/v4/domains/{zone}/records")
    def list(self, request, zone):
        zone = self.zone(zone)
        assert self.filter(request) == {"type": "TXT"}
        return self.paged(request, [self.shown(record) for record in self.records if record["zone"] == zone])

    @route("POST", "/v4/domains/{zone}/records")
    def create(self, request, zone):
        zone = self.zone(zone)
        body = json_body(request, self.bad(400, "is invalid", "target"), type=str, name=str, target=str, ttl_sec=int)
        record = self.add(self.full(body["name"], zone, ""), body["target"], zone, body["ttl_sec"])
        return self.shown(record)

    @route("DELETE", "/v4/domains/{zone}/records/{id}")
    def delete(self, request, zone, id):
        self.remove(self.by_id(self.zone(zone), id, self.bad(404, "Not found")))
        return {}


class LuaDns(Account):
    """https://luadns.com/api.html"""

    provider = "luadns"
    root = "/v1"
    good = {"api-username": "hostmaster@example.org", "api-token": "4c2f1a9be07d43d8a6b5"}
    wrong = [({"api-username": "hostmaster@example.org", "api-token": "00000000000000000000"}, "Authentication failed")]

    @staticmethod
    def bad(status, name, message):
        return Refusal(status, {"status": name, "request_id": "db4a4ce1", "message": message})

    def authenticate(self, request):
        pair = f"{self.good['api-username']}:{self.good['api-token']}".encode()
        if request.headers.get("authorization") != "Basic " + base64.b64encode(pair).decode():
            raise self.bad(401, "Unauthorized", "Authentication failed")
        if request.headers.get("accept") != "application/json":
            raise self.bad(400, "Bad Request", "Accept must be application/json")

    def paged(self, request, everything):
        size, page = min(int(request.query.get("limit") or 30), PAGE), int(request.query.get("page", 1))
        headers = {
            "x-page": str(page),
            "x-limit": str(size),
            "x-total-pages": str(max(-(-len(everything) // size), 1)),
            "x-total-count": str(len(everything)),
        }
        return 200, everything[(page - 1) * size : page * size], headers

    def zone(self, id):
        return self.zone_by_id(id, self.bad(404, "Not Found", "Zone not found"))

    def shown(self, record):
        return {
            "id": record["id"],
            "name": record["name"] + ".",
            "type": "TXT",
            "content": record["value"],
            "ttl": record["ttl"],
            "zone_id": self.zones[record["zone"]],
        }

    @route("GET", "/v1/zones")
    def list_zones(self, request):
        return self.paged(request, [{"id": id, "name": name, "synced": False} for name, id in self.zones.items()])

    @route("GET", "/v1/zones/{zone}/records")
    def list(self, request, zone):
        zone = self.zone(zone)
        ns = {"id": 1, "name": zone + ".", "type": "NS", "content": "ns1.luadns.net.", "ttl": 86400}
        return self.paged(request, [ns] + [self.shown(record) for record in self.records if record["zone"] == zone])

    @route("POST", "/v1/zones/{zone}/records")
    def create(self, request, zone):
        zone = self.zone(zone)
        invalid = self.bad(422, "Unprocessable Entity", "Name is not valid")
        body = json_body(request, invalid, type=str, name=str, content=str, ttl=int)
        if body["type"] != "TXT" or not body["name"].endswith(zone + "."):
            raise invalid
        return self.shown(self.add(body["name"][:-1], body["content"], zone, body["ttl"]))

    @route("DELETE", "/v1/zones/{zone}/records/{id}")
    def delete(self, request, zone, id):
        record = self.by_id(self.zone(zone), id, self.bad(404, "Not Found", "Record not found"))
        self.remove(record)
        return self.shown(record)


class Ovh(Account):
    """https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api"""

    provider = "ovh"
    root = "/1.0"
    good = {
        "application-key": "7kbG7Bk7S9Nt7ZSV",
        "application-secret": "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
        "consumer-key": "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
    }
    wrong = [
        ({**good, "application-secret": "0000000000000000000000000000000"}, "Invalid signature"),
        ({**good, "consumer-key": "00000000000000000000000000000000"}, "This credential is not valid"),
        ({**good, "application-key": "0000000000000000"}, "This application key is invalid"),
    ]
    late = -1234  # seconds that its clock goes after ours
    refreshed = True

    @staticmethod
    def bad(status, code, message):
        return Refusal(status, {"errorCode": code, "httpCode": f"{status} x", "message": message})

    def authenticate(self, request):
        h, good = request.headers, self.good
        if request.path == "/1.0/auth/time":
            return
        if h.get("x-ovh-application") != good["application-key"]:
            raise self.bad(403, "INVALID_KEY", "This application key is invalid")
        if h.get("x-ovh-consumer") != good["consumer-key"]:
            raise self.bad(403, "INVALID_CREDENTIAL", "This credential is not valid")
        if abs(int(h["x-ovh-timestamp"]) - (time.time() + self.late)) > 30:
            raise self.bad(400, "QUERY_TIME_OUT", "Query out of time")
        signed = [
            good["application-secret"],
            good["consumer-key"],
            request.method,
            self.origin + request.target,
            request.text,
            h["x-ovh-timestamp"],
        ]
        if h.get("x-ovh-signature") != "$1$" + hashlib.sha1("+".join(signed).encode()).hexdigest():
            raise self.bad(400, "INVALID_SIGNATURE", "Invalid signature")
        if not request.path.startswith("/1.0/domain/zone/"):
            raise self.bad(403, "NOT_GRANTED_CALL", "This call has not been granted")

    def need_zone(self, zone):
        if zone.startswith("_"):  # the consumer key has rights at some zones alone
            raise self.bad(403, "NOT_GRANTED_CALL", "This call has not been granted")
        if zone not in self.zones:
            raise Refusal(404, {"class": "Client::NotFound", "message": "This service does not exist"})

    def shown(self, record):
        return {
            "id": record["id"],
            "zone": record["zone"],
            "fieldType": "TXT",
            "subDomain": self.relative(record["name"], record["zone"], ""),
            "target": self.quoted(record["value"]),
            "ttl": record["ttl"],
        }

    @route("GET", "/1.0/auth/time")
    def auth_time(self, request):
        return 200, str(int(time.time()) + self.late), {"Content-Type": "application/json; charset=utf-8"}

    @route("GET", "/1.0/domain/zone/{zone}")
    def show_zone(self, request, zone):
        self.need_zone(zone)
        return {"name": zone, "nameServers": ["ns1.ovh.net"], "hasDnsAnycast": False}

    @route("GET", "/1.0/domain/zone/{zone}/record")
    def list(self, request, zone):
        self.need_zone(zone)
        assert request.query["fieldType"] == "TXT"
        return [record["id"] for record in self.at(zone, self.full(request.query["subDomain"], zone, ""))]

    @route("POST", "/1.0/domain/zone/{zone}/record")
    def create(self, request, zone):
        self.need_zone(zone)
        invalid = Refusal(400, {"class": "Client::BadRequest", "message": "Invalid target"})
        body = json_body(request, invalid, fieldType=str, subDomain=str, target=str, ttl=int)
        if body["fieldType"] != "TXT":
            raise invalid
        self.refreshed = False
        return self.shown(self.add(self.full(body["subDomain"], zone, ""), body["target"], zone, body["ttl"]))

    def found(self, zone, id):
        self.need_zone(zone)
        gone = {"class": "Client::NotFound", "message": "The requested object does not exist"}
        return self.by_id(zone, id, Refusal(404, gone))

    @route("GET", "/1.0/domain/zone/{zone}/record/{id}")
    def show(self, request, zone, id):
        return self.shown(self.found(zone, id))

    @route("DELETE", "/1.0/domain/zone/{zone}/record/{id}")
    def delete(self, request, zone, id):
        self.remove(self.found(zone, id))
        self.refreshed = False
        return 200, "null", {"Content-Type": "application/json"}

    @route("POST", "/1.0/domain/zone/{zone}/refresh")
    def refresh(self, request, zone):
        self.need_zone(zone)
        self.refreshed = True
        return 200, "null", {"Content-Type": "application/json"}

    def check(self):
        super().check()
        assert self.refreshed, "a zone that was changed was not refreshed"


class Ionos(Account):
    """https://developer.hosting.ionos.com/docs/dns"""

    provider = "ionos"
    root = "/dns"
    good = {"api-key": "d1f2e3.S3cr3tOfTheKey-4567890"}
    wrong = [({"api-key": "d1f2e3.AnotherS3cr3t-0000000"}, "The customer is not authorized to do this operation.")]

    @staticmethod
    def bad(status, code, message):
        return Refusal(status, [{"code": code, "message": message}])

    def make_zone_id(self, index, name):
        return f"11af3414-ebba-11e9-8df5-66fbe8a334{index:02x}"

    def authenticate(self, request):
        if request.headers.get("x-api-key") != self.good["api-key"]:
            raise self.bad(401, "UNAUTHORIZED", "The customer is not authorized to do this operation.")

    def zone(self, id):
        return self.zone_by_id(id, self.bad(404, "ZONE_NOT_FOUND", "Zone does not exist."))

    def shown(self, record):
        return {
            "id": f"a4c09921-c677-44ee-bba8-{record['id']:012x}",
            "name": record["name"],
            "rootName": record["zone"],
            "type": "TXT",
            "content": self.quoted(record["value"]),
            "ttl": record["ttl"],
            "disabled": False,
        }

    @route("GET", "/dns/v1/zones")
    def list_zones(self, request):
        return [{"id": id, "name": name, "type": "NATIVE"} for name, id in self.zones.items()]

    @route("GET", "/dns/v1/zones/{zone}")
    def show_zone(self, request, zone):
        id, zone = zone, self.zone(zone)
        assert request.query["recordType"] == "TXT"
        found = [self.shown(record) for record in self.at(zone, request.query["recordName"])]
        return {"id": id, "name": zone, "type": "NATIVE", "records": found}

    @route("POST", "/dns/v1/zones/{zone}/records")
    def create(self, request, zone):
        zone = self.zone(zone)
        made = []
        for body in request.json:
            there = [record["value"] for record in self.at(zone, body["name"])]
            if set(body) - {"name", "type", "content", "ttl", "prio", "disabled"} or body["content"] in there:
                raise self.bad(400, "INVALID_RECORD", "Record already exists or is wrong.")
            assert body["type"] == "TXT" and body["name"].endswith(zone) and body["ttl"] >= 60
            made.append(self.shown(self.add(body["name"], body["content"], zone, body["ttl"])))
        return 201, made

    @route("DELETE", "/dns/v1/zones/{zone}/records/{id}")
    def delete(self, request, zone, id):
        gone = self.bad(404, "RECORD_NOT_FOUND", "Record does not exist.")
        self.remove(self.by_id(self.zone(zone), int(id.split("-")[-1], 16), gone))
        return 200, None
