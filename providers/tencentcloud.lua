-- Tencent Cloud DNS (DNSPod), API 2021-03-23, signed with TC3-HMAC-SHA256.
local ALGORITHM, SERVICE, TYPE = "TC3-HMAC-SHA256", "dnspod", "application/json; charset=utf-8"

local function signed(request, action, body)
    local now = time.now()
    local scope = time.format("%Y-%m-%d", now) .. "/" .. SERVICE .. "/tc3_request"
    local lines = "POST\n/\n\ncontent-type:%s\nhost:%s\nx-tc-action:%s\n\ncontent-type;host;x-tc-action\n%s"
    local authority = url.authority(request.endpoint)
    local canonical = lines:format(TYPE, authority, action:lower(), hex.encode(hash.sha256(body)))
    local key = "TC3" .. request.settings["secret-key"]
    for part in scope:gmatch("[^/]+") do
        key = hmac.sha256(key, part)
    end
    local to_sign = table.concat({ ALGORITHM, now, scope, hex.encode(hash.sha256(canonical)) }, "\n")
    local signature = hmac.sha256(key, to_sign)
    return {
        ["Content-Type"] = TYPE,
        ["X-TC-Action"] = action,
        ["X-TC-Version"] = "2021-03-23",
        ["X-TC-Timestamp"] = tostring(now),
        ["X-TC-Region"] = request.settings.region,
        ["X-TC-Token"] = request.settings["session-token"],
        Authorization = ("%s Credential=%s/%s, SignedHeaders=content-type;host;x-tc-action, Signature=%s"):format(
            ALGORITHM, request.settings["secret-id"], scope, hex.encode(signature)),
    }
end

-- `ok`: a code that is no failure.
local function call(request, action, parameters, ok)
    local body = json.encode(parameters)
    local answer = http.post(request.endpoint .. "/", { headers = signed(request, action, body), body = body }).Response
    local problem = answer.Error
    if not problem or problem.Code == ok then
        return answer
    end
    local said = ("%s: %s (%s)"):format(action, problem.Message, problem.Code)
    if problem.Code:find("^RequestLimitExceeded") then
        later(said, 10)
    elseif problem.Code:find("^AuthFailure") or problem.Code:find("^UnauthorizedOperation") then
        refused(said)
    end
    fail(said)
end

return {
    title = "Tencent Cloud DNS",
    documentation = "https://cloud.tencent.com/document/product/1427/56193",
    settings = {
        { name = "secret-id", type = "text", required = true, help = "SecretId of the key." },
        { name = "secret-key", type = "secret", required = true, help = "SecretKey of the key." },
        { name = "session-token", type = "secret", help = "Token, for temporary keys." },
        { name = "region", type = "text", help = "Region; not needed." },
        { name = "record-line", type = "text", default = "默认", help = "Line of the record." },
        { name = "ttl", type = "number", default = 600, min = 1, max = 604800,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://dnspod.tencentcloudapi.com" },
    zones = function(request)
        local zones, list = {}, nil
        repeat
            local page = { Offset = #zones, Limit = 1000 }
            list = call(request, "DescribeDomainList", page, "ResourceNotFound.NoDataOfDomain").DomainList or {}
            for _, domain in ipairs(list) do
                zones[#zones + 1] = { name = domain.Punycode or domain.Name, id = domain.Name }
            end
        until #list < 1000
        return zones
    end,
    present = function(request)
        local answer = call(request, "CreateRecord", {
            Domain = request.zone_id, SubDomain = request.relative, RecordType = "TXT", Value = request.value,
            RecordLine = request.settings["record-line"], TTL = request.settings.ttl,
        }, "InvalidParameter.DomainRecordExist")
        return answer.RecordId and tostring(answer.RecordId)
    end,
    cleanup = function(request)
        local found = {}
        if request.handle ~= "" then -- a new record is not listed for up to half a minute
            found[1] = tonumber(request.handle)
        else
            local answer = call(request, "DescribeRecordList", {
                Domain = request.zone_id, Subdomain = request.relative, RecordType = "TXT", Limit = 3000,
            }, "ResourceNotFound.NoDataOfRecord")
            for _, record in ipairs(answer.RecordList or {}) do
                if record.Name == request.relative and text.unquote(record.Value) == request.value then
                    found[#found + 1] = record.RecordId
                end
            end
        end
        for _, id in ipairs(found) do
            local one = { Domain = request.zone_id, RecordId = id }
            call(request, "DeleteRecord", one, "InvalidParameter.RecordIdInvalid")
        end
    end,
}
