#include "processes/parent/dialect.h"

#include "base/buf.h"
#include "base/str.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FOLDER_PROGRAMS_MAX = 1000, /* more is no folder of hooks */
    JOINED_MAX = 256 * 1024,    /* of a hundred names; far above what a wish holds */
};

/* --- facts as texts --- */

/* What a word of a call or a variable is; NULL where it is not known, or is one certificate's in a batch. */
enum fact {
    FACT_NONE,
    FACT_EVENT,
    FACT_NAME,
    FACT_NAMES,
    FACT_DOMAIN,        /* the first */
    FACT_DOMAINS,       /* with blanks between */
    FACT_DOMAINS_COMMA, /* with commas between */
    FACT_OTHERS_COMMA,  /* without the first; acme.sh says "no" where there is none */
    FACT_GOOD_DOMAINS,  /* of the attempts that are over */
    FACT_FAILED_DOMAINS,
    FACT_FAILED_NAMES,
    FACT_LIVE,
    FACT_DIR,
    FACT_KEY,
    FACT_CERT,
    FACT_CHAIN,
    FACT_FULLCHAIN,
    FACT_COMBINED,
    FACT_FINGERPRINT,
    FACT_NOT_AFTER,
    FACT_ERROR,
    FACT_REJECTED,     /* the name whose challenge failed */
    FACT_REJECTED_WHY, /* and what the CA said */
    FACT_EMAIL,
    FACT_ACCOUNT, /* as lego names an account */
    FACT_DIRECTORY,
    FACT_LEGO_KEY_TYPE,
    FACT_DEHYDRATED_KEY_TYPE,
    FACT_NOW,
    FACT_EMPTY,
    FACT_NO_STATUS,    /* of HTTP; curl's "000" for none */
    FACT_POST,         /* nearly every request of ACME */
    FACT_SIGN_DOMAINS, /* dehydrated's command that gets certificates */
};

static const struct {
    const char *lego, *dehydrated;
} key_names[] = {
    [KEY_ECDSA_P256] = {"EC256", "prime256v1"},
    [KEY_ECDSA_P384] = {"EC384", "secp384r1"},
    [KEY_RSA_2048] = {"RSA2048", "rsa"},
    [KEY_RSA_3072] = {"RSA3072", "rsa"},
    [KEY_RSA_4096] = {"RSA4096", "rsa"},
    [KEY_ED25519] = {NULL, NULL},
};

const char *dialect_key_algo(enum key_type type)
{
    const char *word = (size_t)type < ARRAY_LEN(key_names) ? key_names[type].dehydrated : NULL;
    return word != NULL ? word : "";
}

/* Cut between two texts where they are longer than `max` together. */
static const char *joined(const char *const *list, size_t n, const char *between, size_t max, struct arena *a)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(JOINED_MAX);
    for (size_t i = 0; i < n && b.n + strlen(between) + strlen(list[i]) <= max; i++)
        buf_printf(&b, "%s%s", i > 0 ? between : "", list[i]);
    return arena_dup(a, buf_str(&b));
}

static const char *file_of(const struct dialect_facts *f, const char *file, struct arena *a)
{
    return arena_printf(a, "%s/%s/%s", f->live, f->name, file);
}

static const char *unless_empty(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* Where the engine's error is that of a challenge, "NAME: KIND-01: what the CA said" stands in it. */
static const char *rejected(const struct dialect_facts *f, const char **why)
{
    for (size_t i = 0; i < f->domain_n; i++) {
        size_t n = strlen(f->domains[i]);
        for (const char *at = f->error; (at = strstr(at, f->domains[i])) != NULL; at += n) {
            if (strncmp(at + n, ": ", 2) != 0 || (at > f->error && at[-1] != ' '))
                continue;
            const char *kind = at + n + 2;
            size_t kind_n = strcspn(kind, ": ");
            if (kind_n < 3 || strncmp(kind + kind_n - 3, "-01", 3) != 0)
                continue;
            *why = kind;
            return f->domains[i];
        }
    }
    return NULL;
}

/* Facts about the certificate; there is none of these in a batch. */
static const char *one(const struct dialect_facts *f, enum fact fact, struct arena *a)
{
    char when[TIME_TEXT_MAX];
    switch (fact) {
    case FACT_NAME:
        return f->name;
    case FACT_DOMAIN:
        return f->domain_n > 0 ? f->domains[0] : NULL;
    case FACT_DOMAINS:
        return joined(f->domains, f->domain_n, " ", JOINED_MAX, a);
    case FACT_DOMAINS_COMMA:
        return joined(f->domains, f->domain_n, ",", JOINED_MAX, a);
    case FACT_OTHERS_COMMA:
        return f->domain_n > 1 ? joined(f->domains + 1, f->domain_n - 1, ",", JOINED_MAX, a) : "no";
    case FACT_DIR:
        return arena_printf(a, "%s/%s", f->live, f->name);
    case FACT_KEY:
        return f->has_key ? file_of(f, "privkey.pem", a) : NULL;
    case FACT_COMBINED:
        return f->has_key ? file_of(f, "combined.pem", a) : NULL;
    case FACT_CERT:
        return file_of(f, "cert.pem", a);
    case FACT_CHAIN:
        return file_of(f, "chain.pem", a);
    case FACT_FULLCHAIN:
        return file_of(f, "fullchain.pem", a);
    case FACT_FINGERPRINT:
        return unless_empty(f->fingerprint);
    case FACT_NOT_AFTER:
        return f->not_after.s != 0 ? arena_dup_c(a, wall_format(f->not_after, when)) : NULL;
    case FACT_LEGO_KEY_TYPE:
        return key_names[f->key_type].lego;
    case FACT_DEHYDRATED_KEY_TYPE:
        return key_names[f->key_type].dehydrated;
    default:
        return NULL;
    }
}

static const char *text_of(const struct dialect_facts *f, enum fact fact, struct arena *a)
{
    const char *why = NULL, *name;
    switch (fact) {
    case FACT_EVENT:
        return deploy_event_text(f->event);
    case FACT_NAMES:
        return f->name_n > 0 ? joined(f->names, f->name_n, " ", DIALECT_NAMES_MAX, a) : f->name;
    case FACT_FAILED_NAMES:
        return f->failed_n > 0 ? joined(f->failed, f->failed_n, " ", DIALECT_NAMES_MAX, a) : NULL;
    case FACT_GOOD_DOMAINS:
        return joined(f->good_domains, f->good_domain_n, " ", DIALECT_CERTBOT_MAX, a);
    case FACT_FAILED_DOMAINS:
        return joined(f->failed_domains, f->failed_domain_n, " ", DIALECT_CERTBOT_MAX, a);
    case FACT_LIVE:
        return f->live;
    case FACT_ERROR:
        return unless_empty(f->error);
    case FACT_REJECTED:
        return rejected(f, &why);
    case FACT_REJECTED_WHY:
        name = rejected(f, &why);
        return name != NULL ? why : NULL;
    case FACT_EMAIL:
        return unless_empty(f->email);
    case FACT_ACCOUNT:
        return f->email[0] != '\0' ? f->email : "noemail@example.com";
    case FACT_DIRECTORY:
        return unless_empty(f->directory);
    case FACT_NOW:
        return arena_printf(a, "%lld", (long long)f->now.s);
    case FACT_EMPTY:
        return "";
    case FACT_NO_STATUS:
        return "000";
    case FACT_POST:
        return "post";
    case FACT_SIGN_DOMAINS:
        return "sign_domains";
    default:
        return f->name_n > 0 ? NULL : one(f, fact, a);
    }
}

/* --- the tables --- */

enum {
    ON_NEW = DEPLOY_ON_NEW,
    ON_STARTING = DEPLOY_ON_(DEPLOY_STARTING),
    ON_FINISHED = DEPLOY_ON_(DEPLOY_FINISHED),
    ON_FAILING = DEPLOY_ON_(DEPLOY_FAILING),
    ON_EXPIRING = DEPLOY_ON_(DEPLOY_EXPIRING),
    ON_UNCHANGED = DEPLOY_ON_(DEPLOY_UNCHANGED),
    ON_ALL = DEPLOY_ON_(DEPLOY_EVENT_END_) - 1,
    ON_LIVE = ON_ALL & ~ON_STARTING, /* when other clients tell where the files are */
};

/* Dialects whose hooks are functions with arguments: the first word, and what follows; words that are not
 * known are left out at the end, and empty before that. Other dialects have one call without arguments. */
static const struct {
    enum deploy_dialect dialect;
    unsigned on;
    bool if_rejected, if_not_rejected; /* where a challenge was the reason, where not */
    const char *word;
    enum fact args[DIALECT_ARGS_MAX - 1];
} calls[] = {
    {DIALECT_DEHYDRATED, ON_STARTING, false, false, "startup_hook", {FACT_NONE}},
    {DIALECT_DEHYDRATED, ON_FINISHED, false, false, "exit_hook", {FACT_ERROR}},
    {DIALECT_DEHYDRATED, ON_NEW, false, false, "deploy_cert",
        {FACT_DOMAIN, FACT_KEY, FACT_CERT, FACT_FULLCHAIN, FACT_CHAIN, FACT_NOW}},
    {DIALECT_DEHYDRATED, ON_UNCHANGED, false, false, "unchanged_cert",
        {FACT_DOMAIN, FACT_KEY, FACT_CERT, FACT_FULLCHAIN, FACT_CHAIN}},
    {DIALECT_DEHYDRATED, ON_FAILING | ON_EXPIRING, true, false, "invalid_challenge",
        {FACT_REJECTED, FACT_REJECTED_WHY}},
    {DIALECT_DEHYDRATED, ON_FAILING | ON_EXPIRING, false, true, "request_failure",
        {FACT_NO_STATUS, FACT_ERROR, FACT_POST, FACT_EMPTY}},
    {DIALECT_MOD_MD, ON_STARTING, false, false, "renewing", {FACT_DOMAIN}},
    {DIALECT_MOD_MD, ON_NEW, false, false, "renewed", {FACT_DOMAIN}},
    {DIALECT_MOD_MD, ON_NEW, false, false, "installed", {FACT_DOMAIN}},
    {DIALECT_MOD_MD, ON_EXPIRING, false, false, "expiring", {FACT_DOMAIN}},
    {DIALECT_MOD_MD, ON_FAILING, false, false, "errored", {FACT_DOMAIN}},
};

#define D_(dialect) (1U << (dialect))
enum {
    D_ALL = D_(DEPLOY_DIALECT_END_) - 1,
    D_CERTBOT = D_(DIALECT_CERTBOT),
    D_LEGO = D_(DIALECT_LEGO),
    D_ACME_SH = D_(DIALECT_ACME_SH),
    D_DEHYDRATED = D_(DIALECT_DEHYDRATED),
};

/* What is not known is left out. */
static const struct {
    unsigned dialects, on;
    const char *name;
    enum fact fact;
} variables[] = {
    {D_ALL, ON_ALL, "EVERCERT_EVENT", FACT_EVENT},
    {D_ALL, ON_ALL, "EVERCERT_NAMES", FACT_NAMES},
    {D_ALL, ON_FINISHED, "EVERCERT_FAILED_NAMES", FACT_FAILED_NAMES},
    {D_ALL, ON_ALL, "EVERCERT_LIVE", FACT_LIVE},
    {D_ALL, ON_ALL, "EVERCERT_NAME", FACT_NAME},
    {D_ALL, ON_ALL, "EVERCERT_DOMAINS", FACT_DOMAINS},
    {D_ALL, ON_ALL, "EVERCERT_DIR", FACT_DIR},
    {D_ALL, ON_ALL, "EVERCERT_FINGERPRINT", FACT_FINGERPRINT},
    {D_ALL, ON_ALL, "EVERCERT_NOT_AFTER", FACT_NOT_AFTER},
    {D_ALL, ON_ALL, "EVERCERT_ERROR", FACT_ERROR},
    {D_ALL, ON_NEW, "RENEWED_LINEAGE", FACT_DIR},
    {D_ALL, ON_NEW, "RENEWED_DOMAINS", FACT_DOMAINS},
    {D_CERTBOT, ON_FINISHED, "RENEWED_DOMAINS", FACT_GOOD_DOMAINS},
    {D_CERTBOT, ON_FINISHED, "FAILED_DOMAINS", FACT_FAILED_DOMAINS},
    /* lego until version 4 */
    {D_LEGO, ON_ALL, "LEGO_ACCOUNT_EMAIL", FACT_EMAIL},
    {D_LEGO, ON_ALL, "LEGO_CERT_DOMAIN", FACT_DOMAIN},
    {D_LEGO, ON_LIVE, "LEGO_CERT_PATH", FACT_FULLCHAIN},
    {D_LEGO, ON_LIVE, "LEGO_CERT_KEY_PATH", FACT_KEY},
    {D_LEGO, ON_LIVE, "LEGO_ISSUER_CERT_PATH", FACT_CHAIN},
    {D_LEGO, ON_LIVE, "LEGO_CERT_PEM_PATH", FACT_COMBINED},
    /* and since version 5 */
    {D_LEGO, ON_ALL, "LEGO_HOOK_ACCOUNT_ID", FACT_ACCOUNT},
    {D_LEGO, ON_ALL, "LEGO_HOOK_ACCOUNT_EMAIL", FACT_EMAIL},
    {D_LEGO, ON_ALL, "LEGO_HOOK_ACCOUNT_SERVER", FACT_DIRECTORY},
    {D_LEGO, ON_ALL, "LEGO_HOOK_CERT_NAME", FACT_NAME},
    {D_LEGO, ON_ALL, "LEGO_HOOK_CERT_NAME_SANITIZED", FACT_NAME}, /* our names are of safe characters */
    {D_LEGO, ON_ALL, "LEGO_HOOK_CERT_KEY_TYPE", FACT_LEGO_KEY_TYPE},
    {D_LEGO, ON_ALL, "LEGO_HOOK_CERT_DOMAINS", FACT_DOMAINS_COMMA},
    {D_LEGO, ON_LIVE, "LEGO_HOOK_CERT_PATH", FACT_FULLCHAIN},
    {D_LEGO, ON_LIVE, "LEGO_HOOK_CERT_KEY_PATH", FACT_KEY},
    {D_LEGO, ON_LIVE, "LEGO_HOOK_ISSUER_CERT_PATH", FACT_CHAIN},
    {D_LEGO, ON_LIVE, "LEGO_HOOK_CERT_PEM_PATH", FACT_COMBINED},
    {D_ACME_SH, ON_ALL, "Le_Domain", FACT_DOMAIN},
    {D_ACME_SH, ON_ALL, "Le_Alt", FACT_OTHERS_COMMA},
    {D_ACME_SH, ON_ALL, "DOMAIN_PATH", FACT_DIR},
    {D_ACME_SH, ON_LIVE, "CERT_PATH", FACT_CERT},
    {D_ACME_SH, ON_LIVE, "CERT_KEY_PATH", FACT_KEY},
    {D_ACME_SH, ON_LIVE, "CA_CERT_PATH", FACT_CHAIN},
    {D_ACME_SH, ON_LIVE, "CERT_FULLCHAIN_PATH", FACT_FULLCHAIN},
    {D_DEHYDRATED, ON_ALL, "COMMAND", FACT_SIGN_DOMAINS},
    {D_DEHYDRATED, ON_ALL, "CERTDIR", FACT_LIVE},
    {D_DEHYDRATED, ON_ALL, "KEY_ALGO", FACT_DEHYDRATED_KEY_TYPE},
    {D_DEHYDRATED, ON_NEW | ON_UNCHANGED, "altnames", FACT_DOMAINS},
    {D_DEHYDRATED, ON_NEW | ON_UNCHANGED, "alias", FACT_NAME},
};

static int fill_call(
    size_t row, const struct dialect_facts *f, struct arena *a, struct dialect_call *out, struct err *err)
{
    out->args[out->arg_n++] = calls[row].word;
    size_t known = 1;
    for (size_t i = 0; i < ARRAY_LEN(calls[row].args) && calls[row].args[i] != FACT_NONE; i++) {
        const char *text = text_of(f, calls[row].args[i], a);
        if (f->name_n > 0 && calls[row].args[i] == FACT_DOMAIN)
            return err_set(err, ERR_CONFIG,
                "%s is about one certificate, so a hook of this dialect cannot be told of many at once: take "
                "`batch` away from it",
                calls[row].word);
        out->args[out->arg_n++] = text != NULL ? text : "";
        if (text != NULL)
            known = out->arg_n;
    }
    out->arg_n = known;
    return 0;
}

static bool has_functions(enum deploy_dialect dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].dialect == dialect)
            return true;
    return false;
}

int dialect_calls(enum deploy_dialect dialect, const struct dialect_facts *f, struct arena *a,
    struct dialect_calls *out, struct err *err)
{
    const char *why;
    bool was_rejected = rejected(f, &why) != NULL;
    unsigned bit = DEPLOY_ON_(f->event);
    *out = (struct dialect_calls){.call_n = 0};
    if (!has_functions(dialect))
        out->call_n = 1;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        bool now = calls[i].dialect == dialect && (calls[i].on & bit) != 0 &&
                   !(was_rejected ? calls[i].if_not_rejected : calls[i].if_rejected);
        int r = now ? fill_call(i, f, a, &out->call[out->call_n++], err) : 0;
        if (r < 0)
            return r;
    }
    if (out->call_n == 0)
        return err_set(err, ERR_CONFIG, "hooks of this dialect have no word for %s: take it away from `on`",
            deploy_event_text(f->event));
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if ((variables[i].dialects & D_(dialect)) == 0 || (variables[i].on & bit) == 0)
            continue;
        const char *text = text_of(f, variables[i].fact, a);
        if (text != NULL)
            out->env[out->env_n++] = (struct pair){variables[i].name, text};
    }
    return 0;
}

/* --- folders --- */

struct folder {
    struct arena *a;
    const char *path;
    const char **list;
    size_t n;
};

static int take(int dir, const char *name, int type, void *arg, struct err *err)
{
    struct folder *f = arg;
    struct stat st;
    (void)type;
    if (str_ends(str_c(name), STR("~")) || fstatat(dir, name, &st, 0) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
        return 0;
    if (f->n == FOLDER_PROGRAMS_MAX)
        return err_set(err, ERR_LIMIT, "%s has more than %d programs, which is no folder of hooks", f->path,
            FOLDER_PROGRAMS_MAX);
    f->list[f->n++] = arena_printf(f->a, "%s/%s", f->path, name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *part_of(enum deploy_event event)
{
    unsigned bit = DEPLOY_ON_(event);
    return (bit & ON_NEW) != 0 ? "deploy" : bit == ON_STARTING ? "pre" : bit == ON_FINISHED ? "post" : NULL;
}

int dialect_folder(
    const char *path, enum deploy_event event, struct arena *a, const char ***out, size_t *n, struct err *err)
{
    struct folder f = {.a = a, .path = path, .list = arena_array(a, FOLDER_PROGRAMS_MAX, sizeof *f.list)};
    bool parts = str_ends(str_c(path), STR("/renewal-hooks"));
    *out = f.list;
    *n = 0;
    if (parts && part_of(event) == NULL)
        return 0;
    if (parts)
        f.path = arena_printf(a, "%s/%s", path, part_of(event));
    int dir ATTR_CLEANUP(fd_close) = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && parts && errno == ENOENT)
        return 0;
    if (dir < 0)
        return err_errno(err, errno, "%s", f.path);
    int r = dir_each(dir, take, &f, err);
    if (r < 0)
        return r;
    qsort(f.list, f.n, sizeof *f.list, by_name);
    *n = f.n;
    return 0;
}
