-- GoDaddy: all TXT records of a name at a time.

local function headers(request)
    return { Authorization = ("sso-key %s:%s"):format(request.settings["api-key"], request.settings["api-secret"]) }
end

local function set(request)
    return ("%s/v1/domains/%s/records/TXT/%s"):format(request.endpoint, request.zone, url.encode(request.relative))
end

return {
    title = "GoDaddy",
    documentation = "https://developer.godaddy.com/doc/endpoint/domains",
    settings = {
        { name = "api-key", type = "secret", required = true,
            help = "Key of the environment Production. GoDaddy opens its API only to accounts with many domains." },
        { name = "api-secret", type = "secret", required = true, help = "The secret shown with the key." },
        { name = "ttl", type = "number", default = 600, min = 600, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.godaddy.com" },
    limits = { per_second = 2 }, -- 60 requests a minute

    problem = function(json)
        if not json or not json.message then
            return nil
        end
        local words = json.message
        for _, field in ipairs(json.fields or {}) do
            words = ("%s; %s: %s"):format(words, field.path or "?", field.message or "?")
        end
        return words
    end,

    zone = function(candidate, request)
        -- 422: what cannot be registered, as names with an underscore.
        local _, response = http.get(request.endpoint .. "/v1/domains/" .. candidate, {
            headers = headers(request),
            accept = { 404, 422 },
        })
        return response.status == 200 and candidate or nil
    end,

    values = function(request)
        local values = {}
        for _, record in ipairs(http.get(set(request), { headers = headers(request), missing = true }) or {}) do
            -- Its web page leaves records with a blank behind.
            if text.trim(record.data or "") ~= "" then
                table.insert(values, text.unquote(record.data))
            end
        end
        return values
    end,

    replace = function(request, values)
        if #values == 0 then
            return http.delete(set(request), { headers = headers(request), accept = { 404 } })
        end
        local records = {}
        for _, value in ipairs(values) do
            table.insert(records, { data = value, ttl = request.settings.ttl })
        end
        http.put(set(request), { headers = headers(request), json = records })
    end,
}
