-- DNS Made Easy: API V2.0; the date of the request is signed.
local function call(request, method, path, options)
    options = options or {}
    local date = time.format("%a, %d %b %Y %H:%M:%S GMT", time.now())
    options.method = method
    local endpoint = request.settings.sandbox and request.endpoints.sandbox or request.endpoint
    options.url = endpoint .. "/dns/managed/" .. path
    options.headers = {
        ["x-dnsme-apiKey"] = request.settings["api-key"],
        ["x-dnsme-requestDate"] = date,
        ["x-dnsme-hmac"] = hex.encode(hmac.sha1(request.settings["api-secret"], date)),
    }
    return http.json(options)
end

local function problem(answer)
    local errors = answer and answer.error
    return type(errors) == "table" and table.concat(errors, " ") or errors
end

local function sub_domain(request)
    return request.relative == "@" and "" or request.relative
end

return {
    title = "DNS Made Easy",
    documentation = "https://api-docs.dnsmadeeasy.com/",
    settings = {
        { name = "api-key", type = "secret", required = true, help = "API key." },
        { name = "api-secret", type = "secret", required = true, help = "Secret key." },
        { name = "sandbox", type = "flag", default = false, help = "Use the sandbox." },
        { name = "ttl", type = "number", default = 120, min = 5, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.dnsmadeeasy.com/V2.0", sandbox = "https://api.sandbox.dnsmadeeasy.com/V2.0" },
    limits = { per_second = 5 },
    zone = function(candidate, request)
        local answer = call(request, "GET", "name", { query = { domainname = candidate }, missing = true })
        return answer and tostring(answer.id)
    end,
    present = function(request)
        local answer, response = call(request, "POST", request.zone_id .. "/records", {
            json = {
                name = sub_domain(request), type = "TXT", value = request.value, ttl = request.settings.ttl,
                gtdLocation = "DEFAULT",
            },
            accept = { 400 },
        })
        local said = response.status == 400 and (problem(answer) or "refused")
        if said and said:find("Rate limit") then
            later("POST records: " .. said, 60)
        elseif said and not said:find("already exists") then
            fail("POST records: " .. said)
        end
    end,
    cleanup = function(request)
        local page, found = 0, {}
        repeat
            local answer = call(request, "GET", request.zone_id .. "/records", {
                query = { recordName = sub_domain(request), type = "TXT", page = page },
            })
            for _, record in ipairs(answer.data or {}) do
                if record.type == "TXT" and record.name == sub_domain(request)
                    and text.unquote(record.value) == request.value then
                    found[#found + 1] = record.id
                end
            end
            page = page + 1
        until page >= (answer.totalPages or 1)
        for _, id in ipairs(found) do
            call(request, "DELETE", request.zone_id .. "/records/" .. id, { accept = { 404 } })
        end
    end,
}
