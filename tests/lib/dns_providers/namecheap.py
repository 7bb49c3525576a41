"""Namecheap: XML; all hosts of a domain are set at once, and what is not named is gone; errors have status 200."""

import re
from xml.sax.saxutils import quoteattr

from stand_in import Refusal, route

from dns_providers.zones_api import ZonesApi, a_page, relative, whole


class Api(ZonesApi):
    provider = "namecheap"
    root = "/xml.response"
    good = {"api-user": "somebody", "api-key": "good-key-of-namecheap", "client-ip": "192.0.2.7"}
    wrong = [({**good, "api-key": "wrong-key-of-namecheap"}, "API Key is invalid or API access has not been enabled")]
    address = "192.0.2.7"

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.email_type = {zone: "MX" for zone in self.zones}

    def add(self, *args, mx="10", **more):
        return super().add(*args, mx=mx, **more)

    @staticmethod
    def answer(inside="", error=None):
        status, inside = "OK", f"<Errors /><CommandResponse>{inside}</CommandResponse>"
        if error:
            status, inside = "ERROR", f'<Errors><Error Number="{error[0]}">{error[1]}</Error></Errors>'
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<ApiResponse Status="{status}" xmlns="http://api.namecheap.com/xml.response">{inside}</ApiResponse>'
        )

    @route("GET", "/getip")
    def getip(self, request):
        return self.address

    @route("POST", "/xml.response")
    def command(self, request):
        form = request.form
        assert form.pop("ApiUser") == form.pop("UserName") == self.good["api-user"]
        if form.pop("ApiKey") != self.good["api-key"]:
            return self.answer(error=(1011102, "API Key is invalid or API access has not been enabled"))
        if form.pop("ClientIp") != self.address:
            return self.answer(error=(1011150, "Invalid request IP"))
        functions = {
            "domains.getList": self.get_list,
            "domains.dns.getHosts": self.get_hosts,
            "domains.dns.setHosts": self.set_hosts,
        }
        return functions[form.pop("Command").removeprefix("namecheap.")](form)

    def get_list(self, form):
        names = a_page(list(self.zones), form.pop("Page"), form["PageSize"], 100)
        assert int(form.pop("PageSize")) >= 10 and not form
        domains = "".join(f'<Domain ID="{self.zones[n]}" Name="{n}" User="somebody" IsOurDNS="true"/>' for n in names)
        return self.answer(
            f"<DomainGetListResult>{domains}</DomainGetListResult><Paging><TotalItems>{len(self.zones)}</TotalItems></Paging>"
        )

    def zone(self, form):
        name = form.pop("SLD") + "." + form.pop("TLD")
        if name not in self.zones:
            raise Refusal(200, self.answer(error=(2019166, "Domain not found")))
        return name

    def get_hosts(self, form):
        zone = self.zone(form)
        hosts = "".join(
            f'<host HostId="{r["id"]}" Name="{relative(r)}" Type="{r["type"]}" Address={quoteattr(r["value"])} '
            f'MXPref="{r["mx"]}" TTL="{r["ttl"]}" AssociatedAppTitle="" IsActive="true" IsDDNSEnabled="false" />'
            for r in self.find(zone)
        )
        return self.answer(
            f'<DomainDNSGetHostsResult Domain="{zone}" EmailType="{self.email_type[zone]}" IsUsingOurDNS="true">'
            f"{hosts}</DomainDNSGetHostsResult>"
        )

    def set_hosts(self, form):
        zone = self.zone(form)
        self.email_type[zone] = form.pop("EmailType", "NONE")
        count = sum(name.startswith("HostName") for name in form)
        fields = ("HostName", "RecordType", "Address", "MXPref", "TTL")
        hosts = [{field: form.pop(f"{field}{i}") for field in fields} for i in range(1, count + 1)]
        assert not form and all(re.fullmatch(r"\d+", h["TTL"]) for h in hosts), form
        for record in self.find(zone):
            self.records.remove(record)
        for h in hosts:
            self.add(whole(h["HostName"], zone), h["Address"], zone, int(h["TTL"]), h["RecordType"], mx=h["MXPref"])
        return self.answer(f'<DomainDNSSetHostsResult Domain="{zone}" IsSuccess="true" />')
