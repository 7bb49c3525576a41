/* What the files of this folder share; private to it and to its tests. */
#ifndef EVERCERT_LUA_INTERNAL_H
#define EVERCERT_LUA_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "http/curl_loop.h"
#include "lua/host.h"

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
    LUA_HOOK_STEP = 1000,        /* instructions between two looks at the limits */
    LUA_RUN_TIME_MS = 20 * 1000, /* of a call between two waits, whatever it does */
    LUA_DEPTH_MAX = 64,          /* of JSON and XML: our own stack is used for each level */
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

/* --- the sandbox (sandbox.c) --- */

/* One Lua state with its limits. Its address is the allocator's and the hook's argument. */
struct sandbox {
    lua_State *L;
    size_t memory, memory_max;
    uint64_t instructions, instructions_max; /* since the last wait */
    int64_t until_ms;                        /* monotonic: of this run */
    struct err fatal;                        /* code not 0: a limit was broken; no pcall gets around it */
    struct lua_call *call;                   /* NULL while a file is only described */
};

/* A state with the libraries of evercert-providers(7), and the text loaded but not run: the function is on
 * top of the stack. ERR_INPUT with FILE:LINE for text that is no Lua. sandbox_close is due in any case. */
int sandbox_open(
    struct sandbox *s, struct lua_call *call, const char *file, struct str text, struct err *err);
void sandbox_close(struct sandbox *s);
struct sandbox *sandbox_of(lua_State *L);
/* Counts work that the hook does not see as instructions; raises an error beyond the limit. */
void sandbox_charge(lua_State *L, size_t steps);
/* The limits of a run begin anew: before Lua goes on after a wait. */
void sandbox_rearm(struct sandbox *s);
/* The error on top of L's stack (which may be a coroutine that it ended) as ours; pops nothing. */
void sandbox_error(struct sandbox *s, lua_State *L, struct err *err);

/* A message handler for lua_pcall: the line of the provider in front of errors that name one of ours. */
int sandbox_place(lua_State *L);

/* Raises `e` as an error that a provider may catch with pcall, and that keeps its code. */
int lua_raise(lua_State *L, const struct err *e);
int lua_raisef(lua_State *L, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* The error of that kind at `index`, or NULL. */
const struct err *lua_err_at(lua_State *L, int index);
/* A limit: no pcall stops it. */
int lua_fatal(lua_State *L, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Memory of C that must not leak when Lua raises an error: a value on the stack whose collection calls
 * `release(*p)`. Fill in *p afterwards; lua_guard_free releases it early. */
void **lua_guard(lua_State *L, void (*release)(void *p));
void lua_guard_free(void **guard);
/* A growing buffer of that kind, for results of at most `max` octets. */
struct buf *lua_guard_buf(lua_State *L, size_t max);
/* Pushes its content, or raises an error where it did not fit. */
int lua_push_buf(lua_State *L, struct buf *b);

struct str lua_check_str(lua_State *L, int arg);
/* The text of field `name` of the table at `index`: {NULL, 0} where it is absent; an error for other types
 * but numbers. Leaves the value on the stack. */
struct str lua_field_str(lua_State *L, int index, const char *name);
static inline void lua_push_str(lua_State *L, struct str s)
{
    lua_pushlstring(L, s.p != NULL ? s.p : "", s.n);
}

/* --- the modules; each leaves its table, or sets globals --- */

void lua_open_json(lua_State *L);    /* json */
void lua_open_xml(lua_State *L);     /* xml */
void lua_open_codec(lua_State *L);   /* base64, base64url, hex, url */
void lua_open_crypt(lua_State *L);   /* hash, hmac, sign */
void lua_open_clock(lua_State *L);   /* time, random */
void lua_open_pattern(lua_State *L); /* string.find and its kin */
void lua_open_guards(lua_State *L);  /* string.rep, table.move and its kin */
void lua_open_call(lua_State *L);    /* fail, refused, later, wait, cache, host */
void lua_open_http(lua_State *L);    /* http */
void lua_open_dns(lua_State *L);     /* dns */
/* base64.encode, whatever a provider has put in its place. */
int lua_base64_encode(lua_State *L);
/* Notes the url.query that prelude.lua made, for queries and forms. */
void lua_keep_query(lua_State *L);
/* (function or nil): how this provider's errors are read. */
int lua_set_problem(lua_State *L);

/* prelude.lua, driver.lua and describe.lua. */
extern const char lua_text_prelude[], lua_text_driver[], lua_text_describe[];

/* Pushes the value; an error beyond LUA_DEPTH_MAX. */
void lua_push_json(lua_State *L, const json_t *value);
/* The value at `index` as JSON, to be given back with json_decref; NULL with the reason in *why. */
json_t *lua_to_json(lua_State *L, int index, const char **why);
/* A document of at most LUA_ANSWER_MAX octets; NULL with the reason in `err`. */
json_t *lua_parse_json(struct str text, struct err *err);
/* Pushes what xml.decode gives. */
void lua_decode_xml(lua_State *L, struct str text);
/* Appends a text as it stands in a URL. */
void url_encode(struct buf *out, struct str s);

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
