-- Google Cloud DNS: all TXT values of a name at a time, as a change from what was there to what shall be.

local function account(request)
    local ok, read = pcall(json.decode, request.settings["service-account"])
    if not ok or type(read) ~= "table" or not read.client_email or not read.private_key then
        fail("service-account is not the JSON of a service account's key")
    end
    return read
end

local function token(request)
    local kept = cache.get("token")
    if kept then
        return kept
    end
    local who, address, now = account(request), request.endpoints.token .. "/token", time.now()
    local assertion = jwt.sign({
        iss = who.client_email,
        scope = "https://www.googleapis.com/auth/ndev.clouddns.readwrite",
        aud = address,
        iat = now,
        exp = now + 3600,
    }, who.private_key, "RS256", { kid = who.private_key_id })
    local json = http.post(address, {
        form = { grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion = assertion },
    })
    cache.put("token", json.access_token, math.max(json.expires_in - 300, 0))
    return json.access_token
end

local function call(request, method, path, options)
    options = options or {}
    local project = request.settings.project or account(request).project_id or fail("project is needed")
    options.method, options.bearer = method, token(request)
    options.url = ("%s/dns/v1/projects/%s/managedZones%s"):format(request.endpoint, url.encode(project), path)
    return (http.json(options))
end

local function read(request)
    local json = call(request, "GET", "/" .. request.zone_id .. "/rrsets", {
        query = { name = request.name .. ".", type = "TXT" },
    })
    return json.rrsets and json.rrsets[1]
end

return {
    title = "Google Cloud DNS",
    documentation = "https://cloud.google.com/dns/docs/reference/rest/v1",
    settings = {
        { name = "service-account", type = "secret", required = true,
            help = "JSON key of a service account with the role DNS Administrator." },
        { name = "project", type = "text",
            help = "Project that the zones are in, where it is not that of the service account." },
        { name = "zone-id", type = "text", help = "Managed zone to use, where zones may not be listed." },
        { name = "ttl", type = "number", default = 120, min = 1, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://dns.googleapis.com", token = "https://oauth2.googleapis.com" },

    problem = function(json)
        -- Of the grant; it comes with status 400.
        if json and json.error == "invalid_grant" then
            refused("Google says: " .. (json.error_description or json.error))
        end
    end,

    zone = function(candidate, request)
        local id = request.settings["zone-id"]
        local list
        if id then
            list = { call(request, "GET", "/" .. url.encode(id)) }
        else
            list = call(request, "GET", "", { query = { dnsName = candidate .. "." } }).managedZones
        end
        for _, zone in ipairs(list or {}) do
            if zone.dnsName == candidate .. "." and zone.visibility ~= "private" then
                return zone.name
            end
        end
    end,

    values = function(request)
        local there, values = read(request), {}
        for _, value in ipairs(there and there.rrdatas or {}) do
            table.insert(values, text.unquote(value))
        end
        return values
    end,

    replace = function(request, values)
        local path = "/" .. request.zone_id .. "/changes"
        local there, change = read(request), {}
        if there then
            change.deletions = { { name = there.name, type = "TXT", ttl = there.ttl, rrdatas = there.rrdatas } }
        end
        if #values > 0 then
            local quoted = {}
            for i, value in ipairs(values) do
                quoted[i] = text.quote(value)
            end
            local ttl = request.settings.ttl
            change.additions = { { name = request.name .. ".", type = "TXT", ttl = ttl, rrdatas = quoted } }
        end
        local done = next(change) and call(request, "POST", path, { json = change })
        while done and done.status == "pending" do
            wait(1)
            done = call(request, "GET", path .. "/" .. done.id)
        end
    end,
}
