-- Azure DNS: all TXT values of a name at a time, through the Resource Manager.

local version = "2018-05-01"

local function token(request)
    local settings = request.settings
    if settings["access-token"] then
        return settings["access-token"]
    end
    local kept = cache.get("token")
    if kept then
        return kept
    end
    if not (settings["tenant-id"] and settings["client-id"] and settings["client-secret"]) then
        fail("tenant-id, client-id and client-secret are needed, or access-token")
    end
    local path = "/" .. url.encode(settings["tenant-id"]) .. "/oauth2/v2.0/token"
    local json = http.post(request.endpoints.login .. path, {
        form = {
            grant_type = "client_credentials",
            client_id = settings["client-id"],
            client_secret = settings["client-secret"],
            scope = request.endpoint .. "/.default",
        },
    })
    cache.put("token", json.access_token, math.max(json.expires_in - 300, 0))
    return json.access_token
end

local function call(request, method, address, options)
    options = options or {}
    options.method, options.url, options.bearer, options.missing = method, address, token(request), true
    return http.json(options)
end

local function set(request)
    return ("%s%s/TXT/%s?api-version=%s"):format(
        request.endpoint, request.zone_id, url.encode(request.relative), version)
end

return {
    title = "Azure DNS",
    documentation = "https://learn.microsoft.com/en-us/rest/api/dns/",
    settings = {
        { name = "subscription-id", type = "text", required = true, help = "Subscription that the zones are in." },
        { name = "resource-group", type = "text", help = "Look for zones in this resource group alone." },
        { name = "tenant-id", type = "text", help = "Directory (tenant) of the application." },
        { name = "client-id", type = "text",
            help = "Application (client) that has the role DNS Zone Contributor at the zones." },
        { name = "client-secret", type = "secret", help = "Client secret of the application: its value, not its id." },
        { name = "access-token", type = "secret",
            help = "A token for the Resource Manager that something else keeps fresh, instead of the three above." },
        { name = "ttl", type = "number", default = 60, min = 1, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://management.azure.com", login = "https://login.microsoftonline.com" },

    problem = function(json)
        -- This kind comes from the login alone, with status 400 at times.
        if json and json.error_description and json.error ~= "temporarily_unavailable" then
            refused("Microsoft says: " .. json.error_description)
        end
    end,

    zones = function(request)
        local settings, zones = request.settings, {}
        local address = ("%s/subscriptions/%s%s/providers/Microsoft.Network/dnsZones?api-version=%s"):format(
            request.endpoint, url.encode(settings["subscription-id"]),
            settings["resource-group"] and "/resourceGroups/" .. url.encode(settings["resource-group"]) or "", version)
        while type(address) == "string" do
            local json = call(request, "GET", address) or fail("Azure knows no such subscription or resource group")
            for _, zone in ipairs(json.value) do
                table.insert(zones, { name = zone.name, id = zone.id })
            end
            address = json.nextLink
        end
        return zones
    end,

    values = function(request)
        local json, values = call(request, "GET", set(request)), {}
        for _, record in ipairs(json and json.properties.TXTRecords or {}) do
            table.insert(values, table.concat(record.value))
        end
        return values
    end,

    replace = function(request, values)
        if #values == 0 then
            return call(request, "DELETE", set(request))
        end
        local records = {}
        for _, value in ipairs(values) do
            table.insert(records, { value = { value } })
        end
        local body = { properties = { TTL = request.settings.ttl, TXTRecords = records } }
        if not call(request, "PUT", set(request), { json = body }) then
            fail("Azure has no zone " .. request.zone .. " any more")
        end
    end,
}
