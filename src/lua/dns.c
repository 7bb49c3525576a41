/* Questions to the DNS and dynamic updates. */
#include "dns/client.h"
#include "dns/lookup.h"
#include "dns/update.h"
#include "lua/internal.h"

#include <stdlib.h>

struct asking {
    struct lua_op op;
    struct lua_call *call;
    struct dns_question *question;
    struct lookup_query *query;
    struct dns_update *update;
    struct arena *arena;
    const char **texts;
    size_t n;
    struct err err;
};

static void drop_asking(struct lua_op *op)
{
    struct asking *a = (struct asking *)(void *)op; /* its first member */
    dns_cancel(a->question);
    lookup_cancel(a->query);
    if (a->update != NULL)
        dns_update_cancel(a->update);
    arena_free(a->arena);
    free(a);
}

static struct asking *asking_new(struct lua_call *c, const char *what, const char *name)
{
    struct asking *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->op.drop = drop_asking;
    a->call = c;
    a->arena = arena_new();
    snprintf(a->op.what, sizeof a->op.what, "%s %s", what, name);
    return a;
}

/* -> a list of texts */
static int give_list(lua_State *L, int status, lua_KContext ctx)
{
    const struct asking *a = (const struct asking *)ctx;
    (void)status;
    if (a->err.code != 0)
        return lua_raise(L, &a->err);
    lua_createtable(L, (int)a->n, 0);
    for (size_t i = 0; i < a->n; i++) {
        lua_pushstring(L, a->texts[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int give_first(lua_State *L, int status, lua_KContext ctx)
{
    const struct asking *a = (const struct asking *)ctx;
    (void)status;
    if (a->err.code != 0)
        return lua_raise(L, &a->err);
    lua_pushstring(L, a->n > 0 ? a->texts[0] : "");
    return 1;
}

/* --- records --- */

static void on_answer(const struct dns_answer *answer, void *arg)
{
    struct asking *a = arg;
    a->question = NULL;
    if (answer->state == DNS_FAILED || answer->state == DNS_BOGUS) {
        a->err = answer->err;
    } else if (answer->state == DNS_FOUND) {
        a->texts = arena_array(a->arena, answer->n, sizeof *a->texts);
        for (size_t i = 0; i < answer->n; i++)
            a->texts[a->n++] = arena_dup(a->arena, answer->records[i].text);
    }
    lua_call_wake(a->call);
}

static int ask(lua_State *L, enum dns_type type, const char *what)
{
    struct lua_call *c = lua_call_may_wait(L);
    const char *name = luaL_checkstring(L, 1);
    struct asking *a = asking_new(c, what, name);
    a->question = dns_ask(c->entry->host->dns, name, type, on_answer, a);
    return lua_call_wait(L, &a->op, give_list);
}

static int ask_txt(lua_State *L)
{
    return ask(L, DNS_TXT, "the look-up of TXT records of");
}

static int ask_ns(lua_State *L)
{
    return ask(L, DNS_NS, "the look-up of NS records of");
}

static int ask_cname(lua_State *L)
{
    return ask(L, DNS_CNAME, "the look-up of the CNAME record of");
}

static int ask_soa(lua_State *L)
{
    return ask(L, DNS_SOA, "the look-up of the SOA record of");
}

/* --- zones --- */

static void on_place(const struct dns_place *p, const struct err *err, void *arg)
{
    struct asking *a = arg;
    a->question = NULL;
    if (p == NULL) {
        a->err = *err;
    } else {
        a->texts = arena_array(a->arena, 1, sizeof *a->texts);
        a->texts[a->n++] = arena_dup_c(a->arena, p->zone);
    }
    lua_call_wake(a->call);
}

int lua_locate(lua_State *L)
{
    struct lua_call *c = lua_call_may_wait(L);
    const char *name = luaL_checkstring(L, 1);
    struct asking *a = asking_new(c, "the search for the zone of", name);
    a->question = dns_locate(c->entry->host->dns, name, on_place, a);
    return lua_call_wait(L, &a->op, give_first);
}

/* --- addresses --- */

static void on_addresses(const struct lookup_result *r, void *arg)
{
    struct asking *a = arg;
    a->query = NULL;
    a->texts = arena_array(a->arena, r->n, sizeof *a->texts);
    for (size_t i = 0; i < r->n; i++)
        a->texts[a->n++] = arena_dup_c(a->arena, r->addresses[i].text);
    if (r->n == 0)
        lookup_error(r, &a->err);
    lua_call_wake(a->call);
}

static int addresses(lua_State *L)
{
    struct lua_call *c = lua_call_may_wait(L);
    const char *host = luaL_checkstring(L, 1);
    struct asking *a = asking_new(c, "the look-up of addresses of", host);
    a->query = lookup_addresses(c->entry->host->lookup, host, on_addresses, a);
    return lua_call_wait(L, &a->op, give_list);
}

/* --- updates --- */

static void on_update(const struct err *err, void *arg)
{
    struct asking *a = arg;
    a->update = NULL;
    if (err != NULL)
        a->err = *err;
    lua_call_wake(a->call);
}

static int give_nothing(lua_State *L, int status, lua_KContext ctx)
{
    const struct asking *a = (const struct asking *)ctx;
    (void)status;
    return a->err.code != 0 ? lua_raise(L, &a->err) : 0;
}

/* A text, which stays on the stack: the table may have made it just now, and keep it nowhere. "" where it is
 * absent. */
static const char *option(lua_State *L, const char *name)
{
    int type = lua_getfield(L, 1, name);
    if (type != LUA_TSTRING && type != LUA_TNIL)
        luaL_error(L, "'%s' has to be a text", name);
    return type == LUA_TSTRING ? lua_tostring(L, -1) : "";
}

static size_t list_option(lua_State *L, const char *name, const char *out[DNS_UPDATE_VALUES_MAX])
{
    size_t n = 0;
    if (lua_getfield(L, 1, name) == LUA_TNIL)
        return 0;
    int list = lua_gettop(L);
    luaL_argcheck(L, lua_istable(L, list), 1, "add and remove are lists of texts");
    for (n = 0; lua_rawgeti(L, list, (lua_Integer)n + 1) == LUA_TSTRING; n++) {
        luaL_argcheck(L, n < DNS_UPDATE_VALUES_MAX, 1, "too many values for one update");
        out[n] = lua_tostring(L, -1);
    }
    luaL_argcheck(L, lua_isnil(L, -1), 1, "add and remove are lists of texts");
    return n;
}

static int update(lua_State *L)
{
    struct lua_call *c = lua_call_may_wait(L);
    const char *add[DNS_UPDATE_VALUES_MAX], *remove_[DNS_UPDATE_VALUES_MAX];
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstack(L, 2 * DNS_UPDATE_VALUES_MAX + LUA_MINSTACK, "an update");
    struct dns_update_spec spec = {.server = option(L, "server"),
        .zone = option(L, "zone"),
        .name = option(L, "name"),
        .key_name = option(L, "key_name"),
        .key_algorithm = option(L, "key_algorithm"),
        .key_secret = option(L, "key_secret"),
        .add = add,
        .remove = remove_};
    lua_getfield(L, 1, "ttl");
    spec.ttl = (uint32_t)luaL_optinteger(L, -1, 60);
    spec.add_n = list_option(L, "add", add);
    spec.remove_n = list_option(L, "remove", remove_);
    lua_call_hide(c, str_c(spec.key_secret));
    struct asking *a = asking_new(c, "the update at", spec.server);
    struct err err = ERR_INIT;
    if (dns_update_start(c->entry->host->base, &spec, on_update, a, &a->update, &err) < 0) {
        drop_asking(&a->op);
        return lua_raise(L, &err);
    }
    return lua_call_wait(L, &a->op, give_nothing);
}

void lua_open_dns(lua_State *L)
{
    static const luaL_Reg functions[] = {{"txt", ask_txt}, {"ns", ask_ns}, {"cname", ask_cname},
        {"soa", ask_soa}, {"addresses", addresses}, {"update", update}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setglobal(L, "dns");
}
