-- LuaDNS: single records of a zone.

local function call(request, method, path, options)
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/zones" .. path
    options.basic = { request.settings["api-username"], request.settings["api-token"] }
    options.headers = { Accept = "application/json" }
    return http.json(options)
end

-- Calls `take` with everything that is listed at `path`.
local function each(request, path, take)
    local page, pages = 1, 1
    while page <= pages do
        local list, response = call(request, "GET", path, { query = { limit = 100, page = page } })
        for _, one in ipairs(list) do
            take(one)
        end
        page, pages = page + 1, tonumber(response.headers["x-total-pages"]) or 1
    end
end

return {
    title = "LuaDNS",
    documentation = "https://luadns.com/api.html",
    settings = {
        { name = "api-username", type = "text", required = true, help = "Mail address of the account." },
        { name = "api-token", type = "secret", required = true,
            help = "API key, for all zones or for one. API access is switched on in the account's settings." },
        { name = "ttl", type = "number", default = 300, min = 300, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.luadns.com/v1" },

    zones = function(request)
        local zones = {}
        each(request, "", function(zone)
            table.insert(zones, { name = zone.name, id = tostring(zone.id) })
        end)
        return zones
    end,

    present = function(request)
        call(request, "POST", "/" .. request.zone_id .. "/records", {
            json = { type = "TXT", name = request.name .. ".", content = request.value, ttl = request.settings.ttl },
        })
    end,

    cleanup = function(request)
        local path, found = "/" .. request.zone_id .. "/records", {}
        each(request, path, function(record)
            if record.type == "TXT" and record.name == request.name .. "."
                and text.unquote(record.content) == request.value then
                table.insert(found, record.id)
            end
        end)
        for _, id in ipairs(found) do
            call(request, "DELETE", path .. "/" .. id, { accept = { 404 } })
        end
    end,
}
