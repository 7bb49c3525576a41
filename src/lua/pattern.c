/* string.rep bounded before it works. */
#include "lua/internal.h"

static int rep(lua_State *L)
{
    struct str s = lua_check_str(L, 1), separator = {"", 0};
    lua_Integer n = luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3))
        separator = lua_check_str(L, 3);
    size_t each = s.n + separator.n;
    if (n <= 0 || each == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((uint64_t)n > LUA_MEMORY_MAX / each)
        return lua_fatal(L, ERR_LIMIT, "string.rep makes more than %d MB", LUA_MEMORY_MAX >> 20);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 0; i < n; i++) {
        luaL_addlstring(&b, s.p, s.n);
        if (i + 1 < n)
            luaL_addlstring(&b, separator.p, separator.n);
    }
    luaL_pushresult(&b);
    return 1;
}

void lua_open_pattern(lua_State *L)
{
    lua_getglobal(L, "string");
    lua_pushcfunction(L, rep);
    lua_setfield(L, -2, "rep");
    lua_pop(L, 1);
}
