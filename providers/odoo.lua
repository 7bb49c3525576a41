-- A program written for the module letsencrypt of Odoo.
return {
    title = "Script of Odoo",
    documentation = "https://github.com/OCA/server-tools/tree/16.0/letsencrypt",
    kind = "program",
    settings = {
        { name = "command", type = "command", required = true,
            help = "Program that makes the record." },
        { name = "cleanup", type = "command",
            help = "Program that takes it away again; the module itself never does." },
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
