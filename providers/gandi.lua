-- Gandi LiveDNS: all TXT values of a name at a time.

local function call(request, method, path, options)
    local settings = request.settings
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/domains" .. path
    options.missing = true
    if settings["personal-access-token"] then
        options.bearer = settings["personal-access-token"]
    elseif settings["api-key"] then
        options.headers = { Authorization = "Apikey " .. settings["api-key"] }
    else
        fail("personal-access-token is needed")
    end
    return http.json(options)
end

local function set(request)
    return ("/%s/records/%s/TXT"):format(request.zone, url.encode(request.relative))
end

return {
    title = "Gandi LiveDNS",
    documentation = "https://api.gandi.net/docs/livedns/",
    settings = {
        { name = "personal-access-token", type = "secret",
            help = "Personal access token with the permission to manage technical configurations of domains." },
        { name = "api-key", type = "secret", help = "API key, the older kind; better use personal-access-token." },
        { name = "ttl", type = "number", default = 300, min = 300, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.gandi.net/v5/livedns" },

    zones = function(request)
        local zones, page, list = {}, 1, nil
        repeat
            list = call(request, "GET", "", { query = { page = page, per_page = 100 } })
            for _, domain in ipairs(list or {}) do
                table.insert(zones, { name = domain.fqdn, id = domain.fqdn })
            end
            page = page + 1
        until not list or #list < 100
        return zones
    end,

    values = function(request)
        local json, values = call(request, "GET", set(request)), {}
        for _, value in ipairs(json and json.rrset_values or {}) do
            table.insert(values, text.unquote(value))
        end
        return values
    end,

    replace = function(request, values)
        if #values == 0 then
            return call(request, "DELETE", set(request))
        end
        local quoted = {}
        for _, value in ipairs(values) do
            table.insert(quoted, text.quote(value))
        end
        local body = { rrset_values = quoted, rrset_ttl = request.settings.ttl }
        if not call(request, "PUT", set(request), { json = body }) then
            fail("Gandi has no domain " .. request.zone .. " any more")
        end
    end,
}
