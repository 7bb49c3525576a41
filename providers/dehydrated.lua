-- A hook written for dehydrated.
return {
    title = "Hook of dehydrated",
    documentation = "https://github.com/dehydrated-io/dehydrated/blob/master/docs/dns-verification.md",
    kind = "program",
    settings = {
        { name = "hook", type = "command", required = true,
            help = "Program that is called with deploy_challenge or clean_challenge." },
    },
}
