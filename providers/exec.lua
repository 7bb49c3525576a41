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
    },
}
