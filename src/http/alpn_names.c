#include "http/alpn_names.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "base/buf.h"
#include "crypto/alpn_certificate.h"
#include "http/request.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    struct answer *older;
    struct alpn_certificate *certificate;
    struct str token; /* behind the struct */
};

struct name {
    struct str sni; /* behind the struct */
    struct answer *newest;
};

static int compare(const void *a, const void *b)
{
    struct str x = ((const struct name *)a)->sni, y = ((const struct name *)b)->sni;
    if (x.n != y.n)
        return x.n < y.n ? -1 : 1;
    return memcmp(x.p, y.p, x.n);
}

static struct name *find(const struct alpn_names *t, struct str sni)
{
    struct name key = {.sni = sni};
    struct name *const *at = tfind(&key, &t->tree, compare);
    return at != NULL ? *at : NULL;
}

/* Where the answer of that token hangs, or the end of the list. */
static struct answer **answer_at(struct name *name, struct str token)
{
    struct answer **at = &name->newest;
    while (*at != NULL && !str_eq((*at)->token, token))
        at = &(*at)->older;
    return at;
}

static struct name *name_new(struct alpn_names *t, struct str sni)
{
    struct name *name = malloc(sizeof *name + sni.n);
    if (name == NULL)
        return NULL;
    memcpy(name + 1, sni.p, sni.n);
    *name = (struct name){.sni = {(const char *)(name + 1), sni.n}};
    if (tsearch(name, &t->tree, compare) == NULL) {
        free(name);
        return NULL;
    }
    return name;
}

static struct answer *answer_new(struct str token)
{
    struct answer *e = malloc(sizeof *e + token.n);
    if (e == NULL)
        return NULL;
    memcpy(e + 1, token.p, token.n);
    *e = (struct answer){.token = {(const char *)(e + 1), token.n}};
    return e;
}

static void answer_free(struct answer *e)
{
    alpn_certificate_free(e->certificate);
    free(e);
}

static void unhang(struct alpn_names *t, struct answer **at)
{
    struct answer *e = *at;
    *at = e->older;
    t->n--;
    answer_free(e);
}

static void drop_if_empty(struct alpn_names *t, struct name *name)
{
    if (name->newest != NULL)
        return;
    tdelete(name, &t->tree, compare);
    free(name);
}

/* What a validator says in SNI for that identifier: a name itself, an address' name in the reverse tree. */
static int sni_of(struct str identifier, struct buf *out, struct err *err)
{
    int r = identifier_check(identifier, err);
    if (r < 0)
        return r;
    if (identifier_is_wildcard(identifier))
        return err_set(err, ERR_INPUT, "tls-alpn-01 is not for wildcards");
    if (identifier_is_ip(identifier))
        identifier_reverse_name(identifier, out);
    else
        buf_put_str(out, identifier);
    return buf_failed(out) ? err_set(err, ERR_INPUT, "the identifier is too long") : 0;
}

static int check(struct str token, struct str key_authorization, struct err *err)
{
    if (!request_token_ok(token))
        return err_set(
            err, ERR_INPUT, "a challenge token must be 1 to %d of [A-Za-z0-9_-]", (int)REQUEST_TOKEN_MAX);
    bool fine = key_authorization.n > 0 && key_authorization.n <= ALPN_KEY_AUTHORIZATION_MAX;
    for (size_t i = 0; fine && i < key_authorization.n; i++)
        fine = key_authorization.p[i] >= ' ' && key_authorization.p[i] <= '~';
    return fine ? 0
                : err_set(err, ERR_INPUT, "a key authorization must be 1 to %d printable ASCII characters",
                      (int)ALPN_KEY_AUTHORIZATION_MAX);
}

static int hang(struct alpn_names *t, struct str sni, struct answer *e, struct err *err)
{
    struct name *name = find(t, sni);
    if (name == NULL)
        name = name_new(t, sni);
    if (name == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a challenge's name");
    struct answer **before = answer_at(name, e->token);
    if (*before != NULL)
        unhang(t, before);
    e->older = name->newest;
    name->newest = e;
    t->n++;
    return 0;
}

int alpn_names_put(struct alpn_names *t, struct str identifier, struct str token,
    struct str key_authorization, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf sni = buf_new(IDENTIFIER_MAX);
    int r;
    if ((r = sni_of(identifier, &sni, err)) < 0 || (r = check(token, key_authorization, err)) < 0)
        return r;
    if (t->n >= ALPN_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d tls-alpn-01 challenges at once", (int)ALPN_NAMES_MAX);
    struct answer *e = answer_new(token);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a challenge token");
    if ((r = alpn_certificate_make(identifier, key_authorization, &e->certificate, err)) < 0 ||
        (r = hang(t, buf_str(&sni), e, err)) < 0)
        answer_free(e);
    return r;
}

void alpn_names_remove(struct alpn_names *t, struct str identifier, struct str token)
{
    ATTR_CLEANUP(buf_free) struct buf sni = buf_new(IDENTIFIER_MAX);
    struct name *name = sni_of(identifier, &sni, NULL) == 0 ? find(t, buf_str(&sni)) : NULL;
    struct answer **at = name != NULL ? answer_at(name, token) : NULL;
    if (at == NULL || *at == NULL)
        return;
    unhang(t, at);
    drop_if_empty(t, name);
}

struct alpn_shown alpn_names_find(const struct alpn_names *t, struct str sni)
{
    const struct name *name = find(t, sni);
    return name != NULL ? (struct alpn_shown){name->newest->token, name->newest->certificate}
                        : (struct alpn_shown){{NULL, 0}, NULL};
}

void alpn_names_clear(struct alpn_names *t)
{
    while (t->tree != NULL) {
        struct name *name = *(struct name **)t->tree; /* a node begins with its key (POSIX) */
        while (name->newest != NULL)
            unhang(t, &name->newest);
        drop_if_empty(t, name);
    }
}
