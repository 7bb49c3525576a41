/* docker.policy, found by name: which of its rows grants a name to a holder. Only for the judge. */
#ifndef EVERCERT_CONTAINERS_JUDGE_POLICY_H
#define EVERCERT_CONTAINERS_JUDGE_POLICY_H

#include "base/arena.h"
#include "config/names.h"
#include "config/settings.h"
#include "containers/claim.h"

#include <stdbool.h>
#include <stddef.h>

/* What a row says of a claim. */
enum row_state {
    ROW_UNKNOWN,   /* nobody asked yet */
    ROW_OTHERS,    /* it is for other holders */
    ROW_AUTHORITY, /* the claim's authority is none of the row's */
    ROW_DNS,       /* nor is the entry of dns */
    ROW_FULL,      /* it grants no further names */
    ROW_GOOD,
};

struct policy {
    const struct settings *s;
    struct names rules;   /* patterns -> rows that allow them */
    size_t *granted;      /* names, by row */
    bool bounded;         /* a row has max-names */
    unsigned char *state; /* enum row_state of the claim that is looked at, by row */
};

/* A claim that is looked at. */
struct question {
    const struct holder *holder;
    const struct wish *wish; /* that it would become */
    bool any_authority;      /* it names none, so the rows choose */
};

/* Everything lives in `a`. */
void policy_init(struct policy *p, const struct settings *s, struct arena *a);
/* Another claim; what rows said of the one before is forgotten. */
void policy_next(struct policy *p);
/* The first row that allows `name` to the claim, and, with `room`, has room for it; SIZE_MAX where there is
 * none. *why is then what the first row says that allows it otherwise, and *objector that row; ROW_OTHERS
 * where there is none. */
size_t policy_row(struct policy *p, const struct question *q, const char *name, bool room,
    enum row_state *why, size_t *objector);

/* The authorities that a row allows: its own list, or those of the defaults. */
const char *const *policy_authorities(const struct settings *s, size_t row, size_t *n);
/* The one of a list that `value`, a name or the URL of a directory, means: as the list names it, or `value`
 * itself where it is the URL of the staging directory of one. NULL where there is none. */
const char *authority_among(
    const struct settings *s, const char *value, const char *const *list, size_t n, struct arena *a);

#endif
