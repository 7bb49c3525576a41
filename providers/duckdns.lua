-- Duck DNS: one TXT value for a domain and all names below it, which can be written but not read.

local function update(request, parameters)
    parameters.domains, parameters.token = request.zone_id, request.settings.token
    local response = http.request({ method = "GET", url = request.endpoint .. "/update", query = parameters })
    local said = text.trim(response.body)
    if response.status == 200 and said == "KO" then
        refused(("Duck DNS answers KO: the token is wrong, or %s is not a domain of its account"):format(request.zone))
    elseif response.status ~= 200 or said ~= "OK" then
        fail(("GET %s/update: status %d, and neither of Duck DNS's answers, OK and KO"):format(
            request.endpoint:gsub("^https?://", ""), response.status))
    end
end

return {
    title = "Duck DNS",
    documentation = "https://www.duckdns.org/spec.jsp",
    settings = {
        { name = "token", type = "secret", required = true,
            help = "Token of the account. Duck DNS keeps one TXT value for a domain: a certificate for both "
                .. "NAME.duckdns.org and *.NAME.duckdns.org cannot be had in one go, two certificates can." },
    },
    endpoints = { endpoint = "https://www.duckdns.org" },
    limits = { concurrency = 1 },

    zone = function(candidate)
        return candidate:match("^([^.]+)%.duckdns%.org$")
    end,

    present = function(request)
        local there = cache.get(request.zone)
        if there and there ~= request.value then
            fail(("Duck DNS keeps one TXT value for %s, and another one is in use now. "):format(request.zone)
                .. "Ask for the domain and its wildcard in certificates of their own.")
        end
        update(request, { txt = request.value })
        cache.put(request.zone, request.value, 3600)
    end,

    cleanup = function(request)
        local there = cache.get(request.zone)
        if there == nil then
            -- Not this process has set it, or long ago. The DNS may be late, so what it does not have is taken out.
            for _, value in ipairs(dns.txt(request.name)) do
                there = there ~= request.value and value or there
            end
        end
        if there == nil or there == request.value then
            update(request, { txt = "", clear = "true" })
            cache.put(request.zone, "", 0)
        end
    end,
}
