/*
 * The letsencrypt module of OCA for Odoo: DATA_DIR/letsencrypt/{account.key,NAME.key,NAME.crt} (before 10.0
 * domain.key). Its settings are in Odoo's database.
 */
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <string.h>

#define PRODUCTION "https://acme-v02.api.letsencrypt.org/directory"
#define STAGING    "https://acme-staging-v02.api.letsencrypt.org/directory"

/* One key at both directories: the module has one for the tests and for the rest. */
static void find_account(struct found *f, struct found_certificate *c, const char *folder)
{
    struct err err = ERR_INIT;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    const char *directory = c != NULL && strstr(c->issuer, "STAGING") != NULL ? STAGING : PRODUCTION;
    int r = material_key_file(f->tree, tree_join(f->tree, folder, "account.key"), &key, &err);
    if (r < 0)
        found_warn_err(f, c, "its account was not found", &err);
    struct found_account *x = r == 0 ? found_account_by_key(f, directory, &key) : NULL;
    if (x == NULL && r == 0)
        x = found_account_add(f, directory, "", "", &key);
    if (c != NULL) {
        c->directory = directory;
        c->account = x;
    }
}

static void read_certificate(struct found *f, const char *folder, const char *name)
{
    const struct tree *t = f->tree;
    const char *crt = tree_join(t, folder, arena_printf(f->a, "%s.crt", name));
    const char *key = tree_join(t, folder, arena_printf(f->a, "%s.key", name));
    struct found_certificate *c = found_certificate_add(f, name);
    if (c == NULL)
        return;
    if (!tree_is_file(t, key) && tree_is_file(t, tree_join(t, folder, "domain.key")))
        key = tree_join(t, folder, "domain.key");
    material_files(f, c, key, crt, NULL);
    if (c->domains.n == 0)
        found_domain_add(f, c, str_c(name));
    found_domain_first(c, name);
    find_account(f, c, folder);
    c->reuse_key = true; /* the module made a key once */
    found_file_add(f, c, FOUND_KEY, key);
    found_file_add(f, c, FOUND_FULLCHAIN, crt);
    found_challenge_settle(f, c);
    found_warn(f, c,
        "the command that made the web server read it stands in Odoo (letsencrypt.reload_command, "
        "usually \"sudo /usr/sbin/service nginx reload\"): write it as a step of deploy");
}

int read_odoo(struct found *f, struct err *err)
{
    const struct tree *t = f->tree;
    struct tree_names names;
    const char *folder = tree_is_file(t, "account.key") ? "" : "letsencrypt";
    if (!tree_is_file(t, tree_join(t, folder, "account.key")))
        return err_set(err, ERR_INPUT, "account.key and letsencrypt/account.key are missing");
    int r = tree_list(t, folder, &names, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < names.n; i++) {
        struct str file = str_c(names.items[i]);
        if (str_ends(file, STR(".crt")) && file.n > 4)
            read_certificate(f, folder, arena_dup(f->a, (struct str){file.p, file.n - 4}));
    }
    if (f->certificates == NULL)
        find_account(f, NULL, folder);
    found_warn(f, NULL,
        "challenge files were shown by Odoo itself (/.well-known/acme-challenge/); the web server before "
        "it has to pass challenges on, or to serve a webroot");
    found_timer_add(f, NULL,
        "in Odoo: Settings, Technical, Scheduled Actions: archive the one of the letsencrypt "
        "module, or uninstall the module");
    return 0;
}
