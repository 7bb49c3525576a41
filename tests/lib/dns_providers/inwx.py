"""INWX: DomRobot's JSON-RPC. Errors have status 200 and a code; a session is a cookie, locked until a one-time code
came where the account has a second factor (`second_factor`: its secret in Base32)."""

import base64
import hashlib
import hmac
import struct
import time

from stand_in import route

from dns_providers.zones_api import ZonesApi, a_page


def one_time_code(secret, period):
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", period), hashlib.sha1).digest()
    return f"{(struct.unpack_from('>I', mac, mac[19] & 15)[0] & 0x7FFFFFFF) % 1000000:06d}"


class Api(ZonesApi):
    provider = "inwx"
    root = "/jsonrpc"
    good = {"username": "somebody", "password": "pass-w0rd-of-inwx"}
    wrong = [({**good, "password": "not-the-password"}, "Authentication error")]
    second_factor = None

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.sessions = {}  # cookie: unlocked
        self.periods_used = set()

    @route("POST", "/jsonrpc/")
    def rpc(self, request):
        assert request.headers["content-type"].startswith("application/json")
        method, params = request.json["method"], request.json["params"]
        assert params.pop("lang") == "en"
        if method == "account.login":
            return self.login(**params)
        cookie = request.headers.get("cookie", "").removeprefix("domrobot=")
        if method == "account.unlock" and cookie in self.sessions:
            return self.unlock(cookie, **params)
        if not self.sessions.get(cookie):
            return self.answer(2200, "Authentication error")
        return getattr(self, method.replace(".", "_"))(**params)

    @staticmethod
    def answer(code, msg, data=None, **more):
        body = {"code": code, "msg": msg, "svTRID": "20260101-1", "runtime": 0.05, **more}
        return {**body, "resData": data} if data is not None else body

    def done(self, data=None):
        return self.answer(1000, "Command completed successfully", data)

    def login(self, user, **params):
        password = params.pop("pass")
        assert not params
        if (user, password) != (self.good["username"], self.good["password"]):
            return self.answer(2200, "Authentication error")
        cookie = f"session{len(self.sessions)}"
        self.sessions[cookie] = not self.second_factor
        data = {"customerId": 1, "tfa": "GOOGLE-AUTH" if self.second_factor else "0"}
        return 200, self.done(data), {"Set-Cookie": f"domrobot={cookie}; path=/; secure; HttpOnly"}

    def unlock(self, cookie, tan):
        now = int(time.time()) // 30
        for period in (now - 1, now, now + 1):
            if tan == one_time_code(self.second_factor, period) and period not in self.periods_used:
                self.periods_used.add(period)
                self.sessions[cookie] = True
                return self.done()
        return self.answer(2200, "Authentication error", reason="Invalid TAN", reasonCode="AUTH_TAN")

    def nameserver_list(self, domain, page, pagelimit):
        assert domain == "*"
        names = [{"roId": n, "domain": z, "type": "MASTER"} for z, n in self.zones.items()]
        return self.done({"count": len(names), "domains": a_page(names, page, pagelimit, 100)})

    def nameserver_info(self, domain, name, type):
        if domain not in self.zones:
            return self.answer(2303, "Object does not exist")
        found = [
            {"id": r["id"], "name": r["name"], "type": r["type"], "content": r["value"], "ttl": r["ttl"], "prio": 0}
            for r in self.find(domain, name, type)
        ]
        data = {"roId": self.zones[domain], "domain": domain, "type": "MASTER", "count": len(found)}
        return self.done({**data, "record": found} if found else data)

    def nameserver_createRecord(self, domain, type, name, content, ttl):
        assert type == "TXT" and ttl >= 300
        if domain not in self.zones:
            return self.answer(2303, "Object does not exist")
        if self.exists(domain, name, type, content):
            return self.answer(2302, "Object exists")
        return self.done({"id": self.add(name, content, domain, ttl)["id"]})

    def nameserver_deleteRecord(self, id):
        found = self.find(id=id)
        if not found:
            return self.answer(2303, "Object does not exist")
        self.records.remove(found[0])
        return self.done()
