-- A hook written for uacme.
return {
    title = "Hook of uacme",
    documentation = "https://ndilieto.github.io/uacme/uacme.html",
    kind = "program",
    settings = {
        { name = "hook", type = "command", required = true,
            help = "Program that is called with begin or done; it may decline." },
        { name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said." },
        { name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there." },
        { name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file." },
        { name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too." },
    },
}
