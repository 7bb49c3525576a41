/* The entries of `dns:`: providers loaded, views of the DNS shared, a reload that changes only what changed.
 */
#include "processes/solver/solver.h"

#include "base/log.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- views --- */

static char *joined(const struct propagation *p)
{
    struct buf text = buf_new(LOOKUP_SERVERS_MAX * 256);
    for (size_t i = 0; i < p->resolver_n; i++)
        buf_printf(&text, "%s%s", i > 0 ? "," : "", p->resolvers[i]);
    char *out = strdup(buf_c(&text));
    buf_free(&text);
    if (out == NULL)
        abort();
    return out;
}

static void view_free(struct view *v)
{
    lua_host_free(v->lua);
    dns_client_free(v->dns);
    free(v->resolvers);
    free(v);
}

static void view_unref(struct solver *s, struct view *v)
{
    if (v == NULL || --v->refs > 0)
        return;
    struct view **at = &s->views;
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    view_free(v);
}

static struct view *view_of(struct solver *s, const struct propagation *p, struct err *err)
{
    char *resolvers = joined(p);
    for (struct view *v = s->views; v != NULL; v = v->next)
        if (strcmp(v->resolvers, resolvers) == 0) {
            free(resolvers);
            v->refs++;
            return v;
        }
    struct view *v = calloc(1, sizeof *v);
    if (v == NULL)
        abort();
    v->refs = 1;
    v->resolvers = resolvers;
    v->dns = dns_client_new(s->process.base, p->resolvers, p->resolver_n, err);
    if (v->dns != NULL)
        v->lua = lua_host_new(s->process.base, v->dns, err);
    if (v->lua == NULL) {
        view_free(v);
        return NULL;
    }
    v->next = s->views;
    s->views = v;
    return v;
}

/* --- one entry --- */

static void entry_unref(struct solver *s, struct entry *e)
{
    if (--e->refs > 0)
        return;
    if (e->lua != NULL)
        lua_entry_free(e->lua);
    view_unref(s, e->view);
    arena_free(e->arena);
    explicit_bzero(&e->key, sizeof e->key);
    free(e);
}

/* What the answerer says of a delegated zone (providers/builtin.lua declares it). */
static int read_zone(struct entry *e, struct str settings, struct err *err)
{
    json_t *all = json_loadb(settings.p, settings.n, 0, NULL);
    const json_t *servers = json_object_get(all, "nameservers");
    const char *zone = json_string_value(json_object_get(all, "zone"));
    const char *contact = json_string_value(json_object_get(all, "contact"));
    e->nameserver_n = json_array_size(servers);
    const char **list = arena_array(e->arena, e->nameserver_n, sizeof *list);
    for (size_t i = 0; i < e->nameserver_n; i++) {
        const char *server = json_string_value(json_array_get(servers, i));
        list[i] = arena_dup_c(e->arena, server != NULL ? server : "");
    }
    e->nameservers = list;
    e->zone = zone != NULL ? arena_dup_c(e->arena, zone) : "";
    e->contact = contact != NULL ? arena_dup_c(e->arena, contact) : "";
    json_decref(all);
    if (e->zone[0] == '\0' || e->nameserver_n == 0)
        return err_set(err, ERR_CONFIG, "it has no zone, or no name servers");
    return 0;
}

/* What the operator wrote and what the package or he has as a file, so that a change of either shows. */
static int digest_of(
    const struct msg_dns_entry *m, const char *file, struct str text, struct entry *e, struct err *err)
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new_sensitive(MSG_WISH + LUA_FILE_MAX);
    const struct str parts[] = {str_c(m->name), str_c(m->provider), str_c(m->kind), str_c(m->settings),
        str_c(m->propagation), str_c(file), text};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(&all, "%zu:", parts[i].n);
        buf_put_str(&all, parts[i]);
    }
    return digest_sha256(buf_str(&all), e->digest, err);
}

static bool kind_parse(const char *text, enum entry_kind *out)
{
    static const char *const words[] = {
        [ENTRY_LUA] = "lua", [ENTRY_PROGRAM] = "program", [ENTRY_BUILTIN] = "builtin"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], text) == 0) {
            *out = (enum entry_kind)i;
            return true;
        }
    return false;
}

static int prepare(struct book *b, struct entry *e, const struct msg_dns_entry *m, const char *file,
    struct str text, struct err *err)
{
    struct solver *s = b->solver;
    int r;
    if (!kind_parse(m->kind, &e->kind))
        return err_set(err, ERR_INPUT, "its provider %s is of no known kind", e->provider);
    if ((r = note_key_make(&e->key, m->name, m->provider, str_c(m->settings), err)) < 0)
        return r;
    e->has_propagation = m->propagation[0] != '\0';
    if (e->has_propagation &&
        (r = propagation_decode(str_c(m->propagation), e->arena, &e->propagation, err)) < 0)
        return r;
    bool own = e->has_propagation && e->propagation.resolver_n > 0;
    if ((e->view = view_of(s, own ? &e->propagation : &b->propagation, err)) == NULL)
        return err->code;
    if (e->kind == ENTRY_BUILTIN)
        return read_zone(e, str_c(m->settings), err);
    if (e->kind == ENTRY_LUA)
        return lua_entry_new(e->view->lua, m->name, file, text, str_c(m->settings), &e->lua, err);
    return 0;
}

static void book_add(struct book *b, struct entry *e)
{
    if (b->n == b->cap) {
        size_t cap = b->cap == 0 ? 16 : 2 * b->cap;
        struct entry **more = arena_array(b->arena, cap, sizeof *more);
        for (size_t i = 0; i < b->n; i++)
            more[i] = b->entries[i];
        b->entries = more;
        b->cap = cap;
    }
    b->entries[b->n++] = e;
}

struct entry *book_find(const struct book *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->entries[i]->name, name) == 0)
            return b->entries[i];
    return NULL;
}

/* The one from before, where it is the same to the last octet. */
static struct entry *kept(const struct solver *s, const struct entry *fresh)
{
    struct entry *old = s->book != NULL ? book_find(s->book, fresh->name) : NULL;
    bool same =
        old != NULL && old->broken.code == 0 &&
        memcmp(old->digest, fresh->digest, sizeof fresh->digest) == 0 &&
        (old->has_propagation && old->propagation.resolver_n > 0 ? true : old->view == s->draft->view);
    return same ? old : NULL;
}

void entries_put(struct solver *s, const struct msg_dns_entry *m)
{
    struct book *b = s->draft;
    struct entry *e = calloc(1, sizeof *e), *old;
    const char *file = "";
    struct str text = STR("");
    if (e == NULL)
        abort();
    if (b == NULL || b->n >= DNS_ENTRIES_MAX) {
        log_error("%s: an entry of dns: came out of turn, or there are too many", m->name);
        free(e);
        return;
    }
    e->refs = 1;
    e->arena = arena_new();
    e->name = arena_dup_c(e->arena, m->name);
    e->provider = arena_dup_c(e->arena, m->provider);
    int r = strcmp(m->kind, "lua") == 0
                ? lua_file_read(&s->directories, m->provider, e->arena, &file, &text, &e->broken)
                : 0;
    if (r == 0)
        r = digest_of(m, file, text, e, &e->broken);
    if (r == 0 && (old = kept(s, e)) != NULL) {
        entry_unref(s, e);
        old->refs++;
        book_add(b, old);
        return;
    }
    if (r == 0)
        r = prepare(b, e, m, file, text, &e->broken);
    if (r < 0)
        log_error("%s: %s", e->name, e->broken.text);
    book_add(b, e);
}

/* --- all of them --- */

struct book *book_ref(struct book *b)
{
    b->refs++;
    return b;
}

void book_unref(struct book *b)
{
    if (b == NULL || --b->refs > 0)
        return;
    for (size_t i = 0; i < b->n; i++)
        entry_unref(b->solver, b->entries[i]);
    view_unref(b->solver, b->view);
    arena_free(b->arena);
    free(b);
}

void entries_begin(struct solver *s, const struct msg_dns_begin *m)
{
    struct book *b = calloc(1, sizeof *b);
    if (b == NULL)
        abort();
    book_unref(s->draft);
    b->solver = s;
    b->refs = 1;
    b->arena = arena_new();
    if (propagation_decode(str_c(m->propagation), b->arena, &b->propagation, &b->broken) == 0)
        b->view = view_of(s, &b->propagation, &b->broken);
    if (b->view == NULL)
        log_error("the DNS cannot be asked: %s", b->broken.text);
    s->draft = b;
}

static void tell_answerer(struct solver *s)
{
    struct err err = ERR_INIT;
    answerer_clear_zones(s->answerer);
    for (size_t i = 0; i < s->book->n; i++) {
        const struct entry *e = s->book->entries[i];
        struct answerer_zone zone = {e->zone, e->nameservers, e->nameserver_n, e->contact};
        if (e->kind == ENTRY_BUILTIN && e->broken.code == 0 && answerer_zone(s->answerer, &zone, &err) < 0)
            log_error("%s: %s", e->name, err.text);
    }
}

void entries_end(struct solver *s)
{
    if (s->draft == NULL)
        return;
    struct book *old = s->book;
    s->book = s->draft;
    s->draft = NULL;
    tell_answerer(s);
    book_unref(old);
    log_debug("%zu entries of dns:", s->book->n);
}
