/* Calls as coroutines: which one runs, what it waits for, and how it ends. */
#include "base/time.h"
#include "lua/internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* --- secrets in texts --- */

static void hide(struct buf *text, const char *secret)
{
    size_t n = strlen(secret);
    struct buf out = buf_new_sensitive(text->max);
    struct str rest = buf_str(text);
    const char *at;
    if (n < LUA_HIDDEN_MIN)
        return;
    while (rest.n >= n && (at = memmem(rest.p, rest.n, secret, n)) != NULL) {
        buf_put(&out, rest.p, (size_t)(at - rest.p));
        buf_put_c(&out, "***");
        rest.n -= (size_t)(at - rest.p) + n;
        rest.p = at + n;
    }
    buf_put_str(&out, rest);
    if (!buf_failed(&out)) {
        buf_free(text);
        *text = out;
    } else {
        buf_free(&out);
    }
}

/* As it is, and as it stands in a URL. */
static void hide_both(struct buf *text, const char *secret)
{
    struct buf encoded ATTR_CLEANUP(buf_free) = buf_new_sensitive(64 * 1024);
    hide(text, secret);
    url_encode(&encoded, str_c(secret));
    if (!buf_failed(&encoded) && strcmp(buf_c(&encoded), secret) != 0)
        hide(text, buf_c(&encoded));
}

void lua_call_redact(const struct lua_call *c, struct str text, struct buf *out)
{
    const json_t *setting;
    size_t i;
    struct buf copy = buf_new_sensitive(text.n * 4 + 64);
    buf_put_str(&copy, text);
    json_array_foreach(c->entry->info.settings, i, setting)
    {
        const char *type = json_string_value(json_object_get(setting, "type"));
        const char *name = json_string_value(json_object_get(setting, "name"));
        const char *value = json_string_value(json_object_get(c->entry->settings, name));
        if (strcmp(type, "secret") == 0 && value != NULL)
            hide_both(&copy, value);
    }
    for (const struct cached *k = c->entry->cache; k != NULL; k = k->next)
        if (k->secret)
            hide_both(&copy, k->value);
    for (i = 0; i < c->hidden_n; i++)
        hide_both(&copy, c->hidden[i]);
    buf_put_str(out, buf_str(&copy));
    buf_free(&copy);
}

int lua_call_err(const struct lua_call *c, struct err *err, int code, const char *place, const char *words)
{
    struct str text = {words, strnlen(words, LUA_WORDS_MAX)};
    struct buf open ATTR_CLEANUP(buf_free) = buf_new_sensitive(LUA_WORDS_MAX);
    if (c != NULL)
        lua_call_redact(c, text, &open);
    else
        buf_put_str(&open, text);
    return err_set(err, code, "%s%s", place, buf_c(&open));
}

void lua_call_hide(struct lua_call *c, struct str secret)
{
    for (size_t i = 0; i < c->hidden_n; i++)
        if (str_eq_c(secret, c->hidden[i]))
            return; /* of each request the same */
    if (secret.n >= LUA_HIDDEN_MIN && c->hidden_n < LUA_HIDDEN_MAX)
        c->hidden[c->hidden_n++] = arena_dup(c->arena, secret);
}

/* --- the end of a call --- */

static void unlink_call(struct lua_entry *e, struct lua_call *c)
{
    struct lua_call **at = &e->calls;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (c->running)
        e->running--;
}

static void free_call(struct lua_call *c)
{
    if (c->op != NULL)
        c->op->drop(c->op);
    sandbox_close(&c->sandbox);
    if (c->deadline != NULL)
        event_free(c->deadline);
    for (size_t i = 0; i < c->hidden_n; i++)
        OPENSSL_cleanse(c->hidden[i], strlen(c->hidden[i]));
    arena_free(c->arena);
    free(c);
}

/* What comes next, or, where nothing does, no connection is kept: accounts are many, and rarely used. */
static void go_on(struct lua_entry *e)
{
    if (e->calls != NULL) {
        event_active(e->kick, EV_TIMEOUT, 0);
    } else if (e->loop_open) {
        curl_loop_close(&e->loop);
        e->loop_open = false;
    }
}

/* One of the calls of `e`: with the name of the provider in front, and without secrets. */
static void finish_of(struct lua_entry *e, struct lua_call *c, const char *handle, const struct err *err)
{
    struct err shown = ERR_INIT;
    struct lua_outcome outcome = {handle, c->zone};
    if (err != NULL) {
        struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(8 * ERR_TEXT_MAX);
        lua_call_redact(c, str_c(err->text), &text);
        bool named = str_starts(buf_str(&text), str_c(e->provider)) &&
                     (text.p[strlen(e->provider)] == ':' || text.p[strlen(e->provider)] == '.');
        err_set(&shown, err->code, "%s%s%s", named ? "" : e->provider, named ? "" : ": ", buf_c(&text));
        shown.retry_at_s = err->retry_at_s;
        outcome.handle = "";
    }
    unlink_call(e, c);
    if (c->op != NULL)
        c->op->drop(c->op);
    c->op = NULL;
    sandbox_close(&c->sandbox);
    go_on(e);
    c->fn(&outcome, err != NULL ? &shown : NULL, c->arg);
    free_call(c);
}

static void finish(struct lua_call *c, const char *handle, const struct err *err)
{
    finish_of(c->entry, c, handle, err);
}

void lua_call_cancel(struct lua_call *c)
{
    if (c == NULL)
        return;
    struct lua_entry *e = c->entry;
    unlink_call(e, c);
    free_call(c);
    go_on(e);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct lua_call *c = arg;
    struct err err = ERR_INIT;
    (void)fd, (void)what;
    err_set(&err, ERR_TIMEOUT, "no end after %lld s%s%s", (long long)(c->entry->host->times.call_ms / 1000),
        c->op != NULL ? ", in " : "", c->op != NULL ? c->op->what : "");
    finish(c, "", &err);
}

/* --- running --- */

static void finish_with_error(struct lua_call *c)
{
    struct err err = ERR_INIT;
    sandbox_error(&c->sandbox, c->co, &err);
    finish(c, "", &err);
}

/* What present() gave: a text, a number, or nothing. */
static void finish_with_result(struct lua_call *c, int results)
{
    bool registered = c->request.action == LUA_REGISTER;
    size_t most = registered ? LUA_REGISTERED_MAX : LUA_HANDLE_MAX;
    struct err err = ERR_INIT;
    struct str handle = STR("");
    int type = results > 0 ? lua_type(c->co, -results) : LUA_TNIL;
    char number[64];
    if (type == LUA_TSTRING) {
        handle.p = lua_tolstring(c->co, -results, &handle.n);
    } else if (type == LUA_TNUMBER) {
        if (lua_isinteger(c->co, -results))
            snprintf(number, sizeof number, "%lld", (long long)lua_tointeger(c->co, -results));
        else
            snprintf(number, sizeof number, "%.17g", lua_tonumber(c->co, -results));
        handle = str_c(number);
    }
    if (c->sandbox.fatal.code != 0)
        err = c->sandbox.fatal;
    else if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TNIL)
        err_set(&err, ERR_FAILED, "present() gave a %s; a handle is a text", lua_typename(c->co, type));
    else if (handle.n > most || memchr(handle.p, '\0', handle.n) != NULL)
        err_set(&err, ERR_LIMIT,
            registered ? "register() gave settings of %zu octets; %zu are taken"
                       : "present() gave a handle of %zu octets; %zu are kept",
            handle.n, most);
    if (err.code != 0)
        finish(c, "", &err);
    else
        finish(c, arena_dup(c->arena, handle), NULL);
}

static void run(struct lua_call *c, int arguments)
{
    int results = 0;
    sandbox_rearm(&c->sandbox);
    int status = lua_resume(c->co, NULL, arguments, &results);
    if (status == LUA_OK)
        finish_with_result(c, results);
    else if (status != LUA_YIELD)
        finish_with_error(c);
}

void lua_call_wake(struct lua_call *c)
{
    run(c, 0);
}

struct lua_call *lua_call_of(lua_State *L)
{
    struct lua_call *c = sandbox_of(L)->owner;
    if (c == NULL)
        luaL_error(L, "only present(), cleanup() and what they use may do that, not the file itself");
    return c;
}

struct lua_call *lua_call_may_wait(lua_State *L)
{
    struct lua_call *c = lua_call_of(L);
    if (!lua_isyieldable(L))
        luaL_error(L, "this cannot be done within table.sort, string.gsub and problem()");
    return c;
}

int lua_call_wait(lua_State *L, struct lua_op *op, lua_KFunction k)
{
    struct lua_call *c = lua_call_of(L);
    if (c->op != NULL)
        c->op->drop(c->op);
    c->op = op;
    return lua_yieldk(L, 0, (lua_KContext)op, k);
}

/* --- the beginning of a call --- */

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void push_request(lua_State *L, const struct lua_call *c)
{
    const struct lua_entry *e = c->entry;
    lua_newtable(L);
    set_text(L, "name", c->request.name);
    set_text(L, "value", c->request.value);
    set_text(L, "handle", c->request.handle);
    set_text(L, "identifier", c->request.identifier);
    set_text(L, "token", c->request.token);
    set_text(L, "key_authorization", c->request.key_authorization);
    lua_push_json(L, e->settings);
    lua_setfield(L, -2, "settings");
    lua_newtable(L);
    for (size_t i = 0; i < e->info.endpoint_n; i++)
        set_text(L, e->info.endpoints[i].name, e->urls[i]);
    lua_getfield(L, -1, "endpoint");
    lua_setfield(L, -3, "endpoint");
    lua_setfield(L, -2, "endpoints");
}

/* In protected mode: (call, the provider's file as a function) -> the coroutine, ready to go. */
static int prepare(lua_State *L)
{
    struct lua_call *c = lua_touserdata(L, 1);
    c->co = lua_newthread(L);
    if (luaL_loadbufferx(L, lua_text_driver, strlen(lua_text_driver), "=evercert", "t") != LUA_OK)
        return lua_error(L);
    lua_push_host(L);
    lua_pushvalue(L, 2);
    static const char *const actions[] = {"present", "cleanup", "register"};
    lua_pushstring(L, actions[c->request.action]);
    push_request(L, c);
    lua_xmove(L, c->co, 5);
    return 1;
}

static void begin(struct lua_call *c)
{
    struct lua_entry *e = c->entry;
    struct err err = ERR_INIT;
    struct timeval tv = {e->host->times.call_ms / 1000, e->host->times.call_ms % 1000 * 1000};
    c->running = true;
    c->started_ms = clock_mono(&system_clock).ms;
    e->running++;
    c->deadline = evtimer_new(e->host->base, on_deadline, c);
    if (c->deadline == NULL || event_add(c->deadline, &tv) < 0)
        abort();
    int r = sandbox_open(&c->sandbox, &lua_provider_use, c, e->file, e->text, &err);
    if (r == 0) {
        lua_State *L = c->sandbox.L;
        lua_pushcfunction(L, prepare);
        lua_pushlightuserdata(L, c);
        lua_rotate(L, -3, 2); /* the file's function to the end */
        if (lua_pcall(L, 2, 1, 0) == LUA_OK) {
            run(c, 4);
            return;
        }
        sandbox_error(&c->sandbox, L, &err);
    }
    finish(c, "", &err);
}

static bool may_begin(const struct lua_call *c)
{
    const struct lua_entry *e = c->entry;
    if (c->running || e->running >= e->info.concurrency)
        return false;
    for (const struct lua_call *o = e->calls; e->info.serial && o != NULL; o = o->next)
        if (o->running && strcmp(o->request.name, c->request.name) == 0)
            return false;
    return true;
}

/* One after the other: a call that ends at once may end the entry as well. */
static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct lua_entry *e = arg;
    (void)fd, (void)what;
    for (struct lua_call *c = e->calls; c != NULL; c = c->next)
        if (may_begin(c)) {
            event_active(e->kick, EV_TIMEOUT, 0);
            begin(c);
            return;
        }
}

static const char *copy(struct arena *a, const char *text)
{
    return arena_dup_c(a, text != NULL ? text : "");
}

struct lua_call *lua_call_start(struct lua_entry *e, const struct lua_request *r, lua_done_fn *fn, void *arg)
{
    struct lua_call *c = calloc(1, sizeof *c), **last = &e->calls;
    if (c == NULL)
        abort();
    struct arena *a = c->arena = arena_new();
    c->entry = e;
    c->request = (struct lua_request){r->action, copy(a, r->name), copy(a, r->value), copy(a, r->handle),
        copy(a, r->identifier), copy(a, r->token), copy(a, r->key_authorization)};
    c->fn = fn;
    c->arg = arg;
    c->zone = "";
    while (*last != NULL)
        last = &(*last)->next;
    *last = c;
    event_active(e->kick, EV_TIMEOUT, 0);
    return c;
}

bool lua_entry_open(struct lua_entry *e)
{
    e->kick = event_new(e->host->base, -1, 0, on_kick, e);
    return e->kick != NULL;
}

void lua_entry_close(struct lua_entry *e)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "cancelled");
    while (e->calls != NULL)
        finish_of(e, e->calls, "", &err);
    if (e->kick != NULL)
        event_free(e->kick);
    if (e->loop_open)
        curl_loop_close(&e->loop);
}
