/* Functions of Lua's libraries that could work without an end where no hook is called. */
#include "lua/sandbox.h"

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
    size_t most = sandbox_of(L)->memory_max;
    if ((uint64_t)n > most / each)
        return lua_fatal(L, ERR_LIMIT, "string.rep makes more than %zu MB", most >> 20);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 0; i < n; i++) {
        luaL_addlstring(&b, s.p, s.n);
        if (i + 1 < n)
            luaL_addlstring(&b, separator.p, separator.n);
    }
    sandbox_charge(L, each * (size_t)n);
    luaL_pushresult(&b);
    return 1;
}

/* A length of its own may be anything, and C goes through all of it. */
static void charge_length(lua_State *L)
{
    if (luaL_getmetafield(L, 1, "__len") == LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_Integer n = luaL_len(L, 1);
    sandbox_charge(L, n > 0 ? (size_t)n : 0);
}

/* The function that was there, which is the upvalue, with the same arguments. */
static int guarded(lua_State *L)
{
    charge_length(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* a < b as table.sort has it, but counted: long texts with the same beginning take their time. */
static int less(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING) {
        size_t a = lua_rawlen(L, 1), b = lua_rawlen(L, 2);
        sandbox_charge(L, (a < b ? a : b) / 16);
    }
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
}

static int sort(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_pushcfunction(L, less);
        lua_replace(L, 2);
    }
    return guarded(L);
}

static int move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    if (to >= from)
        sandbox_charge(L, (size_t)((uint64_t)to - (uint64_t)from));
    return guarded(L);
}

void lua_open_guards(lua_State *L)
{
    static const char *const by_length[] = {"concat", "insert", "remove", "unpack"};
    lua_getglobal(L, "string");
    lua_pushcfunction(L, rep);
    lua_setfield(L, -2, "rep");
    lua_getglobal(L, "table");
    for (size_t i = 0; i < ARRAY_LEN(by_length); i++) {
        lua_getfield(L, -1, by_length[i]);
        lua_pushcclosure(L, guarded, 1);
        lua_setfield(L, -2, by_length[i]);
    }
    lua_getfield(L, -1, "sort");
    lua_pushcclosure(L, sort, 1);
    lua_setfield(L, -2, "sort");
    lua_getfield(L, -1, "move");
    lua_pushcclosure(L, move, 1);
    lua_setfield(L, -2, "move");
    lua_pop(L, 2);
}
