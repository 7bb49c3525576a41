-- Njalla: JSON-RPC.
local function call(request, method, params)
    local answer = http.post(request.endpoint .. "/", {
        headers = { authorization = "Njalla " .. request.settings.token },
        json = { method = method, params = params },
    })
    local problem = answer.error
    if problem then
        local said = ("%s: %s (%s)"):format(method, problem.message, problem.code)
        return (problem.code == 401 or problem.code == 403) and refused(said) or fail(said)
    end
    return answer.result
end

return {
    title = "Njalla",
    documentation = "https://njal.la/api/",
    settings = {
        { name = "token", type = "secret", required = true, help = "API token." },
        { name = "ttl", type = "choice", default = "60",
            choices = { "60", "300", "900", "3600", "10800", "21600", "86400" },
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://njal.la/api/1" },
    zones = function(request)
        local zones = {}
        for i, domain in ipairs(call(request, "list-domains", {}).domains) do
            zones[i] = { name = domain.name, id = domain.name }
        end
        return zones
    end,
    present = function(request)
        call(request, "add-record", {
            domain = request.zone, name = request.relative, type = "TXT", content = request.value,
            ttl = tonumber(request.settings.ttl),
        })
    end,
    cleanup = function(request)
        for _, record in ipairs(call(request, "list-records", { domain = request.zone }).records) do
            if record.type == "TXT" and record.name == request.relative
                and text.unquote(record.content) == request.value then
                call(request, "remove-record", { domain = request.zone, id = record.id })
            end
        end
    end,
}
