/* The accounts that the operator configured, and the keys of the ring that belong to them. */
#include "processes/keeper/keeper.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "crypto/jws.h"

#include <stdlib.h>
#include <string.h>

struct keeper_account *accounts_find(struct keeper *k, const char *id)
{
    for (struct keeper_account *a = k->accounts; a != NULL; a = a->next)
        if (strcmp(a->id, id) == 0)
            return a;
    return NULL;
}

int accounts_configured(struct keeper *k, const char *id, struct keeper_account **out, struct err *err)
{
    struct keeper_account *a = accounts_find(k, id);
    if (a == NULL || !a->configured)
        return err_set(err, ERR_REFUSED, "no account is configured at %s", id);
    *out = a;
    return 0;
}

static char *copy(const char *c)
{
    char *p = strdup(c != NULL ? c : "");
    if (p == NULL)
        abort();
    return p;
}

static void set(char **to, const char *c)
{
    free(*to);
    *to = copy(c);
}

/* A binding that cannot be used is no reason to forget the account, which may exist already. */
static void configure_binding(struct keeper_account *a, const struct msg_keeper_account *m)
{
    set(&a->eab_kid, m->eab_kid);
    set(&a->eab_algorithm, m->eab_algorithm);
    secret_free(&a->eab_key);
    secret_init(&a->eab_key);
    a->eab_wrong = (struct err)ERR_INIT;
    if (a->eab_kid[0] != '\0' && jws_mac_key(str_c(m->eab_hmac), &a->eab_key, &a->eab_wrong) < 0)
        err_prefix(&a->eab_wrong, "external account binding of %s", a->id);
}

void accounts_configure(struct keeper *k, const struct msg_keeper_account *m)
{
    struct keeper_account *a = accounts_find(k, m->account);
    if (a == NULL) {
        if ((a = calloc(1, sizeof *a)) == NULL)
            abort();
        a->id = copy(m->account);
        a->next = k->accounts;
        k->accounts = a;
    }
    set(&a->email, m->email);
    a->agree_tos = m->agree_tos;
    if (!key_type_parse(str_c(m->key_type), &a->key_type))
        a->key_type = KEY_ECDSA_P256;
    configure_binding(a, m);
    a->configured = true;
}

void accounts_free(struct keeper *k)
{
    while (k->accounts != NULL) {
        struct keeper_account *a = k->accounts;
        k->accounts = a->next;
        free(a->id);
        free(a->email);
        free(a->eab_kid);
        free(a->eab_algorithm);
        secret_free(&a->eab_key);
        key_free(a->key);
        key_free(a->pending);
        free(a);
    }
}

static int put_new_key(struct keeper *k, struct keeper_account *a, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    int r = key_generate(a->key_type, &key, err);
    if (r < 0 || (r = ring_append(k, a->id, RING_IN_FORCE, key, err)) < 0)
        return r;
    key_free(a->key);
    a->key = key;
    a->key_is_new = true;
    key = NULL;
    crash_point(keeper_account_key_made);
    log_info("made an account key for %s", a->id);
    return 0;
}

int accounts_make_key(struct keeper *k, struct keeper_account *a, struct err *err)
{
    return a->key != NULL ? 0 : put_new_key(k, a, err);
}

int accounts_replace_key(struct keeper *k, struct keeper_account *a, struct err *err)
{
    enum key_type type = KEY_TYPE_END_;
    bool same = key_type_of(a->key, &type) && type == a->key_type;
    return same || a->pending != NULL ? 0 : put_new_key(k, a, err);
}

static bool is_key(const struct key *key, const char *hash)
{
    char own[SHA256_HEX_LEN];
    return key != NULL && key_spki_sha256(key, own, NULL) == 0 && strcmp(own, hash) == 0;
}

bool accounts_hold(const struct keeper *k, const char *hash)
{
    for (const struct keeper_account *a = k->accounts; a != NULL; a = a->next)
        if (is_key(a->key, hash) || is_key(a->pending, hash))
            return true;
    return false;
}

int accounts_rollover_begin(struct keeper *k, struct keeper_account *a, struct str ticket, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    int r = ticket_open(k, ticket, ACME_REQUEST_KEY_CHANGE, a->id, NULL, err);
    if (r < 0 || a->pending != NULL)
        return r;
    if (a->key == NULL)
        return err_set(err, ERR_REFUSED, "there is no account key for %s that could be changed", a->id);
    if ((r = key_generate(a->key_type, &key, err)) < 0 ||
        (r = ring_append(k, a->id, RING_PENDING, key, err)) < 0)
        return r;
    a->pending = key;
    key = NULL;
    crash_point(keeper_next_key_pending);
    log_info("made the next account key for %s", a->id);
    return 0;
}

int accounts_rollover_end(struct keeper *k, struct keeper_account *a, bool commit, struct err *err)
{
    if (a->pending == NULL)
        return 0;
    int r = ring_append(k, a->id, commit ? RING_IN_FORCE : RING_DROPPED, a->pending, err);
    if (r < 0)
        return r;
    crash_point(keeper_rollover_decided);
    if (commit) {
        key_free(a->key);
        a->key = a->pending;
        a->key_is_new = false;
        a->pending = NULL;
        log_info("the account at %s has a new key", a->id);
    } else {
        key_freep(&a->pending);
        log_info("the account at %s keeps its key", a->id);
    }
    return 0;
}

/* Whether it can sign for that account, and its hash. */
static int judge_foreign(const struct keeper *k, const struct keeper_account *a, const struct key *key,
    char hash[SHA256_HEX_LEN], struct err *err)
{
    enum key_type type;
    int r = key_spki_sha256(key, hash, err);
    if (r < 0)
        return r;
    if (!key_type_of(key, &type))
        return err_set(err, ERR_REFUSED,
            "account at %s: its key is of a kind that cannot sign here; change it with the other client "
            "first",
            a->id);
    if (burnt_has(k, hash))
        return err_set(err, ERR_REFUSED,
            "account at %s: its key was revoked as compromised and is never used again", a->id);
    return 0;
}

int accounts_look(struct keeper *k, const char *id, struct str text, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    char hash[SHA256_HEX_LEN];
    const struct keeper_account *a = accounts_find(k, id);
    if (a == NULL || (a->key == NULL && a->pending == NULL))
        return err_set(err, ERR_NOT_FOUND, "there is no account key for %s yet", id);
    int r = key_from_text(text, &key, err);
    if (r < 0 || (r = key_spki_sha256(key, hash, err)) < 0)
        return err_prefix(err, "key of the account at %s", id);
    if (!is_key(a->key, hash))
        return err_set(err, ERR_EXISTS, "account at %s: there is another one here already", id);
    return 0;
}

int accounts_import(struct keeper *k, struct keeper_account *a, struct str text, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    char hash[SHA256_HEX_LEN];
    int r = key_from_text(text, &key, err);
    if (r < 0)
        return err_prefix(err, "key of the account at %s", a->id);
    if ((r = judge_foreign(k, a, key, hash, err)) < 0 || is_key(a->key, hash))
        return r;
    if (a->key != NULL || a->pending != NULL)
        return err_set(err, ERR_EXISTS,
            "account at %s: evercert has another one there already; give the authority an entry of its own "
            "with "
            "account: LABEL and import again",
            a->id);
    if ((r = ring_append(k, a->id, RING_IN_FORCE, key, err)) < 0)
        return r;
    a->key = key;
    a->key_is_new = false; /* the CA knows it */
    key = NULL;
    crash_point(keeper_account_key_taken);
    log_info("the account at %s has come from another client", a->id);
    return 0;
}
