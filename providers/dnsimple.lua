-- DNSimple: API v2 with a token of an account.
local function options(request, more)
    more = more or {}
    more.bearer = request.settings["oauth-token"]
    return more
end

local function account(request)
    local id = request.settings["account-id"] or cache.get("account")
    if not id then
        local who = http.get(request.endpoint .. "/v2/whoami", options(request)).data
        if not who.account or who.account == json.null then
            refused("The token is one of a user: use one of an account, or set account-id.")
        end
        id = tostring(who.account.id)
        cache.put("account", id, 3600, false)
    end
    return request.endpoint .. "/v2/" .. id .. "/zones/"
end

local function sub_domain(request)
    return request.relative == "@" and "" or request.relative
end

return {
    title = "DNSimple",
    documentation = "https://developer.dnsimple.com/v2/",
    settings = {
        { name = "oauth-token", type = "secret", required = true, help = "API token of the account." },
        { name = "account-id", type = "text", help = "Number of the account; needed with the token of a user." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.dnsimple.com" },
    zone = function(candidate, request)
        local answer = http.get(account(request) .. candidate, options(request, { missing = true }))
        return answer and answer.data.name
    end,
    present = function(request)
        http.post(account(request) .. request.zone_id .. "/records", options(request, {
            json = { name = sub_domain(request), type = "TXT", content = request.value, ttl = request.settings.ttl },
        }))
    end,
    cleanup = function(request)
        local records, page, url = {}, 1, account(request) .. request.zone_id .. "/records"
        repeat
            local answer = http.get(url, options(request, {
                query = { name = sub_domain(request), type = "TXT", page = page, per_page = 100 },
            }))
            for _, record in ipairs(answer.data) do
                records[#records + 1] = record
            end
            page = page + 1
        until page > answer.pagination.total_pages
        for _, record in ipairs(records) do
            if record.name == sub_domain(request) and text.unquote(record.content) == request.value then
                http.delete(url .. "/" .. record.id, options(request, { accept = { 404 } }))
            end
        end
    end,
}
