-- netcup: the CCP API, JSON with a session of fifteen minutes.
local session -- of this call

local function call(request, action, parameters)
    local settings = request.settings
    parameters.customernumber = settings["customer-number"]
    parameters.apikey = settings["api-key"]
    parameters.apisessionid = session
    local answer = http.post(request.endpoint .. "?JSON", { json = { action = action, param = parameters } })
    if answer.status == "success" then
        return answer.responsedata
    end
    local said = ("%s: %s %s (%s)"):format(action, answer.shortmessage, answer.longmessage, answer.statuscode)
    if said:find("requests per minute") then
        later(said, 60)
    end
    return nil, said, answer.statuscode
end

local function checked(data, said)
    return data or fail(said)
end

local function open(request)
    if not session then
        local data, said = call(request, "login", { apipassword = request.settings["api-password"] })
        session = (data or refused(said)).apisessionid
    end
end

local function close(request)
    call(request, "logout", {})
    session = nil
end

local function update(request, record)
    local parameters = { domainname = request.zone, dnsrecordset = { dnsrecords = { record } } }
    checked(call(request, "updateDnsRecords", parameters))
end

return {
    title = "netcup",
    documentation = "https://ccp.netcup.net/run/webservice/servers/endpoint.php",
    settings = {
        { name = "customer-number", type = "text", required = true, help = "Number of the customer." },
        { name = "api-key", type = "secret", required = true, help = "API key." },
        { name = "api-password", type = "secret", required = true, help = "API password." },
    },
    endpoints = { endpoint = "https://ccp.netcup.net/run/webservice/servers/endpoint.php" },
    limits = { concurrency = 1, per_second = 3 },
    zone = function(candidate, request)
        open(request)
        local data, said, code = call(request, "infoDnsZone", { domainname = candidate })
        -- 50xx: there is no such zone; 4013: nothing that could be one, as "_acme-challenge.example.org"
        if not data and code < 5000 and not (code == 4013 and said:find("domainname")) then
            fail(said)
        end
        return data and candidate
    end,
    present = function(request)
        open(request) -- records that are not named stay
        update(request, { hostname = request.relative, type = "TXT", destination = request.value })
        close(request)
    end,
    cleanup = function(request)
        open(request)
        local data, said, code = call(request, "infoDnsRecords", { domainname = request.zone })
        if not data and code ~= 5029 then -- there are no records at all
            fail(said)
        end
        for _, record in ipairs(data and data.dnsrecords or {}) do
            if record.type == "TXT" and record.hostname == request.relative
                and text.unquote(record.destination) == request.value then
                record.deleterecord = true
                update(request, record)
            end
        end
        close(request)
    end,
}
