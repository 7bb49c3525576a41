/*
 * certbot: accounts/HOST/PATH/ID/, renewal/NAME.conf, live/NAME/KIND.pem, which are links to
 * archive/NAME/KINDn.pem, renewal-hooks/ and cli.ini.
 */
#include "base/b64.h"
#include "config/wish.h"
#include "processes/importer/ini.h"
#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACCOUNTS_DEPTH_MAX = 8, /* components of a directory's URL */
    VERSIONS_TRIED_MAX = 10 /* certbot keeps six of a certificate */
};

#define PARAMS      "renewalparams"
#define WEBROOT_MAP PARAMS "/webroot_map"

/* An account under the names that renewal files know it by. */
struct known {
    const char *server_path; /* host and path of the directory's URL */
    const char *id;
    const struct found_account *account;
    struct known *next;
};

struct certbot {
    struct found *f;
    struct ini cli; /* cli.ini, which certbot puts above what renewal files say */
    struct known *accounts;
    const char *hook_directory; /* NULL where it holds nothing to run */
};

/* One certificate being read. */
struct lineage {
    struct certbot *cb;
    struct found_certificate *c;
    struct ini conf;
};

/* --- accounts --- */

/* regr.json keeps what the CA answered; newer versions leave the body empty. */
static const char *contact_of(const json_t *regr, const json_t *meta)
{
    const char *contact = json_file_contact(json_object_get(regr, "body"));
    return contact[0] != '\0' ? contact : json_file_c(meta, "register_to_eff");
}

/* The key identifier of an external account binding, where the CA's answer repeats it. */
static const char *binding_of(struct found *f, const json_t *regr)
{
    const json_t *binding = json_object_get(json_object_get(regr, "body"), "externalAccountBinding");
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(TREE_FILE_MAX);
    ATTR_CLEANUP(json_file_freep) json_t *head = NULL;
    if (b64url_decode(&text, json_file_text(binding, "protected")) < 0 ||
        json_file_parse(buf_str(&text), &head, NULL) < 0)
        return "";
    return arena_dup_c(f->a, json_file_c(head, "kid"));
}

static void read_account(struct certbot *cb, const char *path, const char *server_path, const char *id)
{
    struct found *f = cb->f;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *regr = NULL;
    ATTR_CLEANUP(json_file_freep) json_t *meta = NULL;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    if (material_key_file(f->tree, tree_join(f->tree, path, "private_key.json"), &key, &err) < 0) {
        found_warn_err(f, NULL, "an account is left out", &err);
        return;
    }
    if (json_file_read(f->tree, tree_join(f->tree, path, "regr.json"), TREE_FILE_MAX, &regr, &err) < 0)
        found_warn_err(f, NULL, "an account is known by its key alone", &err);
    json_file_read(f->tree, tree_join(f->tree, path, "meta.json"), TREE_FILE_MAX, &meta, NULL);
    const char *directory = arena_printf(f->a, "https://%s", server_path);
    struct found_account *x = found_account_by_key(f, directory, &key);
    if (x == NULL)
        x = found_account_add(f, directory, json_file_c(regr, "uri"), contact_of(regr, meta), &key);
    if (x == NULL)
        return;
    if (x->eab_kid[0] == '\0')
        x->eab_kid = binding_of(f, regr);
    struct known *k = arena_alloc(f->a, sizeof *k);
    *k = (struct known){.server_path = server_path, .id = id, .account = x, .next = cb->accounts};
    cb->accounts = k;
}

/* Folders down to those with a key. Accounts of the first protocol are found by the links that certbot made
 * from the second one's folder to theirs. */
static void walk_accounts(struct certbot *cb, const char *path, const char *server_path, unsigned depth)
{
    struct tree_names names;
    struct err err = ERR_INIT;
    const struct tree *t = cb->f->tree;
    if (strstr(server_path, "acme-v01.") == server_path ||
        strcmp(server_path, "acme-staging.api.letsencrypt.org") == 0)
        return;
    if (tree_list(t, path, &names, &err) < 0) {
        found_warn_err(cb->f, NULL, "accounts are left out", &err);
        return;
    }
    for (size_t i = 0; i < names.n; i++) {
        const char *below = tree_join(t, path, names.items[i]);
        if (tree_is_file(t, tree_join(t, below, "private_key.json")))
            read_account(cb, below, server_path, names.items[i]);
        else if (tree_is_folder(t, below) && depth < ACCOUNTS_DEPTH_MAX)
            walk_accounts(cb, below, tree_join(t, server_path, names.items[i]), depth + 1);
        else if (!tree_is_file(t, below))
            found_warn(cb->f, NULL, "%s leads nowhere; its accounts are left out", tree_absolute(t, below));
    }
}

static const struct found_account *account_of(const struct certbot *cb, const char *directory, struct str id)
{
    const char *host = strstr(directory, "://");
    if (host == NULL)
        return NULL;
    host += 3;
    size_t n = strlen(host);
    while (n > 0 && host[n - 1] == '/')
        n--;
    for (const struct known *k = cb->accounts; k != NULL; k = k->next)
        if (str_eq_c(id, k->id) && n == strlen(k->server_path) && memcmp(host, k->server_path, n) == 0)
            return k->account;
    return NULL;
}

/* --- settings --- */

static struct str setting(const struct lineage *l, const char *key)
{
    const struct ini_entry *e = ini_find(&l->cb->cli, "", key);
    return e != NULL ? e->items[0] : ini_text(&l->conf, PARAMS, key);
}

static const char *setting_c(const struct lineage *l, const char *key)
{
    struct str s = setting(l, key);
    return str_eq_c(s, "None") ? "" : arena_dup(l->cb->f->a, s);
}

static bool is_true(struct str s)
{
    return str_eq_nocase(s, STR("true")) || str_eq_nocase(s, STR("yes")) || str_eq_nocase(s, STR("on")) ||
           str_eq_c(s, "1");
}

static void read_hooks(struct lineage *l)
{
    static const struct {
        const char *key;
        enum found_event event;
    } hooks[] = {
        {"pre_hook", FOUND_STARTING},
        {"renew_hook", FOUND_ISSUED},
        {"deploy_hook", FOUND_ISSUED},
        {"post_hook", FOUND_FINISHED},
    };
    struct found *f = l->cb->f;
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
        struct str command = setting(l, hooks[i].key);
        if (!str_eq_c(command, "None"))
            found_hook_add(f, l->c, hooks[i].event, command, hooks[i].key);
    }
    if (l->cb->hook_directory != NULL)
        found_text_add(f, &l->c->hook_directories, l->cb->hook_directory);
    const char *installer = setting_c(l, "installer");
    if (strcmp(installer, "nginx") == 0 || strcmp(installer, "apache") == 0)
        found_warn(f, l->c,
            "certbot's %s plugin also reloaded %s after each renewal; a step that does so is "
            "needed (deploy: [reload %s])",
            installer, installer, strcmp(installer, "apache") == 0 ? "apache2" : "nginx");
}

/* "30 days". What parsedatetime understands besides is rare. */
static int64_t seconds_of(struct str s)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 7 * 86400}, {"month", 30 * 86400}};
    struct str number, unit;
    uint64_t n;
    if (!str_cut(str_trim(s), ' ', &number, &unit) || !str_to_u64(number, 10000, &n))
        return 0;
    unit = str_trim(unit);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_starts(unit, str_c(units[i].unit)))
            return (int64_t)n * units[i].seconds;
    return 0;
}

static void read_key_type(struct lineage *l)
{
    struct str type = setting(l, "key_type");
    struct str size = setting(l, str_eq_c(type, "rsa") ? "rsa_key_size" : "elliptic_curve");
    if (type.n == 0)
        return; /* that of the certificate */
    if (size.n == 0 || str_eq_c(size, "None"))
        size = str_eq_c(type, "rsa") ? STR("2048") : STR("secp256r1");
    l->c->key_type = material_key_type(size);
    if (l->c->key_type[0] == '\0')
        found_warn(l->cb->f, l->c, "keys of type %.*s %.*s are not made here", STR_ARG(type), STR_ARG(size));
}

static void read_wanted(struct lineage *l)
{
    struct found_certificate *c = l->c;
    struct str before = ini_text(&l->conf, "", "renew_before_expiry");
    c->reuse_key = is_true(setting(l, "reuse_key"));
    c->must_staple = is_true(setting(l, "must_staple"));
    c->preferred_chain = setting_c(l, "preferred_chain");
    c->preferred_profile = setting_c(l, "preferred_profile");
    c->profile = setting_c(l, "required_profile");
    c->renew_before_s = seconds_of(before);
    if (before.n > 0 && c->renew_before_s == 0)
        found_warn(l->cb->f, c, "renew_before_expiry = %.*s is not understood", STR_ARG(before));
    if (is_true(setting(l, "allow_subset_of_names")))
        found_warn(l->cb->f, c, "allow_subset_of_names is on: see issue-without, which names them");
    read_key_type(l);
}

/* --- challenges --- */

/* The first of the preferred ones that we know. */
static bool preferred(const struct lineage *l, enum found_challenge *out)
{
    static const struct {
        const char *word;
        enum found_challenge challenge;
    } words[] = {
        {"http-01", FOUND_HTTP_01}, {"http", FOUND_HTTP_01}, {"dns-01", FOUND_DNS_01}, {"dns", FOUND_DNS_01}};
    const struct ini_entry *e = ini_find(&l->conf, PARAMS, "pref_challs");
    for (size_t i = 0; e != NULL && i < e->n; i++) {
        for (size_t j = 0; j < ARRAY_LEN(words); j++) {
            if (str_eq_c(e->items[i], words[j].word)) {
                *out = words[j].challenge;
                return true;
            }
        }
    }
    return false;
}

static void read_webroots(struct lineage *l)
{
    struct found *f = l->cb->f;
    const struct ini_entry *path = ini_find(&l->conf, PARAMS, "webroot_path");
    for (size_t i = 0; i < l->conf.n; i++) {
        const struct ini_entry *e = &l->conf.entries[i];
        if (strcmp(e->section, WEBROOT_MAP) == 0 && e->n > 0)
            found_webroot_add(f, l->c, e->key, arena_dup(f->a, e->items[0]));
    }
    if (path != NULL && path->n > 0)
        l->c->webroot = arena_dup(f->a, path->items[path->n - 1]);
    found_webroot_settle(l->c);
    if (l->c->webroot[0] == '\0')
        found_warn(f, l->c, "the webroot plugin was used, but no webroot_path is known");
}

static void read_standalone(struct lineage *l)
{
    uint64_t port = 0;
    struct str text = setting(l, "http01_port"), address = setting(l, "http01_address");
    if (text.n > 0 && !str_eq_c(text, "None") && !str_to_u64(text, UINT16_MAX, &port))
        found_warn(l->cb->f, l->c, "http01_port = %.*s is no port", STR_ARG(text));
    l->c->http_port = port == 80 ? 0 : (unsigned)port;
    if (address.n > 0 && !str_eq_c(address, "None"))
        found_warn(l->cb->f, l->c, "http01_address = %.*s: see http-address", STR_ARG(address));
}

static void read_manual(struct lineage *l)
{
    const char *auth = setting_c(l, "manual_auth_hook"), *cleanup = setting_c(l, "manual_cleanup_hook");
    l->c->dns_provider = l->c->challenge == FOUND_DNS_01 ? "manual" : "";
    if (auth[0] != '\0')
        found_warn(l->cb->f, l->c, "challenges were answered by programs, which is not carried over: %s%s%s",
            auth, cleanup[0] != '\0' ? " and " : "", cleanup);
    else
        found_warn(l->cb->f, l->c, "challenges were answered by hand (the manual plugin)");
}

static void read_dns(struct lineage *l, const char *plugin)
{
    l->c->challenge = FOUND_DNS_01;
    l->c->dns_provider = plugin;
    for (size_t i = 0; i < l->conf.n; i++) {
        const struct ini_entry *e = &l->conf.entries[i];
        if (strcmp(e->section, PARAMS) == 0 && e->n > 0 && str_starts(e->key, STR("dns_")) &&
            str_ends(e->key, STR("_credentials")))
            found_warn(l->cb->f, l->c, "credentials of %s stand in %.*s", plugin, STR_ARG(e->items[0]));
    }
}

static void read_challenge(struct lineage *l)
{
    const char *plugin = setting_c(l, "authenticator");
    const char *colon = strrchr(plugin, ':'); /* "certbot-dns-x:dns-x" of before 1.7 */
    plugin = colon != NULL ? colon + 1 : plugin;
    if (!preferred(l, &l->c->challenge))
        l->c->challenge = FOUND_HTTP_01;
    if (strcmp(plugin, "webroot") == 0)
        read_webroots(l);
    else if (strcmp(plugin, "standalone") == 0)
        read_standalone(l);
    else if (strcmp(plugin, "manual") == 0)
        read_manual(l);
    else if (strncmp(plugin, "dns-", 4) == 0)
        read_dns(l, plugin);
    else if (strcmp(plugin, "nginx") == 0 || strcmp(plugin, "apache") == 0)
        found_warn(l->cb->f, l->c,
            "certbot's %s plugin changed the server's settings for each challenge; the "
            "server has to pass challenges on or to serve a webroot now",
            plugin);
    else
        found_warn(l->cb->f, l->c, "the plugin \"%s\" that answered challenges is not known", plugin);
}

/* --- keys and chains --- */

static const struct {
    const char *key; /* in the renewal file, and the start of file names */
    enum found_format format;
} kinds[] = {
    {"privkey", FOUND_KEY},
    {"cert", FOUND_CERT},
    {"chain", FOUND_CHAIN},
    {"fullchain", FOUND_FULLCHAIN},
};

/* The file in live/: where the renewal file says, or in its usual place where the folder was moved. */
static const char *live_path(const struct lineage *l, const char *kind)
{
    const struct tree *t = l->cb->f->tree;
    const char *said = tree_below(t, arena_dup(l->cb->f->a, ini_text(&l->conf, "", kind)));
    const char *usual = arena_printf(l->cb->f->a, "live/%s/%s.pem", l->c->name, kind);
    return said != NULL && said[0] != '\0' && (tree_is_file(t, said) || !tree_is_file(t, usual)) ? said
                                                                                                 : usual;
}

static const char *archive_path(const struct lineage *l)
{
    const struct tree *t = l->cb->f->tree;
    const char *said = tree_below(t, arena_dup(l->cb->f->a, ini_text(&l->conf, "", "archive_dir")));
    return said != NULL && tree_is_folder(t, said) ? said
                                                   : arena_printf(l->cb->f->a, "archive/%s", l->c->name);
}

/* Key and chain of one version, where both are whole and belong together. */
static bool take_pair(struct lineage *l, const char *key, const char *fullchain, const char *cert,
    const char *chain, struct err *err)
{
    const struct tree *t = l->cb->f->tree;
    ATTR_CLEANUP(buf_free) struct buf key_text = buf_new_sensitive(TREE_FILE_MAX);
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(2 * TREE_FILE_MAX + 1);
    if (tree_read(t, key, TREE_FILE_MAX, &key_text, err) < 0)
        return false;
    if (tree_read(t, fullchain, TREE_FILE_MAX, &text, err) == 0)
        return material_pair(l->cb->f, l->c, buf_str(&key_text), buf_str(&text), err);
    buf_clear(&text);
    if (tree_read(t, cert, TREE_FILE_MAX, &text, err) < 0)
        return false;
    buf_put_char(&text, '\n');
    return tree_read(t, chain, TREE_FILE_MAX, &text, err) == 0 &&
           material_pair(l->cb->f, l->c, buf_str(&key_text), buf_str(&text), err);
}

static int by_number_down(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The newest whole version in archive/; 0 for none. */
static unsigned take_archived(struct lineage *l)
{
    struct arena *a = l->cb->f->a;
    const char *folder = archive_path(l);
    struct tree_names names;
    if (tree_list(l->cb->f->tree, folder, &names, NULL) < 0)
        return 0;
    unsigned *versions = arena_array(a, names.n, sizeof *versions);
    size_t n = 0;
    for (size_t i = 0; i < names.n; i++) {
        uint64_t version;
        struct str name = str_c(names.items[i]);
        const size_t before = sizeof "privkey" - 1, behind = sizeof ".pem" - 1;
        if (str_starts(name, STR("privkey")) && str_ends(name, STR(".pem")) && name.n > before + behind &&
            str_to_u64((struct str){name.p + before, name.n - before - behind}, UINT_MAX, &version))
            versions[n++] = (unsigned)version;
    }
    if (n > 1)
        qsort(versions, n, sizeof *versions, by_number_down);
    for (size_t i = 0; i < n && i < VERSIONS_TRIED_MAX; i++) {
        const char *paths[ARRAY_LEN(kinds)];
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            paths[k] = arena_printf(a, "%s/%s%u.pem", folder, kinds[k].key, versions[i]);
        if (take_pair(l, paths[0], paths[3], paths[1], paths[2], NULL))
            return versions[i];
    }
    return 0;
}

static void read_live(struct lineage *l)
{
    struct found *f = l->cb->f;
    struct err err = ERR_INIT;
    const char *paths[ARRAY_LEN(kinds)];
    unsigned version;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        paths[k] = live_path(l, kinds[k].key);
        found_file_add(f, l->c, kinds[k].format, paths[k]);
    }
    if (take_pair(l, paths[0], paths[3], paths[1], paths[2], &err))
        return;
    if ((version = take_archived(l)) > 0)
        found_warn(f, l->c, "what is in live/%s is not whole (%s); version %u of archive/ was taken instead",
            l->c->name, err.text, version);
    else
        material_files(f, l->c, paths[0], paths[3], NULL);
}

/* --- the whole --- */

/* Names where there is no certificate to read them from. */
static void guess_names(struct lineage *l)
{
    struct found *f = l->cb->f;
    const char *ascii;
    if (l->c->domains.n == 0) {
        for (size_t i = 0; i < l->conf.n; i++)
            if (strcmp(l->conf.entries[i].section, WEBROOT_MAP) == 0)
                found_domain_add(f, l->c, l->conf.entries[i].key);
        if (l->c->domains.n == 0)
            found_domain_add(f, l->c, str_c(l->c->name));
        found_warn(f, l->c, "there is no certificate that could be read; its names were taken from %s",
            "the renewal file, and may not be all");
    }
    if (name_to_ascii(str_c(l->c->name), f->a, &ascii, NULL) == 0)
        found_domain_first(l->c, ascii);
}

static void read_renewal(struct certbot *cb, const char *file, const char *name)
{
    struct found *f = cb->f;
    struct err err = ERR_INIT;
    struct lineage l = {.cb = cb};
    struct str text;
    const char *path = tree_join(f->tree, "renewal", file);
    int r = tree_text(f->tree, path, TREE_FILE_MAX, &text, &err);
    if (r == 0 && (r = ini_parse(text, f->a, &l.conf, &err)) < 0)
        err_prefix(&err, "%s", tree_absolute(f->tree, path));
    if (r < 0) {
        found_warn(f, NULL, "%s: not imported: %s", name, err.text);
        return;
    }
    struct str autorenew = ini_text(&l.conf, PARAMS, "autorenew");
    if (autorenew.n > 0 && !is_true(autorenew)) {
        found_warn(f, NULL, "%s: not imported: its renewal is switched off (autorenew = False)", name);
        return;
    }
    if (ini_find(&l.conf, PARAMS, "authenticator") == NULL) {
        found_warn(f, NULL, "%s: not imported: %s has no authenticator, so certbot does not renew it either",
            name, tree_absolute(f->tree, path));
        return;
    }
    if ((l.c = found_certificate_add(f, name)) == NULL)
        return;
    l.c->directory = setting_c(&l, "server");
    if (l.c->directory[0] == '\0')
        l.c->directory = "https://acme-v02.api.letsencrypt.org/directory"; /* certbot's own default */
    l.c->account = account_of(cb, l.c->directory, ini_text(&l.conf, PARAMS, "account"));
    if (l.c->account == NULL)
        found_warn(f, l.c, "its account at %s was not found", l.c->directory);
    read_wanted(&l);
    read_live(&l);
    guess_names(&l);
    read_challenge(&l);
    read_hooks(&l);
}

/* Whether one of the hook directories holds something to run. */
static bool has_hooks(const struct tree *t)
{
    static const char *const folders[] = {"renewal-hooks/pre", "renewal-hooks/deploy", "renewal-hooks/post"};
    struct tree_names names;
    struct tree_stat st;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (tree_list(t, folders[i], &names, NULL) < 0)
            continue;
        for (size_t j = 0; j < names.n; j++)
            if (!str_ends(str_c(names.items[j]), STR("~")) &&
                tree_stat(t, tree_join(t, folders[i], names.items[j]), &st, NULL) == 0 && !st.is_folder &&
                (st.mode & 0111) != 0)
                return true;
    }
    return false;
}

/* cli.ini: which of its lines are used above, or do not matter to us. */
static void read_cli_ini(struct certbot *cb)
{
    static const char *const known[] = {"pre_hook", "post_hook", "renew_hook", "deploy_hook", "key_type",
        "rsa_key_size", "elliptic_curve", "reuse_key", "must_staple", "preferred_chain", "preferred_profile",
        "required_profile", "allow_subset_of_names", "authenticator", "installer", "server", "http01_port",
        "http01_address", "manual_auth_hook", "manual_cleanup_hook", "no_directory_hooks", "directory_hooks",
        /* without a meaning for us */
        "max_log_backups", "agree_tos", "email", "eff_email", "no_eff_email", "text", "non_interactive",
        "quiet", "domains", "config_dir", "work_dir", "logs_dir", "user_agent", "preconfigured_renewal",
        "no_random_sleep_on_renew", "keep_until_expiring", "expand", "register_unsafely_without_email"};
    struct found *f = cb->f;
    struct err err = ERR_INIT;
    struct str text;
    int r = tree_text(f->tree, "cli.ini", TREE_FILE_MAX, &text, &err);
    if (r == ERR_NOT_FOUND)
        return;
    if (r < 0 || ini_parse_flat(text, f->a, &cb->cli, &err) < 0) {
        found_warn_err(f, NULL, "cli.ini is not used", &err);
        return;
    }
    for (size_t i = 0; i < cb->cli.n; i++) {
        bool is_known = false;
        for (size_t j = 0; j < ARRAY_LEN(known); j++)
            is_known = is_known || str_eq_c(cb->cli.entries[i].key, known[j]);
        if (!is_known)
            found_warn(
                f, NULL, "cli.ini sets %.*s, which is not carried over", STR_ARG(cb->cli.entries[i].key));
    }
}

static void find_timers(struct found *f)
{
    found_timer_add(f, "/lib/systemd/system/certbot.timer", "systemctl disable --now certbot.timer");
    found_timer_add(f, "/etc/systemd/system/certbot.timer", "systemctl disable --now certbot.timer");
    found_timer_add(
        f, "/lib/systemd/system/certbot-renew.timer", "systemctl disable --now certbot-renew.timer");
    found_timer_add(f, "/etc/systemd/system/snap.certbot.renew.timer",
        "systemctl disable --now snap.certbot.renew.timer");
    found_timer_add(f, "/etc/cron.d/certbot", "remove /etc/cron.d/certbot");
    found_timer_add(f, NULL, "a line with \"certbot renew\" in a crontab (crontab -l), where there is one");
}

int read_certbot(struct found *f, struct err *err)
{
    struct certbot cb = {.f = f};
    struct tree_names renewals, lives;
    const struct tree *t = f->tree;
    bool accounts = tree_is_folder(t, "accounts"), renewal = tree_is_folder(t, "renewal");
    if (accounts)
        walk_accounts(&cb, "accounts", "", 0);
    if (!renewal && cb.accounts == NULL) /* other clients have a folder accounts/ too */
        return err_set(err, ERR_INPUT, "renewal/ is missing");
    read_cli_ini(&cb);
    const struct ini_entry *none = ini_find(&cb.cli, "", "no_directory_hooks");
    if (has_hooks(t) && (none == NULL || str_eq_nocase(none->items[0], STR("false"))))
        cb.hook_directory = tree_absolute(t, "renewal-hooks");
    if (renewal && tree_list(t, "renewal", &renewals, err) == 0) {
        for (size_t i = 0; i < renewals.n; i++) {
            struct str file = str_c(renewals.items[i]);
            if (str_ends(file, STR(".conf")) && file.n > 5)
                read_renewal(&cb, file.p, arena_dup(f->a, (struct str){file.p, file.n - 5}));
        }
    }
    if (tree_is_folder(t, "live") && tree_list(t, "live", &lives, NULL) == 0) {
        for (size_t i = 0; i < lives.n; i++)
            if (tree_is_folder(t, tree_join(t, "live", lives.items[i])) &&
                !tree_is_file(t, arena_printf(f->a, "renewal/%s.conf", lives.items[i])))
                found_warn(f, NULL,
                    "%s: not imported: it is in live/ but has no renewal/%s.conf, so certbot does not renew "
                    "it",
                    lives.items[i], lives.items[i]);
    }
    find_timers(f);
    return 0;
}
