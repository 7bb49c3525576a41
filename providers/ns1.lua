-- NS1 Connect (IBM): all answers of a name and type at a time.

local function call(request, method, path, options)
    options = options or {}
    options.method, options.url = method, request.endpoint .. "/zones/" .. path
    options.headers = { ["X-NSONE-Key"] = request.settings["api-key"] }
    options.missing = true
    return http.json(options)
end

local function set(request)
    return ("%s/%s/TXT"):format(request.zone_id, request.name)
end

return {
    title = "NS1 Connect",
    documentation = "https://developer.ibm.com/apis/catalog/ns1--ibm-ns1-connect-api/",
    settings = {
        { name = "api-key", type = "secret", required = true,
            help = "API key that may view and manage the zones that are used." },
        { name = "ttl", type = "number", default = 120, min = 1, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.nsone.net/v1" },

    zone = function(candidate, request)
        local json = call(request, "GET", candidate, { query = { records = "false" } })
        return json and json.zone
    end,

    values = function(request)
        local json, values = call(request, "GET", set(request)), {}
        for _, answer in ipairs(json and json.answers or {}) do
            table.insert(values, text.unquote(table.concat(answer.answer)))
        end
        return values
    end,

    replace = function(request, values)
        if #values == 0 then
            return call(request, "DELETE", set(request))
        end
        local body = { zone = request.zone_id, domain = request.name, type = "TXT", answers = {} }
        for _, value in ipairs(values) do
            table.insert(body.answers, { answer = { value } })
        end
        -- POST changes what is there, PUT makes what is not.
        if not call(request, "POST", set(request), { json = body }) then
            body.ttl = request.settings.ttl
            if not call(request, "PUT", set(request), { json = body }) then
                fail("NS1 has no zone " .. request.zone .. " any more")
            end
        end
    end,
}
