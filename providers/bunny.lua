-- bunny.net DNS.
local TXT = 3

local function options(request, more)
    more = more or {}
    more.headers = { AccessKey = request.settings["api-key"] }
    return more
end

local function sub_domain(request)
    return request.relative == "@" and "" or request.relative
end

return {
    title = "bunny.net",
    documentation = "https://docs.bunny.net/reference/dnszonepublic_index",
    settings = {
        { name = "api-key", type = "secret", required = true, help = "API key of the account." },
        { name = "ttl", type = "number", default = 60, min = 15, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.bunny.net" },
    zone = function(candidate, request)
        local page = 1
        repeat -- what is found contains the candidate anywhere in its name
            local answer = http.get(request.endpoint .. "/dnszone", options(request, {
                query = { page = page, perPage = 100, search = candidate },
            }))
            for _, zone in ipairs(answer.Items) do
                if zone.Domain:lower() == candidate then
                    return tostring(zone.Id)
                end
            end
            page = page + 1
        until not answer.HasMoreItems
    end,
    present = function(request)
        http.put(request.endpoint .. "/dnszone/" .. request.zone_id .. "/records", options(request, {
            json = { Type = TXT, Name = sub_domain(request), Value = request.value, Ttl = request.settings.ttl },
        }))
    end,
    cleanup = function(request)
        local url = request.endpoint .. "/dnszone/" .. request.zone_id
        for _, record in ipairs(http.get(url, options(request)).Records or {}) do
            if record.Type == TXT and record.Name == sub_domain(request)
                and text.unquote(record.Value) == request.value then
                http.delete(url .. "/records/" .. record.Id, options(request, { accept = { 404 } }))
            end
        end
    end,
    problem = function(answer)
        return answer and answer.Message
    end,
}
