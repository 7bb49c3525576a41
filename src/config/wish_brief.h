/* What a list shows of a wish, taken out of its text without decoding the whole: a list has a hundred
 * thousand of them. */
#ifndef EVERCERT_CONFIG_WISH_BRIEF_H
#define EVERCERT_CONFIG_WISH_BRIEF_H

#include "config/wish.h"

struct wish_brief {
    struct str name;
    struct str domains, authorities, challenges; /* JSON arrays of texts without escapes */
    struct str key_types[WISH_KEY_TYPES_MAX];
    size_t key_type_n;
    bool steps; /* there is something to do once it is live: commands, copies, a group for its key */
    bool looks; /* servers are looked at (verify) */
};

/* The text is the keeper's or the operator's, so it was checked when it became a permit. What wish_encode
 * wrote is only cut into pieces, which are views of `json`; anything else is decoded and encoded, and lives
 * in `a`. As wish_decode. */
int wish_brief_read(struct str json, struct arena *a, struct wish_brief *out, struct err *err);
/* The first text of such an array, "" of an empty one. */
struct str wish_brief_first(struct str array);
/* As wish_variant_name; empty where it has no such variant. */
struct str wish_brief_variant(const struct wish_brief *b, uint32_t variant, struct arena *a);

#endif
