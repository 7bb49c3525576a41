-- Cloudflare: single records of a zone.

local function problem(json)
    local words = {}
    for _, one in ipairs(json and json.errors or {}) do
        table.insert(words, ("%s (%s)"):format(one.message, one.code))
        for _, cause in ipairs(one.error_chain or {}) do
            table.insert(words, ("%s (%s)"):format(cause.message, cause.code))
        end
    end
    words = #words > 0 and table.concat(words, ": ") or nil
    -- 6003: the credentials are not even of the right form; that comes with status 400.
    if words and json.errors[1].code == 6003 then
        refused("Cloudflare says: " .. words)
    end
    return words
end

local function headers(request, token)
    local settings = request.settings
    token = token or settings["api-token"]
    if token then
        return { Authorization = "Bearer " .. token }
    elseif settings["email"] and settings["api-key"] then
        return { ["X-Auth-Email"] = settings["email"], ["X-Auth-Key"] = settings["api-key"] }
    end
    fail("api-token is needed, or email and api-key")
end

local function records(request)
    return request.endpoint .. "/zones/" .. request.zone_id .. "/dns_records"
end

return {
    title = "Cloudflare",
    documentation = "https://developers.cloudflare.com/api/resources/dns/subresources/records/",
    settings = {
        { name = "api-token", type = "secret",
            help = "API token with the permissions Zone:Read and DNS:Edit for the zones that are used." },
        { name = "zone-api-token", type = "secret",
            help = "Another API token, with Zone:Read, to find zones with; api-token then needs DNS:Edit alone." },
        { name = "email", type = "text", help = "Account's mail address; only with api-key." },
        { name = "api-key", type = "secret",
            help = "Global API key, which may do everything in the account; better use api-token." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.cloudflare.com/client/v4" },
    limits = { concurrency = 4, per_second = 4 },
    problem = problem,

    zone = function(candidate, request)
        local found = http.get(request.endpoint .. "/zones", {
            query = { name = candidate },
            headers = headers(request, request.settings["zone-api-token"]),
        }).result
        -- A zone of the same name may be pending in another account of the same user.
        for _, zone in ipairs(found) do
            if zone.status == "active" then
                return zone.id
            end
        end
        return found[1] and found[1].id
    end,

    present = function(request)
        local json, response = http.post(records(request), {
            headers = headers(request),
            json = {
                type = "TXT",
                name = request.name,
                content = text.quote(request.value),
                ttl = request.settings.ttl,
            },
            accept = { 400 },
        })
        -- 81058: there is one with this name and value already.
        if response.status == 400 and not (json and json.errors and json.errors[1].code == 81058) then
            fail(problem(json) or "status 400")
        end
    end,

    cleanup = function(request)
        local there = http.get(records(request), {
            query = { type = "TXT", name = request.name, per_page = 100 },
            headers = headers(request),
        }).result
        for _, record in ipairs(there) do
            if text.unquote(record.content) == request.value then
                http.delete(records(request) .. "/" .. record.id, { headers = headers(request), accept = { 404 } })
            end
        end
    end,
}
