-- name.com: Core API v1.
local function options(request, more)
    more = more or {}
    more.basic = { request.settings.username, request.settings["api-token"] }
    return more
end

-- All of a list, page after page.
local function all(request, path, key)
    local list, page = {}, 1
    while page and page ~= 0 and page ~= json.null do
        local answer = http.get(request.endpoint .. path, options(request, { query = { page = page, perPage = 1000 } }))
        for _, one in ipairs(answer[key] or {}) do
            list[#list + 1] = one
        end
        page = answer.nextPage
    end
    return list
end

local function path(request)
    return "/domains/" .. request.zone .. "/records"
end

return {
    title = "name.com",
    documentation = "https://docs.name.com/",
    settings = {
        { name = "username", type = "text", required = true, help = "Name of the account." },
        { name = "api-token", type = "secret", required = true, help = "API token." },
        { name = "ttl", type = "number", default = 300, min = 300, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.name.com/core/v1" },
    zones = function(request)
        local zones = {}
        for i, domain in ipairs(all(request, "/domains", "domains")) do
            zones[i] = { name = domain.domainName, id = domain.domainName }
        end
        return zones
    end,
    present = function(request)
        http.post(request.endpoint .. path(request), options(request, {
            json = {
                host = request.relative == "@" and "" or request.relative, type = "TXT", answer = request.value,
                ttl = request.settings.ttl,
            },
        }))
    end,
    cleanup = function(request)
        for _, record in ipairs(all(request, path(request), "records")) do
            if record.type == "TXT" and record.fqdn == request.name .. "."
                and text.unquote(record.answer) == request.value then
                local url = request.endpoint .. path(request) .. "/" .. record.id
                http.delete(url, options(request, { accept = { 404 } }))
            end
        end
    end,
    problem = function(answer)
        return answer and (answer.details and answer.message .. ": " .. answer.details or answer.message)
    end,
}
