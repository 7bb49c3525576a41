-- Programs written for certbot's --manual-auth-hook and --manual-cleanup-hook.
return {
    title = "Hooks of certbot",
    documentation = "https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks",
    kind = "program",
    settings = {
        { name = "auth-hook", type = "command", required = true,
            help = "Program that makes the record." },
        { name = "cleanup-hook", type = "command",
            help = "Program that takes it away again." },
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
