/* Signatures: octets in, octets out. */
#include "crypto/sign.h"
#include "lua/internal.h"

static int sign(lua_State *L, const char *digest, bool rsa)
{
    struct err err = ERR_INIT;
    struct str key = lua_check_str(L, 1), text = lua_check_str(L, 2);
    sandbox_charge(L, 100 * 1000 + text.n); /* a signature takes milliseconds */
    struct buf *out = lua_guard_buf(L, 4096);
    if (sign_pem(digest, key, rsa, text, out, &err) < 0)
        return lua_raise(L, &err);
    return lua_push_buf(L, out);
}

static int rsa_sha256(lua_State *L)
{
    return sign(L, "SHA256", true);
}

static int rsa_sha512(lua_State *L)
{
    return sign(L, "SHA512", true);
}

static int ecdsa_sha256(lua_State *L)
{
    return sign(L, "SHA256", false);
}

void lua_open_sign(lua_State *L)
{
    static const luaL_Reg signs[] = {
        {"rsa_sha256", rsa_sha256}, {"rsa_sha512", rsa_sha512}, {"ecdsa_sha256", ecdsa_sha256}, {NULL, NULL}};
    luaL_newlib(L, signs);
    lua_setglobal(L, "sign");
}
