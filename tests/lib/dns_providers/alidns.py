"""Alibaba Cloud DNS: each request is signed (ACS3-HMAC-SHA256, request syntax V3), a nonce is good for once."""

import datetime
import hashlib
import hmac
import re
import urllib.parse

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


class Api(ZonesApi):
    provider = "alidns"
    good = {"access-key": "LTAI4exampleKeyId", "secret-key": "good-secret-of-alidns"}
    wrong = [({**good, "secret-key": "wrong-secret-of-alidns"}, "Specified signature is not matched with our calculation.")]

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.nonces = set()

    def refuse(self, status, code, message):
        raise Refusal(status, {"RequestId": "B7A1", "HostId": "alidns.aliyuncs.com", "Code": code, "Message": message})

    def authenticate(self, request):
        h = request.headers
        match = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})", h["authorization"]
        )
        assert match, h["authorization"]
        key_id, names, signature = match[1], match[2].split(";"), match[3]
        assert names == sorted(names) and "host" in names
        must = {n for n in h if n.startswith("x-acs-") or n == "content-type"}
        assert must <= set(names), f"not signed: {must - set(names)}"
        if key_id != self.good["access-key"]:
            self.refuse(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        hashed = hashlib.sha256(request.body).hexdigest()
        assert h["x-acs-content-sha256"] == hashed
        query = "&".join(f"{quoted(k)}={quoted(v)}" for k, v in sorted(request.query_list))
        headers = "".join(f"{n}:{h[n].strip()}\n" for n in names)
        canonical = "\n".join([request.method, request.raw_path, query, headers, ";".join(names), hashed])
        to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        if hmac.new(self.good["secret-key"].encode(), to_sign.encode(), "sha256").hexdigest() != signature:
            self.refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
        date = datetime.datetime.strptime(h["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        assert abs((datetime.datetime.now(datetime.timezone.utc) - date).total_seconds()) < 900
        if h["x-acs-signature-nonce"] in self.nonces:
            self.refuse(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self.nonces.add(h["x-acs-signature-nonce"])
        assert h["x-acs-version"] == "2015-01-09"

    @route("POST", "/")
    def action(self, request):
        return getattr(self, request.headers["x-acs-action"])(**request.query)

    def known(self, zone):
        if zone not in self.zones:
            self.refuse(400, "InvalidDomainName.NoExist", "The specified domain name does not exist. Refresh the page and try again.")

    def DescribeDomains(self, PageNumber, PageSize):
        domains = [{"DomainId": str(n), "DomainName": z, "PunyCode": z} for z, n in self.zones.items()]
        return {
            "TotalCount": len(domains), "PageNumber": int(PageNumber), "PageSize": int(PageSize),
            "Domains": {"Domain": a_page(domains, PageNumber, PageSize, 100)},
        }

    def AddDomainRecord(self, DomainName, RR, Type, Value, TTL, Line):
        self.known(DomainName)
        assert Type == "TXT" and int(TTL) > 0 and Line == "default"
        name = whole(RR, DomainName)
        if self.exists(DomainName, name, Type, Value):
            self.refuse(400, "DomainRecordDuplicate", "The DNS record already exists.")
        return {"RequestId": "B7A2", "RecordId": str(self.add(name, Value, DomainName, int(TTL))["id"])}

    def DescribeSubDomainRecords(self, DomainName, SubDomain, Type, PageSize):
        self.known(DomainName)
        name = SubDomain.removeprefix("@.")
        records = [
            {"RecordId": str(r["id"]), "RR": relative(r), "Type": Type, "Value": r["value"], "TTL": r["ttl"], "Line": "default"}
            for r in self.find(DomainName, name, Type)
        ]
        return {"TotalCount": len(records), "DomainRecords": {"Record": a_page(records, 1, PageSize, 500)}}

    def DeleteDomainRecord(self, RecordId):
        found = self.find(id=int(RecordId))
        if not found:
            self.refuse(400, "DomainRecordNotBelongToUser", "The DNS record does not belong to you.")
        self.records.remove(found[0])
        return {"RequestId": "B7A3", "RecordId": RecordId}
