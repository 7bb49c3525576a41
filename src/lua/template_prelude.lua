-- What templates may call and needs no C.

local array, decode, quote_json = json.array, json.decode, json_text
local encode_url, hexadecimal, digests = url.encode, hex.encode, hash
local raise, kind_of = error, type

json_text, hmac = nil, nil
json = quote_json

local function list(value, name)
    if kind_of(value) ~= "table" then
        raise(name .. ": a list is needed, not a " .. kind_of(value), 3)
    end
    return value
end

local function words(value, name)
    if kind_of(value) == "number" then
        return tostring(value)
    elseif kind_of(value) ~= "string" then
        raise(name .. ": a text is needed, not a " .. kind_of(value), 3)
    end
    return value
end

-- --- texts ---

function lower(s)
    return words(s, "lower"):lower()
end

function upper(s)
    return words(s, "upper"):upper()
end

function trim(s)
    s = words(s, "trim")
    local from = s:find("%S")
    return from and s:sub(from, #s - #s:reverse():match("^%s*")) or ""
end

function split(s, separator)
    s, separator = words(s, "split"), separator or ","
    local parts, at = array({}), 1
    if separator == "" then
        raise("split: a separator is needed", 2)
    end
    while true do
        local from, to = s:find(separator, at, true)
        parts[#parts + 1] = s:sub(at, from and from - 1)
        if not from then
            return parts
        end
        at = to + 1
    end
end

-- The parts of a list in one text, without blanks around them, and without empty ones.
function split_list(s, separator)
    local parts = array({})
    for _, part in ipairs(split(words(s, "split_list"), separator)) do
        part = trim(part)
        if part ~= "" then
            parts[#parts + 1] = part
        end
    end
    return parts
end

function join(parts, separator)
    local texts = {}
    for i, part in ipairs(list(parts, "join")) do
        texts[i] = words(part, "join")
    end
    return table.concat(texts, separator or ",")
end

-- Plain text, no patterns.
function replace(s, old, new)
    return join(split(words(s, "replace"), old), new or "")
end

function starts_with(s, prefix)
    return words(s, "starts_with"):sub(1, #prefix) == prefix
end

function ends_with(s, suffix)
    return #suffix <= #words(s, "ends_with") and s:sub(#s - #suffix + 1) == suffix
end

function sha1(s)
    return hexadecimal(digests.sha1(words(s, "sha1")))
end

function sha256(s)
    return hexadecimal(digests.sha256(words(s, "sha256")))
end

hash = sha256

function url(s)
    return encode_url(words(s, "url"))
end

function parse_json(s)
    local fine, value = pcall(decode, words(s, "parse_json"))
    if not fine then
        raise("parse_json: that is no JSON", 2)
    end
    return value
end

-- A name of a host: labels of letters, digits and hyphens. With `wildcard`, "*.example.org" is one, too.
function is_hostname(s, wildcard)
    if kind_of(s) ~= "string" or #s == 0 or #s > 253 then
        return false
    elseif wildcard and s:sub(1, 2) == "*." then
        s = s:sub(3)
    end
    for _, label in ipairs(split(s, ".")) do
        if #label > 63 or not label:find("^[%w-]+$") or label:find("^-") or label:find("-$") then
            return false
        end
    end
    return true
end

-- Text that <%= %> leaves as it is.
local marked = {__tostring = function(self)
    return self.text
end, __metatable = "raw"}
local function plain(value)
    return getmetatable(value) == "raw" and value.text or value
end
marked.__concat = function(a, b)
    return plain(a) .. plain(b)
end

function raw(s)
    return setmetatable({text = words(s, "raw")}, marked)
end

-- --- lists ---

-- What is meant by a key: "label:NAME", "env:NAME", the name of a field, or a function.
local function getter(key, name)
    if kind_of(key) == "function" then
        return key
    elseif kind_of(key) ~= "string" then
        raise(name .. ": a key is a text or a function, not a " .. kind_of(key), 3)
    end
    local where, what = key:match("^(%a+):(.+)$")
    local member = where == "label" and "labels" or where == "env" and "env"
    if not member then
        return function(item)
            return item[key]
        end
    end
    return function(item)
        return item[member] and item[member][what]
    end
end

local function is_there(value)
    return value ~= nil and value ~= ""
end

local function choose(items, wanted)
    local found = array({})
    for _, item in ipairs(items) do
        if wanted(item) then
            found[#found + 1] = item
        end
    end
    return found
end

function where(items, key, value)
    local get = getter(key, "where")
    return choose(list(items, "where"), value == nil and get == key and get or function(item)
        return get(item) == value
    end)
end

function where_not(items, key, value)
    local get = getter(key, "where_not")
    return choose(list(items, "where_not"), function(item)
        return get(item) ~= value
    end)
end

function where_exists(items, key)
    local get = getter(key, "where_exists")
    return choose(list(items, "where_exists"), function(item)
        return is_there(get(item))
    end)
end

function where_not_exists(items, key)
    local get = getter(key, "where_not_exists")
    return choose(list(items, "where_not_exists"), function(item)
        return not is_there(get(item))
    end)
end

function where_match(items, key, pattern)
    local get = getter(key, "where_match")
    return choose(list(items, "where_match"), function(item)
        local value = get(item)
        return kind_of(value) == "string" and value:find(pattern) ~= nil
    end)
end

-- The value, a text with commas, or a list, has one of those in it.
function where_any(items, key, values)
    local get, wanted = getter(key, "where_any"), {}
    for _, value in ipairs(kind_of(values) == "table" and values or split_list(values)) do
        wanted[value] = true
    end
    return choose(list(items, "where_any"), function(item)
        local has = get(item)
        for _, value in ipairs(kind_of(has) == "table" and has or kind_of(has) == "string" and split_list(has) or {has}) do
            if wanted[value] then
                return true
            end
        end
        return false
    end)
end

-- {value = {items}}; items without the value are left out, or stand at `default`.
function group_by(items, key, default)
    local get, groups = getter(key, "group_by"), {}
    for _, item in ipairs(list(items, "group_by")) do
        local value = get(item)
        if not is_there(value) then
            value = default
        end
        if value ~= nil then
            groups[value] = groups[value] or array({})
            table.insert(groups[value], item)
        end
    end
    return groups
end

-- The same where the value is a text with several in it.
function group_by_multi(items, key, separator)
    local get, groups = getter(key, "group_by_multi"), {}
    for _, item in ipairs(list(items, "group_by_multi")) do
        local value = get(item)
        for _, part in ipairs(unique(is_there(value) and split_list(value, separator) or {})) do
            groups[part] = groups[part] or array({})
            table.insert(groups[part], item)
        end
    end
    return groups
end

local ranks = {["nil"] = 1, boolean = 2, number = 3, string = 4}

-- The list of that of each; what has none is left out.
function map(items, key)
    local get, found = getter(key, "map"), array({})
    for _, item in ipairs(list(items, "map")) do
        found[#found + 1] = get(item)
    end
    return found
end

-- Those that are equal stay in their order.
function sort_by(items, key, descending)
    local get, rows, sorted = getter(key or function(item)
        return item
    end, "sort_by"), {}, array({})
    for i, item in ipairs(list(items, "sort_by")) do
        local value = get(item)
        local rank = ranks[kind_of(value)] or raise("sort_by: a " .. kind_of(value) .. " has no order", 2)
        rows[i] = {i, item, rank, kind_of(value) == "boolean" and (value and 1 or 0) or value}
    end
    table.sort(rows, function(a, b)
        if a[3] ~= b[3] then
            return (a[3] < b[3]) ~= (descending == true)
        elseif a[4] ~= b[4] then
            return (a[4] < b[4]) ~= (descending == true)
        end
        return a[1] < b[1]
    end)
    for i, row in ipairs(rows) do
        sorted[i] = row[2]
    end
    return sorted
end

-- The first that is neither nil nor "".
function first(...)
    for i = 1, select("#", ...) do
        local value = (select(i, ...))
        if is_there(value) then
            return value
        end
    end
end

default = first

-- Whether a text has a part, a list a value, or a table a key.
function contains(whole, part)
    if kind_of(whole) == "string" then
        return whole:find(words(part, "contains"), 1, true) ~= nil
    end
    for _, value in ipairs(list(whole, "contains")) do
        if value == part then
            return true
        end
    end
    return part ~= nil and kind_of(part) ~= "number" and whole[part] ~= nil
end

function values(items)
    local found = array({})
    for _, value in pairs(list(items, "values")) do
        found[#found + 1] = value
    end
    return found
end

function unique(items)
    local seen, found = {}, array({})
    for _, item in ipairs(list(items, "unique")) do
        if not seen[item] then
            seen[item] = true
            found[#found + 1] = item
        end
    end
    return found
end

function intersect(one, other)
    local there = {}
    for _, item in ipairs(list(other, "intersect")) do
        there[item] = true
    end
    return choose(unique(list(one, "intersect")), function(item)
        return there[item]
    end)
end

-- The longest text of the list that stands in `s`; "" where none does.
function closest(items, s)
    local best = ""
    for _, item in ipairs(list(items, "closest")) do
        if #item > #best and words(s, "closest"):find(item, 1, true) then
            best = item
        end
    end
    return best
end

-- --- containers ---

local function address_in(network)
    if network.ip ~= "" then
        return network.ip
    end
    return network.ip6 ~= "" and "[" .. network.ip6 .. "]" or nil
end

-- Where a container is reached: in a network of that name, or one that it shares with that container; else in the
-- first that gave it an address. nil where there is none.
function address(container, ...)
    local networks = list(list(container, "address").networks, "address")
    for i = 1, select("#", ...) do
        local wish, names = (select(i, ...)), {}
        if kind_of(wish) == "table" then
            for _, network in ipairs(wish.networks) do
                names[network.name] = true
            end
        elseif wish ~= nil then
            names[wish] = true
        end
        for _, network in ipairs(networks) do
            local found = names[network.name] and address_in(network)
            if found then
                return found
            end
        end
    end
    for _, network in ipairs(networks) do
        local found = address_in(network)
        if found then
            return found
        end
    end
    return container.network_mode == "host" and "127.0.0.1" or nil
end

local function port_of(text)
    local number = kind_of(text) == "string" and text:find("^%d+$") and #text <= 5 and math.tointeger(tonumber(text))
    return number and number >= 1 and number <= 65535 and number or nil
end

-- What its label web.port or its variable VIRTUAL_PORT says, else the only TCP port that it exposes, else `default`.
function port(container, default)
    list(container, "port")
    local said = port_of(container.labels["web.port"]) or port_of(container.env.VIRTUAL_PORT)
    if said then
        return said
    end
    local seen = {}
    for _, one in ipairs(container.ports) do
        if one.protocol == "tcp" then
            seen[one.port] = true
        end
    end
    local ports = keys(seen)
    return #ports == 1 and ports[1] or default
end

-- --- certificates ---

local best_of

local function usable(certificate)
    return certificate.state ~= "expired" and certificate.state ~= "revoked"
end

local function is_better(a, b)
    if usable(a) ~= usable(b) then
        return usable(a)
    elseif a.not_after ~= b.not_after then
        return (a.not_after or 0) > (b.not_after or 0)
    end
    return a.name < b.name
end

local function look_up(domain)
    if not best_of then
        best_of = {}
        for _, certificate in ipairs(certificates) do
            for _, one in ipairs(certificate.ready and certificate.domains or {}) do
                local key = one:lower()
                if not best_of[key] or is_better(certificate, best_of[key]) then
                    best_of[key] = certificate
                end
            end
        end
    end
    return best_of[domain]
end

-- The certificate that is there for a name, or nil.
function certificate_for(domain)
    domain = words(domain, "certificate_for"):lower():gsub("%.$", "")
    local exact, parent = look_up(domain), domain:match("^[^.*]+(%..+)$")
    local wild = parent and look_up("*" .. parent)
    if exact and wild and not usable(exact) and usable(wild) then
        return wild
    end
    return exact or wild
end
