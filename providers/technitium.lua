-- Technitium DNS Server.
local function call(request, path, form, ok)
    form.token = request.settings["api-token"] -- servers before version 15 know no other way
    local answer = http.post(request.endpoint .. "/api/zones/" .. path, { form = form })
    local said = answer.errorMessage or answer.status
    if answer.status ~= "ok" and not (ok and said:find(ok, 1, true)) then
        local bad = answer.status == "invalid-token" or said:find("Access was denied", 1, true)
        return bad and refused(path .. ": " .. said) or fail(path .. ": " .. said)
    end
    return answer.response
end

local function record(request)
    return { zone = request.zone, domain = request.name, type = "TXT", text = request.value }
end

return {
    title = "Technitium DNS Server",
    documentation = "https://github.com/TechnitiumSoftware/DnsServer/blob/master/APIDOCS.md",
    settings = {
        { name = "api-token", type = "secret", required = true,
            help = "API token of a user who may see, change and delete in the zone." },
        { name = "ttl", type = "number", default = 60, min = 0, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = false },
    zones = function(request)
        local zones = {}
        for _, zone in ipairs(call(request, "list", {}).zones) do
            if not zone.internal and (zone.type == "Primary" or zone.type == "Forwarder") then
                zones[#zones + 1] = { name = zone.name, id = zone.name }
            end
        end
        return zones
    end,
    present = function(request)
        local form = record(request)
        form.ttl = request.settings.ttl
        call(request, "records/add", form, "already exists")
    end,
    cleanup = function(request)
        call(request, "records/delete", record(request), "no such record exists")
    end,
}
