-- Porkbun: JSON API v3; the keys are in the body of each request.
local function call(request, path, body)
    body = body or {}
    body.apikey, body.secretapikey = request.settings["api-key"], request.settings["secret-api-key"]
    local answer, response = http.post(request.endpoint .. path, { json = body, accept = { 400, 401, 403 } })
    if answer and answer.status == "SUCCESS" then
        return answer
    end
    local said = path .. ": " .. (answer and answer.message or "status " .. response.status)
    if said:find("API key") then
        refused(said)
    elseif not said:find("already exists") then
        fail(said)
    end
end

local function sub_domain(request)
    return request.relative == "@" and "" or request.relative
end

return {
    title = "Porkbun",
    documentation = "https://porkbun.com/api/json/v3/documentation",
    settings = {
        { name = "api-key", type = "secret", required = true,
            help = "API key (pk1_...). API access must be switched on for the domain." },
        { name = "secret-api-key", type = "secret", required = true, help = "Secret API key (sk1_...)." },
        { name = "ttl", type = "number", default = 600, min = 600, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.porkbun.com/api/json/v3" },
    limits = { concurrency = 1, per_second = 4 },
    zones = function(request)
        local zones, start = {}, 0
        repeat
            local domains = call(request, "/domain/listAll", { start = tostring(start) }).domains
            for _, domain in ipairs(domains) do
                zones[#zones + 1] = { name = domain.domain, id = domain.domain }
            end
            start = start + 1000
        until #domains < 1000
        return zones
    end,
    present = function(request)
        call(request, "/dns/create/" .. request.zone, {
            name = sub_domain(request), type = "TXT", content = request.value, ttl = tostring(request.settings.ttl),
        })
    end,
    cleanup = function(request)
        local path = "/dns/retrieveByNameType/" .. request.zone .. "/TXT"
        if request.relative ~= "@" then
            path = path .. "/" .. request.relative
        end
        for _, record in ipairs(call(request, path).records or {}) do
            if record.name == request.name and text.unquote(record.content) == request.value then
                call(request, "/dns/delete/" .. request.zone .. "/" .. record.id)
            end
        end
    end,
}
