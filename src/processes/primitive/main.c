#include "processes/primitive/primitive.h"

#include "base/attr.h"
#include "base/b64.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A call: its words behind the name, and standard input. 0, or what becomes the exit status. */
typedef int call_fn(char **words, struct str in, struct buf *out, struct err *err);

static const char *word(char **words, size_t i)
{
    for (size_t j = 0; j <= i; j++)
        if (words[j] == NULL)
            return "";
    return words[i];
}

static int on_base64(char **words, struct str in, struct buf *out, struct err *err)
{
    bytes_base64(in, word(words, 0)[0] != '\0', out);
    return 0;
}

static int on_unbase64(char **words, struct str in, struct buf *out, struct err *err)
{
    bytes_unbase64(in, out);
    return 0;
}

static int on_base64url(char **words, struct str in, struct buf *out, struct err *err)
{
    b64url_encode(out, in);
    return 0;
}

static int on_hex(char **words, struct str in, struct buf *out, struct err *err)
{
    bytes_hex(in, " ", out);
    return 0;
}

static int on_unhex(char **words, struct str in, struct buf *out, struct err *err)
{
    bytes_unhex(in, out);
    return 0;
}

static int on_url(char **words, struct str in, struct buf *out, struct err *err)
{
    bytes_url(in, strcmp(word(words, 0), "upper-hex") == 0, out);
    return 0;
}

static int on_idn(char **words, struct str in, struct buf *out, struct err *err)
{
    return bytes_idn(word(words, 0), out, err);
}

/* As hexadecimal digits and a line's end, or `plain`. */
static void put_octets(const struct buf *octets, bool hex, struct buf *out)
{
    if (!hex) {
        buf_put_str(out, buf_str(octets));
        return;
    }
    bytes_hex(buf_str(octets), "", out);
    buf_put_char(out, '\n');
}

static int on_digest(char **words, struct str in, struct buf *out, struct err *err)
{
    struct buf octets ATTR_CLEANUP(buf_free) = buf_new(INPUT_MAX);
    int r = crypto_digest(word(words, 0), in, &octets, err);
    if (r == 0 && word(words, 1)[0] == '\0')
        bytes_base64(buf_str(&octets), false, out);
    else if (r == 0)
        put_octets(&octets, true, out);
    return r;
}

static int on_hmac(char **words, struct str in, struct buf *out, struct err *err)
{
    struct buf octets ATTR_CLEANUP(buf_free) = buf_new(INPUT_MAX);
    struct buf key ATTR_CLEANUP(buf_free) = buf_new_sensitive(INPUT_MAX);
    const char *hex = getenv("EVERCERT_KEY");
    bytes_unhex(str_c(hex), &key);
    int r = crypto_hmac(word(words, 0), buf_str(&key), in, &octets, err);
    if (r == 0)
        put_octets(&octets, word(words, 1)[0] != '\0', out);
    return r;
}

static int on_sign(char **words, struct str in, struct buf *out, struct err *err)
{
    struct buf octets ATTR_CLEANUP(buf_free) = buf_new(INPUT_MAX);
    int r = crypto_sign(word(words, 0), word(words, 1), in, &octets, err);
    bytes_base64(buf_str(&octets), false, out);
    return r;
}

static int on_is_rsa(char **words, struct str in, struct buf *out, struct err *err)
{
    return crypto_is_rsa(word(words, 0)) ? 0 : err_set(err, ERR_INPUT, "%s holds no RSA key", word(words, 0));
}

static int on_http(char **words, struct str in, struct buf *out, struct err *err)
{
    return http_request(word(words, 0), in, strcmp(word(words, 1), "headers") == 0, out, err);
}

static int on_lookup(char **words, struct str in, struct buf *out, struct err *err)
{
    return lookup_records(word(words, 0), word(words, 1), out, err);
}

static const struct {
    const char *name;
    call_fn *call;
    bool input;
} calls[] = {
    {"base64", on_base64, true},
    {"unbase64", on_unbase64, true},
    {"base64url", on_base64url, true},
    {"hex", on_hex, true},
    {"unhex", on_unhex, true},
    {"url", on_url, true},
    {"idn", on_idn, false},
    {"digest", on_digest, true},
    {"hmac", on_hmac, true},
    {"sign", on_sign, true},
    {"is-rsa", on_is_rsa, false},
    {"http", on_http, true},
    {"lookup", on_lookup, false},
};

static int read_input(struct buf *in, struct err *err)
{
    char chunk[16 * 1024];
    ssize_t n;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            buf_put(in, chunk, (size_t)n);
    if (n < 0)
        return err_errno(err, errno, "standard input");
    return buf_failed(in) ? err_set(err, ERR_LIMIT, "more than %d octets on standard input", INPUT_MAX) : 0;
}

static int print(const struct buf *out, struct err *err)
{
    for (size_t at = 0; at < out->n;) {
        ssize_t n = write(STDOUT_FILENO, out->p + at, out->n - at);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "standard output");
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct buf in ATTR_CLEANUP(buf_free) = buf_new_sensitive(INPUT_MAX);
    struct buf out ATTR_CLEANUP(buf_free) = buf_new_sensitive(OUTPUT_MAX);
    struct err err = ERR_INIT;
    size_t i = 0;
    while (argc > 1 && i < ARRAY_LEN(calls) && strcmp(argv[1], calls[i].name) != 0)
        i++;
    if (argc < 2 || i == ARRAY_LEN(calls)) {
        fprintf(stderr, "usage: primitive CALL [WORD...]; acme-sh-host calls it\n");
        return 2;
    }
    int r = calls[i].input ? read_input(&in, &err) : 0;
    if (r == 0)
        r = calls[i].call(argv + 2, buf_str(&in), &out, &err);
    if (r == 0 && buf_failed(&out))
        r = err_set(&err, ERR_LIMIT, "more than %d octets", OUTPUT_MAX);
    /* What arrived before an error is printed as curl prints it. */
    if (print(&out, r == 0 ? &err : NULL) < 0 && r == 0)
        r = err.code;
    if (r != 0)
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
    return r > 0 && r < 256 ? r : r != 0;
}
