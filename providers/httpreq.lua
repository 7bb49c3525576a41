-- A server of one's own that speaks the protocol of lego's provider httpreq.
local function post(request, path)
    local settings = request.settings
    local body = { fqdn = request.name .. ".", value = request.value }
    if settings.mode == "raw" then
        body = { domain = request.identifier, token = request.token, keyAuth = request.key_authorization }
    end
    local basic = settings.username and settings.password and { settings.username, settings.password }
    -- Only the status counts: servers answer with whatever they like.
    local url = request.endpoint .. path
    local response = http.request({ method = "POST", url = url, json = body, basic = basic })
    if response.status // 100 ~= 2 then
        local words = response.body:match("^%s*([^<%s][^\r\n]*)") or "" -- no page for people
        local said = ("POST %s: status %d %s"):format(url, response.status, words:sub(1, 200))
        return (response.status == 401 or response.status == 403) and refused(said) or fail(said)
    end
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
