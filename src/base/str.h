/* Read-only views of bytes: a pointer and a length, never owning, not NUL-terminated. */
#ifndef EVERCERT_BASE_STR_H
#define EVERCERT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

/* A view of a C string; NULL gives the empty view. */
struct str str_c(const char *c);

bool str_eq(struct str a, struct str b);
bool str_eq_c(struct str a, const char *b);
/* Equality without regard to ASCII case; bytes above 127 compare as they are. */
bool str_eq_nocase(struct str a, struct str b);
/* An ASCII letter in lower case, any other octet as it is. */
char str_lower(char c);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Without leading and trailing spaces, tabs, CR and LF. */
struct str str_trim(struct str s);

/* The part before the first `c` goes to *head and the part after it to *tail; returns false, and *head is the
 * whole of s and *tail empty, where `c` does not occur. */
bool str_cut(struct str s, char c, struct str *head, struct str *tail);

/* Decimal digits only, no sign, no blanks; false on anything else and when the value is above `max`. *out is
 * written on success only. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *out);

/* Edit distance (insertions, deletions, substitutions, swaps of neighbours), capped at `max` + 1; for "did
 * you mean". Strings above 64 octets count as `max` + 1. */
unsigned str_distance(struct str a, struct str b, unsigned max);

#endif
