-- DigitalOcean: single records of a domain.

local function records(request, id)
    return request.endpoint .. "/v2/domains/" .. request.zone .. "/records" .. (id and "/" .. id or "")
end

return {
    title = "DigitalOcean",
    documentation = "https://docs.digitalocean.com/reference/api/",
    settings = {
        { name = "auth-token", type = "secret", required = true,
            help = "API token with full access, or with the scopes domain:create, domain:read and domain:delete." },
        { name = "ttl", type = "number", default = 30, min = 30, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.digitalocean.com" },

    zone = function(candidate, request)
        local json = http.get(request.endpoint .. "/v2/domains/" .. candidate, {
            bearer = request.settings["auth-token"],
            missing = true,
        })
        return json and json.domain.name
    end,

    present = function(request)
        http.post(records(request), {
            bearer = request.settings["auth-token"],
            json = { type = "TXT", name = request.relative, data = request.value, ttl = request.settings.ttl },
        })
    end,

    cleanup = function(request)
        -- Here the whole name is asked for, although records have the short one.
        local there = http.get(records(request), {
            bearer = request.settings["auth-token"],
            query = { type = "TXT", name = request.name, per_page = 200 },
        })
        for _, record in ipairs(there.domain_records) do
            if text.unquote(record.data) == request.value then
                http.delete(records(request, record.id), {
                    bearer = request.settings["auth-token"],
                    accept = { 404 },
                })
            end
        end
    end,
}
