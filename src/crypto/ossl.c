#include "crypto/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ossl_fail(struct err *err, int code, const char *fmt, ...)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
    if (e != 0 && ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
        code = ERR_MEMORY;
    ERR_clear_error();
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return reason != NULL ? err_set(err, code, "%s: %s", text, reason) : err_set(err, code, "%s", text);
}

static int put(struct buf *out, const void *p, size_t n, const char *what, struct err *err)
{
    buf_put(out, p, n);
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "no room for the %zu bytes of %s", n, what) : 0;
}

int ossl_put_bio(struct buf *out, BIO *bio, const char *what, struct err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    return n < 0 ? ossl_fail(err, ERR_CRYPTO, "cannot write %s", what) : put(out, p, (size_t)n, what, err);
}

int ossl_put_der(struct buf *out, unsigned char *der, int n, const char *what, struct err *err)
{
    if (n < 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot write %s", what);
    int r = put(out, der, (size_t)n, what, err);
    OPENSSL_clear_free(der, (size_t)n);
    return r;
}
