/* What the files of the host of providers share; private to this folder and to its tests. */
#ifndef EVERCERT_LUA_INTERNAL_H
#define EVERCERT_LUA_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "http/curl_loop.h"
#include "lua/host.h"
#include "lua/sandbox.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookup;
struct trust;

enum {
    LUA_CONCURRENCY = 8,         /* calls of an entry at the same time, where its provider says nothing */
    LUA_CONCURRENCY_MAX = 64,    /* that a provider may ask for */
    LUA_RUN_TIME_MS = 20 * 1000, /* of a call between two waits, whatever it does */
    LUA_ENDPOINTS_MAX = 16,      /* of a provider; the largest cloud has three */
    LUA_SETTINGS_MAX = 64,       /* of a provider */
    LUA_ZONE_AGE_S = 5 * 60,     /* a zone that an API told of is not asked for again before */
    LUA_ZONES_MAX = 256,         /* zones of an entry that are kept */
    LUA_CACHE_MAX = 64,          /* values of cache.put of an entry */
    LUA_CACHE_VALUE_MAX = 16 * 1024,
    LUA_HIDDEN_MAX = 32,       /* secrets of one call besides those of the settings: tokens it got */
    LUA_WORDS_MAX = 64 * 1024, /* octets of a provider's words that are looked at; fewer are shown */
    LUA_HIDDEN_MIN = 4,        /* octets; shorter ones would blot out half of a text */
    LUA_TOKEN_MIN = 8,         /* octets of what is kept and is a secret, where the provider does not say */
};

/* --- what a file says of itself (load.c) --- */

struct lua_endpoint {
    const char *name;     /* of request.endpoints */
    const char *setting;  /* "endpoint", "auth-endpoint" */
    const char *fallback; /* NULL: the setting is required */
};

struct lua_info {
    json_t *root;           /* what describe.lua gives: title, documentation, kind, settings, ...; owned */
    const json_t *settings; /* in root: as in the JSON of config/provider.h */
    struct lua_endpoint endpoints[LUA_ENDPOINTS_MAX]; /* texts in root */
    size_t endpoint_n;
    unsigned concurrency;
    double per_second; /* 0: as fast as it goes */
    bool serial;       /* values/replace: one call at a time for one name */
};

/* Loads `text` in a sandbox and reads what the table says. `file` is a path or "NAME.lua". ERR_INPUT with
 * "FILE:LINE: ...", ERR_LIMIT. lua_info_free is due on success only. */
int lua_info_read(const char *file, struct str text, struct lua_info *out, struct err *err);
void lua_info_free(struct lua_info *info);
/* Appends what lua_describe has of one file to one of the two lists. */
void lua_describe_one(
    const char *file, const char *name, struct str text, json_t *providers, json_t *problems);

/* --- the modules that only providers have --- */

extern const struct sandbox_use lua_provider_use;

void lua_open_xml(lua_State *L);   /* xml */
void lua_open_url(lua_State *L);   /* url.host */
void lua_open_sign(lua_State *L);  /* sign */
void lua_open_clock(lua_State *L); /* time, random */
void lua_open_call(lua_State *L);  /* fail, refused, later, wait, cache, host */
void lua_open_http(lua_State *L);  /* http */
void lua_open_dns(lua_State *L);   /* dns */
/* Notes the url.query that prelude.lua made, for queries and forms. */
void lua_keep_query(lua_State *L);
/* (function or nil): how this provider's errors are read. */
int lua_set_problem(lua_State *L);

/* prelude.lua, driver.lua and describe.lua. */
extern const char lua_text_prelude[], lua_text_driver[], lua_text_describe[];

/* Pushes what xml.decode gives. */
void lua_decode_xml(lua_State *L, struct str text);

/* --- calls (call.c) --- */

/* What a call waits for. `drop` ends it where it goes on and gives everything back. */
struct lua_op {
    void (*drop)(struct lua_op *op);
    char what[256]; /* for people: "POST api.example/zones" */
    bool answered;  /* a request that is over, and whose answer Lua has to do with */
};

struct lua_times {
    long connect_ms, total_ms, retry_ms; /* retry_ms: before the second try; twice that before the third */
    int64_t call_ms;
};

struct lua_host {
    struct event_base *base;
    struct dns_client *dns;
    struct lookup *lookup;
    struct trust *roots; /* the system's, for all entries without their own */
    struct lua_times times;
};

struct cached {
    struct cached *next;
    char *key, *value; /* owned; wiped */
    size_t n;
    int64_t until_ms;
    bool secret; /* not shown in errors */
};

struct lua_entry {
    struct lua_host *host;
    struct arena *arena;
    const char *name, *file, *provider;
    struct str text;
    struct lua_info info;
    json_t *settings;
    const char *urls[LUA_ENDPOINTS_MAX]; /* of info.endpoints, without a slash at the end */
    struct trust *trust;                 /* its own; NULL: the host's */
    struct curl_loop loop; /* one each: a connection is never shared with an entry that trusts others; open
                            * while there are calls */
    bool loop_open;
    struct lua_call *calls; /* in the order they came */
    unsigned running;
    int64_t slot_ms; /* monotonic: before which no request begins */
    struct cached *cache, *zones;
    struct event *kick; /* starts calls */
};

struct lua_call {
    struct lua_entry *entry;
    struct lua_call *next;
    struct arena *arena;
    struct lua_request request; /* copied */
    lua_done_fn *fn;
    void *arg;
    bool running;
    struct sandbox sandbox;
    lua_State *co;
    struct lua_op *op;
    struct event *deadline;
    unsigned requests;
    const char *zone; /* that was found */
    char *hidden[LUA_HIDDEN_MAX];
    size_t hidden_n;
    int64_t started_ms;
};

/* The call of a function that only calls may use; an error while a file is described. */
struct lua_call *lua_call_of(lua_State *L);
/* The same for a function that waits; an error where the coroutine cannot be left. */
struct lua_call *lua_call_may_wait(lua_State *L);
/* Makes the coroutine wait for `op`, which belongs to the call from now on, and goes on with `k`, whose
 * context is op. Does not return to C. */
int lua_call_wait(lua_State *L, struct lua_op *op, lua_KFunction k);
/* The op is over: Lua goes on. The call may be gone afterwards. */
void lua_call_wake(struct lua_call *c);
/* A secret that this call got: it is not shown in its errors. */
void lua_call_hide(struct lua_call *c, struct str secret);
/* Secrets of the settings, of the cache and of the call as "***". */
void lua_call_redact(const struct lua_call *c, struct str text, struct buf *out);

/* An error with the provider's own words, whose secrets are taken out before they are cut. `c` may be NULL.
 */
int lua_call_err(const struct lua_call *c, struct err *err, int code, const char *place, const char *words);

/* The functions that driver.lua asks for, as a table. */
void lua_push_host(lua_State *L);
/* (name) -> its zone, by the DNS. */
int lua_locate(lua_State *L);

const char *cached_get(struct cached **list, const char *key, size_t *n);
/* Not beyond `max` values: the oldest go. Returns what is kept, until the next put or get. */
struct cached *cached_put(
    struct cached **list, size_t max, const char *key, struct str value, int64_t seconds);
void cached_free(struct cached **list);

/* The part of an entry that call.c has: false where there is no memory. */
bool lua_entry_open(struct lua_entry *e);
/* Ends all calls, with ERR_CANCELLED. */
void lua_entry_close(struct lua_entry *e);

/* For tests: in place of the times of lua/host.h and of http.c. 0 leaves one as it is. */
void lua_host_set_times(struct lua_host *h, const struct lua_times *t);

#endif
