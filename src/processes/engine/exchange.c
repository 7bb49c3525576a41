/* What was said to a CA and what it answered, for `evercert log`: requests by their meaning, statuses,
 * problem documents. No nonces, no signatures, no keys, no key authorizations. */
#include "processes/engine/engine.h"

#include "acme/limits.h"
#include "acme/problem.h"
#include "base/text.h"

enum {
    /* An order of a hundred names with a poll for each is about 300 requests; what is beyond that would only
     * repeat itself. */
    EXCHANGE_MAX = 512,
};

static void put_time(json_t *entry)
{
    char text[TIME_TEXT_MAX];
    json_object_set_new(entry, "at", json_string(wall_format(clock_wall(&system_clock), text)));
}

static void put_problem(json_t *entry, const struct acme_response *r)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct problem p;
    problem_read(r, a, &p);
    if (p.type[0] != '\0')
        json_object_set_new(entry, "problem", json_string(p.type));
    json_object_set_new(entry, "detail", json_string(p.detail));
}

/* The status of the object that came back, which is what a reader wants to know of a poll. */
static void put_object_status(json_t *entry, const struct acme_response *r)
{
    json_t *object = r->body.n < ACME_JSON_MAX ? json_loadb(r->body.p, r->body.n, 0, NULL) : NULL;
    const char *status = json_string_value(json_object_get(object, "status"));
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(64);
    if (status != NULL) {
        text_clean(&clean, str_c(status), 32);
        json_object_set_new(entry, "object", json_string(buf_c(&clean)));
    }
    json_decref(object);
}

void exchange_note(json_t *exchange, uint64_t number, const char *request, const char *url,
    const struct acme_response *r, const struct err *why)
{
    size_t n = json_array_size(exchange);
    int64_t wait_s;
    if (exchange == NULL || n >= EXCHANGE_MAX)
        return;
    json_t *entry = json_object();
    put_time(entry);
    json_object_set_new(entry, "number", json_integer((json_int_t)number));
    json_object_set_new(entry, "request", json_string(request));
    json_object_set_new(entry, "url", json_string(url));
    if (r != NULL) {
        json_object_set_new(entry, "status", json_integer(r->status));
        if (acme_response_retry_after(r, clock_wall(&system_clock), ACME_RETRY_AFTER_MAX_S, &wait_s))
            json_object_set_new(entry, "retry_after", json_integer((json_int_t)wait_s));
        if (r->status >= 400)
            put_problem(entry, r);
        else
            put_object_status(entry, r);
    } else {
        json_object_set_new(entry, "error", json_string(why->text));
    }
    json_array_append_new(exchange, entry);
}
