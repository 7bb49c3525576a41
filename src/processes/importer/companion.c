/*
 * acme-companion, beside nginx-proxy: one volume with a home of acme.sh for each e-mail address (also
 * "default" and "staging"), and one that nginx-proxy reads: NAME/{cert,chain,fullchain,key}.pem, with a file
 * .companion, and links NAME.crt, NAME.key to them. Either of them, or a folder with both.
 */
#include "processes/importer/acme_sh.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <string.h>

#define CERTS_INSIDE "/etc/nginx/certs"

/* Whether one of its folders is marked as the companion's. */
static bool is_certs(const struct tree *t, const char *path)
{
    struct tree_names names;
    if (tree_list(t, path, &names, NULL) < 0)
        return false;
    for (size_t i = 0; i < names.n; i++)
        if (tree_is_file(t, tree_join(t, tree_join(t, path, names.items[i]), ".companion")))
            return true;
    return false;
}

/* The folder of certificates: the tree itself or one in it. */
static const char *find_certs(const struct tree *t)
{
    struct tree_names names;
    if (is_certs(t, ""))
        return "";
    if (tree_list(t, "", &names, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < names.n; i++)
        if (is_certs(t, names.items[i]))
            return names.items[i];
    return NULL;
}

/* Reads every home in a folder, or in its folders where `deeper`. Returns how many there were. */
static size_t read_homes(struct found *f, const char *path, const char *certs, bool deeper)
{
    const struct tree *t = f->tree;
    struct tree_names names;
    size_t n = 0;
    if (tree_list(t, path, &names, NULL) < 0)
        return 0;
    for (size_t i = 0; i < names.n; i++) {
        const char *below = tree_join(t, path, names.items[i]);
        if (tree_is_folder(t, tree_join(t, below, "ca"))) {
            struct acme_sh_home home = {.path = below, .inside = CERTS_INSIDE, .outside = certs};
            acme_sh_read_home(f, &home);
            n++;
        } else if (deeper && tree_is_folder(t, below) && (certs == NULL || strcmp(below, certs) != 0)) {
            n += read_homes(f, below, certs, false);
        }
    }
    return n;
}

/* What the volume of certificates alone says. */
static void read_certs(struct found *f, const char *certs)
{
    static const struct {
        const char *file;
        enum found_format format;
    } kinds[] = {
        {"key.pem", FOUND_KEY},
        {"cert.pem", FOUND_CERT},
        {"chain.pem", FOUND_CHAIN},
        {"fullchain.pem", FOUND_FULLCHAIN},
    };
    const struct tree *t = f->tree;
    struct tree_names names;
    if (tree_list(t, certs, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        const char *folder = tree_join(t, certs, names.items[i]), *name = names.items[i];
        struct found_certificate *c;
        if (!tree_is_file(t, tree_join(t, folder, ".companion")))
            continue;
        bool test = strncmp(name, "_test_", 6) == 0;
        name += test ? 6 : 0;
        name += strncmp(name, "wildcard_", 9) == 0 ? 9 : 0;
        if ((c = found_certificate_add(f, name)) == NULL)
            continue;
        c->directory = test ? "https://acme-staging-v02.api.letsencrypt.org/directory"
                            : "https://acme-v02.api.letsencrypt.org/directory";
        material_files(f, c, tree_join(t, folder, "key.pem"), tree_join(t, folder, "fullchain.pem"), NULL);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            found_file_add(f, c, kinds[k].format, tree_join(t, folder, kinds[k].file));
        found_domain_first(c, name);
        found_challenge_settle(f, c);
    }
    found_warn(f, NULL,
        "the volume with the accounts (/etc/acme.sh in the container) is not in %s: Let's Encrypt is "
        "taken, with a new account",
        t->path);
}

/* The folder that nginx shows challenges from is one of the container's. */
static void drop_webroots(struct found *f)
{
    for (struct found_certificate *c = f->certificates; c != NULL; c = c->next) {
        c->webroot = "";
        c->webroot_unknown = true;
        c->webroot_map = NULL;
    }
}

int read_companion(struct found *f, struct err *err)
{
    const struct tree *t = f->tree;
    const char *certs = find_certs(t);
    size_t homes = read_homes(f, "", certs, true);
    if (homes == 0 && certs == NULL)
        return err_set(
            err, ERR_INPUT, "there is neither a home of acme.sh (ca/) nor a certificate with .companion");
    if (homes == 0)
        read_certs(f, certs);
    else if (certs == NULL)
        found_warn(f, NULL,
            "the volume with the certificates (" CERTS_INSIDE " in the container) is not in %s: nothing "
            "is written for nginx-proxy (publish:)",
            t->path);
    drop_webroots(f);
    found_warn(f, NULL,
        "acme-companion told nginx-proxy of new certificates; a step that does so is needed (deploy:), "
        "and nginx-proxy has to show challenges from a folder that is written to here (webroot:)");
    found_timer_add(f, NULL, "docker stop the container of acme-companion");
    return 0;
}
