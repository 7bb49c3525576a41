-- Namecheap: all records of a domain are written at once.
local function call(request, command, parameters)
    local settings = request.settings
    local address = settings["client-ip"] or cache.get("address")
    if not address then -- Namecheap's own service for that
        address = text.trim(http.request({ method = "GET", url = request.endpoints.address .. "/getip" }).body)
        cache.put("address", address, 600, false)
    end
    local form = {
        { "ApiUser", settings["api-user"] }, { "ApiKey", settings["api-key"] }, { "UserName", settings["api-user"] },
        { "ClientIp", address }, { "Command", "namecheap." .. command },
    }
    for _, pair in ipairs(parameters) do
        form[#form + 1] = pair
    end
    local endpoint = settings.sandbox and request.endpoints.sandbox or request.endpoint
    local answer = http.xml({ method = "POST", url = endpoint, form = form })
    local problem = xml.find(answer, "Errors/Error")
    if problem then
        local number = problem.attributes.Number or "?"
        local said = ("%s: %s (%s)"):format(command, text.trim(problem.text), number)
        return number:find("^101[01]%d%d%d$") and refused(said) or fail(said)
    end
    return xml.find(answer, "CommandResponse") or fail(command .. ": no answer in the answer")
end

local function parts(request)
    local sld, tld = request.zone:match("^([^.]+)%.(.+)$")
    return { { "SLD", sld }, { "TLD", tld } }
end

local function hosts(request)
    local result = xml.find(call(request, "domains.dns.getHosts", parts(request)), "DomainDNSGetHostsResult")
    if result.attributes.IsUsingOurDNS:lower() ~= "true" then
        fail(request.zone .. " does not use the name servers of Namecheap.")
    end
    local list = {}
    for _, node in ipairs(result.children) do
        if node.name:lower() == "host" then
            list[#list + 1] = node.attributes
        end
    end
    return list, result.attributes.EmailType
end

-- What setHosts calls what getHosts gave.
local FIELDS = { HostName = "Name", RecordType = "Type", Address = "Address", MXPref = "MXPref", TTL = "TTL" }

local function is_ours(host, request)
    return host.Type == "TXT" and host.Name == request.relative
end

return {
    title = "Namecheap",
    documentation = "https://www.namecheap.com/support/api/methods/",
    settings = {
        { name = "api-user", type = "text", required = true, help = "Name of the account." },
        { name = "api-key", type = "secret", required = true, help = "API key." },
        { name = "client-ip", type = "text",
            help = "IPv4 address of this machine as whitelisted; asked for where not set." },
        { name = "sandbox", type = "flag", default = false, help = "Use the sandbox." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 60000,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = {
        endpoint = "https://api.namecheap.com/xml.response",
        sandbox = "https://api.sandbox.namecheap.com/xml.response",
        address = "https://dynamicdns.park-your-domain.com",
    },
    limits = { concurrency = 1, per_second = 2 }, -- one change at a time: each writes the whole domain
    zones = function(request)
        local zones, page = {}, 1
        repeat
            local answer = call(request, "domains.getList", { { "Page", page }, { "PageSize", 100 } })
            local domains = xml.all(answer, "DomainGetListResult/Domain")
            for _, domain in ipairs(domains) do
                zones[#zones + 1] = { name = domain.attributes.Name, id = domain.attributes.Name }
            end
            page = page + 1
        until #domains < 100
        return zones
    end,
    values = function(request)
        local values = {}
        for _, host in ipairs((hosts(request))) do
            if is_ours(host, request) then
                values[#values + 1] = text.unquote(host.Address)
            end
        end
        return values
    end,
    replace = function(request, values)
        local there, email_type = hosts(request)
        local all, wanted = {}, {}
        for _, value in ipairs(values) do
            wanted[value] = true
        end
        for _, host in ipairs(there) do
            local value = is_ours(host, request) and text.unquote(host.Address)
            if not value or wanted[value] then
                all[#all + 1] = host
                wanted[value or ""] = nil
            end
        end
        for value in pairs(wanted) do
            all[#all + 1] = {
                Name = request.relative, Type = "TXT", Address = value, MXPref = "10", TTL = request.settings.ttl,
            }
        end
        local form = parts(request)
        form[#form + 1] = email_type and { "EmailType", email_type }
        for i, host in ipairs(all) do
            for ours, theirs in pairs(FIELDS) do
                form[#form + 1] = host[theirs] and { ours .. i, host[theirs] }
            end
        end
        local done = xml.find(call(request, "domains.dns.setHosts", form), "DomainDNSSetHostsResult")
        if not done or done.attributes.IsSuccess:lower() ~= "true" then
            fail("domains.dns.setHosts did not succeed.")
        end
    end,
}
