-- evercert itself answers, for a zone that is delegated to this machine.
return {
    title = "evercert itself",
    documentation = "https://www.rfc-editor.org/rfc/rfc1034#section-4.2",
    kind = "builtin",
    settings = {
        { name = "zone", type = "domain", required = true,
            help = "The zone, which holds nothing else: _acme-challenge names are CNAMEs into it, or it is one of them." },
        { name = "nameservers", type = "list", required = true,
            help = "Names of this machine in the NS records of the zone; they lie outside of it and have addresses." },
        { name = "listen", type = "listen", default = { "[::]:53", "0.0.0.0:53" },
            help = "Addresses to answer at, by UDP and TCP." },
        { name = "contact", type = "domain",
            help = "Mail address for the SOA record, with a dot in place of the @; hostmaster.ZONE if not given." },
    },
}
