/* The plain functions of a call: how it ends, waiting, the cache, and what driver.lua asks of us. */
#include "base/time.h"
#include "lua/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ZONES_TEXT_MAX = 256 * 1024, CACHE_SECONDS_MAX = 30 * 24 * 3600 };

/* --- ends --- */

static int raise_words(lua_State *L, int code, int64_t retry_at_s)
{
    struct err err = ERR_INIT;
    lua_call_err(sandbox_of(L)->owner, &err, code, "", luaL_checkstring(L, 1));
    err.retry_at_s = retry_at_s;
    return lua_raise(L, &err);
}

static int fail(lua_State *L)
{
    return raise_words(L, ERR_FAILED, 0);
}

static int refused(lua_State *L)
{
    return raise_words(L, ERR_REFUSED, 0);
}

static int later(lua_State *L)
{
    double seconds = luaL_optnumber(L, 2, 60);
    luaL_argcheck(L, seconds >= 0 && seconds <= CACHE_SECONDS_MAX, 2, "0 s to 30 days");
    return raise_words(L, ERR_WAIT, clock_wall(&system_clock).s + (int64_t)ceil(seconds));
}

/* --- waiting --- */

struct pause {
    struct lua_op op;
    struct lua_call *call;
    struct event *timer;
};

static void drop_pause(struct lua_op *op)
{
    struct pause *p = (struct pause *)(void *)op; /* its first member */
    event_free(p->timer);
    free(p);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
    struct pause *p = arg;
    (void)fd, (void)what;
    lua_call_wake(p->call);
}

static int after_pause(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

static int wait(lua_State *L)
{
    struct lua_call *c = lua_call_may_wait(L);
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= LUA_CALL_TIME_S, 1, "0 to 300 seconds");
    struct timeval tv = {(time_t)seconds, (suseconds_t)((seconds - floor(seconds)) * 1e6)};
    struct pause *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->op.drop = drop_pause;
    snprintf(p->op.what, sizeof p->op.what, "a wait of %.0f s", seconds);
    p->call = c;
    p->timer = evtimer_new(c->entry->host->base, on_pause, p);
    if (p->timer == NULL || event_add(p->timer, &tv) < 0)
        abort();
    return lua_call_wait(L, &p->op, after_pause);
}

/* --- the cache --- */

static int cache_get(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    size_t n = 0;
    const char *value = cached_get(&c->entry->cache, luaL_checkstring(L, 1), &n);
    if (value == NULL)
        lua_pushnil(L);
    else
        lua_pushlstring(L, value, n);
    return 1;
}

static int cache_put(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    const char *key = luaL_checkstring(L, 1);
    double seconds = luaL_optnumber(L, 3, 300);
    if (lua_isnil(L, 2))
        seconds = 0;
    struct str value = lua_isnil(L, 2) ? STR("") : lua_check_str(L, 2);
    luaL_argcheck(L, strlen(key) <= LUA_CACHE_VALUE_MAX, 1, "at most 16 kB");
    luaL_argcheck(L, value.n <= LUA_CACHE_VALUE_MAX, 2, "at most 16 kB");
    luaL_argcheck(L, seconds <= CACHE_SECONDS_MAX, 3, "at most 30 days");
    bool secret = lua_isnoneornil(L, 4) ? value.n >= LUA_TOKEN_MIN : lua_toboolean(L, 4);
    if (secret)
        lua_call_hide(c, value);
    cached_put(&c->entry->cache, LUA_CACHE_MAX, key, value, seconds > 0 ? (int64_t)seconds : 0)->secret =
        secret;
    return 0;
}

/* --- zones --- */

/* (key) -> whether something is known, what: nil where there is no such zone */
static int zone_get(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    size_t n = 0;
    const char *value = cached_get(&c->entry->zones, luaL_checkstring(L, 1), &n);
    lua_pushboolean(L, value != NULL);
    if (value == NULL)
        return 1;
    lua_getglobal(L, "json");
    lua_getfield(L, -1, "decode");
    lua_pushlstring(L, value, n);
    lua_call(L, 1, 1);
    if (lua_islightuserdata(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    lua_remove(L, -2);
    return 2;
}

static int put_octets(const char *p, size_t n, void *out)
{
    buf_put(out, p, n);
    return 0;
}

static int zone_put(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    const char *key = luaL_checkstring(L, 1), *why = NULL;
    struct buf *out = lua_guard_buf(L, ZONES_TEXT_MAX);
    json_t *id = lua_to_json(L, 2, &why);
    if (id == NULL)
        return luaL_error(L, "the id of a zone: %s", why);
    json_dump_callback(id, put_octets, out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(id);
    if (!buf_failed(out))
        cached_put(&c->entry->zones, LUA_ZONES_MAX, key, buf_str(out), LUA_ZONE_AGE_S);
    buf_free(out);
    return 0;
}

static int found(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    c->zone = arena_dup_c(c->arena, luaL_checkstring(L, 1));
    return 0;
}

/* Who adds the zone and tries again is not told what was. */
static int no_zone(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    cached_free(&c->entry->zones);
    return lua_raisef(L, ERR_NOT_FOUND,
        "this account has no zone for %s; check that the credentials are those of the zone's owner, and may "
        "see it",
        c->request.name);
}

void lua_push_host(lua_State *L)
{
    static const luaL_Reg functions[] = {{"zone_get", zone_get}, {"zone_put", zone_put}, {"found", found},
        {"no_zone", no_zone}, {"locate", lua_locate}, {"problem", lua_set_problem}, {NULL, NULL}};
    luaL_newlib(L, functions);
}

void lua_open_call(lua_State *L)
{
    static const luaL_Reg caches[] = {{"get", cache_get}, {"put", cache_put}, {NULL, NULL}};
    lua_register(L, "fail", fail);
    lua_register(L, "refused", refused);
    lua_register(L, "later", later);
    lua_register(L, "wait", wait);
    luaL_newlib(L, caches);
    lua_setglobal(L, "cache");
}
