-- DNSPod: the classic API with a token (the new one is tencentcloud).
-- `ok`: a code that is no failure.
local function call(request, action, form, ok)
    form.login_token = request.settings["api-key"]
    form.format, form.lang, form.error_on_empty = "json", "en", "no"
    local answer = http.post(request.endpoint .. "/" .. action, { form = form })
    local code = tostring(answer.status.code)
    if code == "1" or code == ok then
        return answer
    end
    local said = ("%s: %s (%s)"):format(action, answer.status.message, code)
    if code == "-2" then -- too many requests
        later(said, 60)
    elseif code == "-1" or code == "-7" or code == "-8" or code == "85" then
        refused(said)
    end
    fail(said)
end

return {
    title = "DNSPod",
    documentation = "https://docs.dnspod.cn/api/",
    settings = {
        { name = "api-key", type = "secret", required = true, help = "ID and token, as ID,TOKEN." },
        { name = "record-line", type = "text", default = "默认",
            help = "Line of the record; \"default\" at api.dnspod.com." },
        { name = "ttl", type = "number", default = 600, min = 1, max = 604800,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://dnsapi.cn" },
    zones = function(request)
        local zones, answer = {}, nil
        repeat
            answer = call(request, "Domain.List", { offset = #zones, length = 500 }, "9") -- 9: there are none
            for _, domain in ipairs(answer.domains or {}) do
                zones[#zones + 1] = { name = domain.punycode or domain.name, id = tostring(domain.id) }
            end
        until #(answer.domains or {}) < 500
        return zones
    end,
    present = function(request)
        local answer = call(request, "Record.Create", {
            domain_id = request.zone_id, sub_domain = request.relative, record_type = "TXT",
            record_line = request.settings["record-line"], value = request.value, ttl = request.settings.ttl,
        }, "104") -- it is there already
        return answer.record and tostring(answer.record.id)
    end,
    cleanup = function(request)
        local found, offset, answer = {}, 0, nil
        repeat
            answer = call(request, "Record.List", {
                domain_id = request.zone_id, sub_domain = request.relative, record_type = "TXT", offset = offset,
                length = 500,
            }, "10") -- there are none
            for _, record in ipairs(answer.records or {}) do
                if record.type == "TXT" and record.name == request.relative
                    and text.unquote(record.value) == request.value then
                    found[#found + 1] = record.id
                end
            end
            offset = offset + 500
        until #(answer.records or {}) < 500
        for _, id in ipairs(found) do
            call(request, "Record.Remove", { domain_id = request.zone_id, record_id = id }, "8") -- it is gone already
        end
    end,
}
