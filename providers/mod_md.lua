-- A program written for MDChallengeDns01 of Apache's mod_md.
return {
    title = "Program of mod_md",
    documentation = "https://httpd.apache.org/docs/2.4/mod/mod_md.html#mdchallengedns01",
    kind = "program",
    settings = {
        { name = "command", type = "command", required = true,
            help = "Program that is called with setup or teardown." },
        { name = "version", type = "number", default = 2, min = 1, max = 2,
            help = "MDChallengeDns01Version: with 1, teardown is not told the value." },
    },
}
