-- INWX: DomRobot, JSON-RPC with a session cookie.
local function base32(text)
    local bits, n, out = 0, 0, {}
    for char in text:upper():gsub("[%s=-]", ""):gmatch(".") do
        local digit = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"):find(char, 1, true) or fail("shared-secret is not Base32.")
        bits, n = (bits << 5 | digit - 1) & 0xffff, n + 5
        if n >= 8 then
            n = n - 8
            out[#out + 1] = string.char(bits >> n & 0xff)
        end
    end
    return table.concat(out)
end

-- A code is good for one login only: whoever comes second in the same half minute waits for the next.
local function one_time_code(secret)
    local period = time.now() // 30
    local used = tonumber(cache.get("code-period") or 0)
    if period <= used then
        wait((used + 1) * 30 - time.now())
        period = used + 1
    end
    cache.put("code-period", tostring(period), 120)
    local mac = hmac.sha1(base32(secret), string.pack(">I8", period))
    local at = (mac:byte(20) & 15) + 1
    return ("%06d"):format((string.unpack(">I4", mac, at) & 0x7fffffff) % 1000000)
end

local function post(request, method, params, cookie)
    local endpoint = request.settings.sandbox and request.endpoints.sandbox or request.endpoint
    params.lang = "en"
    return http.post(endpoint .. "/", {
        headers = { cookie = cookie and "domrobot=" .. cookie },
        json = { method = method, params = params },
    })
end

local function check(method, answer)
    if answer.code < 1000 or answer.code >= 2000 then
        local text = method .. ": " .. answer.msg .. (answer.reason and " (" .. answer.reason .. ")" or "")
        -- 2200: authentication error, 2400 and more: of the server
        return answer.code == 2200 and refused(text) or fail(text)
    end
    return answer.resData or {}
end

local function login(request)
    local settings = request.settings
    local answer, response = post(request, "account.login", { user = settings.username, pass = settings.password })
    local data = check("account.login", answer)
    local cookie = (response.headers["set-cookie"] or ""):match("domrobot=([^;,%s]+)")
        or fail("account.login gave no session.")
    if data.tfa == "GOOGLE-AUTH" then
        if not settings["shared-secret"] then
            refused("The account wants a second factor: set shared-secret.")
        end
        local tan = one_time_code(settings["shared-secret"])
        check("account.unlock", (post(request, "account.unlock", { tan = tan }, cookie)))
    end
    cache.put("session", cookie, 600)
    return cookie
end

-- `ok`: a code that is no failure; nil is given back then.
local function call(request, method, params, ok)
    local old = cache.get("session")
    local answer = post(request, method, params, old or login(request))
    if answer.code == 2200 and old then -- the session has ended
        answer = post(request, method, params, login(request))
    end
    if answer.code ~= ok then
        return check(method, answer)
    end
end

return {
    title = "INWX",
    documentation = "https://www.inwx.de/en/help/apidoc",
    settings = {
        { name = "username", type = "text", required = true, help = "User name of the account." },
        { name = "password", type = "secret", required = true, help = "Its password." },
        { name = "shared-secret", type = "secret", help = "Shared secret of the second factor (TOTP), in Base32." },
        { name = "sandbox", type = "flag", default = false, help = "Use the test environment (OT&E)." },
        { name = "ttl", type = "number", default = 300, min = 300, max = 864000,
            help = "Seconds that resolvers may keep the record." },
    },
    endpoints = { endpoint = "https://api.domrobot.com/jsonrpc", sandbox = "https://api.ote.domrobot.com/jsonrpc" },
    limits = { concurrency = 2 },
    zones = function(request)
        local zones, page = {}, 1
        repeat
            local data = call(request, "nameserver.list", { domain = "*", page = page, pagelimit = 100 })
            for _, domain in ipairs(data.domains or {}) do
                zones[#zones + 1] = { name = domain.domain, id = domain.domain }
            end
            page = page + 1
        until not data.domains or #data.domains == 0 or #zones >= data.count
        return zones
    end,
    present = function(request)
        call(request, "nameserver.createRecord", {
            domain = request.zone_id, type = "TXT", name = request.name, content = request.value,
            ttl = request.settings.ttl,
        }, 2302) -- it is there already
    end,
    cleanup = function(request)
        local data = call(request, "nameserver.info", { domain = request.zone_id, type = "TXT", name = request.name })
        for _, record in ipairs(data.record or {}) do
            if record.name == request.name and text.unquote(record.content) == request.value then
                call(request, "nameserver.deleteRecord", { id = record.id }, 2303) -- it is gone already
            end
        end
    end,
}
