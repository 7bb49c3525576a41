-- Infomaniak: single records of a zone.

local function problem(json)
    if not json or not json.error then
        return nil
    end
    local words = json.error.description
    for _, one in ipairs(json.error.errors or {}) do
        words = words .. "; " .. one.description
    end
    return words
end

local function call(request, method, path, options)
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/2/zones/" .. path
    options.bearer = request.settings["access-token"]
    options.missing = true
    local json = http.json(options)
    if json and json.result ~= "success" then
        -- Errors come with status 200 at times.
        local stop = json.error and json.error.code == "not_authorized" and refused or fail
        stop("Infomaniak says: " .. (problem(json) or tostring(json.result)))
    end
    return json
end

local function source(request)
    return request.relative == "@" and "." or request.relative
end

return {
    title = "Infomaniak",
    documentation = "https://developer.infomaniak.com/docs/api",
    settings = {
        { name = "access-token", type = "secret", required = true,
            help = "API token with the scopes domain:read, dns:read and dns:write." },
        { name = "ttl", type = "number", default = 300, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.infomaniak.com" },
    limits = { per_second = 2 }, -- 60 requests a minute

    problem = problem,

    zone = function(candidate, request)
        local json = call(request, "GET", candidate .. "/exists")
        return json and json.data == true and candidate or nil
    end,

    present = function(request)
        local json = call(request, "POST", request.zone .. "/records", {
            json = { type = "TXT", source = source(request), target = request.value, ttl = request.settings.ttl },
        })
        if not json then
            fail("Infomaniak has no zone " .. request.zone .. " any more")
        end
    end,

    cleanup = function(request)
        local found, page, pages = {}, 1, 1
        while page <= pages do
            local json = call(request, "GET", request.zone .. "/records", {
                query = { { "filter[types][]", "TXT" }, { "page", page }, { "per_page", 100 } },
            })
            for _, record in ipairs(json and json.data or {}) do
                if record.type == "TXT" and record.source == source(request)
                    and text.unquote(record.target) == request.value then
                    table.insert(found, record.id)
                end
            end
            page, pages = page + 1, json and json.pages or 1
        end
        for _, id in ipairs(found) do
            call(request, "DELETE", request.zone .. "/records/" .. id)
        end
    end,
}
