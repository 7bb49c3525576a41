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
    },
}
