-- PowerDNS Authoritative Server: all TXT records of a name at a time.

local there -- the set as it was

local function options(request, more)
    more = more or {}
    more.headers = { ["X-API-Key"] = request.settings["api-key"] }
    return more
end

local function url_of(request, path)
    return ("%s/api/v1/servers/%s/zones%s"):format(request.endpoint, url.encode(request.settings["server-id"]), path)
end

return {
    title = "PowerDNS",
    documentation = "https://doc.powerdns.com/authoritative/http-api/",
    settings = {
        { name = "api-key", type = "secret", required = true, help = "The server's api-key." },
        { name = "server-id", type = "text", default = "localhost",
            help = "Name of the server in the API; other than localhost behind a proxy for several." },
        { name = "ttl", type = "number", default = 60, min = 0, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = false },
    limits = { concurrency = 4 },

    zone = function(candidate, request)
        -- Versions before 4.2 do not know the filter, and list all zones.
        for _, zone in ipairs(http.get(url_of(request, ""), options(request, { query = { zone = candidate .. "." } }))) do
            if zone.name:lower() == candidate .. "." then
                return { id = zone.id, kind = zone.kind }
            end
        end
    end,

    values = function(request)
        -- Versions before 4.8 do not know the filter, and give the whole zone.
        local zone = http.get(url_of(request, "/" .. request.zone_id.id),
            options(request, { query = { rrset_name = request.name .. ".", rrset_type = "TXT" } }))
        local values = {}
        for _, set in ipairs(zone.rrsets) do
            if set.type == "TXT" and set.name:lower() == request.name .. "." then
                there = set
                for _, record in ipairs(set.records) do
                    values[#values + 1] = text.unquote(record.content)
                end
            end
        end
        return values
    end,

    replace = function(request, values)
        local records = json.array({})
        for _, value in ipairs(values) do
            records[#records + 1] = { content = text.quote(value), disabled = false }
        end
        local set = { name = request.name .. ".", type = "TXT", ttl = there and there.ttl or request.settings.ttl }
        set.changetype, set.records = #records > 0 and "REPLACE" or "DELETE", records
        local url, answer, response, tries = url_of(request, "/" .. request.zone_id.id), nil, nil, 0
        repeat
            -- With SQLite, whoever writes at the same moment as another gets a 500.
            wait(tries * (0.1 + math.random() / 5))
            answer, response = http.patch(url, options(request, { json = { rrsets = { set } }, accept = { 500 } }))
            tries = tries + 1
        until response.status ~= 500 or tries == 10
        if response.status == 500 then
            fail("PowerDNS could not write the records: " .. (answer and answer.error or "status 500"))
        end
        -- Secondaries hear of it now, and not when the server gets round to it.
        if request.zone_id.kind == "Master" or request.zone_id.kind == "Primary" then
            http.put(url_of(request, "/" .. request.zone_id.id .. "/notify"), options(request, { accept = { 400, 422 } }))
        end
    end,

    problem = function(answer)
        return answer and answer.error
    end,
}
