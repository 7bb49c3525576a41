-- What a provider says of itself: checks the table that its file returned and gives the part of it that is no
-- function, or nil, what is wrong, and a text in whose line it stands.

local types = {}
for type_name in ("text secret file url host domain number flag duration choice list listen command"):gmatch("%a+") do
    types[type_name] = true
end
local known = {}
for key in ("title documentation kind settings endpoints limits zone zones present cleanup values replace register problem"):gmatch("%a+") do
    known[key] = true
end
local setting_keys = {}
for key in ("name type required help default choices min max"):gmatch("%a+") do
    setting_keys[key] = true
end

local function stop(needle, pattern, ...)
    error({needle = needle, text = pattern:format(...)}, 0)
end

local function check_text(owner, table, key, needed, needle)
    local value = table[key]
    if value == nil and not needed then
        return nil
    end
    if type(value) ~= "string" or value == "" or value:find("%c") then
        stop(needle or key, "%s needs '%s', a text of one line", owner, key)
    end
    return value
end

local function check_default(setting, name)
    local value, kind = setting.default, setting.type
    if value == nil then
        return
    end
    local wanted = (kind == "number" or kind == "duration") and "number" or kind == "flag" and "boolean" or
        (kind == "list" or kind == "listen" or kind == "command") and "table" or "string"
    if type(value) ~= wanted then
        stop(name, "the default of setting '%s' has to be a %s", name, wanted)
    end
    if wanted == "number" and math.type(value) ~= "integer" then
        stop(name, "the default of setting '%s' has to be a whole number", name)
    end
    if setting.required then
        stop(name, "setting '%s' is required and has a default", name)
    end
    if wanted == "number" and (setting.min and value < setting.min or setting.max and value > setting.max) then
        stop(name, "the default of setting '%s' is out of its range", name)
    end
    if kind == "url" and not value:find("^https://") then
        stop(name, "the default of setting '%s' does not begin with https://", name)
    end
    if kind == "choice" then
        for _, choice in ipairs(setting.choices) do
            if choice == value then
                return
            end
        end
        stop(name, "the default of setting '%s' is none of its choices", name)
    end
end

local function check_setting(setting, seen)
    if type(setting) ~= "table" then
        stop("settings", "a setting has to be a table")
    end
    local name = check_text("a setting", setting, "name", true)
    if not name:find("^[a-z][a-z0-9-]*$") then
        stop(name, "'%s' is no name of a setting: letters, digits and - are", name)
    end
    if seen[name] then
        stop(name, "setting '%s' is there twice", name)
    end
    seen[name] = true
    if not types[setting.type] then
        stop(name, "setting '%s' has the unknown type '%s'", name, tostring(setting.type))
    end
    for key in pairs(setting) do
        if not setting_keys[key] then
            stop(name, "setting '%s' has the unknown key '%s'", name, tostring(key))
        end
    end
    for _, key in ipairs({"min", "max"}) do
        if setting[key] ~= nil and math.type(setting[key]) ~= "integer" then
            stop(name, "'%s' of setting '%s' has to be a whole number", key, name)
        end
    end
    check_text("setting '" .. name .. "'", setting, "help", true, name)
    if setting.type == "choice" and (type(setting.choices) ~= "table" or #setting.choices == 0) then
        stop(name, "setting '%s' has no choices", name)
    end
    for _, choice in ipairs(setting.choices or {}) do
        if type(choice) ~= "string" then
            stop(name, "a choice of setting '%s' is no text", name)
        end
    end
    check_default(setting, name)
    return {name = name, type = setting.type, required = setting.required and true or false, help = setting.help,
        default = setting.default, choices = setting.choices, min = setting.min, max = setting.max}
end

local function check_functions(provider)
    for _, key in ipairs({"present", "cleanup", "values", "replace", "zones", "register", "problem"}) do
        if provider[key] ~= nil and type(provider[key]) ~= "function" then
            stop(key, "'%s' has to be a function", key)
        end
    end
    if provider.zone and type(provider.zone) ~= "function" then
        stop("zone", "'zone' has to be a function")
    end
    if provider.zone and provider.zones then
        stop("zones", "there are both 'zone' and 'zones'")
    end
    local single, whole = provider.present or provider.cleanup, provider.values or provider.replace
    if provider.kind ~= nil and provider.kind ~= "lua" then
        return
    end
    if single and whole then
        stop("present", "there are both present/cleanup and values/replace")
    end
    if single and not (provider.present and provider.cleanup) then
        stop("return", "'present' and 'cleanup' are needed both")
    end
    if whole and not (provider.values and provider.replace) then
        stop("return", "'values' and 'replace' are needed both")
    end
    if not single and not whole then
        stop("return", "neither present and cleanup nor values and replace are there")
    end
end

local function check_endpoints(provider, settings, seen)
    local names, found = {}, {}
    if provider.endpoints ~= nil and type(provider.endpoints) ~= "table" then
        stop("endpoints", "'endpoints' has to be a table")
    end
    for name in pairs(provider.endpoints or {}) do
        if type(name) ~= "string" or not name:find("^[a-z][a-z0-9_-]*$") then
            stop("endpoints", "'%s' is no name of an endpoint", tostring(name))
        end
        names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
        local fallback = provider.endpoints[name]
        if fallback ~= false and (type(fallback) ~= "string" or not fallback:find("^https://[^/]")) then
            stop(name, "endpoint '%s' has to be a text that begins with https://, or false", name)
        end
        local setting = name == "endpoint" and name or name:gsub("_", "-") .. "-endpoint"
        found[#found + 1] = {name = name, setting = setting, fallback = fallback or nil}
        if not seen[setting] then
            settings[#settings + 1] = {name = setting, type = "url", required = not fallback, default = fallback or nil,
                help = fallback and "Where the API is, if not in its usual place." or "Where the API is."}
        end
        seen[setting] = true
    end
    if #names > 0 and not seen["ca-file"] then
        settings[#settings + 1] = {name = "ca-file", type = "file", required = false,
            help = "Certificates in PEM to trust for the API instead of the system's."}
    end
    return found
end

-- How a program is run is the same for all of them.
local function add_program_settings(settings, seen)
    local common = {
        {name = "user", type = "text", help = "The user that it runs as; evercert's own where nothing is said."},
        {name = "timeout", type = "duration", default = 300, min = 1, max = 86400,
            help = "How long it may take, until the record is there."},
        {name = "env", type = "list", help = "NAME=value: variables of its environment. Secrets belong in env-file."},
        {name = "env-file", type = "file",
            help = "File of its owner's alone with lines NAME=value, which become variables too."},
    }
    for _, setting in ipairs(common) do
        if not seen[setting.name] then
            settings[#settings + 1] = check_setting(setting, seen)
        end
    end
end

local function check_limits(limits)
    if limits == nil then
        return {}
    end
    for key, value in pairs(type(limits) == "table" and limits or stop("limits", "'limits' has to be a table")) do
        if key ~= "concurrency" and key ~= "per_second" then
            stop("limits", "'limits' has the unknown key '%s'", tostring(key))
        end
        if type(value) ~= "number" or value <= 0 then
            stop("limits", "'%s' has to be a number above 0", key)
        end
    end
    return limits
end

local function describe(provider)
    if type(provider) ~= "table" then
        stop("return", "the file returns a %s where a table is due", type(provider))
    end
    for key in pairs(provider) do
        if not known[key] then
            stop(tostring(key), "the unknown key '%s'", tostring(key))
        end
    end
    local kind = provider.kind or "lua"
    if kind ~= "lua" and kind ~= "program" and kind ~= "builtin" then
        stop("kind", "'kind' has to be lua, program or builtin")
    end
    if provider.settings ~= nil and type(provider.settings) ~= "table" then
        stop("settings", "'settings' has to be a list")
    end
    local settings, seen = {}, {}
    for _, setting in ipairs(provider.settings or {}) do
        settings[#settings + 1] = check_setting(setting, seen)
    end
    if kind == "program" then
        add_program_settings(settings, seen)
    end
    check_functions(provider)
    local endpoints = check_endpoints(provider, settings, seen)
    local limits = check_limits(provider.limits)
    return {
        title = check_text("a provider", provider, "title", true),
        documentation = check_text("a provider", provider, "documentation", false),
        kind = kind,
        settings = json.array(settings),
        endpoints = json.array(endpoints),
        concurrency = limits.concurrency,
        per_second = limits.per_second,
        serial = provider.values ~= nil,
        registers = provider.register ~= nil or nil,
    }
end

local provider = ...
local ok, result = pcall(describe, provider)
if ok then
    return result
elseif type(result) == "table" then
    return nil, result.text, result.needle
end
error(result, 0)
