/*
 * Caddy's storage (also CertMagic's): acme/CA/users/EMAIL/NAME.{json,key},
 * certificates/CA/NAME/NAME.{crt,key,json}, where CA is host and path of the directory's URL with hyphens for
 * slashes and colons.
 */
#include "config/presets.h"
#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <string.h>

/* The folder's name for a directory. */
static const char *ca_key(struct found *f, const char *directory)
{
    const char *host = strstr(directory, "://");
    char *key = arena_dup_c(f->a, host != NULL ? host + 3 : directory);
    for (char *p = key; *p != '\0'; p++)
        *p = *p == '/' || *p == '\\' || *p == ':' ? '-' : *p;
    for (size_t n = strlen(key); n > 0 && key[n - 1] == '-'; n--)
        key[n - 1] = '\0';
    return key;
}

static bool has_key(struct found *f, const char *directory, const char *ca)
{
    return directory != NULL && directory[0] != '\0' && strcmp(ca_key(f, directory), ca) == 0;
}

/* One file of each folder below says it: newer versions keep the CA's URL with each certificate. */
static const char *said_by_certificates(struct found *f, const char *ca)
{
    const struct tree *t = f->tree;
    struct tree_names names;
    const char *all = tree_join(t, "certificates", ca);
    if (tree_list(t, all, &names, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < names.n; i++) {
        ATTR_CLEANUP(json_file_freep) json_t *resource = NULL;
        const char *file = arena_printf(f->a, "%s/%s/%s.json", all, names.items[i], names.items[i]);
        if (json_file_read(t, file, TREE_FILE_MAX, &resource, NULL) < 0)
            continue;
        const char *said = json_file_c(json_object_get(resource, "issuer_data"), "ca");
        if (has_key(f, said, ca))
            return arena_dup_c(f->a, said);
    }
    return NULL;
}

/* The directory of a folder: one that is known, one that a certificate names, or what the name of the folder
 * and the account's URL make likely. */
static const char *directory_of(struct found *f, const char *ca, const char *account_url)
{
    for (size_t i = 0; i < preset_n; i++) {
        if (has_key(f, presets[i].authority.directory, ca))
            return presets[i].authority.directory;
        if (has_key(f, presets[i].authority.staging, ca))
            return presets[i].authority.staging;
    }
    const char *said = said_by_certificates(f, ca);
    if (said != NULL)
        return said;
    const char *host = strstr(account_url, "://");
    size_t n = host != NULL ? (size_t)(host + 3 - account_url) + strcspn(host + 3, "/") : 0;
    const char *origin = arena_dup(f->a, (struct str){account_url, n});
    const char *start = ca_key(f, origin);
    size_t known = strlen(start);
    if (known == 0 || strncmp(ca, start, known) != 0)
        return "";
    char *path = arena_dup_c(f->a, ca + known);
    for (char *p = path; *p != '\0'; p++)
        *p = *p == '-' ? '/' : *p;
    found_warn(f, NULL, "the directory of the CA %s is taken to be %s%s", ca, origin, path);
    return arena_printf(f->a, "%s%s", origin, path);
}

static void read_account(struct found *f, const char *ca, const char *folder)
{
    const struct tree *t = f->tree;
    struct tree_names names;
    struct err err = ERR_INIT;
    if (tree_list(t, folder, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        ATTR_CLEANUP(json_file_freep) json_t *account = NULL;
        ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
        struct str name = str_c(names.items[i]);
        if (!str_ends(name, STR(".json")))
            continue;
        const char *file = tree_join(t, folder, arena_printf(f->a, "%.*s.key", (int)name.n - 5, name.p));
        int r = json_file_read(t, tree_join(t, folder, name.p), TREE_FILE_MAX, &account, &err);
        if (r < 0 || material_key_file(t, file, &key, &err) < 0) {
            found_warn_err(f, NULL, "an account is left out", &err);
            continue;
        }
        const char *email = json_file_contact(account), *url = json_file_c(account, "location");
        const char *directory = directory_of(f, ca, url);
        if (found_account_by_key(f, directory, &key) == NULL)
            found_account_add(f, directory, url, email, &key);
    }
}

static void read_accounts(struct found *f)
{
    const struct tree *t = f->tree;
    struct tree_names cas, users;
    if (tree_list(t, "acme", &cas, NULL) < 0)
        return;
    for (size_t i = 0; i < cas.n; i++) {
        const char *all = arena_printf(f->a, "acme/%s/users", cas.items[i]);
        if (tree_list(t, all, &users, NULL) < 0)
            continue; /* challenge tokens are kept beside */
        for (size_t j = 0; j < users.n; j++)
            read_account(f, cas.items[i], tree_join(t, all, users.items[j]));
    }
}

/* The account a certificate names, or that at its CA. */
static void find_account(struct found *f, struct found_certificate *c, const char *ca, const json_t *issuer)
{
    size_t n = 0;
    const char *said = json_file_c(issuer, "ca"), *url = json_file_c(issuer, "account");
    c->account = found_account_by_url(f, url);
    for (const struct found_account *x = f->accounts; c->account == NULL && x != NULL; x = x->next)
        if (has_key(f, x->directory, ca) && n++ == 0)
            c->account = x;
    c->directory = said[0] != '\0'      ? arena_dup_c(f->a, said)
                   : c->account != NULL ? c->account->directory
                                        : directory_of(f, ca, json_file_c(issuer, "url"));
    if (c->account == NULL)
        found_warn(f, c, "its account was not found");
}

static void read_certificate(struct found *f, const char *ca, const char *name)
{
    const struct tree *t = f->tree;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *resource = NULL;
    const char *stem = arena_printf(f->a, "certificates/%s/%s/%s", ca, name, name);
    const char *key = arena_printf(f->a, "%s.key", stem), *crt = arena_printf(f->a, "%s.crt", stem);
    struct str shown = str_c(name);
    if (str_starts(shown, STR("wildcard_.")))
        shown = (struct str){name + 10, shown.n - 10};
    struct found_certificate *c = found_certificate_add(f, arena_dup(f->a, shown));
    if (c == NULL)
        return;
    if (json_file_read(t, arena_printf(f->a, "%s.json", stem), TREE_FILE_MAX, &resource, &err) < 0)
        found_warn(f, c, "%s", err.text);
    find_account(f, c, ca, json_object_get(resource, "issuer_data"));
    material_files(f, c, key, crt, NULL);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(resource, "sans"), i, item)
    {
        if (c->chain.n == 0 && json_is_string(item))
            found_domain_add(f, c, str_c(json_string_value(item)));
    }
    found_file_add(f, c, FOUND_KEY, key);
    found_file_add(f, c, FOUND_FULLCHAIN, crt);
    found_challenge_settle(f, c);
}

int read_caddy(struct found *f, struct err *err)
{
    const struct tree *t = f->tree;
    struct tree_names cas, names;
    bool accounts = tree_is_folder(t, "acme"), certificates = tree_is_folder(t, "certificates");
    if (!accounts && !certificates)
        return err_set(err, ERR_INPUT, "acme/ and certificates/ are missing");
    read_accounts(f);
    if (certificates && tree_list(t, "certificates", &cas, err) == 0) {
        for (size_t i = 0; i < cas.n; i++) {
            if (strcmp(cas.items[i], "local") == 0) /* of Caddy's own authority, whose root nobody trusts */
                continue;
            if (tree_list(t, tree_join(t, "certificates", cas.items[i]), &names, NULL) < 0)
                continue;
            for (size_t j = 0; j < names.n; j++)
                if (tree_is_folder(t, arena_printf(f->a, "certificates/%s/%s", cas.items[i], names.items[j])))
                    read_certificate(f, cas.items[i], names.items[j]);
        }
    }
    if (f->certificates != NULL)
        found_warn(f, NULL,
            "Caddy keeps key types, challenges and profiles in its Caddyfile, which is not in this "
            "folder: http-01 is taken");
    found_timer_add(f, NULL,
        "Caddy gets certificates itself for every site without \"tls CERT KEY\": write that line "
        "into each site (see evercert snippet caddy)");
    return 0;
}
