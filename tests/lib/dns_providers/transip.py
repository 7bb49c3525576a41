"""TransIP: a token for a request that is signed by RSA; a change of one entry names all of it."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole

KEY, OTHER_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def pem(key):
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none).decode()


class Api(ZonesApi):
    provider = "transip"
    root = "/v6"
    good = {"account-name": "somebody", "private-key": pem(KEY)}
    wrong = [({**good, "private-key": pem(OTHER_KEY)}, "Invalid API credentials")]

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.tokens, self.labels, self.nonces = set(), set(), set()

    def authenticate(self, request):
        if request.path == "/v6/auth":
            return
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, {"error": "Your access token has been revoked."})

    @route("POST", "/v6/auth")
    def auth(self, request):
        assert request.headers["content-type"] == "application/json"
        body = request.json
        assert body.keys() == {"login", "nonce", "label", "expiration_time", "read_only", "global_key"}
        assert body["read_only"] is False and body["global_key"] is True and body["expiration_time"] == "30 minutes"
        try:
            signature = base64.b64decode(request.headers["signature"], validate=True)
            KEY.public_key().verify(signature, request.body, padding.PKCS1v15(), hashes.SHA512())
        except InvalidSignature:
            return 401, {"error": "Invalid API credentials"}
        if body["login"] != self.good["account-name"]:
            return 401, {"error": "Invalid API credentials"}
        assert 6 <= len(body["nonce"]) <= 32 and body["nonce"] not in self.nonces
        if body["label"] in self.labels:
            return 409, {"error": "A token with this label exists already."}
        self.nonces.add(body["nonce"])
        self.labels.add(body["label"])
        self.tokens.add(f"eyJ.token-{len(self.tokens)}.of-transip")
        return 201, {"token": max(self.tokens)}

    def known(self, zone):
        if zone not in self.zones:
            raise Refusal(404, {"error": f"Domain with name '{zone}' not found"})

    @route("GET", "/v6/domains")
    def domains(self, request):
        names = a_page(list(self.zones), request.query["page"], request.query["pageSize"], 100)
        return {"domains": [{"name": name, "isDnsOnly": False} for name in names]}

    @route("GET", "/v6/domains/{zone}/dns")
    def entries(self, request, zone):
        self.known(zone)
        return {
            "dnsEntries": [
                {"name": relative(r), "expire": r["ttl"], "type": r["type"], "content": r["value"]} for r in self.find(zone)
            ]
        }

    def one(self, request, zone):
        self.known(zone)
        entry = request.json["dnsEntry"]
        assert entry.keys() == {"name", "expire", "type", "content"} and entry["type"] == "TXT"
        return whole(entry["name"], zone), entry

    @route("POST", "/v6/domains/{zone}/dns")
    def create(self, request, zone):
        name, entry = self.one(request, zone)
        self.add(name, entry["content"], zone, entry["expire"])
        return 201, None

    @route("DELETE", "/v6/domains/{zone}/dns")
    def delete(self, request, zone):
        name, entry = self.one(request, zone)
        found = [r for r in self.find(zone, name, "TXT") if (r["value"], r["ttl"]) == (entry["content"], entry["expire"])]
        if not found:
            return 404, {"error": "Dns entry not found"}
        self.records.remove(found[0])
        return 204, None
