"""Stand-ins of the DNS of the large clouds: record sets, and credentials that are more than a token."""

import base64
import datetime
import hashlib
import hmac
import json
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dns_providers.account import PAGE, Account, json_body
from stand_in import Refusal, route


class Route53(Account):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/"""

    provider = "route53"
    good = {"access-key-id": "AKIDEXAMPLE0000000001", "secret-access-key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    variants = [{**good, "session-token": "FwoGZXIvYXdzEBYaD+session/token=="}]
    wrong = [
        (
            {**good, "secret-access-key": "wrongUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
            "The request signature we calculated does not match the signature you provided.",
        ),
        ({**good, "access-key-id": "AKIDNOBODY00000000001"}, "The security token included in the request is invalid."),
    ]
    space = "https://route53.amazonaws.com/doc/2013-04-01/"
    pending = 0  # changes are pending when asked that often

    @classmethod
    def xml(cls, name, inside):
        return f'<?xml version="1.0"?>\n<{name} xmlns="{cls.space}">{inside}</{name}>'

    @classmethod
    def bad(cls, status, code, message):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return Refusal(status, cls.xml("ErrorResponse", error + "<RequestId>b25f48e8</RequestId>"))

    def make_zone_id(self, index, name):
        return f"Z0000{index}EXAMPLE"

    def authenticate(self, request):
        """Signature version 4, made again from what came."""
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if part)
        if kind != "AWS4-HMAC-SHA256":
            raise self.bad(403, "MissingAuthenticationToken", "Missing Authentication Token")
        key_id, day, region, service, end = parts["Credential"].split("/")
        if key_id != self.good["access-key-id"]:
            raise self.bad(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        stamp = request.headers["x-amz-date"]
        there = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs(there.timestamp() - time.time()) > 300 or not stamp.startswith(day):
            raise self.bad(403, "SignatureDoesNotMatch", "Signature expired")
        signed = parts["SignedHeaders"].split(";")
        due = {"host", "x-amz-date"} | {"x-amz-security-token"} & set(request.headers)
        if not due <= set(signed) or signed != sorted(signed):
            raise self.bad(403, "SignatureDoesNotMatch", "a header that must be signed is not")
        if request.headers.get("x-amz-security-token") not in (None, self.variants[0]["session-token"]):
            raise self.bad(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        encode = lambda text: urllib.parse.quote(text, safe="-_.~")  # noqa: E731
        canonical = "\n".join(
            [
                request.method,
                request.raw_path,
                "&".join(sorted(f"{encode(name)}={encode(value)}" for name, value in request.query_list)),
                *[f"{name}:{request.headers[name].strip()}" for name in signed],
                "",
                ";".join(signed),
                hashlib.sha256(request.body).hexdigest(),
            ]
        )
        scope = f"{day}/{region}/{service}/{end}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = b"AWS4" + self.good["secret-access-key"].encode()
        for part in (day, "us-east-1", "route53", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
        if signature != parts["Signature"]:
            raise self.bad(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.",
            )

    def zone(self, id):
        return self.zone_by_id(id, self.bad(404, "NoSuchHostedZone", f"No hosted zone found with ID: {id}"))

    @route("GET", "/2013-04-01/hostedzonesbyname")
    def list_zones(self, request):
        wanted = request.query["dnsname"].rstrip(".")
        reverse = lambda name: name.split(".")[::-1]  # noqa: E731
        following = sorted((name for name in self.zones if reverse(name) >= reverse(wanted)), key=reverse)
        zones = ""
        for name in following:
            for private in ("true", "false"):  # each has a private twin
                id = "ZPRIVATE" if private == "true" else self.zones[name]
                config = f"<Config><PrivateZone>{private}</PrivateZone></Config>"
                zones += f"<HostedZone><Id>/hostedzone/{id}</Id><Name>{name}.</Name>{config}</HostedZone>"
        answer = f"<HostedZones>{zones}</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
        return self.xml("ListHostedZonesByNameResponse", answer)

    @route("GET", "/2013-04-01/hostedzone/{zone}/rrset")
    def list(self, request, zone):
        zone, q = self.zone(zone), request.query
        assert (q["type"], q["maxitems"]) == ("TXT", "1")
        there = self.at(zone, q["name"].rstrip("."))
        name, ttl = (there[0]["name"], there[0]["ttl"]) if there else ("zzz." + zone, 5)  # the next one there is
        values = [escape(self.quoted(record["value"])) for record in there] or ['"of another name"']
        values = "".join(f"<ResourceRecord><Value>{value}</Value></ResourceRecord>" for value in values)
        inside = f"<Name>{name}.</Name><Type>TXT</Type><TTL>{ttl}</TTL><ResourceRecords>{values}</ResourceRecords>"
        sets = f"<ResourceRecordSets><ResourceRecordSet>{inside}</ResourceRecordSet></ResourceRecordSets>"
        return self.xml("ListResourceRecordSetsResponse", sets)

    def change_info(self):
        status = "PENDING" if self.pending else "INSYNC"
        self.pending = max(self.pending - 1, 0)
        return f"<ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>{status}</Status></ChangeInfo>"

    @route("GET", "/2013-04-01/change/C2682N5HXP0BZ4")
    def get_change(self, request):
        return self.xml("GetChangeResponse", self.change_info())

    @route("POST", "/2013-04-01/hostedzone/{zone}/rrset")
    def change(self, request, zone):
        zone = self.zone(zone)
        if request.headers["content-type"] != "text/xml":
            raise self.bad(400, "InvalidInput", "not XML")
        root = ElementTree.fromstring(request.body)
        spaces = {"": self.space}
        change = root.find("ChangeBatch/Changes/Change", spaces)
        rrset = change.find("ResourceRecordSet", spaces)
        name, kind, ttl = (rrset.find(part, spaces).text for part in ("Name", "Type", "TTL"))
        values = [value.text for value in rrset.findall("ResourceRecords/ResourceRecord/Value", spaces)]
        invalid = self.bad(400, "InvalidChangeBatch", f"[Invalid Resource Record: '{values}']")
        if root.tag != f"{{{self.space}}}ChangeResourceRecordSetsRequest" or kind != "TXT" or not values:
            raise invalid
        values, name = [self.unquoted(value, invalid) for value in values], name.rstrip(".")
        there = self.at(zone, name)
        if change.find("Action", spaces).text == "DELETE":
            if [(r["value"], str(r["ttl"])) for r in there] != [(value, ttl) for value in values]:
                text = f"[Tried to delete resource record set [name='{name}.', type='TXT'] but it was not found]"
                raise self.bad(400, "InvalidChangeBatch", text)
            self.put(zone, name, [], 0)
        else:
            assert change.find("Action", spaces).text == "UPSERT"
            self.put(zone, name, values, int(ttl))
        return self.xml("ChangeResourceRecordSetsResponse", self.change_info())


class AzureDns(Account):
    """https://learn.microsoft.com/en-us/rest/api/dns/ and the login of the Microsoft identity platform"""

    provider = "azuredns"
    endpoints = ("endpoint", "login-endpoint")
    subscription = {"subscription-id": "c3a1e5d2-0000-4000-8000-5f6e7d8c9b0a"}
    good = {
        **subscription,
        "tenant-id": "contoso.example",
        "client-id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
        "client-secret": "qWgdYAmab0YSkuL1qKv5bPX~secret",
    }
    variants = [{**good, "resource-group": "dns"}, {**subscription, "access-token": "eyJ-given-from-outside"}]
    wrong = [
        ({**good, "client-secret": "not~the~secret~but~its~id"}, "AADSTS7000215: Invalid client secret provided."),
        ({**good, "client-id": "00000000-9ff3-47b6-9bfb-4f1264799865"}, "AADSTS700016: Application with identifier"),
        ({**subscription, "access-token": "eyJ-run-out"}, "The access token is invalid."),
    ]

    def make_zone_id(self, index, name):
        group = self.subscription["subscription-id"] + "/resourceGroups/dns"
        return f"/subscriptions/{group}/providers/Microsoft.Network/dnszones/{name}"

    def authenticate(self, request):
        if not request.path.startswith("/subscriptions/"):
            return
        if request.headers.get("authorization") not in ("Bearer eyJ-made-here", "Bearer eyJ-given-from-outside"):
            error = {"code": "InvalidAuthenticationToken", "message": "The access token is invalid."}
            raise Refusal(401, {"error": error})
        if request.query.get("api-version") != "2018-05-01":
            error = {"code": "MissingApiVersionParameter", "message": "The api-version query parameter is required"}
            raise Refusal(400, {"error": error})

    @route("POST", "/{tenant}/oauth2/v2.0/token")
    def login(self, request, tenant):
        form = request.form
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert (tenant, form["grant_type"]) == (self.good["tenant-id"], "client_credentials")
        assert form["scope"] == self.url + "/.default"
        if form["client_id"] != self.good["client-id"]:
            text = f"AADSTS700016: Application with identifier '{form['client_id']}' was not found in the directory."
            raise Refusal(400, {"error": "unauthorized_client", "error_description": text})
        if form["client_secret"] != self.good["client-secret"]:
            text = "AADSTS7000215: Invalid client secret provided. Ensure that it is the client secret value."
            raise Refusal(401, {"error": "invalid_client", "error_description": text})
        return {"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ-made-here"}

    def zone_list(self, request):
        skip = int(request.query.get("$skipToken", 0))
        zones = [{"id": id, "name": name, "type": "x"} for name, id in self.zones.items()]
        answer = {"value": zones[skip : skip + PAGE]}
        if skip + PAGE < len(zones):
            answer["nextLink"] = f"{self.url}{request.raw_path}?api-version=2018-05-01&%24skipToken={skip + PAGE}"
        return answer

    @route("GET", "/subscriptions/{id}/providers/Microsoft.Network/dnsZones")
    def list_zones(self, request, id):
        assert id == self.good["subscription-id"]
        return self.zone_list(request)

    @route("GET", "/subscriptions/{id}/resourceGroups/dns/providers/Microsoft.Network/dnsZones")
    def list_zones_of_group(self, request, id):
        return self.zone_list(request)

    def name(self, relative, zone):
        if zone not in self.zones:
            raise Refusal(404, {"error": {"code": "ParentResourceNotFound", "message": "The zone was not found."}})
        return self.full(relative, zone)

    _set = "/subscriptions/{id}/resourceGroups/dns/providers/Microsoft.Network/dnszones/{zone}/TXT/{relative}"

    @route("GET", _set)
    def show(self, request, id, zone, relative):
        there = self.at(zone, self.name(relative, zone))
        if not there:
            error = {"code": "NotFound", "message": f"The resource record '{relative}' does not exist."}
            raise Refusal(404, {"error": error})
        # A long value comes in pieces.
        records = [{"value": [record["value"][:20], record["value"][20:]]} for record in there]
        return {"name": relative, "properties": {"TTL": there[0]["ttl"], "TXTRecords": records}}

    @route("PUT", _set)
    def replace(self, request, id, zone, relative):
        invalid = Refusal(400, {"error": {"code": "BadRequest", "message": "The record set is not valid."}})
        body = json_body(request, invalid, properties=dict)["properties"]
        if set(body) != {"TTL", "TXTRecords"} or not body["TXTRecords"]:
            raise invalid
        values = ["".join(record["value"]) for record in body["TXTRecords"]]
        made = not self.at(zone, self.name(relative, zone))
        self.put(zone, self.name(relative, zone), values, body["TTL"])
        return 201 if made else 200, {"name": relative, "properties": body}

    @route("DELETE", _set)
    def delete(self, request, id, zone, relative):
        there = self.at(zone, self.name(relative, zone))
        self.put(zone, self.name(relative, zone), [], 0)
        return 200 if there else 204, None


def _service_account(key, **more):
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    who = {"type": "service_account", "project_id": "evercert-dns", "private_key_id": "6f1e", "private_key": pem}
    return json.dumps({**who, "client_email": "dns@evercert-dns.iam.gserviceaccount.com", **more})


_GOOD_KEY, _OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class GoogleCloudDns(Account):
    """https://cloud.google.com/dns/docs/reference/rest/v1 and service accounts' grants"""

    provider = "googleclouddns"
    endpoints = ("endpoint", "token-endpoint")
    good = {"service-account": _service_account(_GOOD_KEY)}
    variants = [
        {**good, "zone-id": "zone-example-org"},
        {"service-account": _service_account(_GOOD_KEY, project_id="of-the-account"), "project": "evercert-dns"},
    ]
    wrong = [
        ({"service-account": _service_account(_OTHER_KEY)}, "Invalid JWT Signature."),
        ({"service-account": _service_account(_GOOD_KEY, project_id="other")}, "Permission denied on project other"),
    ]
    pending = 0

    @staticmethod
    def bad(status, message):
        errors = [{"message": message, "domain": "global", "reason": "forbidden"}]
        return Refusal(status, {"error": {"code": status, "message": message, "errors": errors}})

    def make_zone_id(self, index, name):
        return "zone-" + name.replace(".", "-")

    def authenticate(self, request):
        if request.path == "/token":
            return
        if request.headers.get("authorization") != "Bearer ya29.made-here":
            raise self.bad(401, "Request had invalid authentication credentials.")
        if not request.path.startswith("/dns/v1/projects/evercert-dns/"):
            raise self.bad(403, f"Permission denied on project {request.path.split('/')[4]}")

    @route("POST", "/token")
    def token(self, request):
        form = request.form
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head, claims, signature = form["assertion"].split(".")
        decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))  # noqa: E731
        header, told = json.loads(decode(head)), json.loads(decode(claims))
        try:
            _GOOD_KEY.public_key().verify(
                decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        assert (header["alg"], header["kid"]) == ("RS256", "6f1e")
        assert told["aud"] == self.url + "/token"
        assert told["scope"] == "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
        assert told["iss"] == "dns@evercert-dns.iam.gserviceaccount.com"
        assert abs(told["iat"] - time.time()) < 60 and told["exp"] <= told["iat"] + 3600
        return {"access_token": "ya29.made-here", "expires_in": 3599, "token_type": "Bearer"}

    def shown_zone(self, name, visibility="public"):
        return {"name": self.zones[name], "dnsName": name + ".", "visibility": visibility}

    @route("GET", "/dns/v1/projects/{project}/managedZones")
    def list_zones(self, request, project):
        name = request.query["dnsName"].rstrip(".")
        if name not in self.zones:
            return {"kind": "dns#managedZonesListResponse"}
        return {"managedZones": [{**self.shown_zone(name, "private"), "name": "inside"}, self.shown_zone(name)]}

    @route("GET", "/dns/v1/projects/{project}/managedZones/{zone}")
    def show_zone(self, request, project, zone):
        return self.shown_zone(self.zone(zone))

    def zone(self, zone):
        text = f"The 'parameters.managedZone' resource named '{zone}' does not exist."
        return self.zone_by_id(zone, self.bad(404, text))

    def rrset(self, zone, name):
        there = self.at(zone, name)
        values = [self.quoted(record["value"]) for record in there]
        return there and {"name": name + ".", "type": "TXT", "ttl": there[0]["ttl"], "rrdatas": values}

    @route("GET", "/dns/v1/projects/{project}/managedZones/{zone}/rrsets")
    def list(self, request, project, zone):
        zone, q = self.zone(zone), request.query
        assert q["type"] == "TXT" and q["name"].endswith(".")
        there = self.rrset(zone, q["name"][:-1])
        return {"rrsets": [{**there, "kind": "dns#resourceRecordSet"}] if there else []}

    def status(self):
        status = "pending" if self.pending else "done"
        self.pending = max(self.pending - 1, 0)
        return {"kind": "dns#change", "id": "7", "status": status}

    @route("GET", "/dns/v1/projects/{project}/managedZones/{zone}/changes/7")
    def show_change(self, request, project, zone):
        return self.status()

    @route("POST", "/dns/v1/projects/{project}/managedZones/{zone}/changes")
    def change(self, request, project, zone):
        zone, invalid = self.zone(zone), self.bad(400, "Invalid value for 'entity.change'")
        body = json_body(request, invalid, additions_=list, deletions_=list)
        for one in body.get("deletions", []):
            if one != self.rrset(zone, one["name"][:-1]):
                raise self.bad(412, "Precondition not met for 'entity.change.deletions[0]'")
            self.put(zone, one["name"][:-1], [], 0)
        for one in body.get("additions", []):
            if self.rrset(zone, one["name"][:-1]):
                raise self.bad(409, "The resource 'entity.change.additions[0]' already exists")
            if one["type"] != "TXT" or not one["rrdatas"]:
                raise invalid
            values = [self.unquoted(value, invalid) for value in one["rrdatas"]]
            self.put(zone, one["name"][:-1], values, one["ttl"])
        return self.status()
