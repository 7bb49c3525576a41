/*
 * The live challenge tokens of the answerer: token -> key authorization. A balanced tree, because the keys
 * are chosen by others: its worst case is its usual case, without a secret hash key.
 */
#ifndef EVERCERT_HTTP_TOKENS_H
#define EVERCERT_HTTP_TOKENS_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

enum { TOKENS_VALUE_MAX = 512 };

struct tokens {
    void *tree; /* of tsearch(3) */
    size_t n;
};

/* Copies both; replaces the value of a token that is there. ERR_INPUT for a token or a value out of the rules
 * of responder_token_put, ERR_LIMIT beyond RESPONDER_TOKENS_MAX, ERR_MEMORY. The table is unchanged then. */
int tokens_put(struct tokens *t, struct str token, struct str value, struct err *err);
/* Nothing happens where it is not there. */
void tokens_remove(struct tokens *t, struct str token);
/* The value, valid until the next change, or a view with p == NULL. */
struct str tokens_find(const struct tokens *t, struct str token);
/* Empties the table. */
void tokens_clear(struct tokens *t);

#endif
