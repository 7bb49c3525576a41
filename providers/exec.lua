-- A program written for lego's provider exec.
return {
    title = "Program (lego's exec)",
    documentation = "https://go-acme.github.io/lego/dns/exec/",
    kind = "program",
    settings = {
        { name = "command", type = "command", required = true,
            help = "Program that is called with present or cleanup." },
        { name = "mode", type = "choice", default = "default", choices = { "default", "raw" },
            help = "What it is told: the record (default), or what it is made of (raw, as with EXEC_MODE=RAW)." },
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
