#include "processes/importer/found.h"

#include "acme/identifier.h"
#include "base/text.h"
#include "config/presets.h"
#include "config/wish.h"

#include <stdlib.h>
#include <string.h>

#define FOUND_TEXT(id, text) text,

const char *found_event_name(enum found_event e)
{
    static const char *const names[] = {FOUND_EVENTS(FOUND_TEXT)};
    return names[e];
}

const char *found_challenge_name(enum found_challenge c)
{
    static const char *const names[] = {FOUND_CHALLENGES(FOUND_TEXT)};
    return names[c];
}

const char *found_format_name(enum found_format m)
{
    static const char *const names[] = {FOUND_FORMATS(FOUND_TEXT)};
    return names[m];
}

void found_init(struct found *f, struct arena *a, const struct tree *tree, const struct tree *also)
{
    *f = (struct found){
        .a = a, .tree = tree, .also = also, .format = "", .directory = "", .names = names_new(a)};
    f->accounts_end = &f->accounts;
    f->certificates_end = &f->certificates;
}

void found_free(struct found *f)
{
    for (struct found_account *x = f->accounts; x != NULL; x = x->next)
        buf_free(&x->key);
    for (struct found_certificate *c = f->certificates; c != NULL; c = c->next)
        buf_free(&c->key);
}

/* --- texts --- */

static bool texts_add(struct found *f, struct found_texts *t, const char *text, size_t max)
{
    if (t->n >= max)
        return false;
    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 8 : t->cap * 2;
        const char **items = arena_array(f->a, cap, sizeof *items);
        if (t->n > 0)
            memcpy(items, t->items, t->n * sizeof *items);
        t->items = items;
        t->cap = cap;
    }
    t->items[t->n++] = text;
    return true;
}

bool found_text_add(struct found *f, struct found_texts *t, const char *text)
{
    return texts_add(f, t, arena_dup_c(f->a, text), FOUND_TEXTS_MAX);
}

bool found_text_has(const struct found_texts *t, const char *text)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i], text) == 0)
            return true;
    return false;
}

void found_warn(struct found *f, struct found_certificate *c, const char *fmt, ...)
{
    struct found_texts *t = c != NULL ? &c->warnings : &f->warnings;
    size_t max = c != NULL ? FOUND_TEXTS_MAX : FOUND_WARNINGS_MAX;
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(ERR_TEXT_MAX), clean = buf_new(ERR_TEXT_MAX);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    text_clean(&clean, buf_str(&text), ERR_TEXT_MAX / 2);
    if (t->n + 1 < max)
        texts_add(f, t, arena_dup(f->a, buf_str(&clean)), max);
    else if (t->n + 1 == max)
        texts_add(f, t, "there are more warnings than are shown", max);
}

void found_warn_err(struct found *f, struct found_certificate *c, const char *what, const struct err *err)
{
    found_warn(f, c, "%s: %s", what, err->text);
}

/* --- accounts --- */

/* Scheme, host and port; all of the text where there is no path. */
static struct str origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host == NULL ? strlen(url) : (size_t)(host + 3 - url);
    return (struct str){url, n + strcspn(url + n, "/?#")};
}

struct found_account *found_account_add(
    struct found *f, const char *directory, const char *url, const char *email, struct buf *key)
{
    if (f->account_n >= FOUND_ACCOUNTS_MAX) {
        found_warn(f, NULL, "more than %d accounts; the rest was not read", FOUND_ACCOUNTS_MAX);
        return NULL;
    }
    struct found_account *x = arena_alloc(f->a, sizeof *x);
    f->account_n++;
    x->id = arena_printf(f->a, "a%zu", f->account_n);
    x->directory = arena_dup_c(f->a, directory);
    x->url =
        directory[0] == '\0' || str_eq(origin_of(url), origin_of(directory)) ? arena_dup_c(f->a, url) : "";
    x->email = arena_dup_c(f->a, email);
    x->eab_kid = "";
    x->agreed = true;
    x->key = *key;
    *key = buf_new_sensitive(key->max);
    *f->accounts_end = x;
    f->accounts_end = &x->next;
    return x;
}

struct found_account *found_account_by_key(
    const struct found *f, const char *directory, const struct buf *key)
{
    for (struct found_account *x = f->accounts; x != NULL; x = x->next)
        if (strcmp(x->directory, directory) == 0 && str_eq(buf_str(&x->key), buf_str(key)))
            return x;
    return NULL;
}

static bool same_origin(const char *a, const char *b)
{
    return a[0] != '\0' && str_eq_nocase(origin_of(a), origin_of(b));
}

const char *found_directory_of(const char *url)
{
    for (size_t i = 0; i < preset_n; i++) {
        const struct authority *a = &presets[i].authority;
        if (a->directory != NULL && same_origin(a->directory, url))
            return a->directory;
        if (a->staging != NULL && same_origin(a->staging, url))
            return a->staging;
    }
    return "";
}

const struct found_account *found_account_at(const struct found *f, const char *directory, size_t *n)
{
    const struct found_account *first = NULL;
    *n = 0;
    for (const struct found_account *x = f->accounts; x != NULL; x = x->next) {
        if (strcmp(x->directory, directory) != 0)
            continue;
        first = first == NULL ? x : first;
        ++*n;
    }
    return first;
}

const struct found_account *found_account_by_url(const struct found *f, const char *url)
{
    for (const struct found_account *x = f->accounts; x != NULL; x = x->next)
        if (url[0] != '\0' && strcmp(x->url, url) == 0)
            return x;
    return NULL;
}

/* --- certificates --- */

/* A name as a folder may have it. */
static char *clean_name(struct found *f, const char *name)
{
    enum { NAME_KEPT = 190 }; /* of the 200 octets of a name, with room for a number */
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    size_t n = strnlen(name, NAME_KEPT);
    char *clean = arena_dup(f->a, (struct str){name, n});
    for (char *p = clean; *p != '\0'; p++) {
        bool alone = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!alone && (strchr("._-@", *p) == NULL || (p == clean && (*p == '.' || *p == '-'))))
            *p = '_';
    }
    return clean[0] != '\0' ? clean : arena_dup_c(f->a, "certificate");
}

static const char *own_name(struct found *f, struct found_certificate *c, const char *wanted)
{
    const char *base = clean_name(f, wanted), *name = base;
    enum { SMALL_NUMBERS = 100 }; /* beyond, one that is hardly taken, so that many of one name stay cheap */
    for (size_t i = 2; names_get(&f->names, str_c(name)) != NULL; i++)
        name = arena_printf(f->a, "%s-%zu", base, i < SMALL_NUMBERS ? i : i + f->certificate_n);
    names_put(&f->names, str_c(name), c);
    return name;
}

struct found_certificate *found_certificate_add(struct found *f, const char *name)
{
    if (f->certificate_n >= FOUND_CERTIFICATES_MAX) {
        if (f->certificate_n++ == FOUND_CERTIFICATES_MAX)
            found_warn(f, NULL, "more than %d certificates; the rest was not read", FOUND_CERTIFICATES_MAX);
        return NULL;
    }
    struct found_certificate *c = arena_alloc(f->a, sizeof *c);
    c->name = own_name(f, c, name);
    c->directory = c->issuer = c->key_type = c->webroot = c->dns_provider = "";
    c->profile = c->preferred_profile = c->preferred_chain = "";
    c->chain = str_c("");
    c->key = buf_new_sensitive(TREE_FILE_MAX);
    f->certificate_n++;
    *f->certificates_end = c;
    f->certificates_end = &c->next;
    return c;
}

void found_domain_add(struct found *f, struct found_certificate *c, struct str name)
{
    struct err err = ERR_INIT;
    const char *ascii;
    name = str_trim(name);
    if (name.n == 0)
        return;
    if (name_to_ascii(name, f->a, &ascii, &err) < 0 || identifier_check(str_c(ascii), &err) < 0)
        found_warn_err(f, c, "a name is left out", &err);
    else if (!found_text_has(&c->domains, ascii) && !found_text_add(f, &c->domains, ascii))
        found_warn(f, c, "more than %d names; the rest is left out", FOUND_TEXTS_MAX);
}

void found_domain_first(struct found_certificate *c, const char *name)
{
    for (size_t i = 0; i < c->domains.n; i++) {
        const char *found = c->domains.items[i];
        if (strcmp(found, name) != 0)
            continue;
        memmove(c->domains.items + 1, c->domains.items, i * sizeof *c->domains.items);
        c->domains.items[0] = found;
        return;
    }
}

void found_webroot_add(struct found *f, struct found_certificate *c, struct str name, const char *path)
{
    struct err err = ERR_INIT;
    struct found_webroot **end = &c->webroot_map;
    const char *ascii;
    size_t n = 0;
    if (name_to_ascii(name, f->a, &ascii, &err) < 0) {
        found_warn_err(f, c, "a directory for challenge files is left out", &err);
        return;
    }
    for (; *end != NULL && strcmp((*end)->name, ascii) != 0; end = &(*end)->next)
        n++;
    if (*end != NULL || n >= FOUND_TEXTS_MAX)
        return;
    *end = arena_alloc(f->a, sizeof **end);
    **end = (struct found_webroot){.name = ascii, .path = arena_dup_c(f->a, path)};
}

void found_webroot_settle(struct found_certificate *c)
{
    if (c->webroot[0] == '\0' && c->webroot_map != NULL)
        c->webroot = c->webroot_map->path;
    for (struct found_webroot **at = &c->webroot_map; *at != NULL;) {
        if (strcmp((*at)->path, c->webroot) == 0)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

void found_challenge_settle(struct found *f, struct found_certificate *c)
{
    for (size_t i = 0; c->challenge != FOUND_DNS_01 && i < c->domains.n; i++) {
        if (!identifier_is_wildcard(str_c(c->domains.items[i])))
            continue;
        c->challenge = FOUND_DNS_01;
        found_warn(
            f, c, "%s needs challenges that are answered in DNS; by whom is not known", c->domains.items[i]);
    }
}

/* A line for a shell that can stand in a configuration. */
static bool is_command(struct str s)
{
    if (!text_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if ((ch < 0x20 && ch != '\t' && ch != '\n') || ch == 0x7f)
            return false;
    }
    return true;
}

void found_hook_add(struct found *f, struct found_certificate *c, enum found_event event, struct str command,
    const char *source)
{
    struct found_hook **end = &c->hooks;
    size_t n = 0;
    command = str_trim(command);
    if (command.n == 0)
        return;
    if (!is_command(command)) {
        found_warn(f, c, "the command of %s holds control characters; it is left out", source);
        return;
    }
    for (; *end != NULL; end = &(*end)->next)
        n++;
    if (n >= FOUND_TEXTS_MAX)
        return;
    *end = arena_alloc(f->a, sizeof **end);
    **end = (struct found_hook){.event = event, .command = arena_dup(f->a, command), .source = source};
}

/* --- files --- */

void found_file_add(struct found *f, struct found_certificate *c, enum found_format format, const char *path)
{
    const char *inside = path[0] == '/' ? tree_below(f->tree, path) : path;
    const char *absolute = path[0] == '/' ? arena_dup_c(f->a, path) : tree_absolute(f->tree, path);
    struct found_file **end = &c->files;
    struct tree_stat st;
    bool secret = format == FOUND_KEY || format == FOUND_COMBINED || format == FOUND_PKCS12;
    if (inside != NULL) {
        if (tree_stat(f->tree, inside, &st, NULL) < 0)
            return;
    } else if (tree_stat_outside(f->tree, absolute, &st, NULL) < 0) {
        st = (struct tree_stat){.mode = secret ? 0600 : 0644, .owner = "root", .group = "root"};
    }
    for (; *end != NULL; end = &(*end)->next)
        if (strcmp((*end)->path, absolute) == 0)
            return;
    *end = arena_alloc(f->a, sizeof **end);
    **end = (struct found_file){
        .format = format, .path = absolute, .mode = st.mode, .owner = st.owner, .group = st.group};
}

void found_timer_add(struct found *f, const char *path, const char *text)
{
    struct tree_stat st;
    if ((path == NULL || tree_stat_outside(f->tree, path, &st, NULL) == 0) &&
        !found_text_has(&f->timers, text))
        found_text_add(f, &f->timers, text);
}
