#include "lua/sandbox.h"
#include "base/text.h"
#include "base/time.h"
#include "os/random.h"

#include <lualib.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TYPE "evercert.error"
#define GUARD_TYPE "evercert.guard"
#define BUF_TYPE   "evercert.buf"

/* --- limits --- */

/* What Lua gives back may have been a secret. */
static void give_back(void *p, size_t n)
{
    if (p != NULL)
        OPENSSL_cleanse(p, n);
    free(p);
}

static void on_count(lua_State *L, lua_Debug *at);

/* Where texts are large, a thousand instructions may take minutes: from now on it is looked more often. */
static void look_closely(const struct sandbox *s)
{
    if (s->L != NULL && lua_gethookcount(s->L) > LUA_HOOK_LARGE_STEP)
        lua_sethook(s->L, on_count, lua_gethookmask(s->L), LUA_HOOK_LARGE_STEP);
}

static void *allocate(void *ud, void *p, size_t old, size_t n)
{
    struct sandbox *s = ud;
    size_t had = p != NULL ? old : 0;
    if (n >= LUA_LARGE && p == NULL && old == LUA_TSTRING)
        look_closely(s);
    if (n == 0) {
        give_back(p, had);
        s->memory -= had;
        return NULL;
    }
    if (n > had && n - had > s->memory_max - s->memory)
        return NULL;
    void *q = malloc(n);
    if (q == NULL && n > had)
        return NULL;
    s->memory = s->memory - had + n;
    if (q == NULL)
        return p; /* Lua counts on it that less is always to be had */
    if (p != NULL)
        memcpy(q, p, had < n ? had : n);
    give_back(p, had);
    return q;
}

struct sandbox *sandbox_of(lua_State *L)
{
    void *ud = NULL;
    lua_getallocf(L, &ud);
    return ud;
}

/* "FILE:LINE" of the script's own code that runs, or "". */
static const char *where(lua_State *L, char out[LUA_IDSIZE + 16])
{
    lua_Debug at;
    out[0] = '\0';
    for (int level = 0; lua_getstack(L, level, &at) == 1; level++)
        if (lua_getinfo(L, "Sl", &at) != 0 && at.source[0] == '@') {
            snprintf(out, LUA_IDSIZE + 16, "%s:%d: ", at.short_src, at.currentline);
            break;
        }
    return out;
}

static void push_err(lua_State *L, const struct err *e)
{
    struct err *copy = lua_newuserdatauv(L, sizeof *copy, 0);
    *copy = *e;
    luaL_setmetatable(L, ERROR_TYPE);
}

int lua_raise(lua_State *L, const struct err *e)
{
    push_err(L, e);
    return lua_error(L);
}

int lua_raisef(lua_State *L, int code, const char *fmt, ...)
{
    struct err e = ERR_INIT;
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&e, code, "%s", text);
    return lua_raise(L, &e);
}

int lua_fatal(lua_State *L, int code, const char *fmt, ...)
{
    struct sandbox *s = sandbox_of(L);
    char text[ERR_TEXT_MAX], at[LUA_IDSIZE + 16];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (s->fatal.code == 0)
        err_set(&s->fatal, code, "%s%s", where(L, at), text);
    lua_pushliteral(L, "a limit");
    return lua_error(L);
}

static void check_limits(lua_State *L, struct sandbox *s)
{
    if (s->fatal.code != 0) {
        lua_pushliteral(L, "a limit");
        lua_error(L);
    }
    if (s->instructions > s->instructions_max || clock_mono(&system_clock).ms > s->until_ms)
        lua_fatal(L, ERR_LIMIT, "it works without an end; an endless loop?");
}

static void on_count(lua_State *L, lua_Debug *at)
{
    struct sandbox *s = sandbox_of(L);
    if (at->event == LUA_HOOKLINE) {
        (void)where(L, s->at);
        return;
    }
    s->instructions += (uint64_t)lua_gethookcount(L);
    check_limits(L, s);
}

void sandbox_trace(struct sandbox *s)
{
    lua_sethook(s->L, on_count, LUA_MASKCOUNT | LUA_MASKLINE, lua_gethookcount(s->L));
}

void sandbox_charge(lua_State *L, size_t steps)
{
    struct sandbox *s = sandbox_of(L);
    s->instructions += steps;
    if (s->instructions > s->instructions_max)
        check_limits(L, s);
}

void sandbox_rearm(struct sandbox *s)
{
    s->instructions = 0;
    s->until_ms = clock_mono(&system_clock).ms + s->use->run_ms;
}

/* --- values of C that Lua keeps --- */

const struct err *lua_err_at(lua_State *L, int index)
{
    return luaL_testudata(L, index, ERROR_TYPE);
}

static int error_text(lua_State *L)
{
    const struct err *e = luaL_checkudata(L, 1, ERROR_TYPE);
    lua_pushstring(L, e->text);
    return 1;
}

/* e.text, e.code ("ERR_TIMEOUT") */
static int error_member(lua_State *L)
{
    const struct err *e = luaL_checkudata(L, 1, ERROR_TYPE);
    const char *member = luaL_checkstring(L, 2);
    if (strcmp(member, "text") == 0)
        lua_pushstring(L, e->text);
    else if (strcmp(member, "code") == 0)
        lua_pushstring(L, err_name(e->code));
    else
        lua_pushnil(L);
    return 1;
}

static int error_concat(lua_State *L)
{
    for (int i = 1; i <= 2; i++) {
        const struct err *e = lua_err_at(L, i);
        if (e != NULL) {
            lua_pushstring(L, e->text);
            lua_replace(L, i);
        }
    }
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_concat(L, 2);
    return 1;
}

struct guard {
    void *p;
    void (*release)(void *p);
};

static int guard_gc(lua_State *L)
{
    struct guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    lua_guard_free(&g->p);
    return 0;
}

void **lua_guard(lua_State *L, void (*release)(void *p))
{
    struct guard *g = lua_newuserdatauv(L, sizeof *g, 0);
    *g = (struct guard){NULL, release};
    luaL_setmetatable(L, GUARD_TYPE);
    return &g->p;
}

void lua_guard_free(void **guard)
{
    struct guard *g = (struct guard *)(void *)guard; /* p is its first member */
    if (g->p != NULL)
        g->release(g->p);
    g->p = NULL;
}

static int buf_gc(lua_State *L)
{
    buf_free(luaL_checkudata(L, 1, BUF_TYPE));
    return 0;
}

struct buf *lua_guard_buf(lua_State *L, size_t max)
{
    struct buf *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = buf_new_sensitive(max);
    luaL_setmetatable(L, BUF_TYPE);
    return b;
}

int lua_push_buf(lua_State *L, struct buf *b)
{
    if (buf_failed(b))
        return lua_raisef(L, ERR_LIMIT, "the result is larger than %zu octets", b->max);
    lua_push_str(L, buf_str(b));
    buf_free(b);
    return 1;
}

struct str lua_check_str(lua_State *L, int arg)
{
    struct str s;
    s.p = luaL_checklstring(L, arg, &s.n);
    return s;
}

struct str lua_field_str(lua_State *L, int index, const char *name)
{
    struct str s = {NULL, 0};
    int type = lua_getfield(L, index, name);
    if (type == LUA_TSTRING || type == LUA_TNUMBER)
        s.p = lua_tolstring(L, -1, &s.n);
    else if (type != LUA_TNIL)
        luaL_error(L, "'%s' has to be a text, not a %s", name, lua_typename(L, type));
    return s;
}

/* --- libraries --- */

static int finish_pcall(lua_State *L, int status, lua_KContext ctx)
{
    struct sandbox *s = sandbox_of(L);
    if (s->fatal.code != 0)
        return lua_error(L); /* limits are not for the script to catch */
    if (status == LUA_ERRMEM)
        return lua_fatal(L, ERR_LIMIT, "it takes more than %zu MB of memory", s->memory_max >> 20);
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int safe_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
    return finish_pcall(L, status, 0);
}

/* A finalizer would run where no hook is called, and so without a limit. */
static int safe_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_argerror(L, 2, "__gc is not there");
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Of the base library: everything else (load, dofile, print, collectgarbage, xpcall, ...) is not there. */
static const char *const base_functions[] = {
    "assert",
    "error",
    "getmetatable",
    "ipairs",
    "next",
    "pairs",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "tonumber",
    "tostring",
    "type",
    "_VERSION",
};

static void open_base(lua_State *L)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0); /* sets the globals; the safe ones are picked out of them */
    lua_newtable(L);
    for (size_t i = 0; i < ARRAY_LEN(base_functions); i++) {
        lua_getfield(L, -2, base_functions[i]);
        lua_setfield(L, -2, base_functions[i]);
    }
    lua_pushcfunction(L, safe_pcall);
    lua_setfield(L, -2, "pcall");
    lua_pushcfunction(L, safe_setmetatable);
    lua_setfield(L, -2, "setmetatable");
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pop(L, 1);
}

static void open_library(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_setglobal(L, name);
}

/* What a script could do harm with, or where it would wait for itself. */
static void take_out(lua_State *L, const char *library, const char *function)
{
    lua_getglobal(L, library);
    lua_pushnil(L);
    lua_setfield(L, -2, function);
    lua_pop(L, 1);
}

static void seed(lua_State *L)
{
    uint64_t number[2];
    random_bytes(number, sizeof number);
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)number[0]);
    lua_pushinteger(L, (lua_Integer)number[1]);
    lua_call(L, 2, 0);
    lua_pop(L, 1);
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *functions)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, functions, 0);
    lua_pushliteral(L, "not for providers");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

static void open_types(lua_State *L)
{
    new_type(L, ERROR_TYPE,
        (const luaL_Reg[]){
            {"__tostring", error_text}, {"__concat", error_concat}, {"__index", error_member}, {NULL, NULL}});
    new_type(L, GUARD_TYPE, (const luaL_Reg[]){{"__gc", guard_gc}, {NULL, NULL}});
    new_type(L, BUF_TYPE, (const luaL_Reg[]){{"__gc", buf_gc}, {NULL, NULL}});
}

struct opening {
    const struct sandbox_use *use;
    const char *chunk;
    struct str text;
};

/* In protected mode: even a new text may find no memory. */
static int open_all(lua_State *L)
{
    const struct opening *o = lua_touserdata(L, 1);
    open_types(L);
    open_base(L);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_MATHLIBNAME, luaopen_math);
    open_library(L, LUA_UTF8LIBNAME, luaopen_utf8);
    seed(L);
    take_out(L, LUA_STRLIBNAME, "dump");
    take_out(L, LUA_MATHLIBNAME, "randomseed");
    for (size_t i = 0; o->use->modules[i] != NULL; i++)
        o->use->modules[i](L);
    if (luaL_loadbufferx(L, o->use->prelude, strlen(o->use->prelude), "=evercert", "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    if (o->use->prepared != NULL)
        o->use->prepared(L);
    if (luaL_loadbufferx(L, o->text.p, o->text.n, o->chunk, "t") != LUA_OK)
        return lua_error(L);
    return 1;
}

int sandbox_open(struct sandbox *s, const struct sandbox_use *use, void *owner, const char *file,
    struct str text, struct err *err)
{
    char chunk[256];
    const char *slash = strrchr(file, '/');
    *s = (struct sandbox){
        .use = use, .memory_max = use->memory_max, .instructions_max = use->steps_max, .owner = owner};
    /* The last component alone: Lua cuts long names from their beginning. */
    snprintf(chunk, sizeof chunk, "@%s", slash != NULL ? slash + 1 : file);
    struct opening o = {use, chunk, {text.n > 0 ? text.p : "", text.n}};
    if (text.n > use->text_max)
        return err_set(err, ERR_LIMIT, "%s has more than %zu octets", file, use->text_max);
    s->L = lua_newstate(allocate, s);
    if (s->L == NULL)
        return err_set(err, ERR_MEMORY, "no memory for Lua");
    sandbox_rearm(s);
    lua_sethook(s->L, on_count, LUA_MASKCOUNT, LUA_HOOK_STEP);
    lua_pushcfunction(s->L, open_all); /* of a light function: no memory is needed */
    lua_pushlightuserdata(s->L, &o);
    if (lua_pcall(s->L, 1, 1, 0) == LUA_OK)
        return 0;
    struct err why = ERR_INIT;
    sandbox_error(s, s->L, &why);
    return err_set(err, why.code == ERR_LIMIT ? ERR_LIMIT : ERR_INPUT, "%s", why.text);
}

void sandbox_close(struct sandbox *s)
{
    if (s->L != NULL)
        lua_close(s->L);
    s->L = NULL;
}

/* A text that names no line of the script, but one of ours, or none at all. */
static bool is_elsewhere(const char *text)
{
    return strncmp(text, "evercert:", 9) == 0 || strchr(text, ':') == NULL;
}

int sandbox_place(lua_State *L)
{
    char at[LUA_IDSIZE + 16];
    if (lua_type(L, 1) == LUA_TSTRING && is_elsewhere(lua_tostring(L, 1)))
        lua_pushfstring(L, "%s%s", where(L, at), lua_tostring(L, 1));
    return 1;
}

/* Runs in protected mode: what is thrown may have functions of its own that make it a text. */
static int describe_error(lua_State *L)
{
    if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
        lua_pushfstring(L, "a %s", luaL_typename(L, 1));
    else
        luaL_tolstring(L, 1, NULL);
    return 1;
}

static void tell(const struct sandbox *s, const char *place, const char *words, bool own, struct err *err)
{
    if (s->use->tell != NULL)
        s->use->tell(s, place, words, own, err);
    else
        err_set(err, ERR_FAILED, "%s%s", place, words);
}

void sandbox_error(struct sandbox *s, lua_State *L, struct err *err)
{
    char at[LUA_IDSIZE + 16];
    const struct err *ours = s->fatal.code == 0 && lua_gettop(L) > 0 ? lua_err_at(L, -1) : NULL;
    if (s->fatal.code != 0) {
        *err = s->fatal;
        return;
    }
    if (ours != NULL) {
        *err = *ours;
        return;
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, -1);
        if (strcmp(text, "not enough memory") == 0)
            err_set(err, ERR_LIMIT, "%sit takes more than %zu MB of memory",
                s->at[0] != '\0' ? s->at : where(L, at), s->memory_max >> 20);
        else
            tell(s, is_elsewhere(text) ? where(L, at) : "", text, false, err);
        return;
    }
    char place[LUA_IDSIZE + 32];
    snprintf(place, sizeof place, "%serror: ", where(L, at));
    lua_pushcfunction(L, describe_error);
    lua_pushvalue(L, -2);
    sandbox_rearm(s);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK || lua_type(L, -1) != LUA_TSTRING)
        err_set(err, ERR_FAILED, "%san error that is no text", where(L, at));
    else
        tell(s, place, lua_tostring(L, -1), true, err);
    lua_pop(L, 1);
    if (s->fatal.code != 0)
        *err = s->fatal;
}
