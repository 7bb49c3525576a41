/*
 * DNS providers written in Lua, run in a sandbox: no files, no programs, memory and instructions counted,
 * HTTP only to the origins that the provider declares. Written as if they waited, run as coroutines on an
 * event loop. What a provider may call stands in evercert-providers(7).
 *
 * The host does what is the same for all: it finds the zone, keeps other TXT values at the same name where a
 * provider can only write whole sets, tries again what may be tried again, and obeys rate limits.
 */
#ifndef EVERCERT_LUA_HOST_H
#define EVERCERT_LUA_HOST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_client;

enum {
    LUA_FILE_MAX = 256 * 1024,           /* octets of a provider; ours are below 12 kB */
    LUA_MEMORY_MAX = 16 * 1024 * 1024,   /* of one call; the largest answers are 2 MB of JSON */
    LUA_INSTRUCTIONS_MAX = 50 * 1000000, /* of one call between two waits; half a second */
    LUA_CALL_TIME_S = 5 * 60,            /* of one call, waits and retries included */
    LUA_ANSWER_MAX = 2 * 1024 * 1024,    /* octets of an HTTP answer */
    LUA_HANDLE_MAX = 4 * 1024,           /* octets of what present() gives back for cleanup() */
    LUA_REGISTERED_MAX = 40 * 1024,      /* octets of what register() gives; a setting has 16 kB at most */
    LUA_REQUESTS_MAX = 200,              /* HTTP requests of one call */
};

/* Where providers lie: of the package, and the operator's, which win. */
struct lua_directories {
    const char *shipped, *local; /* absolute; either may be missing on disk */
};

struct lua_host;  /* one per process */
struct lua_entry; /* one set of credentials; keeps its cache, its pace and its locks */
struct lua_call;  /* one that goes on */

/* Reads the file of a provider with the rights of the caller; both directories are tried. The local one and
 * the file must be root's or the caller's own to change (os/trusted.h). ERR_NOT_FOUND, ERR_PERMISSION,
 * ERR_REFUSED, ERR_LIMIT. `file` and text are in `a`. */
int lua_file_read(const struct lua_directories *d, const char *provider, struct arena *a, const char **file,
    struct str *text, struct err *err);

/* All providers of both directories as the JSON of config/provider.h. A file that is none is a problem in
 * it, never an error. */
void lua_describe(const struct lua_directories *d, struct buf *out);

/* `dns` is for zones that are found by asking for SOA, and for the module `dns`. It must outlive the host.
 * NULL where libcurl fails. */
struct lua_host *lua_host_new(struct event_base *base, struct dns_client *dns, struct err *err);
/* Ends everything without a call. */
void lua_host_free(struct lua_host *h);

/* `settings`: the JSON object of config/dns.h. `text` is copied. ERR_INPUT with file and line for Lua that
 * does not load, or is no provider. */
int lua_entry_new(struct lua_host *h, const char *name, const char *file, struct str text,
    struct str settings, struct lua_entry **out, struct err *err);
/* Its calls end with ERR_CANCELLED first. */
void lua_entry_free(struct lua_entry *e);

/* LUA_REGISTER: for providers with accounts of their own (acme-dns), a new one; the outcome's handle is what
 * the operator is to do, as the JSON of config/registration.h. It holds secrets: it is shown to whoever
 * asked, never logged. ERR_FAILED for a provider that has none. */
enum lua_action { LUA_PRESENT, LUA_CLEANUP, LUA_REGISTER };

struct lua_request {
    enum lua_action action;
    const char *name;   /* of the record: lower-case A-labels, no dot at the end */
    const char *value;  /* of the TXT record, one string */
    const char *handle; /* of cleanup: what present gave, "" where nobody knows it */
    /* For scripts that speak of challenges instead of records (httpreq in raw mode). */
    const char *identifier, *token, *key_authorization;
};

struct lua_outcome {
    const char *handle; /* of present, "" */
    const char *zone;   /* that was found, "" where it was not looked for */
};

/* `err` is NULL where it went well. Its text names the step and what the provider said, with no secret of
 * the settings in it. Never called from within lua_call_start. */
typedef void lua_done_fn(const struct lua_outcome *o, const struct err *err, void *arg);
/* Texts are copied. */
struct lua_call *lua_call_start(struct lua_entry *e, const struct lua_request *r, lua_done_fn *fn, void *arg);
/* It is not called any more. What it has asked of the provider may happen all the same. */
void lua_call_cancel(struct lua_call *c);

#endif
