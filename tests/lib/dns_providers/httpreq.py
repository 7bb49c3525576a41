"""A server of the protocol of lego's provider httpreq."""

import base64
import hashlib

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi


class Api(ZonesApi):
    provider = "httpreq"
    root = "/acme"
    good = {"username": "somebody", "password": "good-password-of-httpreq"}
    wrong = [({**good, "password": "wrong-password-of-httpreq"}, "Who are you?")]
    zoned = False

    def authenticate(self, request):
        good = base64.b64encode(f"{self.good['username']}:{self.good['password']}".encode()).decode()
        if request.headers.get("authorization") != "Basic " + good:
            raise Refusal(401, {"message": "Who are you?"}, {"WWW-Authenticate": "Basic"})

    def record(self, request):
        assert request.headers["content-type"].startswith("application/json")
        body = request.json
        if body.keys() == {"domain", "token", "keyAuth"}:
            digest = hashlib.sha256(body["keyAuth"].encode()).digest()
            return "_acme-challenge." + body["domain"], base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert body.keys() == {"fqdn", "value"} and body["fqdn"].endswith("."), body
        return body["fqdn"][:-1], body["value"]

    @route("POST", "/acme/present")
    def present(self, request):
        name, value = self.record(request)
        self.add(name, value)
        return "OK, it is there"  # no JSON: clients look at the status alone

    @route("POST", "/acme/cleanup")
    def cleanup(self, request):
        name, value = self.record(request)
        for record in [r for r in self.find(name=name) if r["value"] == value]:
            self.records.remove(record)
        return None
