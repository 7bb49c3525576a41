-- Amazon Route 53: all TXT values of a name at a time, in XML, with signed requests.

local function say(body)
    local code, message = body:match("<Code>([^<]*)</Code>"), body:match("<Message>([^<]*)</Message>")
    return message and ("%s (%s)"):format(message, code or "?") or nil, code
end

local function call(request, method, path, body)
    local settings = request.settings
    local options = { method = method, url = request.endpoint .. "/2013-04-01/" .. path, body = body }
    for _ = 1, 5 do
        options.headers = aws.sign({
            method = method,
            url = options.url,
            headers = body and { ["Content-Type"] = "text/xml" } or {},
            body = body,
            region = settings.region,
            service = "route53",
            key_id = settings["access-key-id"],
            secret = settings["secret-access-key"],
            token = settings["session-token"],
        })
        options.accept = { 400 }
        local node, response = http.xml(options)
        if response.status ~= 400 then
            return node
        end
        local words, code = say(response.body)
        if code ~= "Throttling" and code ~= "PriorRequestNotComplete" then
            fail("Route 53 says: " .. (words or "status 400"))
        end
        wait(2)
    end
    later("Route 53 is busy with earlier requests of the account", 30)
end

local function read(request)
    local node = call(request, "GET", ("hostedzone/%s/rrset?%s"):format(request.zone_id, url.query({
        { "maxitems", "1" }, { "name", request.name .. "." }, { "type", "TXT" },
    })))
    local set = xml.find(node, "ResourceRecordSets/ResourceRecordSet")
    -- The list begins at this name; what comes first may be another.
    if set and xml.find(set, "Name").text == request.name .. "." and xml.find(set, "Type").text == "TXT" then
        local values = {}
        for _, value in ipairs(xml.all(set, "ResourceRecords/ResourceRecord")) do
            table.insert(values, xml.find(value, "Value").text)
        end
        return values, xml.find(set, "TTL").text
    end
    return {}
end

local function change(request, action, ttl, quoted)
    local records = ""
    for _, value in ipairs(quoted) do
        records = records .. "<ResourceRecord><Value>" .. xml.escape(value) .. "</Value></ResourceRecord>"
    end
    local node = call(request, "POST", "hostedzone/" .. request.zone_id .. "/rrset",
        '<?xml version="1.0" encoding="UTF-8"?>'
        .. '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
        .. "<ChangeBatch><Changes><Change><Action>" .. action .. "</Action><ResourceRecordSet>"
        .. ("<Name>%s.</Name><Type>TXT</Type><TTL>%s</TTL>"):format(request.name, ttl)
        .. "<ResourceRecords>" .. records .. "</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>"
        .. "</ChangeResourceRecordSetsRequest>")
    while xml.find(node, "ChangeInfo/Status").text ~= "INSYNC" do
        wait(2)
        node = call(request, "GET", (xml.find(node, "ChangeInfo/Id").text:gsub("^/", "")))
    end
end

return {
    title = "Amazon Route 53",
    documentation = "https://docs.aws.amazon.com/Route53/latest/APIReference/",
    settings = {
        { name = "access-key-id", type = "text", required = true,
            help = "Access key of a user that is allowed route53:ListHostedZonesByName, "
                .. "ListResourceRecordSets, ChangeResourceRecordSets and GetChange." },
        { name = "secret-access-key", type = "secret", required = true, help = "The secret of the access key." },
        { name = "session-token", type = "secret", help = "Session token of temporary credentials." },
        { name = "region", type = "text", default = "us-east-1",
            help = "Region that requests are signed for; another one only in partitions as cn-northwest-1." },
        { name = "hosted-zone-id", type = "text",
            help = "Hosted zone to use where several public ones have the same name, or zones may not be listed." },
        { name = "ttl", type = "number", default = 60, min = 1, max = 86400,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://route53.amazonaws.com" },
    limits = { per_second = 4 }, -- 5 of an account

    problem = function(_, response)
        return (say(response.body))
    end,

    zone = function(candidate, request)
        local id = request.settings["hosted-zone-id"]
        if id then
            return #dns.soa(candidate) > 0 and id or nil
        end
        local node = call(request, "GET", "hostedzonesbyname?" .. url.query({ { "dnsname", candidate .. "." } }))
        for _, zone in ipairs(xml.all(node, "HostedZones/HostedZone")) do
            local private = xml.find(zone, "Config/PrivateZone")
            if xml.find(zone, "Name").text == candidate .. "." and not (private and private.text == "true") then
                return (xml.find(zone, "Id").text:gsub("^/hostedzone/", ""))
            end
        end
    end,

    values = function(request)
        local values = read(request)
        for i, value in ipairs(values) do
            values[i] = text.unquote(value)
        end
        return values
    end,

    replace = function(request, values)
        if #values == 0 then
            -- What is deleted must be said to the letter, with its TTL.
            local there, ttl = read(request)
            return #there > 0 and change(request, "DELETE", ttl, there) or nil
        end
        local quoted = {}
        for i, value in ipairs(values) do
            quoted[i] = text.quote(value)
        end
        change(request, "UPSERT", request.settings.ttl, quoted)
    end,
}
