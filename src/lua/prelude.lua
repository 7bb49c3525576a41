-- The part of the API of providers that needs no C.

name = {}

function name.parent(text)
    return text:match("^[^.]+%.(.+)$")
end

function name.is_below(text, zone)
    return text == zone or zone == "" or text:sub(-#zone - 1) == "." .. zone
end

function name.relative(text, zone)
    if text == zone then
        return "@"
    elseif not name.is_below(text, zone) then
        error(text .. " is not in zone " .. zone, 2)
    end
    return zone == "" and text or text:sub(1, -#zone - 2)
end

text = {}

function text.trim(s)
    local from = s:find("%S")
    return from and s:sub(from, #s - #s:reverse():match("^%s*")) or ""
end

function text.split(s, separator)
    local parts, at = {}, 1
    if separator == "" then
        error("split needs a separator", 2)
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

-- TXT as zone files write it: strings in quotes, which count as one.
function text.unquote(s)
    if s:sub(1, 1) ~= '"' then
        return s
    end
    local out, inside, at = {}, false, 1
    while at <= #s do
        local c = s:sub(at, at)
        if c == '"' then
            inside = not inside
        elseif c == "\\" and inside then
            local number = s:match("^%d%d%d", at + 1)
            out[#out + 1] = number and string.char(tonumber(number) & 255) or s:sub(at + 1, at + 1)
            at = at + (number and 3 or 1)
        elseif inside then
            out[#out + 1] = c
        end
        at = at + 1
    end
    return table.concat(out)
end

function text.quote(s)
    local parts, escaped = {}, nil
    for at = 1, math.max(#s, 1), 255 do
        escaped = s:sub(at, at + 254):gsub('[\\"]', "\\%0")
        parts[#parts + 1] = '"' .. escaped .. '"'
    end
    return table.concat(parts, " ")
end

-- {k = v} in the order of its names, or {{k, v}, ...}, as pairs.
local function pairs_of(fields)
    local list = {}
    if fields[1] ~= nil then
        for _, pair in ipairs(fields) do
            list[#list + 1] = {tostring(pair[1]), tostring(pair[2])}
        end
        return list
    end
    for key, value in pairs(fields) do
        list[#list + 1] = {tostring(key), tostring(value)}
    end
    table.sort(list, function(a, b)
        return a[1] < b[1]
    end)
    return list
end

function url.query(fields)
    local parts = {}
    for _, pair in ipairs(pairs_of(fields)) do
        parts[#parts + 1] = url.encode(pair[1]) .. "=" .. url.encode(pair[2])
    end
    return table.concat(parts, "&")
end

-- Host and port as they stand in a URL: what the header Host says, and signatures hold.
function url.authority(whole)
    return whole:match("^%a+://([^/?#]+)") or error("a whole URL is needed", 2)
end

jwt = {}

function jwt.sign(claims, pem_key, alg, header)
    local signers = {RS256 = sign.rsa_sha256, ES256 = sign.ecdsa_sha256}
    local signer = signers[alg] or error("jwt.sign knows RS256 and ES256", 2)
    local head = {alg = alg, typ = "JWT"}
    for key, value in pairs(header or {}) do
        head[key] = value
    end
    local input = base64url.encode(json.encode(head)) .. "." .. base64url.encode(json.encode(claims))
    return input .. "." .. base64url.encode(signer(pem_key, input))
end

aws = {}

-- The parts of a query: as they were written in the URL, encoded once, in the order of their octets.
local function canonical_query(query)
    local list = {}
    for _, part in ipairs(query ~= "" and text.split(query, "&") or {}) do
        local key, value = part:match("^([^=]*)=?(.*)$")
        list[#list + 1] = {key, value}
    end
    table.sort(list, function(a, b)
        if a[1] ~= b[1] then
            return a[1] < b[1]
        end
        return a[2] < b[2]
    end)
    for i, pair in ipairs(list) do
        list[i] = pair[1] .. "=" .. pair[2]
    end
    return table.concat(list, "&")
end

local function canonical_headers(headers)
    local names, lines = {}, {}
    for key in pairs(headers) do
        names[#names + 1] = key
    end
    table.sort(names)
    for i, key in ipairs(names) do
        lines[i] = key .. ":" .. text.trim(headers[key]):gsub(" +", " ") .. "\n"
    end
    return table.concat(lines), table.concat(names, ";")
end

-- Signature version 4 of AWS. `date`, "20150830T123600Z", is for tests.
function aws.sign(o)
    local date = o.date or time.format("%Y%m%dT%H%M%SZ")
    local day, body = date:sub(1, 8), o.body or ""
    local headers = {host = url.authority(o.url), ["x-amz-date"] = date}
    for key, value in pairs(o.headers or {}) do
        headers[key:lower()] = tostring(value)
    end
    if o.token and o.token ~= "" then
        headers["x-amz-security-token"] = o.token
    end
    if o.service == "s3" then
        headers["x-amz-content-sha256"] = hex.encode(hash.sha256(body))
    end
    local path, query = o.url:match("^%a+://[^/?#]+([^?#]*)%??([^#]*)")
    local lines, names = canonical_headers(headers)
    local canonical = table.concat({(o.method or "GET"):upper(), path == "" and "/" or path, canonical_query(query), lines, names,
        hex.encode(hash.sha256(body))}, "\n")
    local scope = table.concat({day, o.region, o.service, "aws4_request"}, "/")
    local to_sign = table.concat({"AWS4-HMAC-SHA256", date, scope, hex.encode(hash.sha256(canonical))}, "\n")
    local key = "AWS4" .. o.secret
    for _, part in ipairs({day, o.region, o.service, "aws4_request"}) do
        key = hmac.sha256(key, part)
    end
    headers.authorization = ("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"):format(
        o.key_id, scope, names, hex.encode(hmac.sha256(key, to_sign)))
    headers.host = nil
    return headers
end

-- All nodes below `node` at a path of names, "ListHostedZonesResponse/HostedZones"; the node itself is not part of it.
function xml.all(node, path)
    local found = {node}
    for _, part in ipairs(text.split(path, "/")) do
        local below = {}
        for _, one in ipairs(found) do
            for _, child in ipairs(one.children) do
                if child.name == part then
                    below[#below + 1] = child
                end
            end
        end
        found = below
    end
    return found
end

function xml.find(node, path)
    return xml.all(node, path)[1]
end
