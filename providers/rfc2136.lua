-- Any server that takes dynamic updates (BIND, Knot, PowerDNS, Windows, ...): records are added and removed one by one.

-- "ns.example.org", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1" -> host, port
local function split(server)
    local host, port = server:match("^%[(.+)%]:?(%d*)$")
    if not host and not server:find(":.*:") then
        host, port = server:match("^([^:]+):(%d+)$")
    end
    return host or server, port and port ~= "" and port or "53"
end

local function update(request, change)
    local settings = request.settings
    if settings["key-name"] and not settings["key-secret"] then
        fail("key-secret is needed with key-name")
    end
    local host, port = split(settings.server)
    change.zone = settings.zone or request.zone
    change.name, change.ttl = request.name, settings.ttl
    change.key_name = settings["key-name"]
    change.key_algorithm, change.key_secret = settings["key-algorithm"], settings["key-secret"]
    local problem
    for _, address in ipairs(dns.addresses(host)) do
        change.server = (address:find(":") and "[%s]:%s" or "%s:%s"):format(address, port)
        local ok, err = pcall(dns.update, change)
        if ok then
            return
        end
        problem = problem or err
    end
    error(problem, 0)
end

return {
    title = "Dynamic updates (RFC 2136)",
    documentation = "https://bind9.readthedocs.io/en/stable/chapter6.html#dynamic-update",
    settings = {
        { name = "server", type = "host", required = true,
            help = "The zone's primary server, a name or an address, with a port if not 53." },
        { name = "key-name", type = "text", help = "Name of the TSIG key; without, updates are not signed." },
        { name = "key-algorithm", type = "choice", default = "hmac-sha256",
            choices = { "hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5" }, help = "Algorithm of the key." },
        { name = "key-secret", type = "secret", help = "The key in base64, as in the server's configuration." },
        { name = "zone", type = "domain", help = "The zone to change; found in the DNS where nothing is said." },
        { name = "ttl", type = "number", default = 60, min = 0, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },

    present = function(request)
        update(request, { add = { request.value } })
    end,

    cleanup = function(request)
        update(request, { remove = { request.value } })
    end,
}
