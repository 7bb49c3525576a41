/*
 * acme.sh: ca/HOST/PATH/{account.key,account.json,ca.conf},
 * NAME[_ecc]/{NAME.conf,NAME.key,fullchain.cer,...}, account.conf. The settings are shell assignments;
 * commands in them are wrapped in base64.
 */
#include "processes/importer/acme_sh.h"

#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"
#include "processes/importer/shell.h"

#include <openssl/evp.h>
#include <string.h>

enum { CA_DEPTH_MAX = 8 };

#define WRAP_START "__ACME_BASE64__START_"
#define WRAP_END   "__ACME_BASE64__END_"
#define ECC_SUFFIX "_ecc"

struct reader {
    struct found *f;
    const struct acme_sh_home *home;
    const char *certificates; /* where they are: the home, or what CERT_HOME says */
    struct shell account_conf;
};

/* One certificate being read. */
struct issued {
    struct reader *r;
    struct found_certificate *c;
    struct shell conf;
    const char *folder, *name;
};

static struct shell read_shell(struct found *f, struct found_certificate *c, const char *path)
{
    struct shell s = shell_new(f->a);
    struct str text;
    struct err err = ERR_INIT;
    int r = tree_text(f->tree, path, TREE_FILE_MAX, &text, &err);
    if (r == ERR_NOT_FOUND)
        return s;
    if (r == 0 && (r = shell_parse(&s, text, &err)) < 0)
        err_prefix(&err, "%s", tree_absolute(f->tree, path));
    if (r < 0)
        found_warn_err(f, c, "settings are left out", &err);
    return s;
}

/* Base64 with padding, as openssl writes it; empty for anything else. */
static const char *unwrap(struct found *f, const char *value)
{
    struct str s = str_c(value);
    if (!str_starts(s, STR(WRAP_START)) || !str_ends(s, STR(WRAP_END)) ||
        s.n < sizeof WRAP_START + sizeof WRAP_END - 2)
        return value;
    s.p += sizeof WRAP_START - 1;
    s.n -= sizeof WRAP_START + sizeof WRAP_END - 2;
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(SHELL_VALUE_MAX + 4);
    char *room = buf_room(&text, s.n + 1);
    int n = room != NULL ? EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)s.p, (int)s.n) : -1;
    if (n < 0)
        return "";
    for (size_t i = s.n; i > 0 && s.p[i - 1] == '=' && n > 0; i--) /* which counts padding as octets */
        n--;
    buf_added(&text, (size_t)n);
    return arena_dup(f->a, buf_str(&text));
}

static const char *value_of(const struct issued *i, const char *name)
{
    const char *value = unwrap(i->r->f, shell_get(&i->conf, name));
    return strcmp(value, "no") == 0 ? "" : value; /* acme.sh's word for nothing */
}

/* --- accounts --- */

/* Folders have the host without its port; the account's URL has it. */
static const char *directory_of(struct found *f, const char *server_path, const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = strcspn(server_path, "/");
    host = host != NULL ? host + 3 : "";
    if (strncmp(host, server_path, n) != 0 || host[n] != ':')
        return arena_printf(f->a, "https://%s", server_path);
    return arena_printf(f->a, "https://%.*s%s", (int)strcspn(host, "/"), host, server_path + n);
}

static void read_account(struct reader *r, const char *path, const char *server_path)
{
    struct found *f = r->f;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(json_file_freep) json_t *account = NULL;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    if (material_key_file(f->tree, tree_join(f->tree, path, "account.key"), &key, &err) < 0) {
        found_warn_err(f, NULL, "an account is left out", &err);
        return;
    }
    struct shell conf = read_shell(f, NULL, tree_join(f->tree, path, "ca.conf"));
    json_file_read(f->tree, tree_join(f->tree, path, "account.json"), TREE_FILE_MAX, &account, NULL);
    const char *email = json_file_contact(account);
    if (email[0] == '\0')
        email = shell_get(&conf, "CA_EMAIL");
    const char *url = shell_get(&conf, "ACCOUNT_URL");
    const char *directory = directory_of(f, server_path, url);
    if (found_account_by_key(f, directory, &key) != NULL)
        return;
    struct found_account *x = found_account_add(f, directory, url, email, &key);
    if (x != NULL)
        x->eab_kid = shell_get(&conf, "CA_EAB_KEY_ID");
}

static void walk_accounts(struct reader *r, const char *path, const char *server_path, unsigned depth)
{
    struct tree_names names;
    const struct tree *t = r->f->tree;
    if (tree_is_file(t, tree_join(t, path, "account.key")) && depth > 0)
        read_account(r, path, server_path);
    if (depth == CA_DEPTH_MAX || tree_list(t, path, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        const char *below = tree_join(t, path, names.items[i]);
        if (tree_is_folder(t, below))
            walk_accounts(r, below, tree_join(t, server_path, names.items[i]), depth + 1);
    }
}

static void find_account(struct issued *i)
{
    size_t n;
    struct found *f = i->r->f;
    i->c->directory = value_of(i, "Le_API");
    if (i->c->directory[0] == '\0')
        i->c->directory = shell_get(&i->r->account_conf, "DEFAULT_ACME_SERVER");
    if (i->c->directory[0] == '\0')
        i->c->directory = "https://acme.zerossl.com/v2/DV90"; /* acme.sh's own default */
    i->c->account = found_account_at(f, i->c->directory, &n);
    if (i->c->account == NULL)
        found_warn(f, i->c, "its account at %s was not found", i->c->directory);
}

/* --- challenges --- */

/* How one name was proved: a folder, dns_PROVIDER, or a word. */
static void read_mode(struct issued *i, struct str name, struct str mode)
{
    struct found *f = i->r->f;
    const char *word = arena_dup(f->a, mode);
    if (strncmp(word, "dns", 3) == 0) {
        if (i->c->dns_provider[0] != '\0' && strcmp(i->c->dns_provider, word) != 0)
            found_warn(
                f, i->c, "%.*s was proved by %s, others by %s", STR_ARG(name), word, i->c->dns_provider);
        else
            i->c->dns_provider = word;
        i->c->challenge = FOUND_DNS_01;
    } else if (strcmp(word, "alpn") == 0) {
        i->c->challenge = FOUND_TLS_ALPN_01;
    } else if (strcmp(word, "apache") == 0 || strncmp(word, "nginx:", 6) == 0) {
        found_warn(f, i->c,
            "acme.sh changed the settings of %s for each challenge; the server has to pass "
            "challenges on or to serve a webroot now",
            word[0] == 'a' ? "Apache" : "nginx");
    } else if (strcmp(word, "stateless") == 0) {
        found_warn(f, i->c, "challenges were answered by the web server itself (stateless mode)");
    } else if (word[0] == '/') {
        found_webroot_add(f, i->c, name, word);
    } else if (strcmp(word, "no") != 0 && word[0] != '\0') {
        found_warn(f, i->c, "how %.*s was proved is not known: %s", STR_ARG(name), word);
    }
}

/* Le_Webroot has a mode for each name, and the last one is for the rest. */
static void read_challenge(struct issued *i)
{
    struct str modes = str_c(shell_get(&i->conf, "Le_Webroot")), mode = {0};
    struct str names = str_c(
        arena_printf(i->r->f->a, "%s,%s", shell_get(&i->conf, "Le_Domain"), shell_get(&i->conf, "Le_Alt")));
    uint64_t port = 0;
    while (names.n > 0) {
        struct str name, rest;
        str_cut(names, ',', &name, &rest);
        names = rest;
        if (modes.n > 0) {
            str_cut(modes, ',', &mode, &rest);
            modes = rest;
        }
        if (name.n > 0 && !str_eq_c(name, "no"))
            read_mode(i, name, mode);
    }
    found_webroot_settle(i->c);
    if (str_to_u64(str_c(value_of(i, "Le_HTTPPort")), UINT16_MAX, &port) && port != 80)
        i->c->http_port = (unsigned)port;
    const char *alias = value_of(i, "Le_ChallengeAlias");
    if (alias[0] != '\0')
        found_warn(i->r->f, i->c, "challenges were answered in another zone (challenge alias %s)", alias);
}

/* --- what else is wanted --- */

static void read_wanted(struct issued *i)
{
    struct found *f = i->r->f;
    struct found_certificate *c = i->c;
    const char *length = value_of(i, "Le_Keylength");
    c->key_type = material_key_type(str_c(length[0] != '\0' ? length : "2048")); /* nothing meant that once */
    if (c->key_type[0] == '\0')
        found_warn(f, c, "keys of the type %s are not made here", length);
    c->reuse_key = strcmp(value_of(i, "Le_ForceNewDomainKey"), "1") != 0;
    c->must_staple = strcmp(value_of(i, "Le_OCSP_Staple"), "1") == 0;
    c->preferred_chain = value_of(i, "Le_Preferred_Chain");
    c->profile = value_of(i, "Le_Certificate_Profile");
    if (value_of(i, "Le_Valid_To")[0] != '\0' || value_of(i, "Le_Valid_From")[0] != '\0')
        found_warn(f, c, "dates were asked for (Le_Valid_From, Le_Valid_To): see validity");
}

static void read_hooks(struct issued *i)
{
    static const struct {
        const char *variable;
        enum found_event event;
    } hooks[] = {
        {"Le_PreHook", FOUND_STARTING},
        {"Le_PostHook", FOUND_FINISHED},
        {"Le_RenewHook", FOUND_ISSUED},
        {"Le_ReloadCmd", FOUND_ISSUED},
    };
    for (size_t h = 0; h < ARRAY_LEN(hooks); h++)
        found_hook_add(
            i->r->f, i->c, hooks[h].event, str_c(value_of(i, hooks[h].variable)), hooks[h].variable);
    const char *deploy = value_of(i, "Le_DeployHook");
    if (deploy[0] != '\0')
        found_warn(i->r->f, i->c, "the deploy hook %s of acme.sh is not carried over", deploy);
}

/* Renewal so many days after issue, as seconds before the end. */
static void read_days(struct issued *i)
{
    uint64_t days, created;
    if (i->c->not_after_s > 0 && str_to_u64(str_c(value_of(i, "Le_RenewalDays")), 3650, &days) &&
        str_to_u64(str_c(value_of(i, "Le_CertCreateTime")), INT64_MAX / 2, &created)) {
        int64_t before = i->c->not_after_s - (int64_t)created - (int64_t)days * 86400;
        i->c->renew_before_s = before > 0 ? before : 0;
    }
}

/* --- files --- */

/* A path as the settings have it; NULL where it is one of another machine (a container). */
static const char *path_here(const struct issued *i, const char *path)
{
    const struct acme_sh_home *home = i->r->home;
    const struct tree *t = i->r->f->tree;
    if (home->inside == NULL || path[0] != '/')
        return path;
    size_t n = strlen(home->inside);
    if (home->outside == NULL || strncmp(path, home->inside, n) != 0 || path[n] != '/')
        return NULL;
    return tree_absolute(t, tree_join(t, home->outside, path + n + 1));
}

static void read_files(struct issued *i)
{
    static const struct {
        const char *variable;
        enum found_format format;
    } installed[] = {
        {"Le_RealKeyPath", FOUND_KEY},
        {"Le_RealCertPath", FOUND_CERT},
        {"Le_RealCACertPath", FOUND_CHAIN},
        {"Le_RealFullChainPath", FOUND_FULLCHAIN},
    };
    struct found *f = i->r->f;
    const struct tree *t = f->tree;
    bool any = false;
    for (size_t k = 0; k < ARRAY_LEN(installed); k++) {
        const char *said = value_of(i, installed[k].variable);
        const char *path = said[0] == '/' ? path_here(i, said) : NULL;
        any = any || said[0] != '\0';
        if (path != NULL)
            found_file_add(f, i->c, installed[k].format, path);
        else if (said[0] != '\0')
            found_warn(f, i->c, "%s is not a place that is known here; nothing is written there", said);
    }
    const char *key = tree_join(t, i->folder, arena_printf(f->a, "%s.key", i->name));
    const char *cert = tree_join(t, i->folder, arena_printf(f->a, "%s.cer", i->name));
    const char *chain = tree_join(t, i->folder, "ca.cer"), *full = tree_join(t, i->folder, "fullchain.cer");
    if (tree_is_file(t, full))
        material_files(f, i->c, key, full, NULL);
    else
        material_files(f, i->c, key, cert, tree_is_file(t, chain) ? chain : NULL);
    if (!any) { /* servers read them where acme.sh keeps them, though it advises against it */
        found_file_add(f, i->c, FOUND_KEY, key);
        found_file_add(f, i->c, FOUND_CERT, cert);
        found_file_add(f, i->c, FOUND_CHAIN, chain);
        found_file_add(f, i->c, FOUND_FULLCHAIN, full);
    }
    if (value_of(i, "Le_PFXPassword")[0] != '\0')
        found_warn(f, i->c, "acme.sh also made %s/%s.pfx with a password: see publish (format: pkcs12)",
            i->folder, i->name);
}

/* --- the whole --- */

/* The names in the order that they were asked for in: those of the settings that the certificate has. */
static void order_names(struct issued *i)
{
    struct found *f = i->r->f;
    struct found_texts of_certificate = i->c->domains;
    struct str names =
        str_c(arena_printf(f->a, "%s,%s", shell_get(&i->conf, "Le_Domain"), shell_get(&i->conf, "Le_Alt")));
    i->c->domains = (struct found_texts){0};
    while (names.n > 0) {
        struct str name, rest;
        str_cut(names, ',', &name, &rest);
        names = rest;
        if (!str_eq_c(name, "no"))
            found_domain_add(f, i->c, name);
    }
    for (size_t k = 0; k < of_certificate.n; k++)
        if (!found_text_has(&i->c->domains, of_certificate.items[k]))
            found_warn(
                f, i->c, "the certificate also has %s, which the settings do not", of_certificate.items[k]);
}

static void read_certificate(struct reader *r, const char *folder, const char *name)
{
    struct found *f = r->f;
    struct issued i = {.r = r, .folder = folder, .name = name};
    i.conf = read_shell(f, NULL, tree_join(f->tree, folder, arena_printf(f->a, "%s.conf", name)));
    if (shell_get(&i.conf, "Le_Domain")[0] == '\0') {
        found_warn(f, NULL, "%s: not imported: its settings name no domain", tree_absolute(f->tree, folder));
        return;
    }
    if ((i.c = found_certificate_add(f, name)) == NULL)
        return;
    find_account(&i);
    read_wanted(&i);
    read_files(&i);
    order_names(&i);
    read_challenge(&i);
    found_challenge_settle(f, i.c);
    read_hooks(&i);
    read_days(&i);
}

/* The name a folder is for: "x_ecc" and "x" are for x; NULL where it is no certificate's. */
static const char *name_of_folder(const struct tree *t, const char *parent, const char *folder)
{
    struct str s = str_c(folder);
    const char *path = tree_join(t, parent, folder);
    if (str_ends(s, STR(ECC_SUFFIX)) && s.n > sizeof ECC_SUFFIX - 1) {
        const char *name = arena_dup(t->a, (struct str){s.p, s.n - (sizeof ECC_SUFFIX - 1)});
        if (tree_is_file(t, tree_join(t, path, arena_printf(t->a, "%s.conf", name))))
            return name;
    }
    return tree_is_file(t, tree_join(t, path, arena_printf(t->a, "%s.conf", folder))) ? folder : NULL;
}

bool acme_sh_is_home(const struct tree *t, const char *path)
{
    struct tree_names names;
    if (tree_is_folder(t, tree_join(t, path, "ca")))
        return true;
    if (tree_list(t, path, &names, NULL) < 0)
        return false;
    for (size_t i = 0; i < names.n; i++)
        if (name_of_folder(t, path, names.items[i]) != NULL)
            return true;
    return false;
}

void acme_sh_read_home(struct found *f, const struct acme_sh_home *home)
{
    struct reader r = {.f = f, .home = home, .certificates = home->path};
    const struct tree *t = f->tree;
    struct tree_names names;
    struct err err = ERR_INIT;
    r.account_conf = read_shell(f, NULL, tree_join(t, home->path, "account.conf"));
    walk_accounts(&r, tree_join(t, home->path, "ca"), "", 0);
    const char *elsewhere = shell_get(&r.account_conf, "CERT_HOME");
    if (elsewhere[0] != '\0' && home->inside == NULL) {
        r.certificates = tree_below(t, elsewhere);
        if (r.certificates == NULL) {
            found_warn(f, NULL,
                "certificates are kept in %s (CERT_HOME), which is not below %s: not imported", elsewhere,
                t->path);
            return;
        }
    }
    if (tree_list(t, r.certificates, &names, &err) < 0) {
        found_warn_err(f, NULL, "certificates are left out", &err);
        return;
    }
    for (size_t i = 0; i < names.n; i++) {
        const char *name = name_of_folder(t, r.certificates, names.items[i]);
        if (name != NULL)
            read_certificate(&r, tree_join(t, r.certificates, names.items[i]), name);
    }
}

int read_acme_sh(struct found *f, struct err *err)
{
    struct acme_sh_home home = {.path = ""};
    if (!acme_sh_is_home(f->tree, ""))
        return err_set(err, ERR_INPUT, "ca/ and certificates are missing");
    acme_sh_read_home(f, &home);
    found_timer_add(
        f, NULL, "the crontab line with \"acme.sh --cron\" (acme.sh --uninstall-cronjob, or crontab -e)");
    found_timer_add(
        f, "/etc/systemd/system/acme_letsencrypt.timer", "systemctl disable --now acme_letsencrypt.timer");
    return 0;
}
