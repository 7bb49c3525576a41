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
    },
}
