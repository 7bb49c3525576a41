-- A server of one's own that speaks the protocol of lego's provider httpreq.
local function post(request, path)
    local settings = request.settings
    local body = { fqdn = request.name .. ".", value = request.value }
    if settings.mode == "raw" then
        body = { domain = request.identifier, token = request.token, keyAuth = request.key_authorization }
    end
    local basic = settings.username and settings.password and { settings.username, settings.password }
    http.post(request.endpoint .. path, { json = body, basic = basic })
end

return {
    title = "HTTP request",
    documentation = "https://go-acme.github.io/lego/dns/httpreq/",
    settings = {
        { name = "mode", type = "choice", default = "default", choices = { "default", "raw" },
            help = "What is sent: the record (default), or what it is made of (raw)." },
        { name = "username", type = "text", help = "User name for basic authentication." },
        { name = "password", type = "secret", help = "Its password." },
    },
    endpoints = { endpoint = false },
    present = function(request)
        post(request, "/present")
    end,
    cleanup = function(request)
        post(request, "/cleanup")
    end,
}
