/* Digests and HMACs: octets in, octets out. */
#include "crypto/digest.h"
#include "lua/sandbox.h"

/* The name of the function in Lua, and OpenSSL's. */
static const struct digest {
    const char *name, *digest;
} digests[] = {{"md5", "MD5"}, {"sha1", "SHA1"}, {"sha256", "SHA256"}, {"sha512", "SHA512"}};

static const char *digest_of(lua_State *L)
{
    return lua_tostring(L, lua_upvalueindex(1));
}

static int hash(lua_State *L)
{
    unsigned char out[DIGEST_MAX];
    size_t n = 0;
    struct err err = ERR_INIT;
    struct str text = lua_check_str(L, 1);
    sandbox_charge(L, text.n);
    if (digest_any(digest_of(L), text, out, &n, &err) < 0)
        return lua_raise(L, &err);
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

static int hmac(lua_State *L)
{
    unsigned char out[DIGEST_MAX];
    size_t n = 0;
    struct err err = ERR_INIT;
    struct str key = lua_check_str(L, 1), text = lua_check_str(L, 2);
    sandbox_charge(L, key.n + text.n);
    if (digest_hmac(digest_of(L), key, text, out, &n, &err) < 0)
        return lua_raise(L, &err);
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

static void library(lua_State *L, const char *name, lua_CFunction function)
{
    lua_newtable(L);
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        lua_pushstring(L, digests[i].digest);
        lua_pushcclosure(L, function, 1);
        lua_setfield(L, -2, digests[i].name);
    }
    lua_setglobal(L, name);
}

void lua_open_hash(lua_State *L)
{
    library(L, "hash", hash);
    library(L, "hmac", hmac);
}
