#include "lua/sandbox.h"

#include <math.h>
#include <string.h>

/* Values of one document that is written: a table that stands in itself in two places grows without bounds.
 */
enum { VALUES_MAX = 100 * 1000 };

#define ARRAY_TYPE "evercert.array"

static void release(void *p)
{
    json_decref(p);
}

/* --- reading --- */

json_t *lua_parse_json(struct str text, struct err *err)
{
    json_error_t why;
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    if (text.n > LUA_JSON_MAX) {
        err_set(err, ERR_LIMIT, "JSON of more than %d octets", (int)LUA_JSON_MAX);
        return NULL;
    }
    json_t *root = json_loadb(text.n > 0 ? text.p : "", text.n, flags, &why);
    if (root == NULL && json_error_code(&why) == json_error_numeric_overflow)
        root = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, &why);
    if (root == NULL)
        err_set(err, ERR_INPUT, "no JSON: %s (line %d)", why.text, why.line);
    return root;
}

/* 7.0 as 7: what providers make texts of are numbers of records, which are whole. */
static void push_real(lua_State *L, double number)
{
    if (number == floor(number) && fabs(number) < 9e15)
        lua_pushinteger(L, (lua_Integer)number);
    else
        lua_pushnumber(L, number);
}

static void push(lua_State *L, const json_t *value, int depth)
{
    const char *key;
    const json_t *one;
    size_t i;
    if (depth > LUA_DEPTH_MAX)
        lua_raisef(L, ERR_LIMIT, "JSON of more than %d levels", (int)LUA_DEPTH_MAX);
    luaL_checkstack(L, 4, "JSON");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, key, one)
        {
            if (json_is_null(one))
                continue; /* as if it were not there: that is what is asked for */
            lua_pushstring(L, key);
            push(L, one, depth + 1);
            lua_rawset(L, -3);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        json_array_foreach(value, i, one)
        {
            push(L, one, depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        luaL_setmetatable(L, ARRAY_TYPE); /* so that an empty one is written as one again */
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        break;
    case JSON_REAL:
        push_real(L, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        break;
    default:
        lua_pushlightuserdata(L, NULL);
    }
}

void lua_push_json(lua_State *L, const json_t *value)
{
    push(L, value, 0);
}

static int decode(lua_State *L)
{
    struct str text = lua_check_str(L, 1);
    struct err err = ERR_INIT;
    sandbox_charge(L, text.n);
    void **root = lua_guard(L, release);
    *root = lua_parse_json(text, &err);
    if (*root == NULL)
        return lua_raise(L, &err);
    lua_push_json(L, *root);
    lua_guard_free(root);
    return 1;
}

/* --- writing. Nothing here raises an error while it holds memory of jansson. --- */

struct writing {
    size_t values;
    const char *why;
};

static json_t *write_value(lua_State *L, int index, int depth, struct writing *w);

static bool is_array(lua_State *L, int index)
{
    bool marked = false;
    if (lua_getmetatable(L, index)) {
        luaL_getmetatable(L, ARRAY_TYPE);
        marked = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    if (lua_rawlen(L, index) > 0)
        return true;
    lua_pushnil(L);
    if (lua_next(L, index) == 0)
        return marked;
    lua_pop(L, 2);
    return false;
}

static json_t *write_array(lua_State *L, int index, int depth, struct writing *w)
{
    json_t *array = json_array();
    size_t n = lua_rawlen(L, index), keys = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        keys++;
    if (keys != n)
        w->why = "a table with a gap, or with names and numbers, is neither an array nor an object";
    for (size_t i = 1; i <= n && w->why == NULL; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        json_t *value = write_value(L, lua_gettop(L), depth, w);
        lua_pop(L, 1);
        if (value == NULL || json_array_append_new(array, value) < 0)
            break;
    }
    return array;
}

static json_t *write_object(lua_State *L, int index, int depth, struct writing *w)
{
    json_t *object = json_object();
    for (lua_pushnil(L); w->why == NULL && lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            w->why = "a key of an object is no text";
            lua_pop(L, 1);
            break;
        }
        json_t *value = write_value(L, lua_gettop(L), depth, w);
        if (value != NULL && json_object_set_new(object, lua_tostring(L, -2), value) < 0)
            w->why = "a key of an object is not UTF-8";
    }
    return object;
}

static json_t *write_table(lua_State *L, int index, int depth, struct writing *w)
{
    if (depth > LUA_DEPTH_MAX || !lua_checkstack(L, 8)) {
        w->why = "more than 64 levels, or a table that is in itself";
        return NULL;
    }
    json_t *value =
        is_array(L, index) ? write_array(L, index, depth + 1, w) : write_object(L, index, depth + 1, w);
    if (w->why == NULL)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *write_string(lua_State *L, int index, struct writing *w)
{
    size_t n = 0;
    const char *p = lua_tolstring(L, index, &n);
    w->values += n / 8; /* as much memory as values of that number */
    json_t *value = json_stringn(p, n);
    if (value == NULL)
        w->why = "a text that is not UTF-8";
    return value;
}

static json_t *write_number(lua_State *L, int index, struct writing *w)
{
    if (lua_isinteger(L, index))
        return json_integer(lua_tointeger(L, index));
    double number = lua_tonumber(L, index);
    if (!isfinite(number)) {
        w->why = "a number that is none";
        return NULL;
    }
    if (number == floor(number) && fabs(number) < 1e15)
        return json_integer((json_int_t)number);
    return json_real(number);
}

static json_t *write_value(lua_State *L, int index, int depth, struct writing *w)
{
    if (++w->values > VALUES_MAX) {
        w->why = "too many values";
        return NULL;
    }
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        return write_table(L, index, depth, w);
    case LUA_TSTRING:
        return write_string(L, index, w);
    case LUA_TNUMBER:
        return write_number(L, index, w);
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, index));
    case LUA_TLIGHTUSERDATA: /* json.null */
    case LUA_TNIL:
        return json_null();
    default:
        w->why = "a function, or something else that JSON has not";
        return NULL;
    }
}

json_t *lua_to_json(lua_State *L, int index, const char **why)
{
    struct writing w = {0, NULL};
    json_t *value = write_value(L, lua_absindex(L, index), 0, &w);
    if (value == NULL || w.why != NULL) {
        json_decref(value);
        *why = w.why != NULL ? w.why : "no memory";
        return NULL;
    }
    return value;
}

static int put(const char *p, size_t n, void *out)
{
    buf_put(out, p, n);
    return 0;
}

static int encode(lua_State *L)
{
    const char *why = NULL;
    luaL_checkany(L, 1);
    struct buf *out = lua_guard_buf(L, LUA_JSON_MAX);
    json_t *value = lua_to_json(L, 1, &why);
    if (value == NULL)
        return luaL_error(L, "json.encode: %s", why);
    json_dump_callback(value, put, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    json_decref(value);
    sandbox_charge(L, out->n);
    return lua_push_buf(L, out);
}

void lua_set_array(lua_State *L)
{
    luaL_setmetatable(L, ARRAY_TYPE);
}

static int array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, ARRAY_TYPE);
    return 1;
}

void lua_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"decode", decode}, {"encode", encode}, {"array", array}, {NULL, NULL}};
    luaL_newmetatable(L, ARRAY_TYPE);
    lua_pushliteral(L, "array"); /* whoever had the table itself could give arrays a finalizer */
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_setglobal(L, "json");
}
