/* Problem documents: any body gives something that can be shown and classified. */
#include "acme/limits.h"
#include "acme/problem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text)
{
    if (!text_is_utf8(str_c(text)))
        abort();
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {400, 403, 429, 500, 599};
    struct arena *a = arena_new();
    struct problem p;
    struct err err;
    const struct acme_response r = {.status = statuses[size % 5], .body = {(const char *)data, size}};
    problem_read(&r, a, &p);
    check_line(p.detail);
    check_line(p.instance);
    check_line(p.link);
    if (*p.link != '\0' && !str_starts(str_c(p.link), STR("https://")))
        abort();
    if (problem_is_paused(&p) && *p.link == '\0')
        abort(); /* whoever is told to lift a pause is told where */
    int64_t wait_s = 0;
    if (problem_retry_after(&p, &r, (struct wall){1800000000}, ACME_RETRY_AFTER_MAX_S, &wait_s) &&
        (wait_s < 0 || wait_s > ACME_RETRY_AFTER_MAX_S))
        abort();
    problem_classify(&p);
    problem_to_err(&p, &r, (struct wall){1800000000}, &err);
    check_line(err.text);
    check_line(err.problem);
    problem_read_json(r.body, a, &p);
    problem_to_err(&p, NULL, (struct wall){1800000000}, &err);
    check_line(err.text);
    arena_free(a);
    return 0;
}
