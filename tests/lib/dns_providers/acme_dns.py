"""acme-dns, by the description of its API: https://github.com/joohoi/acme-dns#api."""

from stand_in import Refusal, StandIn, route


class AcmeDns(StandIn):
    def __init__(self, zone="auth.example", update=lambda name, value: None):
        """`update` is told each record that is set."""
        super().__init__()
        self.zone, self.updated = zone, update
        self.accounts, self.values = {}, {}

    @route("POST", "/register")
    def register(self, request):
        if request.body and not isinstance(request.json.get("allowfrom", []), list):
            raise Refusal(400, {"error": "malformed_json_payload"})
        number = len(self.accounts)
        account = {
            "username": f"c36f50e8-4632-44f0-83fe-{number:012}",
            "password": f"htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW{number:04}",
            "subdomain": f"8e5700ea-a4bf-41c7-8a77-{number:012}",
            "allowfrom": request.json.get("allowfrom", []) if request.body else [],
        }
        account["fulldomain"] = account["subdomain"] + "." + self.zone
        self.accounts[account["username"]] = account
        self.values[account["fulldomain"]] = []
        return 201, account

    @route("POST", "/update")
    def update(self, request):
        account = self.accounts.get(request.headers.get("x-api-user"))
        if not account or account["password"] != request.headers.get("x-api-key"):
            raise Refusal(401, {"error": "forbidden"})
        if request.json["subdomain"] != account["subdomain"]:
            raise Refusal(401, {"error": "forbidden"})
        if len(request.json["txt"]) != 43:
            raise Refusal(400, {"error": "bad_txt"})
        values = self.values[account["fulldomain"]]
        values.append(request.json["txt"])
        del values[:-2]
        self.updated(account["fulldomain"], request.json["txt"])
        return {"txt": request.json["txt"]}
