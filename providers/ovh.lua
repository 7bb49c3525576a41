-- OVHcloud: single records of a zone, which is published when asked to. Requests are signed.

local function call(request, method, path, body)
    local settings = request.settings
    local late = tonumber(cache.get("late"))
    if not late then
        late = http.get(request.endpoint .. "/auth/time") - time.now()
        cache.put("late", tostring(late), 3600)
    end
    local stamp = ("%d"):format(time.now() + late)
    body = body and json.encode(body) or ""
    local address = request.endpoint .. path
    local signed = { settings["application-secret"], settings["consumer-key"], method, address, body, stamp }
    local answer, response = http.json({
        method = method,
        url = address,
        body = body ~= "" and body or nil,
        headers = {
            ["Content-Type"] = body ~= "" and "application/json" or nil,
            ["X-Ovh-Application"] = settings["application-key"],
            ["X-Ovh-Consumer"] = settings["consumer-key"],
            ["X-Ovh-Timestamp"] = stamp,
            ["X-Ovh-Signature"] = "$1$" .. hex.encode(hash.sha1(table.concat(signed, "+"))),
        },
        accept = { 403, 404 },
    })
    local words = response.status >= 400 and (answer and answer.message or "status " .. response.status)
    if response.status == 404 or words and answer and answer.errorCode == "NOT_GRANTED_CALL" then
        return nil, words
    elseif words then
        refused("OVH says: " .. words)
    end
    return answer or {}
end

local function must(answer, why)
    return answer or fail("OVH says: " .. why)
end

local function zone(request, path)
    return "/domain/zone/" .. request.zone .. path
end

return {
    title = "OVHcloud",
    documentation = "https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api",
    settings = {
        { name = "application-key", type = "secret", required = true,
            help = "Made at https://eu.api.ovh.com/createToken/ together with the next two, with the rights "
                .. "GET, POST and DELETE for /domain/zone/*." },
        { name = "application-secret", type = "secret", required = true, help = "The secret of the application key." },
        { name = "consumer-key", type = "secret", required = true, help = "The consumer key of the application key." },
        { name = "endpoint", type = "url", default = "https://eu.api.ovh.com/1.0",
            help = "The API of the account's region; others are https://ca.api.ovh.com/1.0 "
                .. "and https://api.us.ovhcloud.com/1.0." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://eu.api.ovh.com/1.0" },

    problem = function(json)
        if json and json.errorCode == "INVALID_SIGNATURE" then
            refused("OVH says: " .. json.message .. "; is that the secret of this application key?")
        end
    end,

    zone = function(candidate, request)
        return call(request, "GET", "/domain/zone/" .. candidate) and candidate
    end,

    present = function(request)
        local sub = request.relative == "@" and "" or request.relative
        must(call(request, "POST", zone(request, "/record"),
            { fieldType = "TXT", subDomain = sub, target = request.value, ttl = request.settings.ttl }))
        must(call(request, "POST", zone(request, "/refresh")))
    end,

    cleanup = function(request)
        local query = url.query({
            { "fieldType", "TXT" },
            { "subDomain", request.relative == "@" and "" or request.relative },
        })
        local gone = false
        for _, id in ipairs(call(request, "GET", zone(request, "/record?" .. query)) or {}) do
            local record = call(request, "GET", zone(request, "/record/" .. id))
            if record and text.unquote(record.target) == request.value then
                call(request, "DELETE", zone(request, "/record/" .. id))
                gone = true
            end
        end
        if gone then
            must(call(request, "POST", zone(request, "/refresh")))
        end
    end,
}
