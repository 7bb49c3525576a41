/* What templates may call and needs C: a fixed order of pairs, quotes, JSON. */
#include "base/time.h"
#include "lua/template_priv.h"

#include <stdlib.h>
#include <string.h>

/* --- order: Lua's own differs from run to run, and a file would change without a reason --- */

struct key {
    int type; /* numbers, texts, booleans */
    double number;
    lua_Integer integer;
    struct str text;
};

static int compare(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->number < b->number || a->number > b->number)
        return a->number < b->number ? -1 : 1;
    if (a->integer != b->integer)
        return a->integer < b->integer ? -1 : 1;
    size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    int order = n > 0 ? memcmp(a->text.p, b->text.p, n) : 0;
    return order != 0 ? order : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

/* Of the key at `index`, which stays in its table. */
static struct key read_key(lua_State *L, int index)
{
    struct key k = {.type = lua_type(L, index) == LUA_TNUMBER   ? 0
                            : lua_type(L, index) == LUA_TSTRING ? 1
                                                                : 2};
    if (k.type == 0) {
        k.number = lua_tonumber(L, index);
        k.integer = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;
    } else if (k.type == 1) {
        k.text.p = lua_tolstring(L, index, &k.text.n);
    } else if (lua_isboolean(L, index)) {
        k.integer = lua_toboolean(L, index);
    } else {
        luaL_error(L, "a table whose keys are neither texts nor numbers has no order");
    }
    return k;
}

static void push_key(lua_State *L, const struct key *k)
{
    if (k->type == 1)
        lua_push_str(L, k->text);
    else if (k->type == 2)
        lua_pushboolean(L, k->integer != 0);
    else if (k->integer != 0 || k->number == 0)
        lua_pushinteger(L, k->integer);
    else
        lua_pushnumber(L, k->number);
}

/* Pushes the list of the keys of the table at `index`, in order. */
static void push_keys(lua_State *L, int index)
{
    size_t n = 0, i = 0;
    template_force(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        n++;
    sandbox_charge(L, 4 * n);
    struct key *keys = lua_newuserdatauv(L, n * sizeof *keys + 1, 0);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        keys[i++] = read_key(L, lua_gettop(L) - 1);
    qsort(keys, n, sizeof *keys, compare);
    lua_createtable(L, (int)n, 0);
    lua_set_array(L);
    for (i = 0; i < n; i++) {
        push_key(L, &keys[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_remove(L, -2);
}

static int keys(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    push_keys(L, 1);
    return 1;
}

/* Upvalues: the table, its keys, how many were given. A key that was removed meanwhile is passed over. */
static int step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        lua_pushinteger(L, ++i);
        lua_replace(L, lua_upvalueindex(3));
        if (lua_rawgeti(L, lua_upvalueindex(2), i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
            return 2;
        lua_pop(L, 2);
    }
}

static int pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    push_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step, 3);
    return 1;
}

/* next(table, key): the key behind that one in the same order. */
static int next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    template_force(L, 1);
    struct key after = {0}, best = {0};
    bool any = lua_isnil(L, 2), found = false;
    if (!any)
        after = read_key(L, 2);
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        struct key k = read_key(L, lua_gettop(L) - 1);
        sandbox_charge(L, 1);
        if ((any || compare(&k, &after) > 0) && (!found || compare(&k, &best) < 0)) {
            best = k;
            found = true;
        }
    }
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* As tostring, but without the addresses of tables, which are others in each run. */
static int to_text(lua_State *L)
{
    luaL_checkany(L, 1);
    int type = lua_type(L, 1);
    if ((type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA) &&
        luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
        lua_pushstring(L, luaL_typename(L, 1));
    else
        luaL_tolstring(L, 1, NULL);
    return 1;
}

/* string.format with the same words for tables, and without a part of the format in its errors, which may
 * come from a variable; the upvalue is Lua's own. */
static int format(lua_State *L)
{
    int n = lua_gettop(L);
    for (int i = 2; i <= n; i++)
        if (lua_istable(L, i) || lua_isfunction(L, i) || lua_isuserdata(L, i)) {
            lua_pushcfunction(L, to_text);
            lua_pushvalue(L, i);
            lua_call(L, 1, 1);
            lua_replace(L, i);
        }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    if (lua_pcall(L, n, 1, 0) == LUA_OK)
        return 1;
    const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (why != NULL && strstr(why, "invalid conversion") != NULL)
        return luaL_error(L, "an invalid conversion in the format");
    if (why != NULL)
        luaL_gsub(L, why, "to '?'", "to 'format'");
    return lua_error(L);
}

/* --- quotes --- */

static int quote(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *out = lua_guard_buf(L, LUA_JSON_MAX);
    template_escape((enum template_kind)lua_tointeger(L, lua_upvalueindex(1)), s, out);
    return lua_push_buf(L, out);
}

static int put(const char *p, size_t n, void *out)
{
    buf_put(out, p, n);
    return 0;
}

/* json(value, indent) */
static int json(lua_State *L)
{
    const char *why = NULL;
    luaL_checkany(L, 1);
    lua_Integer indent = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, indent >= 0 && indent <= 8, 2, "0 to 8 blanks");
    template_force_all(L, 1);
    struct buf *out = lua_guard_buf(L, LUA_JSON_MAX);
    json_t *value = lua_to_json(L, 1, &why);
    if (value == NULL)
        return luaL_error(L, "json: %s", why);
    json_dump_callback(value, put, out,
        JSON_ENCODE_ANY | JSON_SORT_KEYS | (indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT));
    json_decref(value);
    sandbox_charge(L, out->n);
    return lua_push_buf(L, out);
}

/* date(seconds, format) */
static int date(lua_State *L)
{
    struct wall t = {luaL_checkinteger(L, 1)};
    const char *pattern = luaL_optstring(L, 2, "%Y-%m-%dT%H:%M:%SZ");
    char out[256];
    lua_pushlstring(L, out, wall_format_as(t, pattern, out, sizeof out));
    return 1;
}

static void take_out(lua_State *L, const char *library, const char *function)
{
    lua_getglobal(L, library);
    lua_pushnil(L);
    lua_setfield(L, -2, function);
    lua_pop(L, 1);
}

void lua_open_template(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pairs", pairs}, {"next", next}, {"keys", keys},
        {"tostring", to_text}, {"date", date}, {"json_text", json}, {NULL, NULL}};
    static const struct {
        const char *name;
        enum template_kind kind;
    } quotes[] = {{"nginx", TEMPLATE_NGINX}, {"shell", TEMPLATE_SHELL}, {"html", TEMPLATE_HTML}};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, functions, 0);
    lua_pushnil(L);
    lua_setfield(L, -2, "rawget"); /* it would not find labels */
    lua_pop(L, 1);
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        lua_pushinteger(L, quotes[i].kind);
        lua_pushcclosure(L, quote, 1);
        lua_setglobal(L, quotes[i].name);
    }
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, format, 1);
    lua_setfield(L, -2, "format");
    lua_pop(L, 1);
    take_out(L, "math", "random"); /* the same is rendered from the same */
}
