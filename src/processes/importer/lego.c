/*
 * lego: accounts/HOST/ID/account.json with keys/ID.key (4) or ID.key (5) beside it, and
 * certificates/NAME.{crt,issuer.crt,key,json,pem,pfx}. What is wanted stands on its command line (4) or in
 * its configuration (5), neither of which is here.
 */
#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <string.h>

/* The key of an account: its name is the account's, which the folder has too. */
static const char *key_path(const struct tree *t, const char *folder)
{
    static const char *const places[] = {"keys", ""};
    struct tree_names names;
    for (size_t p = 0; p < ARRAY_LEN(places); p++) {
        const char *place = tree_join(t, folder, places[p]);
        if (tree_list(t, place, &names, NULL) < 0)
            continue;
        for (size_t i = 0; i < names.n; i++)
            if (str_ends(str_c(names.items[i]), STR(".key")))
                return tree_join(t, place, names.items[i]);
    }
    return tree_join(t, folder, "keys");
}

/* lego 5 keeps the directory's URL, 4 only the host of it. */
static const char *directory_of(struct found *f, const json_t *account, const char *url, const char *host)
{
    const char *server = json_file_c(account, "server");
    if (server[0] != '\0')
        return server;
    const char *known = found_directory_of(url);
    if (known[0] == '\0')
        known = found_directory_of(arena_printf(f->a, "https://%s/", host));
    if (known[0] == '\0')
        known = f->directory;
    if (known[0] == '\0')
        found_warn(f, NULL,
            "lego did not keep the URL of the ACME directory at %s: it is taken from the authority of "
            "that host in the configuration",
            host);
    return known;
}

static void read_account(struct found *f, const char *folder, const char *host)
{
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *account = NULL;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    const char *path = key_path(f->tree, folder);
    int r =
        json_file_read(f->tree, tree_join(f->tree, folder, "account.json"), TREE_FILE_MAX, &account, &err);
    if (r < 0 || material_key_file(f->tree, path, &key, &err) < 0) {
        found_warn_err(f, NULL, "an account is left out", &err);
        return;
    }
    const json_t *registration = json_object_get(account, "registration");
    const char *url = json_file_c(registration, "uri");
    if (url[0] == '\0')
        url = json_file_c(registration, "accountURL");
    const char *directory = directory_of(f, account, url, host);
    if (found_account_by_key(f, directory, &key) == NULL)
        found_account_add(f, directory, url, json_file_c(account, "email"), &key);
}

static void read_accounts(struct found *f, const char *root)
{
    const struct tree *t = f->tree;
    const char *all = tree_join(t, root, "accounts");
    struct tree_names hosts, ids;
    if (tree_list(t, all, &hosts, NULL) < 0)
        return;
    for (size_t i = 0; i < hosts.n; i++) {
        const char *host = tree_join(t, all, hosts.items[i]);
        char *name = arena_dup_c(f->a, hosts.items[i]);
        char *port = strrchr(name, '_');
        if (port != NULL)
            *port = ':';
        if (tree_list(t, host, &ids, NULL) < 0)
            continue;
        for (size_t j = 0; j < ids.n; j++)
            if (tree_is_folder(t, tree_join(t, host, ids.items[j])))
                read_account(f, tree_join(t, host, ids.items[j]), name);
    }
}

/* Scheme and host of a URL. */
static struct str origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host == NULL ? 0 : (size_t)(host + 3 - url);
    return (struct str){url, n + strcspn(url + n, "/")};
}

/* The account at the CA whose host the certificate came from. */
static void find_account(struct found *f, struct found_certificate *c, const char *cert_url)
{
    size_t n = 0;
    for (const struct found_account *x = f->accounts; x != NULL; x = x->next) {
        if (!str_eq(origin_of(x->url), origin_of(cert_url)) || cert_url[0] == '\0')
            continue;
        c->account = n++ == 0 ? x : c->account;
    }
    if (n == 0 && f->accounts != NULL && f->accounts->next == NULL) {
        c->account = f->accounts;
        n = 1;
    }
    if (n != 1)
        found_warn(f, c,
            n == 0 ? "its account was not found" : "it could be of several accounts; the first is taken");
    c->directory = c->account != NULL ? c->account->directory : found_directory_of(cert_url);
}

static void read_certificate(struct found *f, const char *folder, const char *base)
{
    const struct tree *t = f->tree;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *resource = NULL;
    const char *stem = tree_join(t, folder, base);
    const char *key = arena_printf(f->a, "%s.key", stem), *crt = arena_printf(f->a, "%s.crt", stem);
    const char *issuer = arena_printf(f->a, "%s.issuer.crt", stem);
    struct found_certificate *c;
    struct str text = {0};
    if (json_file_read(t, arena_printf(f->a, "%s.json", stem), TREE_FILE_MAX, &resource, &err) < 0) {
        found_warn_err(f, NULL, "a certificate is left out", &err);
        return;
    }
    const char *name = json_file_c(resource, "id");
    if (name[0] == '\0')
        name = json_file_c(resource, "domain");
    if ((c = found_certificate_add(f, name[0] != '\0' ? name : base)) == NULL)
        return;
    find_account(f, c, json_file_c(resource, "certUrl"));
    c->key_type = material_key_type(json_file_text(resource, "keyType"));
    tree_text(t, crt, TREE_FILE_MAX, &text, NULL);
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *first = text.n > 0 ? strstr(text.p, begin) : NULL;
    bool bundle = first != NULL && strstr(first + 1, begin) != NULL;
    material_files(f, c, key, crt, !bundle && tree_is_file(t, issuer) ? issuer : NULL);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(resource, "domains"), i, item)
    {
        if (c->chain.n == 0 && json_is_string(item))
            found_domain_add(f, c, str_c(json_string_value(item)));
    }
    found_domain_add(f, c, json_file_text(resource, "domain"));
    found_domain_first(c, json_file_c(resource, "domain"));
    found_file_add(f, c, FOUND_KEY, key);
    found_file_add(f, c, bundle ? FOUND_FULLCHAIN : FOUND_CERT, crt);
    found_file_add(f, c, FOUND_CHAIN, issuer);
    found_file_add(f, c, FOUND_COMBINED, arena_printf(f->a, "%s.pem", stem));
    found_file_add(f, c, FOUND_PKCS12, arena_printf(f->a, "%s.pfx", stem));
    found_challenge_settle(f, c);
}

int read_lego(struct found *f, struct err *err)
{
    const struct tree *t = f->tree;
    struct tree_names names;
    const char *root = tree_is_folder(t, "certificates") || tree_is_folder(t, "accounts") ? "" : ".lego";
    const char *folder = tree_join(t, root, "certificates");
    bool certificates = tree_is_folder(t, folder);
    if (!certificates && !tree_is_folder(t, tree_join(t, root, "accounts")))
        return err_set(err, ERR_INPUT, "accounts/ and certificates/ are missing");
    read_accounts(f, root);
    if (certificates && tree_list(t, folder, &names, err) == 0)
        for (size_t i = 0; i < names.n; i++) {
            struct str file = str_c(names.items[i]);
            if (str_ends(file, STR(".json")))
                read_certificate(f, folder, arena_dup(f->a, (struct str){file.p, file.n - 5}));
        }
    if (f->accounts == NULL && f->certificates == NULL)
        return err_set(err, ERR_INPUT, "there is no account.json and no NAME.json in it");
    found_warn(f, NULL,
        "lego keeps challenge, key reuse and hooks on its command line or in its configuration, "
        "which is not in this folder: http-01 is taken, and hooks are to be written anew");
    found_timer_add(
        f, NULL, "the crontab line or the systemd timer that runs \"lego ... renew\" (lego 5: lego run)");
    return 0;
}
