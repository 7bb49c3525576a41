-- A hook written for uacme.
return {
    title = "Hook of uacme",
    documentation = "https://ndilieto.github.io/uacme/uacme.html",
    kind = "program",
    settings = {
        { name = "hook", type = "command", required = true,
            help = "Program that is called with begin or done; it may decline." },
    },
}
