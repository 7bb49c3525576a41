#include "http/tokens.h"

#include "http/request.h"
#include "http/responder.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct live {
    struct str token, value; /* both in the same allocation */
};

static int compare(const void *a, const void *b)
{
    struct str x = ((const struct live *)a)->token, y = ((const struct live *)b)->token;
    if (x.n != y.n)
        return x.n < y.n ? -1 : 1;
    return memcmp(x.p, y.p, x.n);
}

static struct live *live_new(struct str token, struct str value)
{
    struct live *e = malloc(sizeof *e + token.n + value.n);
    if (e == NULL)
        return NULL;
    char *bytes = (char *)(e + 1);
    memcpy(bytes, token.p, token.n);
    memcpy(bytes + token.n, value.p, value.n);
    e->token = (struct str){bytes, token.n};
    e->value = (struct str){bytes + token.n, value.n};
    return e;
}

static bool value_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return s.n > 0 && s.n <= TOKENS_VALUE_MAX;
}

int tokens_put(struct tokens *t, struct str token, struct str value, struct err *err)
{
    if (!request_token_ok(token))
        return err_set(
            err, ERR_INPUT, "a challenge token must be 1 to %d of [A-Za-z0-9_-]", (int)REQUEST_TOKEN_MAX);
    if (!value_ok(value))
        return err_set(err, ERR_INPUT, "the answer to a challenge must be 1 to %d printable ASCII characters",
            (int)TOKENS_VALUE_MAX);
    struct live key = {.token = token};
    struct live **at = tfind(&key, &t->tree, compare);
    if (at == NULL && t->n >= RESPONDER_TOKENS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d challenge tokens at once", (int)RESPONDER_TOKENS_MAX);
    struct live *e = live_new(token, value);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a challenge token");
    if (at != NULL) {
        free(*at);
        *at = e;
        return 0;
    }
    if (tsearch(e, &t->tree, compare) == NULL) {
        free(e);
        return err_set(err, ERR_MEMORY, "out of memory for a challenge token");
    }
    t->n++;
    return 0;
}

void tokens_remove(struct tokens *t, struct str token)
{
    struct live key = {.token = token};
    struct live **at = tfind(&key, &t->tree, compare);
    if (at == NULL)
        return;
    struct live *e = *at;
    tdelete(e, &t->tree, compare);
    free(e);
    t->n--;
}

struct str tokens_find(const struct tokens *t, struct str token)
{
    struct live key = {.token = token};
    struct live *const *at = tfind(&key, &t->tree, compare);
    return at != NULL ? (*at)->value : (struct str){NULL, 0};
}

void tokens_clear(struct tokens *t)
{
    while (t->tree != NULL) {
        struct live *e = *(struct live **)t->tree; /* a node begins with its key (POSIX) */
        tdelete(e, &t->tree, compare);
        free(e);
    }
    t->n = 0;
}
