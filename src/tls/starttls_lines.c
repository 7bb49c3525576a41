/* SMTP, FTP, IMAP and POP3: what is said in lines. */
#include "base/attr.h"
#include "tls/starttls_priv.h"

#include <string.h>

/* Takes one whole line off t->in, its end (CRLF, or a bare LF as some send it) not included. The view is good
 * until line_done. False where there is none yet. */
static bool line_next(const struct starttls_talk *t, struct str *line, size_t *used)
{
    const char *end = t->in.n > 0 ? memchr(t->in.p, '\n', t->in.n) : NULL;
    if (end == NULL)
        return false;
    *used = (size_t)(end - t->in.p) + 1;
    *line = (struct str){t->in.p, *used - 1};
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

/* --- replies of three digits (RFC 5321 4.2, RFC 959 4.2) --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct reply {
    unsigned code; /* 0: a line within an FTP reply of several lines, without a code */
    bool last;
    struct str text;
};

static bool reply_read(struct str line, struct reply *out)
{
    bool coded = line.n >= 3 && line.p[0] >= '1' && line.p[0] <= '5' && is_digit(line.p[1]) &&
                 is_digit(line.p[2]) && (line.n == 3 || line.p[3] == ' ' || line.p[3] == '-');
    if (!coded)
        return false;
    out->code =
        (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
    out->last = line.n == 3 || line.p[3] == ' ';
    out->text = line.n > 4 ? (struct str){line.p + 4, line.n - 4} : (struct str){"", 0};
    return true;
}

/* What the server said is kept for an error: its first lines as far as there is room. */
static void remember(struct starttls_talk *t, struct str line)
{
    size_t room = t->words.max - t->words.n;
    if (t->words.n > 0 && room > 0) {
        buf_put_char(&t->words, ' ');
        room--;
    }
    buf_put(&t->words, line.p, line.n < room ? line.n : room);
}

/* A service of such replies. */
struct coded {
    bool free_lines; /* lines within a reply need no code (FTP) */
    void (*each)(struct starttls_talk *t, struct str text);
    int (*done)(struct starttls_talk *t, unsigned code, struct buf *out, struct err *err);
};

static int coded_step(struct starttls_talk *t, const struct coded *service, struct buf *out, struct err *err)
{
    struct str line;
    size_t used;
    while (line_next(t, &line, &used)) {
        struct reply reply = {0};
        bool coded = reply_read(line, &reply);
        if (!coded && !(service->free_lines && t->words.n > 0))
            return starttls_odd(t, line, err);
        remember(t, line);
        if (service->each != NULL)
            service->each(t, reply.text);
        buf_consume(&t->in, used);
        if (!coded || !reply.last)
            continue;
        int r = service->done(t, reply.code, out, err);
        if (r != STARTTLS_MORE)
            return r;
        buf_clear(&t->words);
    }
    return STARTTLS_MORE;
}

static int refused(const struct starttls_talk *t, const char *what, struct err *err)
{
    return starttls_refused(what, buf_str(&t->words), err);
}

/* --- SMTP (RFC 3207) --- */

enum { SMTP_GREETING, SMTP_EHLO, SMTP_STARTTLS };

static void smtp_each(struct starttls_talk *t, struct str text)
{
    struct str word, rest;
    str_cut(text, ' ', &word, &rest);
    if (t->step == SMTP_EHLO && str_eq_nocase(word, STR("STARTTLS")))
        t->offered = true;
}

static int smtp_done(struct starttls_talk *t, unsigned code, struct buf *out, struct err *err)
{
    switch (t->step) {
    case SMTP_GREETING:
        if (code != 220)
            return refused(t, "turns us away", err);
        /* An address is the name of those who have no other (RFC 5321 4.1.3). */
        buf_printf(out, "EHLO [%s%s]\r\n", strchr(t->self, ':') != NULL ? "IPv6:" : "", t->self);
        t->step = SMTP_EHLO;
        return STARTTLS_MORE;
    case SMTP_EHLO:
        if (code != 250)
            return refused(t, "does not take our EHLO", err);
        if (!t->offered)
            return refused(t, "does not offer STARTTLS; is TLS set up in it? It offers", err);
        buf_put_c(out, "STARTTLS\r\n");
        t->step = SMTP_STARTTLS;
        return STARTTLS_MORE;
    default:
        return code == 220 ? STARTTLS_UPGRADE : refused(t, "refuses STARTTLS", err);
    }
}

int starttls_smtp(struct starttls_talk *t, struct buf *out, struct err *err)
{
    static const struct coded smtp = {false, smtp_each, smtp_done};
    return coded_step(t, &smtp, out, err);
}

/* --- FTP (RFC 4217) --- */

enum { FTP_GREETING, FTP_AUTH };

static int ftp_done(struct starttls_talk *t, unsigned code, struct buf *out, struct err *err)
{
    if (code < 200) /* "ready in some minutes" */
        return STARTTLS_MORE;
    if (t->step == FTP_AUTH)
        return code == 234 || code == 334 ? STARTTLS_UPGRADE : refused(t, "refuses AUTH TLS", err);
    if (code != 220)
        return refused(t, "turns us away", err);
    buf_put_c(out, "AUTH TLS\r\n");
    t->step = FTP_AUTH;
    return STARTTLS_MORE;
}

int starttls_ftp(struct starttls_talk *t, struct buf *out, struct err *err)
{
    static const struct coded ftp = {true, NULL, ftp_done};
    return coded_step(t, &ftp, out, err);
}

/* --- IMAP (RFC 9051 6.2.1, 7.1) --- */

enum { IMAP_GREETING, IMAP_STARTTLS };
#define IMAP_TAG "a1"

static bool begins(struct str line, const char *word, struct str *rest)
{
    struct str head;
    str_cut(line, ' ', &head, rest);
    return str_eq_nocase(head, str_c(word));
}

static int imap_line(struct starttls_talk *t, struct str line, struct buf *out, struct err *err)
{
    struct str rest, text;
    if (begins(line, "*", &rest)) {
        if (begins(rest, "BYE", &text))
            return starttls_refused("turns us away", text, err);
        if (t->step == IMAP_GREETING) {
            if (!begins(rest, "OK", &text) && !begins(rest, "PREAUTH", &text))
                return starttls_odd(t, line, err);
            buf_put_c(out, IMAP_TAG " STARTTLS\r\n");
            t->step = IMAP_STARTTLS;
        }
        return STARTTLS_MORE;
    }
    if (t->step != IMAP_STARTTLS || !begins(line, IMAP_TAG, &rest))
        return starttls_odd(t, line, err);
    return begins(rest, "OK", &text) ? STARTTLS_UPGRADE : starttls_refused("refuses STARTTLS", rest, err);
}

/* --- POP3 (RFC 2595 4) --- */

enum { POP3_GREETING, POP3_STLS };

static int pop3_line(struct starttls_talk *t, struct str line, struct buf *out, struct err *err)
{
    struct str text;
    bool good = begins(line, "+OK", &text);
    if (!good && !begins(line, "-ERR", &text))
        return starttls_odd(t, line, err);
    if (!good)
        return starttls_refused(t->step == POP3_GREETING ? "turns us away" : "refuses STLS", text, err);
    if (t->step == POP3_STLS)
        return STARTTLS_UPGRADE;
    buf_put_c(out, "STLS\r\n");
    t->step = POP3_STLS;
    return STARTTLS_MORE;
}

static int lines_step(struct starttls_talk *t,
    int (*each)(struct starttls_talk *t, struct str line, struct buf *out, struct err *err), struct buf *out,
    struct err *err)
{
    struct str line;
    size_t used;
    int r = STARTTLS_MORE;
    while (r == STARTTLS_MORE && line_next(t, &line, &used)) {
        r = each(t, line, out, err);
        buf_consume(&t->in, used);
    }
    return r;
}

int starttls_imap(struct starttls_talk *t, struct buf *out, struct err *err)
{
    return lines_step(t, imap_line, out, err);
}

int starttls_pop3(struct starttls_talk *t, struct buf *out, struct err *err)
{
    return lines_step(t, pop3_line, out, err);
}
