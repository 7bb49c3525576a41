#include "config/nearest.h"

#include <stdio.h>

/* A third of the word may be wrong, but three letters are the most anybody mistypes. */
enum { DISTANCE_MAX = 3 };

struct nearest nearest_new(struct str word)
{
    unsigned allowed = word.n / 3 + 1 < DISTANCE_MAX ? (unsigned)word.n / 3 + 1 : DISTANCE_MAX;
    return (struct nearest){.word = word, .distance = allowed + 1};
}

void nearest_try(struct nearest *n, const char *candidate)
{
    if (n->distance == 0)
        return;
    unsigned d = str_distance(n->word, str_c(candidate), n->distance - 1);
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

const char *nearest_text(const struct nearest *n, char out[NEAREST_TEXT_MAX])
{
    out[0] = '\0';
    if (n->best != NULL)
        snprintf(out, NEAREST_TEXT_MAX, " (did you mean %s?)", n->best);
    return out;
}
