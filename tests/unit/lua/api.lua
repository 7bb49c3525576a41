-- What evercert-providers(7) promises of its pure functions, with vectors. Runs in the sandbox (test_api.c).

local function same(a, b, what)
    if a ~= b then
        error(("%s: %s instead of %s"):format(what or "", tostring(a), tostring(b)), 2)
    end
end

local function fails(words, f, ...)
    local ok, e = pcall(f, ...)
    if ok then
        error("that should fail: " .. words, 2)
    elseif not tostring(e):find(words, 1, true) then
        error(("'%s' instead of '%s'"):format(tostring(e), words), 2)
    end
end

-- what is there, and what is not
for _, absent in ipairs({"io", "os", "package", "debug", "load", "loadstring", "loadfile", "dofile", "require",
    "collectgarbage", "print", "coroutine", "xpcall", "warn"}) do
    same(_G[absent], nil, absent)
end
same(string.dump, nil)
same(math.randomseed, nil)

-- json
same(json.encode({b = 1, a = {1, 2, "x"}, c = json.array({}), d = {}, e = true, f = 1.5, g = json.null, h = 2.0}),
    '{"a":[1,2,"x"],"b":1,"c":[],"d":{},"e":true,"f":1.5,"g":null,"h":2}')
same(json.encode("a\"\n\u{e9}"), '"a\\"\\n\u{e9}"')
same(json.encode(json.decode('{"list":[],"object":{}}')), '{"list":[],"object":{}}')
local d = json.decode('{"a":[1,null,"x"],"n":null,"i":9007199254740993,"f":7.0}')
same(d.n, nil)
same(d.a[2], json.null)
same(d.i, 9007199254740993)
same(math.type(d.f), "integer")
d = json.decode('{"big":123456789012345678901234567890,"i":77}')
same(math.type(d.big), "float")
same(tostring(d.i), "77")
same(json.decode("7"), 7)
fails("no JSON", json.decode, "{")
fails("no JSON", json.decode, "")
fails("levels", json.decode, ("["):rep(70) .. ("]"):rep(70))
local inside = {}
inside[1] = inside
fails("64 levels", json.encode, inside)
local wide = {}
for i = 1, 40 do
    wide = {wide, wide}
end
fails("too many values", json.encode, wide)
fails("UTF-8", json.encode, "\xff")
fails("a gap", json.encode, {1, 2, [4] = 4})
fails("neither an array nor an object", json.encode, {1, a = 2})
fails("a function", json.encode, {f = same})
fails("a number that is none", json.encode, 0 / 0)

-- xml
local x = xml.decode([[<?xml version="1.0"?><a:Zones xmlns:a="urn:x"><a:Zone id="1" a:kind='k'>  one &amp; <b/>two
    </a:Zone><Zone><Name>n&#233;</Name></Zone></a:Zones>]])
same(x.name, "Zones")
same(#x.children, 2)
same(x.children[1].attributes.id, "1")
same(x.children[1].attributes.kind, "k")
same(x.children[1].text, "one & two")
same(xml.find(x, "Zone/Name").text, "n\u{e9}")
same(#xml.all(x, "Zone"), 2)
same(xml.find(x, "Zone/Other"), nil)
same(xml.escape([[<a b="c">'&]]), "&lt;a b=&quot;c&quot;&gt;&apos;&amp;")
fails("document type definition", xml.decode, [[<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>]])
fails("undefined entity", xml.decode, "<a>&b;</a>")
fails("no XML", xml.decode, "<a>")
fails("no XML", xml.decode, "")
fails("too many levels", xml.decode, ("<a>"):rep(70) .. ("</a>"):rep(70))
fails("too many elements", xml.decode, "<a>" .. ("<a/>"):rep(60000) .. "</a>")

-- base64, hex: RFC 4648 10
for plain, coded in pairs({[""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
    foobar = "Zm9vYmFy"}) do
    same(base64.encode(plain), coded)
    same(base64.decode(coded), plain)
    same(base64url.encode(plain), (coded:gsub("=", "")))
    same(base64url.decode(base64url.encode(plain)), plain)
end
same(base64.encode("\xfb\xff"), "+/8=")
same(base64url.encode("\xfb\xff"), "-_8")
same(base64.decode("Zm9v\nYmFy\n"), "foobar")
fails("no", base64.decode, "Z")
fails("not base64", base64.decode, "Zm9*")
same(hex.encode("\0\xabz"), "00ab7a")
same(hex.decode("00AB7a"), "\0\xabz")
fails("hexadecimal", hex.decode, "0")
fails("hexadecimal", hex.decode, "0g")

-- digests: RFC 1321, FIPS 180; HMAC: RFC 2202, RFC 4231
same(hex.encode(hash.md5("abc")), "900150983cd24fb0d6963f7d28e17f72")
same(hex.encode(hash.sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d")
same(hex.encode(hash.sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
same(hex.encode(hash.sha512("")):sub(1, 32), "cf83e1357eefb8bdf1542850d66d8007")
local what = "what do ya want for nothing?"
same(hex.encode(hmac.md5("Jefe", what)), "750c783e6ab0b503eaa86e310a5db738")
same(hex.encode(hmac.sha1("Jefe", what)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
same(hex.encode(hmac.sha256("Jefe", what)), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
same(hex.encode(hmac.sha512("Jefe", what)):sub(1, 32), "164b7a7bfcf819e2e395fbe73b56e0a3")
same(#hmac.sha256("", ""), 32)

-- AWS's published example get-vanilla, and get-vanilla-query-order-key
local signed = aws.sign({method = "GET", url = "https://example.amazonaws.com/", region = "us-east-1", service = "service",
    key_id = "AKIDEXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", date = "20150830T123600Z"})
same(signed.authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " ..
    "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
same(signed["x-amz-date"], "20150830T123600Z")
same(signed.host, nil)
signed = aws.sign({method = "GET", url = "https://example.amazonaws.com/?Param2=value2&Param1=value1", region = "us-east-1",
    service = "service", key_id = "AKIDEXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    date = "20150830T123600Z"})
same(signed.authorization:match("Signature=(.*)"), "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")

-- time
same(time.format("%Y-%m-%dT%H:%M:%SZ", 0), "1970-01-01T00:00:00Z")
same(time.parse("2026-11-21T22:12:00Z"), 1795299120)
same(time.parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777)
fails("is no time", time.parse, "yesterday")
assert(time.now() > 1700000000)

-- random
same(#random.hex(8), 16)
assert(random.hex(8) ~= random.hex(8))
assert(random.uuid():find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"))
same(math.type(random.number()), "integer")

-- url
same(url.encode("a b/\u{e9}~-._"), "a%20b%2F%C3%A9~-._")
same(url.query({b = 2, a = "x y"}), "a=x%20y&b=2")
same(url.query({{"b", 2}, {"a", "&"}}), "b=2&a=%26")
same(url.query({}), "")
same(url.host("https://api.example.com:8443/v1?x"), "api.example.com")
fails("is no URL", url.host, "nothing here")
same(url.authority("https://api.example.com:8443/v1?x"), "api.example.com:8443")
same(url.authority("http://[::1]"), "[::1]")
fails("a whole URL", url.authority, "api.example.com/v1")

-- name
same(name.parent("a.b.c"), "b.c")
same(name.parent("c"), nil)
same(name.is_below("a.b", "b"), true)
same(name.is_below("b", "b"), true)
same(name.is_below("ab", "b"), false)
same(name.relative("a.b.c", "b.c"), "a")
same(name.relative("b.c", "b.c"), "@")
fails("is not in zone", name.relative, "a.b", "c")

-- text
same(text.trim(" \t a b \r\n"), "a b")
same(text.trim("  "), "")
same(table.concat(text.split("a,b,,c", ","), "|"), "a|b||c")
same(#text.split("", ","), 1)
same(text.unquote('"a" "b\\"c" "\\065"'), 'ab"cA')
same(text.unquote("plain"), "plain")
same(text.quote('a"b\\'), '"a\\"b\\\\"')
same(text.unquote(text.quote(("x"):rep(600))), ("x"):rep(600))
same(select(2, text.quote(("x"):rep(600)):gsub('"', "")), 6)
same(text.quote(""), '""')

-- errors of ours: text, code, and beside other texts
local ok, e = pcall(json.decode, "{")
same(e.code, "ERR_INPUT")
same(e.text, tostring(e))
same(("x: " .. e):sub(1, 10), "x: no JSON")
fails("only present()", http.get, "https://example.org/")
fails("only present()", wait, 1)
fails("only present()", cache.get, "x")
same(getmetatable(e), "not for providers")

-- pcall and error
same(select("#", pcall(error)), 2)
same(select(2, pcall(error, {a = 7})).a, 7)
local results = table.pack(pcall(function(...)
    return ...
end, 1, nil, 3))
same(results.n, 4)
same(results[4], 3)

-- keys of tests alone: ES256 with the key of RFC 7515 A.3 has a signature of 64 octets
local ec = [[-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----
]]
same(#sign.ecdsa_sha256(ec, "text"), 64)
local token = jwt.sign({iss = "me"}, ec, "ES256", {kid = "7"})
local parts = text.split(token, ".")
same(base64url.decode(parts[1]), '{"alg":"ES256","kid":"7","typ":"JWT"}')
same(base64url.decode(parts[2]), '{"iss":"me"}')
same(#base64url.decode(parts[3]), 64)
fails("RS256 and ES256", jwt.sign, {}, ec, "none")
fails("no RSA key", sign.rsa_sha256, ec, "text")
fails("", sign.rsa_sha256, "no key", "text")

return {title = "Vectors", present = function() end, cleanup = function() end}
