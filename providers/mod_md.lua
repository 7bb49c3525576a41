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
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
