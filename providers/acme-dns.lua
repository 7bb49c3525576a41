-- acme-dns: one name for each account, which _acme-challenge names lead to by CNAME. It keeps the last two values.

-- One account, as POST /register gives it, or many by their domains, as other clients keep them.
local function accounts_of(settings)
    local ok, all = pcall(json.decode, settings.accounts)
    if not ok or type(all) ~= "table" then
        fail("accounts is no JSON: it is what POST /register answers, or an object of such by their domains")
    end
    return all
end

local function account_of(request)
    local settings = request.settings
    local account = { username = settings.username, password = settings.password, subdomain = settings.subdomain }
    if settings.accounts then
        local all = accounts_of(settings)
        account = all.subdomain and all or nil
        for _, one in pairs(account and {} or all) do
            if type(one) == "table" and one.fulldomain == request.name then
                account = one
            end
        end
    end
    if not account then
        fail(request.name .. " is no fulldomain of the accounts: _acme-challenge of the domain has to be a CNAME "
            .. "of one of them, or a new account is needed (evercert dns register)")
    elseif not (account.username and account.password and account.subdomain) then
        fail("there is no account: evercert dns register makes one, and says where to keep it")
    end
    return account
end

return {
    title = "acme-dns",
    documentation = "https://github.com/joohoi/acme-dns#api",
    settings = {
        { name = "accounts", type = "secret",
            help = "JSON: an account as POST /register gives it, or an object of such by their domains." },
        { name = "username", type = "text", help = "Of the account, in place of accounts." },
        { name = "password", type = "secret", help = "Of the account, in place of accounts." },
        { name = "subdomain", type = "text", help = "Of the account, in place of accounts." },
    },
    endpoints = { endpoint = "https://auth.acme-dns.io" },
    zone = false,

    -- Beside the accounts that are there already: what it gives takes their place.
    register = function(request)
        local settings = request.settings
        if settings.username and not settings.accounts then
            fail("the entry has its account in username, password and subdomain: write another entry for another account")
        end
        local all = settings.accounts and accounts_of(settings) or {}
        local account = http.post(request.endpoint .. "/register", { json = { allowfrom = json.array({}) } })
        if type(account) ~= "table" or type(account.fulldomain) ~= "string" then
            fail("POST /register did not answer with an account")
        end
        if all.subdomain then
            all = { [all.fulldomain or all.subdomain] = all }
        end
        if next(all) then
            all[account.fulldomain] = account
        else
            all = account
        end
        return { settings = { accounts = json.encode(all) }, cname = account.fulldomain }
    end,

    present = function(request)
        local account = account_of(request)
        local target = account.fulldomain or account.subdomain .. " below the zone of " .. url.host(request.endpoint)
        if (account.fulldomain or request.name):lower() ~= request.name
            or request.name:match("^[^.]+") ~= account.subdomain:lower() then
            fail(("%s has to be a CNAME of %s: set it where its zone is kept"):format(request.name, target))
        end
        http.post(request.endpoint .. "/update", {
            headers = { ["X-Api-User"] = account.username, ["X-Api-Key"] = account.password },
            json = { subdomain = account.subdomain, txt = request.value },
        })
    end,

    -- Nothing can be removed: two later values take the place of these.
    cleanup = function() end,

    problem = function(answer)
        local words = {
            bad_subdomain = "the subdomain is not the account's",
            bad_txt = "it takes values of 43 characters alone",
            forbidden = "the account is unknown, or may not be used from this address (allowfrom)",
        }
        return answer and (words[answer.error] or answer.error)
    end,
}
