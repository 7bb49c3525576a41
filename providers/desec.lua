-- deSEC: works on whole sets of records.
local ttl -- of the set that is there already

local function options(request, more)
    more = more or {}
    more.headers = { authorization = "Token " .. request.settings.token }
    return more
end

return {
    title = "deSEC",
    documentation = "https://desec.readthedocs.io/en/latest/",
    settings = {
        { name = "token", type = "secret", required = true, help = "API token." },
        { name = "ttl", type = "number", default = 3600, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record; where the domain has a higher minimum, that." },
    },
    endpoints = { endpoint = "https://desec.io/api/v1" },
    limits = { concurrency = 1, per_second = 2 },
    zone = function(candidate, request)
        local url = request.endpoint .. "/domains/" .. candidate .. "/"
        local domain = http.get(url, options(request, { missing = true }))
        return domain and { minimum_ttl = domain.minimum_ttl }
    end,
    values = function(request)
        local url = ("%s/domains/%s/rrsets/%s/TXT/"):format(request.endpoint, request.zone, request.relative)
        local set = http.get(url, options(request, { missing = true }))
        if not set then
            return {}
        end
        ttl = set.ttl
        local values = {}
        for i, record in ipairs(set.records) do
            values[i] = text.unquote(record)
        end
        return values
    end,
    replace = function(request, values)
        local records = json.array({})
        for i, value in ipairs(values) do
            records[i] = text.quote(value)
        end
        http.put(request.endpoint .. "/domains/" .. request.zone .. "/rrsets/", options(request, {
            json = { {
                subname = request.relative == "@" and "" or request.relative, type = "TXT",
                ttl = math.max(ttl or request.settings.ttl, request.zone_id.minimum_ttl), records = records,
            } },
        }))
    end,
}
