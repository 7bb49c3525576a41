/* Files of variables, what scripts of acme.sh say while they run and what they say of themselves. What is
 * kept reads back as it was. */
#include "processes/parent/challenge_texts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct variables *v, bool operators)
{
    for (size_t i = 0; i < v->n; i++)
        if (!variable_name_ok(str_c(v->list[i].name)) ||
            variables_get(v, v->list[i].name) != v->list[i].value ||
            (operators && variable_is_reserved(str_c(v->list[i].name))))
            abort();
}

static void kept(struct str text, struct arena *a, struct variables *v, struct variables *again)
{
    bool account = false, domain = false;
    struct buf out = buf_new(4 * VARIABLES_TEXT_MAX);
    v->n = again->n = 0;
    if (kept_apply(text, a, v, again, &account, &domain, NULL) == 0) {
        check(v, false);
        kept_write(v, &out);
        if (buf_failed(&out) || kept_read(buf_str(&out), a, again, NULL) != 0 || again->n != v->n)
            abort();
        for (size_t i = 0; i < v->n; i++)
            if (strcmp(variables_get(again, v->list[i].name), v->list[i].value) != 0)
                abort();
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct variables v, again;
    const char *options[SCRIPT_OPTIONS_MAX];
    struct arena *a = arena_new();
    struct str text = {(const char *)data, size};
    v.n = 0;
    (void)variables_read(text, a, &v, NULL);
    check(&v, true);
    kept(text, a, &v, &again);
    size_t n = script_options(text, "dns_x", a, options, SCRIPT_OPTIONS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!variable_name_ok(str_c(options[i])) || variable_is_reserved(str_c(options[i])))
            abort();
    arena_free(a);
    return 0;
}
