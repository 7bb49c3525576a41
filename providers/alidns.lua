-- Alibaba Cloud DNS, signature method V3 (ACS3-HMAC-SHA256).
local ALGORITHM = "ACS3-HMAC-SHA256"

local function signed(request, action, query)
    local headers = {
        host = url.authority(request.endpoint),
        ["x-acs-action"] = action,
        ["x-acs-version"] = "2015-01-09",
        ["x-acs-date"] = time.format("%Y-%m-%dT%H:%M:%SZ", time.now()),
        ["x-acs-signature-nonce"] = random.hex(16),
        ["x-acs-content-sha256"] = hex.encode(hash.sha256("")),
        ["x-acs-security-token"] = request.settings["security-token"],
    }
    local names, lines = {}, {}
    for name in pairs(headers) do
        names[#names + 1] = name
    end
    table.sort(names)
    for i, name in ipairs(names) do
        lines[i] = name .. ":" .. headers[name] .. "\n"
    end
    local names_text = table.concat(names, ";")
    local canonical = table.concat({
        "POST", "/", query, table.concat(lines), names_text, headers["x-acs-content-sha256"],
    }, "\n")
    local to_sign = ALGORITHM .. "\n" .. hex.encode(hash.sha256(canonical))
    local signature = hmac.sha256(request.settings["secret-key"], to_sign)
    headers.authorization = ("%s Credential=%s,SignedHeaders=%s,Signature=%s"):format(
        ALGORITHM, request.settings["access-key"], names_text, hex.encode(signature))
    headers.host = nil
    return headers
end

-- `ok`: a code that is no failure.
local function call(request, action, parameters, ok)
    local query = url.query(parameters)
    local answer, response = http.post(request.endpoint .. "/?" .. query, {
        headers = signed(request, action, query), accept = { 400, 403, 404 },
    })
    if not answer then
        fail(action .. ": status " .. response.status .. " without an explanation")
    end
    if not answer.Code or answer.Code == ok then
        return answer
    end
    local said = ("%s: %s (%s)"):format(action, answer.Message, answer.Code)
    if answer.Code:find("^Throttling") then
        later(said, 10)
    elseif answer.Code:find("^InvalidAccessKey") or answer.Code:find("^SignatureDoesNotMatch")
        or answer.Code:find("^Forbidden") or answer.Code:find("SecurityToken") then
        refused(said)
    end
    fail(said)
end

return {
    title = "Alibaba Cloud DNS",
    documentation = "https://www.alibabacloud.com/help/en/dns/",
    settings = {
        { name = "access-key", type = "text", required = true, help = "AccessKey ID." },
        { name = "secret-key", type = "secret", required = true, help = "AccessKey secret." },
        { name = "security-token", type = "secret", help = "Security token, for temporary keys of STS." },
        { name = "line", type = "text", default = "default", help = "Resolution line of the record." },
        { name = "ttl", type = "number", default = 600, min = 1, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://alidns.aliyuncs.com" },
    zones = function(request)
        local zones, page, total = {}, 1, nil
        repeat
            local answer = call(request, "DescribeDomains", { PageNumber = page, PageSize = 100 })
            for _, domain in ipairs(answer.Domains.Domain) do
                zones[#zones + 1] = { name = domain.PunyCode or domain.DomainName, id = domain.DomainName }
            end
            page, total = page + 1, answer.TotalCount
        until #answer.Domains.Domain == 0 or #zones >= total
        return zones
    end,
    present = function(request)
        call(request, "AddDomainRecord", {
            DomainName = request.zone_id, RR = request.relative, Type = "TXT", Value = request.value,
            TTL = request.settings.ttl, Line = request.settings.line,
        }, "DomainRecordDuplicate")
    end,
    cleanup = function(request)
        local answer = call(request, "DescribeSubDomainRecords", {
            DomainName = request.zone_id, SubDomain = request.relative .. "." .. request.zone_id, Type = "TXT",
            PageSize = 500,
        })
        for _, record in ipairs(answer.DomainRecords.Record) do
            if record.RR == request.relative and record.Type == "TXT" and record.Value == request.value then
                call(request, "DeleteDomainRecord", { RecordId = record.RecordId }, "DomainRecordNotBelongToUser")
            end
        end
    end,
}
