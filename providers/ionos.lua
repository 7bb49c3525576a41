-- IONOS (hosting, not Cloud): single records of a zone.

local function call(request, method, path, options)
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/v1/zones" .. path
    options.headers = { ["X-API-Key"] = request.settings["api-key"] }
    return http.json(options)
end

local function find(request)
    local zone, found = call(request, "GET", "/" .. request.zone_id, {
        query = { recordName = request.name, recordType = "TXT" },
    }), {}
    for _, record in ipairs(zone.records or {}) do
        if record.name == request.name and record.type == "TXT" and text.unquote(record.content) == request.value then
            table.insert(found, record.id)
        end
    end
    return found
end

return {
    title = "IONOS",
    documentation = "https://developer.hosting.ionos.com/docs/dns",
    settings = {
        { name = "api-key", type = "secret", required = true,
            help = "API key as PREFIX.SECRET, made at https://developer.hosting.ionos.com/." },
        { name = "ttl", type = "number", default = 300, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.hosting.ionos.com/dns" },

    zones = function(request)
        local zones = {}
        for _, zone in ipairs((call(request, "GET", ""))) do
            table.insert(zones, { name = zone.name, id = zone.id })
        end
        return zones
    end,

    present = function(request)
        -- The same record twice is an error there.
        if #find(request) == 0 then
            local record = { name = request.name, type = "TXT", content = request.value, ttl = request.settings.ttl }
            call(request, "POST", "/" .. request.zone_id .. "/records", { json = { record } })
        end
    end,

    cleanup = function(request)
        for _, id in ipairs(find(request)) do
            call(request, "DELETE", "/" .. request.zone_id .. "/records/" .. id, { accept = { 404 } })
        end
    end,
}
