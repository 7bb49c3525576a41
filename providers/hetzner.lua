-- Hetzner, zones of the Cloud API: it adds to sets of records and takes out of them by itself.

local function call(request, method, path, body)
    local json, response = http.json({
        method = method,
        url = request.endpoint .. path,
        bearer = request.settings["api-token"],
        json = body,
        accept = { 409, 423 },
        missing = true,
    })
    if response.status == 409 or response.status == 423 then
        later(("Hetzner is at work on %s: %s"):format(request.zone or path, json.error.message), 5)
    end
    return json
end

local function set(request)
    return ("/zones/%s/rrsets/%s/TXT"):format(request.zone_id, url.encode(request.relative))
end

local function read(request)
    local json = call(request, "GET", set(request))
    for _, record in ipairs(json and json.rrset.records or {}) do
        if text.unquote(record.value) == request.value then
            return json.rrset, true
        end
    end
    return json and json.rrset, false
end

local function change(request, action, ttl)
    local body = { records = { { value = text.quote(request.value) } }, ttl = ttl }
    local json = call(request, "POST", set(request) .. "/actions/" .. action, body)
    while json and json.action.status == "running" do
        wait(1)
        json = call(request, "GET", "/actions/" .. json.action.id)
    end
    if json and json.action.status == "error" then
        fail(("Hetzner could not %s: %s"):format(action:gsub("_", " "), json.action.error.message))
    end
    return json
end

return {
    title = "Hetzner",
    documentation = "https://docs.hetzner.cloud/reference/cloud#zones",
    settings = {
        { name = "api-token", type = "secret", required = true,
            help = "API token of the Cloud project that the zone is in, with read and write; "
                .. "tokens of the old DNS console are of no use." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.hetzner.cloud/v1" },
    limits = { concurrency = 1 }, -- one action at a zone at a time

    zone = function(candidate, request)
        local json = call(request, "GET", "/zones/" .. candidate)
        return json and tostring(json.zone.id)
    end,

    present = function(request)
        local exists, ours = read(request)
        -- The TTL of a set that is there must not be another.
        if not ours and not change(request, "add_records", not exists and request.settings.ttl or nil) then
            fail("Hetzner has no zone " .. request.zone .. " any more")
        end
    end,

    cleanup = function(request)
        local _, ours = read(request)
        if ours then
            change(request, "remove_records")
        end
    end,
}
