/* The module `http`: options to a request, an answer to values, and what went wrong in words. */
#include "lua/http.h"

#include "base/text.h"
#include "base/time.h"

#include <ctype.h>
#include <string.h>

enum {
    SAID_MAX = 300,     /* octets of what a provider says that are shown */
    LOCATION_MAX = 200, /* and of where a redirect leads to */
    SAID_READ_MAX = 16 * 1024,
};
enum mode { MODE_REQUEST, MODE_JSON, MODE_XML };

/* Keys of the registry. */
#define QUERY   "evercert.query"
#define PROBLEM "evercert.problem"

/* --- options to a request; 1 is their table --- */

struct request {
    struct lua_exchange *x;
    struct lua_call *call;
    enum mode mode;
    bool accept_given;
};

static void check(lua_State *L, int r, const struct err *err)
{
    if (r < 0)
        lua_raise(L, err);
}

static void field(lua_State *L, struct request *r, const char *name, const char *value)
{
    struct err err = ERR_INIT;
    check(L, lua_exchange_field(r->x, name, value, &err), &err);
}

/* The table at the top as a=b&c=d, in its place. */
static struct str query_text(lua_State *L)
{
    luaL_argcheck(L, lua_istable(L, -1), 1, "query and form are tables");
    lua_getfield(L, LUA_REGISTRYINDEX, QUERY);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    struct str s;
    s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

static void take_target(lua_State *L, struct request *r, const char *method)
{
    struct err err = ERR_INIT;
    struct str url = lua_field_str(L, 1, "url"), given = lua_field_str(L, 1, "method");
    if (url.p == NULL) {
        luaL_error(L, "a request without a url");
        return;
    }
    if (method == NULL)
        method = given.p != NULL ? given.p : "GET";
    if (lua_getfield(L, 1, "query") != LUA_TNIL) {
        struct str query = query_text(L);
        if (query.n > 0) {
            lua_pushfstring(L, "%s%s%s", url.p, strchr(url.p, '?') != NULL ? "&" : "?", query.p);
            url = str_c(lua_tostring(L, -1));
        }
    }
    check(L, lua_exchange_target(r->x, method, url.p, &err), &err);
    lua_settop(L, 2);
}

static void take_headers(lua_State *L, struct request *r)
{
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        luaL_argcheck(L, lua_istable(L, -1), 1, "headers is a table");
        for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
            luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, 1, "a header's name is a text");
            const char *name = lua_tostring(L, -2);
            field(L, r, name, luaL_tolstring(L, -1, NULL));
            lua_pop(L, 1);
            r->accept_given = r->accept_given || strcasecmp(name, "accept") == 0;
        }
    }
    lua_settop(L, 2);
}

static void take_authorization(lua_State *L, struct request *r)
{
    struct str bearer = lua_field_str(L, 1, "bearer");
    if (bearer.p != NULL) {
        lua_call_hide(r->call, bearer);
        field(L, r, "Authorization", lua_pushfstring(L, "Bearer %s", bearer.p));
    }
    if (lua_getfield(L, 1, "basic") != LUA_TNIL) {
        luaL_argcheck(L, lua_istable(L, -1), 1, "basic is {user, password}");
        int at = lua_gettop(L);
        lua_rawgeti(L, at, 1);
        lua_rawgeti(L, at, 2);
        lua_call_hide(r->call, str_c(luaL_checkstring(L, at + 2)));
        lua_pushcfunction(L, lua_base64_encode);
        lua_pushfstring(L, "%s:%s", luaL_checkstring(L, at + 1), luaL_checkstring(L, at + 2));
        lua_call(L, 1, 1);
        lua_call_hide(r->call, str_c(lua_tostring(L, -1)));
        field(L, r, "Authorization", lua_pushfstring(L, "Basic %s", lua_tostring(L, -1)));
    }
    lua_settop(L, 2);
}

static int put_octets(const char *p, size_t n, void *out)
{
    buf_put(out, p, n);
    return 0;
}

static void take_body(lua_State *L, struct request *r)
{
    const char *type = NULL, *why = NULL;
    struct str body = lua_field_str(L, 1, "body");
    if (body.p != NULL) {
        buf_put_str(&r->x->send, body);
        type = "application/octet-stream";
    }
    if (lua_getfield(L, 1, "json") != LUA_TNIL) {
        json_t *value = lua_to_json(L, -1, &why);
        if (value == NULL)
            luaL_error(L, "json: %s", why);
        json_dump_callback(value, put_octets, &r->x->send, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        json_decref(value);
        type = "application/json";
    }
    if (lua_getfield(L, 1, "form") != LUA_TNIL) {
        buf_put_str(&r->x->send, query_text(L));
        type = "application/x-www-form-urlencoded";
    }
    if (type != NULL && !r->x->typed)
        field(L, r, "Content-Type", type);
    lua_settop(L, 2);
}

/* --- what the answer says --- */

/* A text at the top, or the first of the usual members of the object there. */
static bool push_usual(lua_State *L, int depth)
{
    static const char *const members[] = {"message", "error_description", "detail", "error", "errors", "msg",
        "description", "title", "reason", "code"};
    if (lua_type(L, -1) == LUA_TSTRING)
        return true;
    if (!lua_istable(L, -1) || depth > 3)
        return false;
    int top = lua_gettop(L);
    lua_rawgeti(L, top, 1);
    if (push_usual(L, depth + 1))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        lua_settop(L, top);
        lua_pushstring(L, members[i]);
        lua_rawget(L, top);
        if (push_usual(L, depth + 1))
            return true;
    }
    lua_settop(L, top);
    return false;
}

/* The provider's own problem(json, response); false where it has none, or has nothing to say. What it raises
 * on purpose (refused, later) is raised. */
static bool push_own(lua_State *L, int json, int response)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, PROBLEM) != LUA_TFUNCTION)
        return false;
    lua_pushvalue(L, json);
    lua_pushvalue(L, response);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        if (lua_err_at(L, -1) != NULL || sandbox_of(L)->fatal.code != 0)
            lua_error(L);
        return false; /* an answer that it did not foresee */
    }
    return lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0;
}

/* The title of a page for people. */
static struct str title_of(struct str body)
{
    const char *from = memmem(body.p, body.n, "<title>", 7), *to = NULL;
    if (from != NULL)
        to = memmem(from, body.n - (size_t)(from - body.p), "</title>", 8);
    if (to == NULL)
        return STR("a page for people");
    return str_trim((struct str){from + 7, (size_t)(to - from) - 7});
}

static bool is_page(const struct lua_exchange *x)
{
    struct str type = STR(""), body = str_trim(buf_str(&x->body));
    (void)lua_exchange_header(x, "Content-Type", &type);
    return str_starts(type, STR("text/html")) || str_starts(body, STR("<!")) ||
           str_starts(body, STR("<html"));
}

/* In words of the provider: without secrets, in one line, cut. */
static const char *said(lua_State *L, const struct lua_exchange *x, int json, int response)
{
    int top = lua_gettop(L);
    struct str text = {NULL, 0};
    if (push_own(L, json, response) || (lua_pushvalue(L, json), push_usual(L, 0)))
        text.p = lua_tolstring(L, -1, &text.n);
    else if (x->body.n > 0)
        text = is_page(x) ? title_of(buf_str(&x->body)) : str_trim(buf_str(&x->body));
    struct buf *clean = lua_guard_buf(L, 2 * SAID_MAX), *open = lua_guard_buf(L, LUA_ANSWER_MAX);
    lua_call_redact(x->call, (struct str){text.p, text.n < SAID_READ_MAX ? text.n : SAID_READ_MAX}, open);
    text_clean(clean, buf_str(open), SAID_MAX);
    lua_pushstring(L, buf_c(clean));
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return lua_tostring(L, -1);
}

static int code_of(unsigned status)
{
    return status == 401 || status == 403 ? ERR_REFUSED
           : status == 404                ? ERR_NOT_FOUND
           : status == 429                ? ERR_WAIT
           : status >= 500                ? ERR_NETWORK
                                          : ERR_FAILED;
}

static int raise_status(lua_State *L, const struct lua_exchange *x, int json, int response)
{
    struct err err = ERR_INIT;
    int64_t after = lua_exchange_retry_after(x);
    struct str location, query;
    if (x->status >= 300 && x->status < 400 && lua_exchange_header(x, "Location", &location)) {
        str_cut(location, '?', &location, &query);
        err_set(&err, ERR_FAILED, "%s: status %u, a redirect to %.*s; not followed", x->shown, x->status,
            (int)(location.n < LOCATION_MAX ? location.n : LOCATION_MAX), location.p);
        return lua_raise(L, &err);
    }
    const char *words = said(L, x, json, response);
    err_set(&err, code_of(x->status), "%s: status %u%s%s", x->shown, x->status, words[0] != '\0' ? ": " : "",
        words);
    if (after >= 0 || x->status == 429)
        err.retry_at_s = clock_wall(&system_clock).s + (after >= 0 ? after : 60);
    return lua_raise(L, &err);
}

/* --- an answer to values --- */

static void push_headers(lua_State *L, const struct lua_exchange *x)
{
    struct str rest = buf_str(&x->head), line, name, value;
    lua_newtable(L);
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        if (!str_cut(line, ':', &name, &value) || name.n == 0 || name.n > 256)
            continue;
        char lower[256];
        for (size_t i = 0; i < name.n; i++)
            lower[i] = (char)tolower((unsigned char)name.p[i]);
        value = str_trim(value);
        lua_pushlstring(L, lower, name.n);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TSTRING) { /* several of a name are one, with commas (RFC 9110 5.3) */
            lua_pushliteral(L, ", ");
            lua_push_str(L, value);
            lua_concat(L, 3);
        } else {
            lua_pop(L, 1);
            lua_push_str(L, value);
        }
        lua_rawset(L, -3);
    }
}

static void push_response(lua_State *L, const struct lua_exchange *x)
{
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)x->status);
    lua_setfield(L, -2, "status");
    push_headers(L, x);
    lua_setfield(L, -2, "headers");
    lua_push_str(L, buf_str(&x->body));
    lua_setfield(L, -2, "body");
}

static void release_json(void *p)
{
    json_decref(p);
}

/* Pushes the body as a value: nil for an empty one. False, and nil, for one that is no JSON. */
static bool push_decoded(lua_State *L, const struct lua_exchange *x, struct err *err)
{
    void **guard = lua_guard(L, release_json);
    int at = lua_gettop(L);
    bool good = true;
    sandbox_charge(L, x->body.n);
    if (str_trim(buf_str(&x->body)).n == 0) {
        lua_pushnil(L);
    } else if ((*guard = lua_parse_json(buf_str(&x->body), err)) == NULL) {
        lua_pushnil(L);
        good = false;
    } else {
        lua_push_json(L, *guard);
    }
    lua_guard_free(guard);
    lua_remove(L, at);
    return good;
}

static bool is_accepted(lua_State *L, const struct lua_exchange *x)
{
    bool accepted = x->status >= 200 && x->status < 300;
    if (lua_getfield(L, 1, "accept") == LUA_TTABLE)
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TNUMBER; i++, lua_pop(L, 1))
            accepted = accepted || lua_tointeger(L, -1) == (lua_Integer)x->status;
    lua_settop(L, 2);
    return accepted;
}

static int decode_xml(lua_State *L)
{
    lua_decode_xml(L, lua_check_str(L, 1));
    return 1;
}

/* Pushes the body as a node, or nil where there is none. What is no XML is said with the request it answers.
 */
static void push_xml(lua_State *L, const struct lua_exchange *x)
{
    if (x->body.n == 0) {
        lua_pushnil(L);
        return;
    }
    lua_pushcfunction(L, decode_xml);
    lua_push_str(L, buf_str(&x->body));
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return;
    const struct err *e = lua_err_at(L, -1);
    if (e == NULL || sandbox_of(L)->fatal.code != 0)
        lua_error(L);
    lua_raisef(L, ERR_NETWORK, "%s: status %u, but the answer is %s", x->shown, x->status,
        is_page(x) ? "a page for people" : e->text);
}

/* `missing = true`: 404 is an answer as well. */
static bool may_be_missing(lua_State *L)
{
    bool may = lua_getfield(L, 1, "missing") != LUA_TNIL && lua_toboolean(L, -1);
    lua_settop(L, 2);
    return may;
}

/* -> decoded body, response. The stack has options and mode. */
static int give_decoded(lua_State *L, const struct lua_exchange *x, enum mode mode)
{
    struct err err = ERR_INIT;
    bool accepted = is_accepted(L, x), good = x->status >= 200 && x->status < 300;
    bool may_miss = may_be_missing(L);
    push_response(L, x); /* 3 */
    if (may_miss && x->status == 404) {
        lua_pushnil(L);
    } else if (accepted && mode == MODE_XML) {
        if (good)
            push_xml(L, x);
        else
            lua_pushnil(L);
    } else {
        bool decoded = push_decoded(L, x, &err); /* 4 */
        if (!accepted)
            return raise_status(L, x, 4, 3);
        if (!decoded && good) {
            lua_pushnil(L);
            const char *words = said(L, x, 5, 3);
            return lua_raisef(L, ERR_NETWORK, "%s: status %u, but the answer is %s: %s", x->shown, x->status,
                is_page(x) ? "a page for people" : err.text, words);
        }
    }
    if (may_miss && good && lua_isnil(L, -1)) { /* nothing to say is not the same as nothing there */
        lua_newtable(L);
        lua_replace(L, -2);
    }
    lua_pushvalue(L, 3);
    return 2;
}

static int after_exchange(lua_State *L, int status, lua_KContext ctx)
{
    struct lua_exchange *x = (struct lua_exchange *)ctx;
    enum mode mode = (enum mode)lua_tointeger(L, 2);
    (void)status;
    if (x->err.code != 0)
        return lua_raise(L, &x->err);
    x->op.answered = true;
    if (mode == MODE_REQUEST) {
        push_response(L, x);
        return 1;
    }
    return give_decoded(L, x, mode);
}

/* --- functions --- */

static int exchange(lua_State *L, enum mode mode, const char *method)
{
    static const char *const accepts[] = {"*/*", "application/json", "application/xml, text/xml"};
    struct err err = ERR_INIT;
    struct request r = {.call = lua_call_may_wait(L), .mode = mode};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushinteger(L, mode);
    if (r.call->requests >= LUA_REQUESTS_MAX)
        return lua_fatal(L, ERR_LIMIT, "more than %d requests in one call", (int)LUA_REQUESTS_MAX);
    r.x = lua_exchange_new(r.call);
    if (r.call->op != NULL)
        r.call->op->drop(r.call->op);
    r.call->op = &r.x->op; /* from here on nothing is lost where an error is raised */
    take_target(L, &r, method);
    take_headers(L, &r);
    take_authorization(L, &r);
    take_body(L, &r);
    if (!r.accept_given)
        field(L, &r, "Accept", accepts[mode]);
    check(L, lua_exchange_start(r.x, &err), &err);
    return lua_yieldk(L, 0, (lua_KContext)&r.x->op, after_exchange);
}

static int request(lua_State *L)
{
    return exchange(L, MODE_REQUEST, NULL);
}

static int json(lua_State *L)
{
    return exchange(L, MODE_JSON, NULL);
}

static int xml(lua_State *L)
{
    return exchange(L, MODE_XML, NULL);
}

/* http.get(url, options): a copy of the options with the url. */
static int by_method(lua_State *L)
{
    luaL_checkstring(L, 1);
    luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "table");
    lua_settop(L, 2);
    lua_newtable(L);
    if (lua_istable(L, 2))
        for (lua_pushnil(L); lua_next(L, 2) != 0;) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, 3);
        }
    lua_pushvalue(L, 1);
    lua_setfield(L, 3, "url");
    lua_replace(L, 1);
    lua_settop(L, 1);
    return exchange(L, MODE_JSON, lua_tostring(L, lua_upvalueindex(1)));
}

/* Of driver.lua: how this provider's errors are read. */
int lua_set_problem(lua_State *L)
{
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, PROBLEM);
    return 0;
}

void lua_open_http(lua_State *L)
{
    static const luaL_Reg functions[] = {{"request", request}, {"json", json}, {"xml", xml}, {NULL, NULL}};
    static const char *const methods[][2] = {
        {"get", "GET"}, {"post", "POST"}, {"put", "PUT"}, {"patch", "PATCH"}, {"delete", "DELETE"}};
    luaL_newlib(L, functions);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        lua_pushstring(L, methods[i][1]);
        lua_pushcclosure(L, by_method, 1);
        lua_setfield(L, -2, methods[i][0]);
    }
    lua_setglobal(L, "http");
}

void lua_keep_query(lua_State *L)
{
    lua_getglobal(L, "url");
    lua_getfield(L, -1, "query");
    lua_setfield(L, LUA_REGISTRYINDEX, QUERY);
    lua_pop(L, 1);
}
