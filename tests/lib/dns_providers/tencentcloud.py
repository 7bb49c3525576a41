"""Tencent Cloud DNSPod API 3.0: TC3-HMAC-SHA256; errors have status 200."""

import hashlib
import hmac
import re
import time

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, relative, whole


class Api(ZonesApi):
    provider = "tencentcloud"
    good = {"secret-id": "AKIDexample", "secret-key": "good-key-of-tencent"}
    wrong = [({**good, "secret-key": "wrong-key-of-tencent"}, "The provided credentials could not be validated. Please check your signature is correct.")]

    def refuse(self, code, message):
        raise Refusal(200, {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "ed93f3cb"}})

    def authenticate(self, request):
        h = request.headers
        match = re.fullmatch(
            r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/dnspod/tc3_request, "
            r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
            h["authorization"],
        )
        assert match, h["authorization"]
        key_id, date, names, signature = match.groups()
        now = int(h["x-tc-timestamp"])
        assert date == time.strftime("%Y-%m-%d", time.gmtime(now)) and abs(time.time() - now) < 300
        assert h["x-tc-version"] == "2021-03-23" and {"content-type", "host"} <= set(names.split(";"))
        if key_id != self.good["secret-id"]:
            self.refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct.")
        values = {**h, "x-tc-action": h["x-tc-action"].lower()}
        headers = "".join(f"{n}:{values[n].strip()}\n" for n in names.split(";"))
        hashed = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join([request.method, "/", "", headers, names, hashed])
        scope = f"{date}/dnspod/tc3_request"
        key = ("TC3" + self.good["secret-key"]).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        to_sign = "\n".join(["TC3-HMAC-SHA256", str(now), scope, hashlib.sha256(canonical.encode()).hexdigest()])
        if hmac.new(key, to_sign.encode(), "sha256").hexdigest() != signature:
            self.refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct.")

    @route("POST", "/")
    def action(self, request):
        answer = getattr(self, request.headers["x-tc-action"])(**request.json)
        return {"Response": {**answer, "RequestId": "ed93f3cb"}}

    def known(self, zone):
        if zone not in self.zones:
            self.refuse("InvalidParameterValue.DomainNotExists", "Domain not exist.")

    def DescribeDomainList(self, Offset, Limit):
        assert 1 <= Limit <= 3000
        names = [{"DomainId": n, "Name": z, "Punycode": z, "Status": "ENABLE"} for z, n in self.zones.items()]
        return {"DomainCountInfo": {"AllTotal": len(names)}, "DomainList": names[Offset:][:Limit]}

    def CreateRecord(self, Domain, SubDomain, RecordType, Value, RecordLine, TTL):
        self.known(Domain)
        assert RecordType == "TXT" and RecordLine == "默认" and isinstance(TTL, int)
        name = whole(SubDomain, Domain)
        if self.exists(Domain, name, "TXT", Value):
            self.refuse("InvalidParameter.DomainRecordExist", "The record already exists.")
        return {"RecordId": self.add(name, Value, Domain, TTL)["id"]}

    def DescribeRecordList(self, Domain, Subdomain, RecordType, Limit):
        self.known(Domain)
        assert 1 <= Limit <= 3000
        found = self.find(Domain, whole(Subdomain, Domain), RecordType)
        if not found:
            self.refuse("ResourceNotFound.NoDataOfRecord", "There are no records in the record list.")
        return {
            "RecordCountInfo": {"TotalCount": len(found)},
            "RecordList": [{"RecordId": r["id"], "Name": relative(r), "Type": r["type"], "Value": r["value"]} for r in found],
        }

    def DeleteRecord(self, Domain, RecordId):
        self.known(Domain)
        assert isinstance(RecordId, int)
        found = self.find(Domain, id=RecordId)
        if not found:
            self.refuse("InvalidParameter.RecordIdInvalid", "The record ID is invalid.")
        self.records.remove(found[0])
        return {}
