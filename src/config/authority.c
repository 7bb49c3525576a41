/* Entries of `authorities`: what they inherit from a preset, and checks that concern more than one key. */
#include "config/certificate.h"
#include "config/presets.h"
#include "config/problems.h"
#include "config/read.h"
#include "config/schema.h"

#include <string.h>

struct authority authority_of_url(const char *url)
{
    return (struct authority){
        .name = url,
        .directory = url,
        .ca_file = "",
        .staging = "",
        .account = "",
        .id = url,
        .email = "",
        .eab_kid = "",
        .eab_hmac = "",
        .eab_hmac_file = "",
        .eab_algorithm = "HS256",
    };
}

const char *authority_id(const char *directory, const char *label, struct arena *a)
{
    return label[0] == '\0' ? directory : arena_printf(a, "%s#%s", directory, label);
}

void authority_init(void *element, const struct settings *defaults)
{
    *(struct authority *)element = authority_of_url("");
}

bool authority_implied(const void *element)
{
    const struct authority *authority = element;
    return str_starts(str_c(authority->name), STR("https://"));
}

/* An entry with the name of a preset and no directory of its own is that preset with what it says besides. */
static int inherit(struct authority *authority, struct str name, struct err *err)
{
    const struct preset *preset = preset_find(name);
    if (authority->directory[0] != '\0')
        return 0;
    if (preset == NULL)
        return err_set(err, ERR_CONFIG, "is missing; an authority needs it");
    if (preset->refused != NULL)
        return preset_refuse(name, NULL, 0, ERR_CONFIG, err);
    authority->directory = preset->authority.directory;
    if (authority->staging[0] == '\0')
        authority->staging = preset->authority.staging;
    return 0;
}

int authority_read_secret(struct authority *authority, struct arena *a, struct err *err)
{
    const struct setting *row = section_row(&schema_authority, STR("eab-hmac"));
    return authority->eab_hmac_file[0] == '\0'
               ? 0
               : secret_read(row, authority->eab_hmac_file, a, &authority->eab_hmac, err);
}

int authority_check_eab(const struct authority *a, const char **key, struct err *err)
{
    *key = a->eab_hmac_file[0] != '\0' ? "eab-hmac-file" : "eab-hmac";
    if (a->eab_kid[0] == '\0' && a->eab_hmac[0] != '\0')
        return err_set(err, ERR_CONFIG, "is of no use without eab-kid; the CA gives both together");
    *key = "eab-kid";
    if (a->eab_kid[0] != '\0' && a->eab_hmac[0] == '\0')
        return err_set(err, ERR_CONFIG,
            "is of no use without its key; set eab-hmac-file (or eab-hmac), which the CA gives with it");
    return preset_check_eab(a, ERR_CONFIG, err);
}

/* Whether what was written for a text that may be empty was read; else it has its problem already. */
static bool value_was_good(const struct node *node, const char *value)
{
    return node == NULL || value[0] != '\0' || (node->kind == NODE_TEXT && node->text.n == 0);
}

/* The keys of an external account binding. */
static void check_eab(
    struct reader *r, const struct node *map, const struct where *where, struct authority *authority)
{
    const struct node *file = read_member(map, "eab-hmac-file"), *inlined = read_member(map, "eab-hmac");
    struct where at = {where, "eab-hmac-file", 0};
    struct err err = ERR_INIT;
    if (authority->eab_hmac_file[0] != '\0' && authority->eab_hmac[0] != '\0') {
        read_problem(r, file, &at, "is set beside eab-hmac; write one of them");
        return;
    }
    if (authority_read_secret(authority, r->a, &err) < 0) {
        read_problem(r, file, &at, err.text);
        return;
    }
    bool known = value_was_good(inlined, authority->eab_hmac) &&
                 value_was_good(file, authority->eab_hmac_file) &&
                 value_was_good(read_member(map, "eab-kid"), authority->eab_kid);
    if (!known || authority_check_eab(authority, &at.key, &err) == 0)
        return;
    const struct node *node = read_member(map, at.key);
    read_problem(r, node != NULL ? node : map, &at, err.text);
}

/* One account has one entry, or several that say the same of it. */
static bool same_account(const struct authority *a, const struct authority *b)
{
    return strcmp(a->email, b->email) == 0 && strcmp(a->eab_kid, b->eab_kid) == 0 &&
           strcmp(a->eab_hmac, b->eab_hmac) == 0 && strcmp(a->eab_algorithm, b->eab_algorithm) == 0 &&
           a->account_key_type == b->account_key_type;
}

/* An entry as it was when its account was first named; elements move while lists grow. */
struct account {
    struct authority authority;
    struct mark mark;
};

static void check_account(
    struct reader *r, struct mark mark, const struct where *where, const struct authority *authority)
{
    const struct account *other = names_get(&r->accounts, str_c(authority->id));
    if (other != NULL && !same_account(&other->authority, authority)) {
        problem_add(r->problems, mark, where,
            "has the same directory as %s at %s but another account (e-mail, eab or type of key); give one "
            "of "
            "them a label, as in account: customer-1",
            other->authority.name, mark_text(other->mark, r->scratch));
        return;
    }
    if (other != NULL)
        return;
    struct account *first = arena_alloc(r->scratch, sizeof *first);
    *first = (struct account){*authority, mark};
    names_put(&r->accounts, str_c(authority->id), first);
}

void authority_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    struct authority *authority = element;
    struct err err = ERR_INIT;
    if (key->kind != NODE_TEXT) {
        read_problem(r, key, where, "expected the name of an authority");
        return;
    }
    if (authority_name_check(key->text, &err) < 0) {
        read_problem(r, key, where, err.text);
        return;
    }
    const struct mark *other = names_get(&r->entries, key->text);
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, key);
    authority->name = arena_dup(r->a, key->text);
    if (other != NULL) {
        problem_add(
            r->problems, *mark, where, "this authority is also written at %s", mark_text(*other, r->scratch));
        return;
    }
    names_put(&r->entries, str_c(authority->name), mark);
    const struct node *directory = read_member(map, "directory");
    struct where at = {where, "directory", 0};
    if (directory == NULL && inherit(authority, key->text, &err) < 0) {
        read_problem(r, map, &at, err.text);
        return;
    }
    if (authority->directory[0] == '\0')
        return; /* what stands there is wrong */
    authority->id = authority_id(authority->directory, authority->account, r->a);
    check_eab(r, map, where, authority);
    if (value_was_good(read_member(map, "account"), authority->account))
        check_account(r, *mark, where, authority);
}

int authority_use(struct reader *r, const char *name, struct err *err)
{
    struct str key = str_c(name);
    if (names_get(&r->authorities, key) != NULL)
        return 0;
    const struct preset *preset = preset_find(key);
    bool direct = str_starts(key, STR("https://"));
    bool own = names_get(&r->entries, key) != NULL;
    if (!own && !direct && (preset == NULL || preset->refused != NULL))
        return preset_refuse(key, r->settings->authorities, r->settings->authority_n, ERR_CONFIG, err);
    if (!own && !direct && preset_check_eab(&preset->authority, ERR_CONFIG, err) < 0)
        return ERR_CONFIG;
    names_put(&r->authorities, key, name);
    if (direct) {
        struct direct *d = arena_alloc(r->scratch, sizeof *d);
        d->url = arena_dup_c(r->lasting, name);
        *r->directs_end = d;
        r->directs_end = &d->next;
    }
    return 0;
}

void authorities_use(struct reader *r, struct mark file, const struct node *node, const struct where *where,
    const struct wish *w)
{
    struct where list = {where, "authority", 0};
    for (size_t i = 0; i < w->authority_n; i++) {
        struct where item = {&list, NULL, i};
        struct err err = ERR_INIT;
        if (w->authorities[i] == NULL || authority_use(r, w->authorities[i], &err) == 0)
            continue;
        bool listed = node != NULL && node->kind == NODE_LIST;
        struct mark mark =
            node == NULL ? (struct mark){0} : node_mark(file, listed ? node->list.items[i] : node);
        problem_add(r->problems, mark, listed ? &item : &list, "%s", err.text);
    }
}
