/* What the file of a provider says of itself. */
#include "lua/internal.h"

#include <string.h>

/* The line of `text` in which "needle" stands as a Lua text or as a key, or that of the last `return`. */
static unsigned line_of(struct str text, const char *needle)
{
    unsigned line = 1, found = 0, last = 1;
    size_t n = strlen(needle);
    while (text.n > 0) {
        struct str row, rest;
        str_cut(text, '\n', &row, &rest);
        if (str_starts(row, STR("return")))
            last = line;
        for (size_t i = 0; found == 0 && n > 0 && i + n <= row.n; i++) {
            char before = i > 0 ? row.p[i - 1] : ' ', behind = i + n < row.n ? row.p[i + n] : ' ';
            if (memcmp(row.p + i, needle, n) == 0 && strchr(" \t\"'{", before) != NULL &&
                strchr(" \t\"'=", behind) != NULL)
                found = line;
        }
        text = rest;
        line++;
    }
    return found != 0 ? found : last;
}

/* Runs the file, and describe.lua on what it returns: its results are on the stack. */
static int run(lua_State *L)
{
    lua_call(L, 0, 1);
    if (luaL_loadbufferx(L, lua_text_describe, strlen(lua_text_describe), "=describe", "t") != LUA_OK)
        return lua_error(L);
    lua_insert(L, -2);
    lua_call(L, 1, 3);
    return 3;
}

/* "x.lua:3: ..." of Lua with the whole path instead of the last component. */
static int at_path(const char *file, const char *text, int code, struct err *err)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash != NULL ? slash + 1 : file;
    size_t n = strlen(base);
    if (strncmp(text, base, n) == 0 && text[n] == ':')
        return err_set(err, code, "%s%s", file, text + n);
    return err_set(err, code, "%s: %s", file, text);
}

static int fill(lua_State *L, const char *file, struct lua_info *out, struct err *err)
{
    const char *why = "";
    json_t *value;
    size_t i;
    *out = (struct lua_info){.root = lua_to_json(L, -3, &why)};
    if (out->root == NULL)
        return err_set(err, ERR_INPUT, "%s: what it says of itself: %s", file, why);
    const json_t *endpoints = json_object_get(out->root, "endpoints");
    out->settings = json_object_get(out->root, "settings");
    if (json_array_size(endpoints) > LUA_ENDPOINTS_MAX || json_array_size(out->settings) > LUA_SETTINGS_MAX) {
        lua_info_free(out);
        return err_set(err, ERR_LIMIT, "%s: more than %d endpoints or %d settings", file,
            (int)LUA_ENDPOINTS_MAX, (int)LUA_SETTINGS_MAX);
    }
    json_array_foreach(endpoints, i, value)
    {
        out->endpoints[out->endpoint_n++] =
            (struct lua_endpoint){json_string_value(json_object_get(value, "name")),
                json_string_value(json_object_get(value, "setting")),
                json_string_value(json_object_get(value, "fallback"))};
    }
    double concurrency = json_number_value(json_object_get(out->root, "concurrency"));
    out->concurrency = concurrency < 1                     ? LUA_CONCURRENCY
                       : concurrency > LUA_CONCURRENCY_MAX ? LUA_CONCURRENCY_MAX
                                                           : (unsigned)concurrency;
    out->per_second = json_number_value(json_object_get(out->root, "per_second"));
    out->serial = json_is_true(json_object_get(out->root, "serial"));
    return 0;
}

int lua_info_read(const char *file, struct str text, struct lua_info *out, struct err *err)
{
    struct sandbox s;
    struct err why = ERR_INIT;
    int r = sandbox_open(&s, &lua_provider_use, NULL, file, text, &why);
    if (r < 0) {
        r = at_path(file, why.text, r, err);
    } else {
        lua_pushcfunction(s.L, sandbox_place);
        lua_pushcfunction(s.L, run);
        lua_rotate(s.L, -3, 2);
        if (lua_pcall(s.L, 1, 3, 1) != LUA_OK) {
            sandbox_error(&s, s.L, &why);
            r = at_path(file, why.text, why.code == ERR_LIMIT ? ERR_LIMIT : ERR_INPUT, err);
        } else if (lua_isnil(s.L, -3)) {
            const char *needle = lua_type(s.L, -1) == LUA_TSTRING ? lua_tostring(s.L, -1) : "";
            r = err_set(err, ERR_INPUT, "%s:%u: %s", file, line_of(text, needle),
                lua_type(s.L, -2) == LUA_TSTRING ? lua_tostring(s.L, -2) : "no provider");
        } else {
            r = fill(s.L, file, out, err);
        }
    }
    sandbox_close(&s);
    return r;
}

void lua_info_free(struct lua_info *info)
{
    json_decref(info->root);
    info->root = NULL;
}
