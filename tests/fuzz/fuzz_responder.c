/* The request parser of the http-01 answerer: requests one after the other as on a connection, each parsed at
 * once and octet by octet, which must agree. */
#include "http/request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void agree(const struct request *a, const struct request *b)
{
    if (a->status != b->status || a->head != b->head || a->keep_alive != b->keep_alive ||
        a->body != b->body || !str_eq(a->token, b->token))
        abort();
}

static void check(const struct request *q, struct str in)
{
    if (q->size == 0 || q->size > in.n || (q->status != 0 && (q->keep_alive || q->token.n > 0)))
        abort();
    if (q->token.n > 0 && (!request_token_ok(q->token) || q->token.p < in.p ||
                              (size_t)(q->token.p - in.p) > q->size - q->token.n))
        abort();
}

static bool parse_dripping(struct str in, struct request *out)
{
    size_t scanned = 0;
    for (size_t n = 1; n <= in.n; n++)
        if (request_parse((struct str){in.p, n}, &scanned, out))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct request whole, dripped;
    do {
        struct str in = {rest.p, rest.n < REQUEST_HEAD_MAX ? rest.n : REQUEST_HEAD_MAX};
        size_t scanned = 0;
        bool over = request_parse(in, &scanned, &whole);
        if (over != parse_dripping(in, &dripped))
            abort();
        if (!over)
            break;
        check(&whole, in);
        agree(&whole, &dripped);
        rest = (struct str){rest.p + whole.size, rest.n - whole.size};
    } while (whole.keep_alive && rest.n > 0);
    return 0;
}
