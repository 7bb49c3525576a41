/* What a server says before TLS: the first octet is the protocol (and whether XMPP is spoken as a server),
 * the rest is fed whole, and again octet by octet, which has to come to the same. */
#include "tls/starttls.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4096 };

struct outcome {
    int r;
    size_t taken; /* octets until the end */
    struct buf out;
    struct err err;
};

static void run(struct outcome *o, const struct starttls_spec *spec, struct str in, size_t piece)
{
    struct starttls_talk t;
    *o = (struct outcome){.out = buf_new(OUT_MAX)};
    o->r = starttls_begin(&t, spec, &o->out, &o->err);
    for (; o->r == STARTTLS_MORE && in.n > 0; in = (struct str){in.p + piece, in.n - piece}) {
        if (piece > in.n)
            piece = in.n;
        o->r = starttls_feed(&t, (struct str){in.p, piece}, &o->out, &o->err);
        o->taken += piece;
    }
    if (o->r < 0 && (o->err.text[0] == '\0' || !text_is_utf8(str_c(o->err.text))))
        abort();
    if (buf_failed(&o->out) || t.in_n > STARTTLS_IN_MAX + piece || starttls_awaits(&t)[0] == '\0')
        abort();
    starttls_end(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 2 * STARTTLS_IN_MAX)
        return 0;
    struct starttls_spec spec = {
        .kind = (enum starttls)(STARTTLS_SMTP + data[0] % (STARTTLS_END_ - STARTTLS_SMTP)),
        .port = data[0] >= 0x80 ? STARTTLS_XMPP_SERVER_PORT : 1,
        .host = "www.example.org",
        .self = "192.0.2.1"};
    struct str in = {(const char *)data + 1, size - 1};
    struct outcome whole, slow;
    run(&whole, &spec, in, in.n > 0 ? in.n : 1);
    run(&slow, &spec, in, 1);
    /* In pieces, what comes behind an agreement has not been seen yet. */
    if (whole.r != slow.r && !(whole.r == ERR_INPUT && slow.r == STARTTLS_UPGRADE))
        abort();
    if (whole.r == STARTTLS_MORE && !str_eq(buf_str(&whole.out), buf_str(&slow.out)))
        abort();
    buf_free(&whole.out);
    buf_free(&slow.out);
    return 0;
}
