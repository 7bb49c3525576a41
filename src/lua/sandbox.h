/*
 * One Lua state with its limits: no files, no programs, memory, instructions and time counted. What is opened
 * in it depends on whom it is for (struct sandbox_use): providers of DNS, or templates. Private to this
 * folder and to its tests.
 */
#ifndef EVERCERT_LUA_SANDBOX_H
#define EVERCERT_LUA_SANDBOX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LUA_HOOK_STEP = 1000,           /* instructions between two looks at the limits */
    LUA_LARGE = 1024 * 1024,        /* octets of a text; a look at all of it takes a millisecond */
    LUA_HOOK_LARGE_STEP = 10,       /* the same from then on */
    LUA_DEPTH_MAX = 64,             /* of JSON and XML: our own stack is used for each level */
    LUA_JSON_MAX = 2 * 1024 * 1024, /* octets of a document */
};

struct sandbox;

/* Whom a sandbox is for. Static. */
struct sandbox_use {
    size_t text_max;                      /* octets of the script */
    size_t memory_max;                    /* of the state */
    uint64_t steps_max;                   /* instructions between two waits */
    int64_t run_ms;                       /* time between two waits */
    void (*const *modules)(lua_State *L); /* opened in this order; NULL behind the last */
    const char *prelude;                  /* a chunk that is run after them, for what needs no C */
    void (*prepared)(lua_State *L);       /* after that; NULL: nothing */
    /* The words of an error as an error, with `place` in front; NULL: as they are. own: of a value that the
     * script threw; else of Lua itself, or a text that it threw. */
    void (*tell)(const struct sandbox *s, const char *place, const char *words, bool own, struct err *err);
};

struct sandbox {
    lua_State *L;
    size_t memory, memory_max;
    uint64_t instructions, instructions_max; /* since the last wait */
    int64_t until_ms;                        /* monotonic: of this run */
    struct err fatal;                        /* code not 0: a limit was broken; no pcall gets around it */
    const struct sandbox_use *use;
    void *owner;              /* who opened it; NULL while a provider is only described */
    char at[LUA_IDSIZE + 16]; /* "FILE:LINE: " that ran last, of a sandbox that is traced */
};

/* A state with the libraries of `use`, and the text loaded but not run: the function is on top of the stack.
 * The address of `s` is the allocator's and the hook's argument. ERR_INPUT with FILE:LINE for text that is no
 * Lua. sandbox_close is due in any case. */
int sandbox_open(struct sandbox *s, const struct sandbox_use *use, void *owner, const char *file,
    struct str text, struct err *err);
void sandbox_close(struct sandbox *s);
/* From now on its last line is known even where there is no memory left. Slow. */
void sandbox_trace(struct sandbox *s);
struct sandbox *sandbox_of(lua_State *L);
/* Counts work that the hook does not see as instructions; raises an error beyond the limit. */
void sandbox_charge(lua_State *L, size_t steps);
/* The limits of a run begin anew: before Lua goes on after a wait. */
void sandbox_rearm(struct sandbox *s);
/* The error on top of L's stack (which may be a coroutine that it ended) as ours; pops nothing. */
void sandbox_error(struct sandbox *s, lua_State *L, struct err *err);

/* A message handler for lua_pcall: the line of the script in front of errors that name one of ours. */
int sandbox_place(lua_State *L);

/* Raises `e` as an error that a script may catch with pcall, and that keeps its code. */
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
void lua_open_codec(lua_State *L);   /* base64, base64url, hex, url */
void lua_open_hash(lua_State *L);    /* hash, hmac */
void lua_open_pattern(lua_State *L); /* string.find and its kin */
void lua_open_guards(lua_State *L);  /* string.rep, table.move and its kin */

/* Pushes the value; an error beyond LUA_DEPTH_MAX. */
void lua_push_json(lua_State *L, const json_t *value);
/* Makes the table on top an array for JSON, even an empty one. */
void lua_set_array(lua_State *L);
/* The value at `index` as JSON, to be given back with json_decref; NULL with the reason in *why. */
json_t *lua_to_json(lua_State *L, int index, const char **why);
/* A document of at most LUA_JSON_MAX octets; NULL with the reason in `err`. */
json_t *lua_parse_json(struct str text, struct err *err);
/* base64.encode, whatever a script has put in its place. */
int lua_base64_encode(lua_State *L);
/* Appends a text as it stands in a URL. */
void url_encode(struct buf *out, struct str s);

#endif
