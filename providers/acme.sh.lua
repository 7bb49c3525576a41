-- A dnsapi script of acme.sh, as it is: dns_NAME_add and dns_NAME_rm, run by LIBEXEC/acme-sh-host.
return {
    title = "dnsapi script of acme.sh",
    documentation = "https://github.com/acmesh-official/acme.sh/wiki/dnsapi",
    kind = "program",
    settings = {
        { name = "script", type = "file", required = true,
            help = "Path of the script, such as /usr/share/acme.sh/dnsapi/dns_cf.sh." },
    },
}
