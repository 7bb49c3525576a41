/* What the built-in answerer shows, and for which certificates: who asks a second time (an engine that was
 * started again) is not counted twice, and what two certificates have in common stays for the other one. */
#include "processes/solver/solver.h"

#include <stdlib.h>
#include <string.h>

struct held {
    struct held *next;
    char *certificate, *name, *value;
};

static struct held **find(struct solver *s, const char *certificate, const char *name, const char *value)
{
    struct held **at = &s->held;
    while (*at != NULL && (strcmp((*at)->value, value) != 0 || strcmp((*at)->name, name) != 0 ||
                              strcmp((*at)->certificate, certificate) != 0))
        at = &(*at)->next;
    return at;
}

static void held_free(struct held *h)
{
    free(h->certificate);
    free(h->name);
    free(h->value);
    free(h);
}

int held_put(struct solver *s, const char *certificate, const char *name, const char *value, struct err *err)
{
    struct held **at = find(s, certificate, name, value);
    if (*at != NULL)
        return 0;
    int r = answerer_put(s->answerer, name, value, err);
    if (r < 0)
        return r;
    struct held *h = calloc(1, sizeof *h);
    if (h == NULL || (h->certificate = strdup(certificate)) == NULL || (h->name = strdup(name)) == NULL ||
        (h->value = strdup(value)) == NULL)
        abort();
    *at = h;
    return 0;
}

void held_remove(struct solver *s, const char *certificate, const char *name, const char *value)
{
    struct held **at = find(s, certificate, name, value), *h = *at;
    if (h == NULL)
        return;
    *at = h->next;
    answerer_remove(s->answerer, name, value);
    held_free(h);
}

void held_clear(struct solver *s)
{
    for (struct held *h; (h = s->held) != NULL;) {
        s->held = h->next;
        held_free(h);
    }
}
