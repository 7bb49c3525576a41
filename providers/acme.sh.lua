-- A dnsapi script of acme.sh, as it is: dns_NAME_add and dns_NAME_rm, run by LIBEXEC/acme-sh-host.
return {
    title = "dnsapi script of acme.sh",
    documentation = "https://github.com/acmesh-official/acme.sh/wiki/dnsapi",
    kind = "program",
    settings = {
        { name = "script", type = "file", required = true,
            help = "Path of the script, such as /usr/share/acme.sh/dnsapi/dns_cf.sh." },
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
