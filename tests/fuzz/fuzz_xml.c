/* XML and JSON of answers: any octets become values of Lua, or an error that can be caught. */
#include "lua/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(lua_State *L)
{
    const struct str *text = lua_touserdata(L, 1);
    lua_settop(L, 0);
    lua_decode_xml(L, *text);
    if (lua_gettop(L) != 1 || !lua_istable(L, 1))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sandbox s;
    struct err err = ERR_INIT;
    struct str text = {(const char *)data, size};
    if (sandbox_open(&s, &lua_provider_use, NULL, "fuzz.lua", STR(""), &err) < 0)
        abort();
    lua_pushcfunction(s.L, decode);
    lua_pushlightuserdata(s.L, &text);
    if (lua_pcall(s.L, 1, 0, 0) != LUA_OK && lua_err_at(s.L, -1) == NULL && s.fatal.code == 0 &&
        lua_type(s.L, -1) != LUA_TSTRING)
        abort();
    sandbox_close(&s);
    return 0;
}
