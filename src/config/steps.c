/* Deploy steps and copies: defaults, and what concerns more than one of their keys. */
#include "config/certificate.h"

#include "base/attr.h"
#include "base/str.h"
#include "config/problems.h"
#include "config/read.h"
#include "config/schema.h"
#include "tls/starttls.h"

#include <limits.h>
#include <string.h>

/* Deploy steps. */

void deploy_init(void *element, const struct settings *defaults)
{
    *(struct deploy *)element = (struct deploy){.user = "",
        .timeout_s = DEPLOY_TIMEOUT_S,
        .dialect = "evercert",
        .verify = "",
        .starttls = "",
        .server_name = ""};
}

const char *deploy_misplaced(const struct setting *row, const void *element)
{
    static const char *const looks[] = {"verify", "starttls", "server-name", "rollback"};
    const struct deploy *d = element;
    bool look = d->verify[0] != '\0', of_look = false;
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        of_look = of_look || strcmp(row->key, looks[i]) == 0;
    if (look == of_look || strcmp(row->key, "timeout") == 0)
        return NULL;
    return look ? "belongs to a step with run; this one has verify"
                : "belongs to a step with verify; this one has run";
}

int deploy_run_check(const struct deploy *d, struct err *err)
{
    if (d->argc == 0 || d->argv[0] == NULL || d->argv[0][0] == '\0')
        return err_set(err, ERR_INPUT, "the first word, the command, is empty");
    if (d->argv[0][0] != '/' && strchr(d->argv[0], '/') != NULL)
        return err_set(
            err, ERR_INPUT, "write the command \"%s\" as an absolute path or as a bare name", d->argv[0]);
    return 0;
}

const char *verify_starttls(const char *verify)
{
    const char *colon = strrchr(verify, ':');
    uint64_t port = 0;
    if (colon == NULL || !str_to_u64(str_c(colon + 1), UINT16_MAX, &port))
        return "";
    return starttls_text(starttls_of_port((uint16_t)port));
}

void deploy_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    struct deploy *d = element;
    const struct node *run = read_member(map, "run"), *verify = read_member(map, "verify");
    struct where look = {where, "verify", 0};
    struct err err = ERR_INIT;
    if (run == NULL && verify == NULL) {
        read_problem(r, map, where, "has neither run nor verify; a deploy step needs one of them");
        return;
    }
    if (run != NULL && verify != NULL) {
        read_problem(r, verify, &look, "is set beside run; a step is one of them, so write two steps");
        return;
    }
    if (verify != NULL && d->verify[0] == '\0')
        d->verify = "?"; /* It has its problem already, and the other keys are judged all the same. */
    read_misplaced(r, map, &schema_deploy, where, d);
    if (read_member(map, "starttls") == NULL)
        d->starttls = verify_starttls(d->verify);
    /* A word that was wrong has its problem already. */
    if (run == NULL || d->argc == 0 || d->argv[0] == NULL || deploy_run_check(d, &err) == 0)
        return;
    struct where list = {where, "run", 0}, first = {&list, NULL, 0};
    read_problem(r, run->list.items[0], &first, err.text);
}

size_t deploy_octets(const struct deploy *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->argc; i++)
        n += d->argv[i] != NULL ? strlen(d->argv[i]) + 1 : 0;
    for (size_t i = 0; i < d->env_n; i++)
        n += d->env[i].name != NULL ? strlen(d->env[i].name) + strlen(d->env[i].value) + 2 : 0;
    return n;
}

int deploys_check(const struct deploy *deploys, size_t n, struct err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += deploy_octets(&deploys[i]);
    if (total > WISH_DEPLOY_TEXT_MAX)
        return err_set(err, ERR_INPUT, "commands of %zu octets; more than %d belong into a script", total,
            (int)WISH_DEPLOY_TEXT_MAX);
    return 0;
}

/* Copies. */

void publication_init(void *element, const struct settings *defaults)
{
    *(struct publication *)element =
        (struct publication){.format = "", .path = "", .owner = "", .group = "", .password_file = ""};
}

const char *publication_misplaced(const struct setting *row, const void *element)
{
    const struct publication *p = element;
    bool secret = strcmp(row->key, "password-file") == 0;
    return secret && strcmp(p->format, "pkcs12") != 0 ? "is for the format pkcs12 only" : NULL;
}

static int check_mode(const struct publication *p, struct err *err)
{
    enum { OTHERS = 0007 };
    if (!publication_has_key(p) || (p->mode & OTHERS) == 0)
        return 0;
    return err_set(err, ERR_INPUT,
        "%04o gives others access to the private key that is in the format %s; use 0600, or 0640 with group",
        p->mode, p->format);
}

/* The certificate is not known yet; the rest is checked when it is. */
void publication_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    const struct publication *p = element;
    struct where mode = {where, "mode", 0};
    struct err err = ERR_INIT;
    /* Without a format it has its problem already. */
    if (p->format[0] == '\0')
        return;
    read_misplaced(r, map, &schema_publication, where, p);
    if (check_mode(p, &err) < 0)
        read_problem(r, read_member(map, "mode"), &mode, err.text);
}

int wish_publication_check(
    const struct wish *w, const struct publication *p, struct arena *a, const char **key, struct err *err)
{
    *key = "format";
    if (w->csr[0] != '\0' && publication_has_key(p))
        return err_set(err, ERR_INPUT,
            "%s holds the private key, which a certificate of a request (csr) has elsewhere; fullchain, cert "
            "and chain can be published",
            p->format);
    *key = "path";
    if (w->key_type_n > 1 && strstr(p->path, PUBLICATION_NAME) == NULL)
        return err_set(err, ERR_INPUT,
            "a certificate of two key types is two certificates; write " PUBLICATION_NAME
            " where their names shall tell the copies apart");
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        const char *name = wish_variant_name(w, v, a);
        if (name != NULL && strlen(publication_path(p, name, a)) >= PATH_MAX)
            return err_set(
                err, ERR_INPUT, "with the name in it, it is longer than %d octets", (int)PATH_MAX - 1);
    }
    return 0;
}

int wish_publications_check(const struct wish *w, struct arena *a, struct err *err)
{
    const char *key;
    struct names paths = names_new(a);
    for (size_t i = 0; i < w->publication_n; i++) {
        const struct publication *p = &w->publications[i];
        int r = check_mode(p, err);
        if (r < 0)
            return err_prefix(err, "mode");
        if ((r = wish_publication_check(w, p, a, &key, err)) < 0)
            return err_prefix(err, "%s", key);
        for (uint32_t v = 0; v < w->key_type_n; v++) {
            const char *path = publication_path(p, wish_variant_name(w, v, a), a);
            if (names_get(&paths, str_c(path)) != NULL)
                return err_set(err, ERR_INPUT, "two copies go to %s", path);
            names_put(&paths, str_c(path), p);
        }
    }
    return 0;
}
