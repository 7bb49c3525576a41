/*
 * dehydrated: config (a shell file, on Debian in /etc/dehydrated while BASEDIR is elsewhere), domains.txt,
 * accounts/BASE64URL(CA)/{account_key.pem,registration_info.json,account_id.json}, certs/NAME/KIND.pem, which
 * are links to KIND-TIME.pem.
 */
#include "base/b64.h"
#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"
#include "processes/importer/shell.h"

#include <string.h>

enum { LINES_MAX = FOUND_CERTIFICATES_MAX };

struct reader {
    struct found *f;
    struct shell conf;
    const struct tree *settings; /* where config and domains.txt are: the tree or the one beside it */
    const char *accounts, *certs;
    const char *directory;
    const struct found_account *account; /* at that directory */
    struct found_texts listed;           /* names of certificates in domains.txt */
};

static const char *get_or(const struct shell *s, const char *name, const char *otherwise)
{
    const char *value = shell_get(s, name);
    return value[0] != '\0' ? value : otherwise;
}

static int parse_file(
    struct found *f, struct shell *s, const struct tree *t, const char *path, struct err *err)
{
    struct str text;
    int r = tree_text(t, path, TREE_FILE_MAX, &text, err);
    if (r == 0 && (r = shell_parse(s, text, err)) < 0)
        err_prefix(err, "%s", tree_absolute(t, path));
    if (r < 0 && r != ERR_NOT_FOUND)
        found_warn_err(f, NULL, "settings are left out", err);
    return r;
}

/* A folder of the state: where its variable says, if that is in the tree, or in its usual place. */
static const char *state_folder(struct reader *r, const char *variable, const char *usual)
{
    const char *said = shell_get(&r->conf, variable);
    const char *inside = said[0] == '/' ? tree_below(r->f->tree, said) : NULL;
    if (said[0] != '\0' && inside == NULL)
        found_warn(r->f, NULL, "%s=%s is not below %s", variable, said, r->f->tree->path);
    return inside != NULL ? inside : usual;
}

/* CONFIG_D, where it is in one of the two trees. */
static void read_more_settings(struct reader *r)
{
    const char *folder = shell_get(&r->conf, "CONFIG_D");
    const char *inside = folder[0] == '/' ? tree_below(r->settings, folder) : NULL;
    struct tree_names names;
    if (inside == NULL || tree_list(r->settings, inside, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (str_ends(str_c(names.items[i]), STR(".sh")))
            parse_file(r->f, &r->conf, r->settings, tree_join(r->settings, inside, names.items[i]), NULL);
}

static void read_settings(struct reader *r)
{
    static const struct {
        const char *name, *url;
    } cas[] = {
        {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
        {"letsencrypt-test", "https://acme-staging-v02.api.letsencrypt.org/directory"},
        {"zerossl", "https://acme.zerossl.com/v2/DV90"},
        {"google", "https://dv.acme-v02.api.pki.goog/directory"},
        {"google-test", "https://dv.acme-v02.test-api.pki.goog/directory"},
    };
    struct found *f = r->f;
    r->settings = tree_is_file(f->tree, "config") || f->also == NULL ? f->tree : f->also;
    shell_set(&r->conf, STR("BASEDIR"), str_c(r->settings->path), NULL);
    int got = parse_file(f, &r->conf, r->settings, "config", NULL);
    if (r->settings != f->tree && (got < 0 || tree_below(f->tree, shell_get(&r->conf, "BASEDIR")) == NULL)) {
        r->conf = shell_new(f->a); /* of another dehydrated */
        r->settings = f->tree;
        got = ERR_NOT_FOUND;
    }
    if (got == ERR_NOT_FOUND)
        found_warn(f, NULL, "%s was not found; dehydrated's own defaults are taken",
            tree_absolute(f->tree, "config"));
    read_more_settings(r);
    r->directory = get_or(&r->conf, "CA", "letsencrypt");
    for (size_t i = 0; i < ARRAY_LEN(cas); i++)
        if (strcmp(r->directory, cas[i].name) == 0)
            r->directory = cas[i].url;
    r->accounts = state_folder(r, "ACCOUNTDIR", "accounts");
    r->certs = state_folder(r, "CERTDIR", "certs");
}

/* --- accounts --- */

static void read_account(struct reader *r, const char *folder, const char *directory)
{
    struct found *f = r->f;
    const struct tree *t = f->tree;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *info = NULL;
    ATTR_CLEANUP(json_file_freep) json_t *id = NULL;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    if (tree_is_file(t, tree_join(t, folder, "deactivated"))) {
        found_warn(f, NULL, "the account at %s is deactivated and left out", directory);
        return;
    }
    if (material_key_file(t, tree_join(t, folder, "account_key.pem"), &key, &err) < 0) {
        found_warn_err(f, NULL, "an account is left out", &err);
        return;
    }
    json_file_read(t, tree_join(t, folder, "registration_info.json"), TREE_FILE_MAX, &info, NULL);
    json_file_read(t, tree_join(t, folder, "account_id.json"), TREE_FILE_MAX, &id, NULL);
    const char *email = json_file_contact(info);
    const char *url = json_file_c(id, "url");
    if (found_account_by_key(f, directory, &key) == NULL) {
        struct found_account *x = found_account_add(f, directory, url, email, &key);
        if (x != NULL && strcmp(directory, r->directory) == 0)
            x->eab_kid = shell_get(&r->conf, "EAB_KID");
    }
}

/* The folder is called like the directory's URL, with the end of its line, in base64url. */
static const char *directory_of(struct found *f, const char *folder)
{
    enum { URL_MAX = 1024 };
    ATTR_CLEANUP(buf_free) struct buf url = buf_new(URL_MAX);
    if (b64url_decode(&url, str_c(folder)) < 0)
        return NULL;
    const char *text = arena_dup(f->a, str_trim(buf_str(&url)));
    return strncmp(text, "https://", 8) == 0 ? text : NULL;
}

static void read_accounts(struct reader *r)
{
    struct found *f = r->f;
    struct tree_names names;
    size_t n;
    if (tree_list(f->tree, r->accounts, &names, NULL) == 0) {
        for (size_t i = 0; i < names.n; i++) {
            const char *folder = tree_join(f->tree, r->accounts, names.items[i]);
            const char *directory = directory_of(f, names.items[i]);
            if (directory != NULL && strstr(directory, "//acme-v01.") == NULL)
                read_account(r, folder, directory);
            else if (directory == NULL)
                found_warn(f, NULL, "%s is no account's folder", tree_absolute(f->tree, folder));
        }
    }
    r->account = found_account_at(f, r->directory, &n);
}

/* --- certificates --- */

/* What the settings of one certificate say over those of all. */
static struct shell settings_of(struct reader *r, const char *name)
{
    struct found *f = r->f;
    struct shell s = shell_new(f->a);
    for (size_t i = 0; i < r->conf.n; i++)
        if (!r->conf.variables[i].unknown)
            shell_set(&s, r->conf.variables[i].name, r->conf.variables[i].value, NULL);
    const char *folder = shell_get(&r->conf, "DOMAINS_D");
    if (folder[0] == '\0') {
        parse_file(f, &s, f->tree, tree_join(f->tree, tree_join(f->tree, r->certs, name), "config"), NULL);
        return s;
    }
    const char *inside = tree_below(r->settings, folder);
    if (inside != NULL)
        parse_file(f, &s, r->settings, tree_join(r->settings, inside, name), NULL);
    else
        found_warn(f, NULL, "DOMAINS_D=%s is not below %s", folder, r->settings->path);
    return s;
}

static void apply_settings(struct reader *r, struct found_certificate *c, const struct shell *s)
{
    struct found *f = r->f;
    const char *algorithm = shell_get(s, "KEY_ALGO"), *hook = shell_get(s, "HOOK");
    const char *challenge = get_or(s, "CHALLENGETYPE", "http-01");
    uint64_t days;
    if (strcmp(algorithm, "rsa") == 0)
        algorithm = get_or(s, "KEYSIZE", "4096");
    if (algorithm[0] != '\0') {
        c->key_type = material_key_type(str_c(algorithm));
        if (c->key_type[0] == '\0')
            found_warn(f, c, "keys of the type %s are not made here", algorithm);
    }
    c->reuse_key = strcmp(shell_get(s, "PRIVATE_KEY_RENEW"), "no") == 0;
    c->must_staple = strcmp(shell_get(s, "OCSP_MUST_STAPLE"), "yes") == 0;
    c->preferred_chain = shell_get(s, "PREFERRED_CHAIN");
    c->profile = shell_get(s, "ACME_PROFILE");
    if (str_to_u64(str_c(shell_get(s, "RENEW_DAYS")), 3650, &days))
        c->renew_before_s = (int64_t)days * 86400;
    if (strcmp(challenge, "dns-01") == 0) {
        c->challenge = FOUND_DNS_01;
        c->dns_provider = "hook";
        found_warn(f, c, "challenges were answered in DNS by the program %s", hook);
    } else if (strcmp(challenge, "tls-alpn-01") == 0) {
        c->challenge = FOUND_TLS_ALPN_01;
    } else {
        /* The folder of the tokens themselves: what a server shows as /.well-known/acme-challenge/. */
        const char *folder = get_or(s, "WELLKNOWN", "/var/www/dehydrated");
        const char *end = strstr(folder, "/.well-known/acme-challenge");
        if (end != NULL && end[27] == '\0')
            c->webroot = arena_dup(f->a, (struct str){folder, (size_t)(end - folder)});
        else
            found_warn(f, c,
                "challenge files were written right into %s, and a server shows that as "
                "/.well-known/acme-challenge/; a webroot has these two folders itself",
                folder);
    }
    found_hook_add(f, c, FOUND_ISSUED, str_c(hook), "HOOK");
}

static void read_certificate(struct reader *r, const char *name, struct str domains)
{
    static const struct {
        const char *file;
        enum found_format format;
    } kinds[] = {
        {"privkey.pem", FOUND_KEY},
        {"cert.pem", FOUND_CERT},
        {"chain.pem", FOUND_CHAIN},
        {"fullchain.pem", FOUND_FULLCHAIN},
    };
    struct found *f = r->f;
    const struct tree *t = f->tree;
    const char *folder = tree_join(t, r->certs, name);
    struct found_certificate *c = found_certificate_add(f, name);
    if (c == NULL)
        return;
    c->directory = r->directory;
    c->account = r->account;
    if (c->account == NULL)
        found_warn(f, c, "its account at %s was not found", c->directory);
    struct shell s = settings_of(r, name);
    apply_settings(r, c, &s);
    while (domains.n > 0) {
        struct str one, rest;
        str_cut(domains, ' ', &one, &rest);
        found_domain_add(f, c, one);
        domains = rest;
    }
    if (tree_is_folder(t, folder))
        material_files(
            f, c, tree_join(t, folder, "privkey.pem"), tree_join(t, folder, "fullchain.pem"), NULL);
    else
        found_warn(f, c, "it was not issued yet");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        found_file_add(f, c, kinds[i].format, tree_join(t, folder, kinds[i].file));
    found_challenge_settle(f, c);
}

/* "a.example b.example > name" */
static void read_line(struct reader *r, struct str line)
{
    struct arena *a = r->f->a;
    struct str domains, name, first, rest;
    char *text = arena_dup(a, line);
    for (char *p = text; *p != '\0'; p++)
        *p = (char)(*p == '\t' || *p == '\r' ? ' ' : *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    line = str_trim(str_c(text));
    if (line.n == 0 || line.p[0] == '#')
        return;
    if (str_cut(line, '>', &domains, &name))
        name = str_trim(name);
    domains = str_trim(domains);
    str_cut(domains, ' ', &first, &rest);
    const char *folder = arena_dup(a, name.n > 0 ? name : first);
    if (strchr(folder, '/') != NULL || folder[0] == '.') {
        found_warn(r->f, NULL, "%s in domains.txt is no name of a certificate", folder);
        return;
    }
    names_put(
        &r->f->names, str_c(arena_printf(a, "/%s", folder)), folder); /* no certificate's name has a '/' */
    read_certificate(r, folder, domains);
}

/* True where there is one. */
static bool read_list(struct reader *r)
{
    const char *said = shell_get(&r->conf, "DOMAINS_TXT");
    const struct tree *t = r->settings;
    const char *path = said[0] == '/' ? tree_below(t, said) : "domains.txt";
    struct str text = {0}, line, rest;
    size_t n = 0;
    if (path == NULL) {
        t = r->f->tree;
        path = tree_below(t, said);
    }
    if (said[0] == '\0' && !tree_is_file(t, path))
        t = r->f->tree;
    if (path == NULL || tree_text(t, path, TREE_STORE_MAX, &text, NULL) < 0)
        return false;
    for (; text.n > 0 && n < LINES_MAX; n++, text = rest) {
        str_cut(text, '\n', &line, &rest);
        read_line(r, line);
    }
    return true;
}

static void read_folders(struct reader *r, bool listed)
{
    struct found *f = r->f;
    struct tree_names names;
    if (tree_list(f->tree, r->certs, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        const char *folder = tree_join(f->tree, r->certs, names.items[i]);
        if (!tree_is_folder(f->tree, folder) ||
            names_get(&f->names, str_c(arena_printf(f->a, "/%s", names.items[i]))) != NULL)
            continue;
        if (listed)
            found_warn(f, NULL,
                "%s: not imported: it is in certs/ but not in domains.txt, so dehydrated does not renew it",
                names.items[i]);
        else
            read_certificate(r, names.items[i], str_c(""));
    }
}

int read_dehydrated(struct found *f, struct err *err)
{
    struct reader r = {.f = f, .conf = shell_new(f->a)};
    read_settings(&r);
    const char *base = shell_get(&r.conf, "BASEDIR");
    if (!tree_is_folder(f->tree, r.accounts) && !tree_is_folder(f->tree, r.certs)) {
        if (r.settings == f->tree && base[0] == '/' && tree_below(f->tree, base) == NULL)
            return err_set(err, ERR_INPUT,
                "accounts/ and certs/ are missing; its config says that they are in %s", base);
        return err_set(err, ERR_INPUT, "accounts/ and certs/ are missing");
    }
    read_accounts(&r);
    bool listed = read_list(&r);
    if (!listed)
        found_warn(f, NULL, "domains.txt was not found; every certificate in certs/ is taken");
    read_folders(&r, listed);
    found_timer_add(f, "/etc/cron.d/dehydrated", "remove /etc/cron.d/dehydrated");
    found_timer_add(f, "/etc/cron.daily/dehydrated", "remove /etc/cron.daily/dehydrated");
    found_timer_add(f, "/lib/systemd/system/dehydrated.timer", "systemctl disable --now dehydrated.timer");
    found_timer_add(f, NULL, "a line with \"dehydrated -c\" in a crontab (crontab -l), where there is one");
    return 0;
}
