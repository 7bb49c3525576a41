-- Linode (Akamai): single records of a domain.

local function call(request, method, path, options)
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/domains" .. path
    options.bearer = request.settings.token
    return http.json(options)
end

local function label(request)
    return request.relative == "@" and "" or request.relative
end

return {
    title = "Linode (Akamai)",
    documentation = "https://techdocs.akamai.com/linode-api/reference/api",
    settings = {
        { name = "token", type = "secret", required = true,
            help = "Personal access token with read and write for Domains. "
                .. "Linode publishes changes every few minutes only." },
        { name = "ttl", type = "number", default = 300, min = 300, max = 86400,
            help = "Seconds that resolvers may keep the record; Linode rounds to 300, 3600, 7200, ..." },
    },
    endpoints = { endpoint = "https://api.linode.com/v4" },

    problem = function(json)
        local words = {}
        for _, one in ipairs(json and json.errors or {}) do
            table.insert(words, (one.field and one.field .. ": " or "") .. one.reason)
        end
        return #words > 0 and table.concat(words, "; ") or nil
    end,

    zone = function(candidate, request)
        local json = call(request, "GET", "", { headers = { ["X-Filter"] = json.encode({ domain = candidate }) } })
        return json.data[1] and tostring(json.data[1].id)
    end,

    present = function(request)
        call(request, "POST", "/" .. request.zone_id .. "/records", {
            json = { type = "TXT", name = label(request), target = request.value, ttl_sec = request.settings.ttl },
        })
    end,

    cleanup = function(request)
        local path = "/" .. request.zone_id .. "/records"
        local found, page, pages = {}, 1, 1
        while page <= pages do
            local answer = call(request, "GET", path, {
                query = { page = page, page_size = 500 },
                headers = { ["X-Filter"] = json.encode({ type = "TXT" }) },
            })
            for _, record in ipairs(answer.data) do
                -- Some have their whole name there.
                if (record.name == label(request) or record.name == request.name)
                    and text.unquote(record.target) == request.value then
                    table.insert(found, record.id)
                end
            end
            page, pages = page + 1, answer.pages
        end
        for _, id in ipairs(found) do
            call(request, "DELETE", path .. "/" .. id, { accept = { 404 } })
        end
    end,
}
