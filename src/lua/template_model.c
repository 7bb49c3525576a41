/* Containers and certificates as tables. */
#include "base/text.h"
#include "base/time.h"
#include "lua/template_priv.h"

#include <string.h>

#define PAIRS_TYPE "evercert.pairs"

static void put_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value != NULL ? value : "");
    lua_setfield(L, -2, name);
}

static void put_number(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void put_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* Pushes a list with room for n. */
static void push_list(lua_State *L, size_t n)
{
    lua_createtable(L, (int)n, 0);
    lua_set_array(L);
}

/* --- labels and variables: looked up where they are, so that only those that are used take memory --- */

/* Sorted by name (strcmp). */
struct pairs {
    const struct pair *list;
    size_t n;
};

/* The address of this is the name of a table in the registry: from a table of labels to its struct pairs. */
static const char sources;

static const struct pairs *pairs_of(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &sources);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    const struct pairs *p = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return p;
}

static const char *look_up(const struct pairs *p, const char *name)
{
    size_t from = 0, to = p->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(p->list[middle].name, name);
        if (order == 0)
            return p->list[middle].value;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static int index_pairs(lua_State *L)
{
    const struct pairs *p = pairs_of(L, 1);
    lua_pushstring(L, p != NULL && lua_type(L, 2) == LUA_TSTRING ? look_up(p, lua_tostring(L, 2)) : NULL);
    return 1;
}

static void put_pairs(lua_State *L, const char *name, const struct pair *list, size_t n)
{
    lua_newtable(L);
    luaL_setmetatable(L, PAIRS_TYPE);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &sources);
    lua_pushvalue(L, -2);
    struct pairs *p = lua_newuserdatauv(L, sizeof *p, 0);
    *p = (struct pairs){list, n};
    lua_rawset(L, -3);
    lua_pop(L, 1);
    lua_setfield(L, -2, name);
}

void template_force(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    const struct pairs *p = lua_istable(L, index) ? pairs_of(L, index) : NULL;
    if (p == NULL)
        return;
    sandbox_charge(L, p->n);
    lua_pushnil(L);
    lua_setmetatable(L, index);
    for (size_t i = 0; i < p->n; i++) {
        if (lua_getfield(L, index, p->list[i].name) == LUA_TNIL) { /* what the template has put there stays */
            lua_pushstring(L, p->list[i].value);
            lua_setfield(L, index, p->list[i].name);
        }
        lua_pop(L, 1);
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &sources);
    lua_pushvalue(L, index);
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void force_all(lua_State *L, int index, int depth)
{
    if (!lua_istable(L, index) || depth > LUA_DEPTH_MAX)
        return;
    luaL_checkstack(L, 8, "a table");
    template_force(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        sandbox_charge(L, 1);
        force_all(L, lua_gettop(L), depth + 1);
    }
}

void template_force_all(lua_State *L, int index)
{
    force_all(L, lua_absindex(L, index), 0);
}

/* --- containers --- */

static void put_networks(lua_State *L, const struct container *c)
{
    push_list(L, c->network_n);
    for (size_t i = 0; i < c->network_n; i++) {
        const struct container_network *n = &c->networks[i];
        lua_createtable(L, 0, 5);
        put_text(L, "name", n->name);
        put_text(L, "ip", n->ip);
        put_text(L, "ip6", n->ip6);
        put_text(L, "gateway", n->gateway);
        push_list(L, n->alias_n);
        for (size_t j = 0; j < n->alias_n; j++) {
            lua_pushstring(L, n->aliases[j]);
            lua_rawseti(L, -2, (lua_Integer)j + 1);
        }
        lua_setfield(L, -2, "aliases");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "networks");
}

static void put_ports(lua_State *L, const struct container *c)
{
    push_list(L, c->port_n);
    for (size_t i = 0; i < c->port_n; i++) {
        const struct container_port *p = &c->ports[i];
        lua_createtable(L, 0, 4);
        put_number(L, "port", p->port);
        put_text(L, "protocol", p->protocol);
        put_text(L, "host_address", p->host_address);
        if (p->host_port != 0)
            put_number(L, "host_port", p->host_port);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "ports");
}

static void put_mounts(lua_State *L, const struct container *c)
{
    push_list(L, c->mount_n);
    for (size_t i = 0; i < c->mount_n; i++) {
        const struct container_mount *m = &c->mounts[i];
        lua_createtable(L, 0, 5);
        put_text(L, "type", m->type);
        put_text(L, "source", m->source);
        put_text(L, "destination", m->destination);
        put_text(L, "name", m->name);
        put_flag(L, "writable", m->writable);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "mounts");
}

static void push_container(lua_State *L, const struct container *c)
{
    lua_createtable(L, 0, 24);
    put_text(L, "engine", c->engine);
    put_text(L, "id", c->id);
    put_text(L, "name", c->name);
    put_text(L, "image", c->image);
    put_text(L, "hostname", c->hostname);
    put_text(L, "project", c->project);
    put_text(L, "service", c->service_name);
    put_flag(L, "is_service", c->service);
    put_text(L, "state", c->state);
    put_flag(L, "running", strcmp(c->state, "running") == 0);
    put_text(L, "health", c->health);
    put_text(L, "network_mode", c->network_mode);
    if (c->created_s != 0)
        put_number(L, "created", c->created_s);
    if (c->started_s != 0)
        put_number(L, "started", c->started_s);
    put_number(L, "restarts", c->restarts);
    put_pairs(L, "labels", c->labels, c->label_n);
    put_pairs(L, "env", c->env, c->env_n);
    put_networks(L, c);
    put_ports(L, c);
    put_mounts(L, c);
}

/* --- certificates --- */

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static void put_time(lua_State *L, const json_t *row, const char *name)
{
    struct wall t;
    if (wall_parse_rfc3339(str_c(text_of(row, name)), &t) == 0)
        put_number(L, name, t.s);
}

/* The files in live/NAME, or "" where there are none. */
static void put_files(lua_State *L, const char *dir)
{
    static const char *const files[] = {"fullchain", "privkey", "chain", "cert", "combined"};
    put_text(L, "dir", dir);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (dir[0] != '\0')
            lua_pushfstring(L, "%s/%s.pem", dir, files[i]);
        else
            lua_pushliteral(L, "");
        lua_setfield(L, -2, files[i]);
    }
    put_flag(L, "ready", dir[0] != '\0');
}

/* Both certificates of a wish with two key types lie beside each other. */
static void put_variants(lua_State *L, const json_t *row, const char *dir)
{
    const json_t *one, *variants = json_object_get(row, "variants");
    const char *slash = strrchr(dir, '/');
    size_t i;
    push_list(L, json_array_size(variants));
    json_array_foreach(variants, i, one)
    {
        bool there = text_of(one, "fingerprint")[0] != '\0' && slash != NULL;
        lua_createtable(L, 0, 12);
        put_text(L, "name", text_of(one, "name"));
        put_text(L, "key_type", text_of(one, "key_type"));
        put_text(L, "state", text_of(one, "state"));
        put_time(L, one, "not_after");
        lua_pushlstring(L, dir, there ? (size_t)(slash - dir) + 1 : 0);
        lua_pushstring(L, there ? text_of(one, "name") : "");
        lua_concat(L, 2);
        lua_insert(L, -2); /* kept below, as long as its text is used */
        put_files(L, lua_tostring(L, -2));
        lua_remove(L, -2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "variants");
}

static void push_certificate(lua_State *L, const json_t *row)
{
    static const char *const texts[] = {"name", "state", "source", "authority", "challenge", "key_type",
        "profile", "fingerprint", "serial", "issuer", "last_error"};
    static const char *const times[] = {"not_before", "not_after", "next_renewal"};
    const json_t *domain, *domains = json_object_get(row, "domains");
    const char *dir = text_of(row, "live");
    size_t i;
    lua_createtable(L, 0, 32);
    for (i = 0; i < ARRAY_LEN(texts); i++)
        put_text(L, texts[i], text_of(row, texts[i]));
    for (i = 0; i < ARRAY_LEN(times); i++)
        put_time(L, row, times[i]);
    put_number(L, "generation", json_integer_value(json_object_get(row, "generation")));
    push_list(L, json_array_size(domains));
    json_array_foreach(domains, i, domain)
    {
        const char *text = json_string_value(domain);
        lua_pushstring(L, text != NULL ? text : "");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "domains");
    put_files(L, dir);
    put_variants(L, row, dir);
}

static void release(void *p)
{
    json_decref(p);
}

/* Pushes nothing; an error for text that is no object. */
static void **parse(lua_State *L, const char *text)
{
    struct err err = ERR_INIT;
    void **root = lua_guard(L, release);
    *root = lua_parse_json(str_c(text), &err);
    if (*root == NULL)
        lua_raise(L, &err);
    if (!json_is_object((const json_t *)*root))
        lua_raisef(L, ERR_INPUT, "no object of JSON");
    return root;
}

/* As an array, and by name: certificates["example.org"]. */
static void push_certificates(lua_State *L, const struct template_model *m)
{
    lua_createtable(L, (int)m->certificate_n, 0);
    lua_createtable(L, 0, (int)m->certificate_n);
    for (size_t i = 0; i < m->certificate_n; i++) {
        void **row = parse(L, m->certificates[i]);
        push_certificate(L, *row);
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, text_of(*row, "name"));
        lua_rawseti(L, -4, (lua_Integer)i + 1);
        lua_guard_free(row);
        lua_pop(L, 1);
    }
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "certificates");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* --- the whole --- */

/* A member of the settings as a global table; texts that a template may count on are there in any case. */
static void set_settings(lua_State *L, const json_t *settings, const char *name, const char *const texts[])
{
    const json_t *value = json_object_get(settings, name);
    if (json_is_object(value))
        lua_push_json(L, value);
    else
        lua_newtable(L);
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (lua_getfield(L, -1, texts[i]) == LUA_TNIL) {
            lua_pushliteral(L, "");
            lua_setfield(L, -3, texts[i]);
        }
        lua_pop(L, 1);
    }
    lua_setglobal(L, name);
}

static void push_settings(lua_State *L, const struct template_model *m)
{
    static const char *const challenge[] = {"webroot", NULL};
    static const char *const lists[] = {"kind", "http_listen"};
    static const char *const host[] = {"name", "version", "state", "live", NULL};
    void **root = parse(L, m->settings != NULL && m->settings[0] != '\0' ? m->settings : "{}");
    set_settings(L, *root, "challenge", challenge);
    set_settings(L, *root, "host", host);
    lua_guard_free(root);
    lua_pop(L, 1);
    lua_getglobal(L, "challenge");
    if (lua_getfield(L, -1, "path") == LUA_TNIL) {
        lua_pushliteral(L, "/.well-known/acme-challenge/");
        lua_setfield(L, -3, "path");
    }
    lua_pop(L, 1);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lua_getfield(L, -1, lists[i]) == LUA_TNIL) {
            push_list(L, 0);
            lua_setfield(L, -3, lists[i]);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void template_push_model(lua_State *L, const struct template_model *m)
{
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &sources);
    luaL_newmetatable(L, PAIRS_TYPE);
    lua_pushcfunction(L, index_pairs);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "pairs");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    push_list(L, m->container_n);
    for (size_t i = 0; i < m->container_n; i++) {
        push_container(L, m->containers[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setglobal(L, "containers");
    push_certificates(L, m);
    lua_setglobal(L, "certificates");
    push_settings(L, m);
}

/* --- errors --- */

enum {
    HIDDEN_MIN = 4,               /* octets; shorter ones would blot out half of a text */
    CUT_FROM = ERR_TEXT_MAX - 64, /* an error as long as that may have been cut, with a place before it */
};

static bool may_begin(const char *value, struct str at)
{
    return value[0] == at.p[0] || (unsigned char)value[0] <= ' ' || (unsigned char)value[0] >= 0x7f;
}

/* How much of `at` is that value, or with `cut` its beginning; 0 for none. Errors are cleaned, and so a value
 * of several lines stands there in one. */
static size_t hidden_by(const char *value, struct str at, bool cut)
{
    char shown[ERR_TEXT_MAX];
    size_t n = strnlen(value, sizeof shown - 1);
    memcpy(shown, value, n);
    shown[n] = '\0';
    text_clean_in_place(shown);
    struct str s = str_trim(str_c(shown));
    if (s.n >= HIDDEN_MIN && str_starts(at, s))
        return s.n;
    size_t whole = at.n;
    while (cut && at.n > 0 && at.p[at.n - 1] == '?') /* a character that was cut in two */
        at.n--;
    return cut && at.n >= HIDDEN_MIN && str_starts(s, at) ? whole : 0;
}

/* The longest value of a variable of any container that stands at `at`. */
static size_t hidden_at(const struct template_model *m, struct str at, bool cut)
{
    size_t longest = 0;
    for (size_t i = 0; i < m->container_n; i++)
        for (size_t j = 0; j < m->containers[i]->env_n; j++) {
            const char *value = m->containers[i]->env[j].value;
            size_t n = may_begin(value, at) ? hidden_by(value, at, cut) : 0;
            longest = n > longest ? n : longest;
        }
    return longest;
}

void template_redact(const struct template_model *m, struct str words, struct buf *out)
{
    bool cut = words.n >= CUT_FROM;
    while (words.n > 0 && !buf_failed(out)) {
        size_t n = hidden_at(m, words, cut);
        if (n > 0)
            buf_put_c(out, "***");
        else
            buf_put_char(out, words.p[0]);
        n = n > 0 ? n : 1;
        words.p += n;
        words.n -= n;
    }
}
