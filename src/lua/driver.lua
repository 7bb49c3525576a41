-- One call: what is the same for all providers stands here. Runs in the sandbox of the provider, with its limits.

local host, load, action, request = ...
local provider = load()
host.problem(provider.problem)

if action == "register" then
    if not provider.register then
        fail("this provider has no accounts to register")
    end
    local given = provider.register(request)
    if type(given) ~= "table" or type(given.settings) ~= "table" then
        error("register() has to give {settings = {...}, cname = ...}", 0)
    end
    return json.encode({settings = given.settings, cname = given.cname})
end

local function normal(name)
    return (name:lower():gsub("%.$", ""))
end

-- The zone and its id by asking the API for one candidate after the other.
local function by_candidates()
    local candidate = request.name
    while candidate do
        local known, id = host.zone_get(candidate)
        if not known then
            id = provider.zone(candidate, request)
            host.zone_put(candidate, id)
        end
        if id ~= nil and id ~= false then
            return candidate, id
        end
        candidate = name.parent(candidate)
    end
end

local function longest(zones)
    local best
    for _, zone in ipairs(zones) do
        if type(zone) ~= "table" or type(zone.name) ~= "string" then
            error("zones() has to give a list of {name = ..., id = ...}", 0)
        end
        local candidate = normal(zone.name)
        if name.is_below(request.name, candidate) and (not best or #candidate > #best.name) then
            best = {name = candidate, id = zone.id}
        end
    end
    return best
end

-- A new zone is not in a list that was kept: then it is asked for once more.
local function by_list()
    local known, zones = host.zone_get("*")
    local best = known and longest(zones) or nil
    if not best then
        zones = provider.zones(request)
        if type(zones) ~= "table" then
            error("zones() has to give a list", 0)
        end
        host.zone_put("*", zones)
        best = longest(zones)
    end
    if best then
        return best.name, best.id
    end
end

local function set_zone(zone, id)
    request.zone, request.zone_id = zone, id
    request.relative = name.relative(request.name, zone)
    host.found(zone)
end

if provider.zone or provider.zones then
    local zone, id = (provider.zone and by_candidates or by_list)()
    if not zone then
        host.no_zone()
    end
    set_zone(zone, id)
elseif provider.zone == nil then
    -- Looked for when it is used for the first time: some providers have no use for it.
    setmetatable(request, {__index = function(_, key)
        if key == "zone" or key == "relative" then
            setmetatable(request, nil)
            set_zone(host.locate(request.name))
            return request[key]
        end
    end})
end

local function without(values, value)
    local rest, found = {}, false
    for _, one in ipairs(values) do
        if one == value then
            found = true
        else
            rest[#rest + 1] = one
        end
    end
    return rest, found
end

if provider.present then
    if action == "present" then
        return provider.present(request)
    end
    provider.cleanup(request)
    return nil
end

local values = provider.values(request)
if type(values) ~= "table" then
    error("values() has to give a list", 0)
end
local rest, found = without(values, request.value)
if action == "present" and not found then
    rest[#rest + 1] = request.value
    provider.replace(request, rest)
elseif action == "cleanup" and found then
    provider.replace(request, rest)
end
return nil
