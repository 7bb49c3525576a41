/* Standing TXT records of dns-persist-01. Whatever is accepted has an issuer in lower case and no blanks. */
#include "acme/persist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_clean(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == ';')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = {(const char *)data, size};
    struct persist_record r = {NULL};
    struct err err = ERR_INIT;
    if (persist_record_parse(text, a, &r, &err) == 0) {
        expect_clean(r.issuer);
        expect_clean(r.account_uri);
        for (const char *c = r.issuer; *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                abort();
        if (r.issuer[0] == '\0' || r.until < 0)
            abort();
        /* What it says is what is found when it is asked for. */
        const struct persist_demand d = {&r.issuer, &r.account_uri, 1, r.wildcard};
        size_t which = 1;
        int64_t until = -1;
        if (persist_choose(&d, "x", &text, 1, (struct wall){0}, &which, &until, &err) != 0 || which != 0 ||
            until != r.until)
            abort();
    } else if (r.issuer != NULL || err.code >= 0) {
        abort();
    }
    arena_free(a);
    return 0;
}
