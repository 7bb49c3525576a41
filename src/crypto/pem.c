#include "crypto/pem.h"

#include "base/text.h"

#include <stdint.h>

static const struct {
    const char *begin, *end, *what;
} kinds[] = {
#define PEM_TEXTS(id, label, what) [id] = {"-----BEGIN " label "-----", "-----END " label "-----", what},
    PEM_KINDS(PEM_TEXTS)
#undef PEM_TEXTS
};

/* Four characters make three bytes; what is pending in between. */
struct base64 {
    uint32_t bits;
    unsigned n;   /* characters of the group that is being read */
    unsigned pad; /* '=' seen; nothing may follow a padded group */
};

struct pem_reader pem_reader_new(enum pem_kind kind, struct str text)
{
    return (struct pem_reader){kind, text, 0};
}

/* The next line without its end (LF, CRLF or CR) and the blanks around it; false at the end of the text. */
static bool next_line(struct pem_reader *r, struct str *line)
{
    size_t n = 0;
    if (r->rest.n == 0)
        return false;
    while (n < r->rest.n && r->rest.p[n] != '\n' && r->rest.p[n] != '\r')
        n++;
    *line = str_trim((struct str){r->rest.p, n});
    if (r->rest.n - n >= 2 && r->rest.p[n] == '\r' && r->rest.p[n + 1] == '\n')
        n++;
    if (n < r->rest.n)
        n++;
    r->rest = (struct str){r->rest.p + n, r->rest.n - n};
    r->line++;
    return true;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool take_char(struct base64 *b, char c, struct buf *out)
{
    int v = c == '=' ? 0 : value_of(c);
    if (v < 0 || (c == '=' ? b->n < 2 : b->pad > 0))
        return false;
    b->pad += c == '=';
    b->bits = b->bits << 6 | (uint32_t)v;
    if (++b->n < 4)
        return true;
    const char bytes[] = {(char)(b->bits >> 16 & 255), (char)(b->bits >> 8 & 255), (char)(b->bits & 255)};
    buf_put(out, bytes, 3 - b->pad);
    b->n = 0;
    b->bits = 0;
    return true;
}

static int take_block(struct pem_reader *r, struct buf *der, struct err *err)
{
    struct base64 state = {0};
    const char *what = kinds[r->kind].what;
    size_t first = r->line;
    for (struct str line; next_line(r, &line);) {
        if (str_eq_c(line, kinds[r->kind].end)) {
            if (state.n != 0 || der->n == 0)
                return err_set(err, ERR_INPUT, "line %zu: the %s ends in the middle", r->line, what);
            return 1;
        }
        for (size_t i = 0; i < line.n; i++)
            if (!take_char(&state, line.p[i], der))
                return err_set(err, ERR_INPUT, "line %zu: not the base64 of a %s", r->line, what);
        if (buf_failed(der))
            return err_set(err, ERR_LIMIT, "line %zu: a %s of more than %zu bytes", r->line, what, der->max);
    }
    return err_set(err, ERR_INPUT, "line %zu: a %s begins here and does not end", first, what);
}

/* Names the kind of a block that does not belong here, since it may be a private key. */
static int refuse_line(const struct pem_reader *r, struct str line, struct err *err)
{
    enum { SHOWN_MAX = 64 };
    const struct str mark = STR("-----BEGIN ");
    ATTR_CLEANUP(buf_free) struct buf shown = buf_new(4 * SHOWN_MAX);
    if (!str_starts(line, mark))
        return err_set(err, ERR_INPUT, "line %zu: text that is no %s", r->line, kinds[r->kind].what);
    struct str label = {line.p + mark.n, line.n - mark.n};
    if (str_ends(label, STR("-----")))
        label.n -= 5;
    text_clean(&shown, label, SHOWN_MAX);
    return err_set(err, ERR_INPUT, "line %zu: a block of the kind \"%s\" among the %ss", r->line,
        buf_c(&shown), kinds[r->kind].what);
}

int pem_next(struct pem_reader *r, struct buf *der, struct err *err)
{
    buf_clear(der);
    for (struct str line; next_line(r, &line);) {
        if (str_eq_c(line, kinds[r->kind].begin))
            return take_block(r, der, err);
        if (line.n > 0)
            return refuse_line(r, line, err);
    }
    return 0;
}
