/* What the files of the judge share. */
#ifndef EVERCERT_CONTAINERS_JUDGE_PRIV_H
#define EVERCERT_CONTAINERS_JUDGE_PRIV_H

#include "base/attr.h"
#include "containers/judge.h"
#include "containers/judge_policy.h"

enum { SHOWN_MAX = 120 }; /* octets of one foreign text in a reason */

/* Whose a name, a certificate's name or a file is. */
struct owner {
    const char *certificate; /* its name; "" : a template */
    size_t granted;          /* index; SIZE_MAX: the configuration's */
};

struct granted {
    struct wish wish;
    const struct owner *owner;
    const struct claim *first;
    size_t further; /* holders */
};

/* A claim and its place among all. */
struct turn {
    const struct claim *claim;
    size_t i;
};

struct judge {
    const struct settings *s;
    struct arena *a, *scratch;
    struct policy policy;
    struct names domains, certificates, files; /* -> struct owner */
    struct granted *granted;
    size_t n;
    struct verdict *verdicts;
};

/* Foreign text, cut and clean; in `a`. */
const char *shown(const char *text, size_t most, struct arena *a);

/* The reason of a verdict. They return false, so that a check reads `return refuse(...)`. */
bool refuse(struct judge *j, size_t i, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* Nobody is allowed anything. */
bool refuse_all(struct judge *j, const struct turn *t);
/* The row that allows `name` says something against it. */
bool refuse_row(struct judge *j, const struct turn *t, const struct wish *w, const char *name,
    enum row_state why, size_t row);
/* No row is for `first`, nor for others that are shown with it. */
bool refuse_names(struct judge *j, const struct turn *t, const struct question *q, const char *first);

#endif
