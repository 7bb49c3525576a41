-- TransIP: REST API v6; a token for half an hour is had for a signature.
local function login(request)
    local settings = request.settings
    local body = json.encode({
        login = settings["account-name"],
        nonce = random.hex(16),
        label = "evercert " .. random.hex(8), -- no two tokens may have the same
        expiration_time = "30 minutes",
        read_only = false,
        global_key = settings["global-key"],
    })
    local signature = base64.encode(sign.rsa_sha512(settings["private-key"], body))
    local answer = http.post(request.endpoint .. "/auth", {
        headers = { Signature = signature, ["Content-Type"] = "application/json" }, body = body,
    })
    cache.put("token", answer.token, 25 * 60)
    return answer.token
end

local function call(request, method, path, query, body)
    local old = cache.get("token")
    local options = {
        method = method, url = request.endpoint .. path, query = query, json = body,
        bearer = old or login(request), accept = { 404, 409, old and 401 },
    }
    local answer, response = http.json(options)
    if response.status == 401 then -- the token was taken back in the control panel
        options.bearer, options.accept = login(request), { 404, 409 }
        answer, response = http.json(options)
    end
    if response.status == 409 then -- another change of the domain is not done yet
        later(method .. " " .. path .. ": " .. (answer and answer.error or "conflict"), 10)
    end
    return answer, response
end

local function path(request)
    return "/domains/" .. request.zone .. "/dns"
end

return {
    title = "TransIP",
    documentation = "https://api.transip.nl/rest/docs.html",
    settings = {
        { name = "account-name", type = "text", required = true, help = "Name of the account." },
        { name = "private-key", type = "secret", required = true, help = "Private key of the API (PEM)." },
        { name = "global-key", type = "flag", default = true,
            help = "The key was made for all addresses, not for a whitelist." },
        { name = "ttl", type = "number", default = 60, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.transip.nl/v6" },
    limits = { concurrency = 1 },
    zones = function(request)
        local zones, page = {}, 1
        repeat
            local domains = call(request, "GET", "/domains", { page = page, pageSize = 100 }).domains
            for _, domain in ipairs(domains) do
                zones[#zones + 1] = { name = domain.name, id = domain.name }
            end
            page = page + 1
        until #domains < 100
        return zones
    end,
    present = function(request)
        local entry = { name = request.relative, type = "TXT", content = request.value, expire = request.settings.ttl }
        local answer, response = call(request, "POST", path(request), nil, { dnsEntry = entry })
        if response.status == 404 then
            fail("POST " .. path(request) .. ": " .. (answer and answer.error or "not found"))
        end
    end,
    cleanup = function(request)
        for _, entry in ipairs(call(request, "GET", path(request)).dnsEntries or {}) do
            if entry.type == "TXT" and entry.name == request.relative
                and text.unquote(entry.content) == request.value then
                call(request, "DELETE", path(request), nil, { dnsEntry = entry }) -- as it was given, or it is not found
            end
        end
    end,
}
