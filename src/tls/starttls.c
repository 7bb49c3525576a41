#include "tls/starttls.h"

#include "base/attr.h"
#include "base/text.h"
#include "tls/starttls_priv.h"

#include <string.h>

/* Octets of the server's words in an error. */
enum { WORDS_MAX = 300 };

static const struct {
    const char *word;
    uint16_t port;
} kinds[STARTTLS_END_] = {
#define KIND(id, word, port) [id] = {word, port},
    STARTTLS_KINDS(KIND)
#undef KIND
};

/* Beside the table of words: what each protocol is made of. */
static const struct way {
    const char *service; /* for errors */
    starttls_step_fn *step;
    void (*begin)(struct starttls_talk *t, struct buf *out); /* NULL: the server speaks first */
    const char *awaits[3];                                   /* by step */
} ways[STARTTLS_END_] = {
    [STARTTLS_NONE] = {"a TLS server", NULL, NULL, {"its part of the handshake"}},
    [STARTTLS_SMTP] = {"a mail server (SMTP)", starttls_smtp, NULL,
        {"its greeting", "its answer to EHLO", "its answer to STARTTLS"}},
    [STARTTLS_IMAP] = {"an IMAP server", starttls_imap, NULL, {"its greeting", "its answer to STARTTLS"}},
    [STARTTLS_POP3] = {"a POP3 server", starttls_pop3, NULL, {"its greeting", "its answer to STLS"}},
    [STARTTLS_LDAP] = {"an LDAP server", starttls_ldap, starttls_ldap_begin, {"its answer to StartTLS"}},
    [STARTTLS_FTP] = {"an FTP server", starttls_ftp, NULL, {"its greeting", "its answer to AUTH TLS"}},
    [STARTTLS_XMPP] = {"an XMPP server", starttls_xmpp, starttls_xmpp_begin,
        {"its stream", "the features of its stream", "its answer to starttls"}},
    [STARTTLS_POSTGRES] = {"a PostgreSQL server", starttls_postgres, starttls_postgres_begin,
        {"its answer to the request for TLS"}},
};

bool starttls_parse(const char *text, enum starttls *out)
{
    for (int i = 0; i < STARTTLS_END_; i++)
        if (strcmp(kinds[i].word, text) == 0) {
            *out = (enum starttls)i;
            return true;
        }
    return false;
}

const char *starttls_text(enum starttls kind)
{
    return kinds[kind].word;
}

uint16_t starttls_port(enum starttls kind)
{
    return kinds[kind].port;
}

enum starttls starttls_of_port(uint16_t port)
{
    static const struct {
        uint16_t port;
        enum starttls kind;
    } others[] = {{587, STARTTLS_SMTP}, {STARTTLS_XMPP_SERVER_PORT, STARTTLS_XMPP}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].port == port)
            return others[i].kind;
    for (int i = 0; i < STARTTLS_END_; i++)
        if (kinds[i].port == port)
            return (enum starttls)i;
    return STARTTLS_NONE;
}

const char *starttls_words(void)
{
#define WORD(id, word, port) ", " word
    static const char all[] = STARTTLS_KINDS(WORD);
#undef WORD
    return all + sizeof ", , " - 1; /* the first is the empty one */
}

const char *starttls_awaits(const struct starttls_talk *t)
{
    const char *text = t->step < ARRAY_LEN(ways[0].awaits) ? ways[t->kind].awaits[t->step] : NULL;
    return text != NULL ? text : "its answer";
}

int starttls_refused(const char *what, struct str words, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf clean = buf_new(WORDS_MAX + 8);
    text_clean(&clean, str_trim(words), WORDS_MAX);
    return err_set(err, ERR_TLS, "the server %s%s%s", what, clean.n > 0 ? ": " : "", buf_c(&clean));
}

int starttls_odd(const struct starttls_talk *t, struct str what, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf clean = buf_new(WORDS_MAX + 8);
    text_clean(&clean, str_trim(what), 80);
    return err_set(err, ERR_INPUT, "does not answer as %s: \"%s\"", ways[t->kind].service, buf_c(&clean));
}

/* What goes into a line or an attribute of ours as it is. */
static bool is_plain(const char *text, size_t max)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    size_t n = strlen(text);
    return n < max && strspn(text, good) == n;
}

int starttls_begin(
    struct starttls_talk *t, const struct starttls_spec *spec, struct buf *out, struct err *err)
{
    *t = (struct starttls_talk){.kind = spec->kind,
        .server_port = spec->port == STARTTLS_XMPP_SERVER_PORT,
        .in = buf_new(STARTTLS_IN_MAX),
        .words = buf_new(WORDS_MAX)};
    if (!is_plain(spec->host, sizeof t->host) || !is_plain(spec->self, sizeof t->self)) {
        t->failed = true;
        return err_set(err, ERR_INPUT, "a host name that cannot be named to the server");
    }
    memcpy(t->host, spec->host, strlen(spec->host) + 1);
    memcpy(t->self, spec->self, strlen(spec->self) + 1);
    if (t->kind == STARTTLS_NONE)
        return STARTTLS_UPGRADE;
    if (ways[t->kind].begin != NULL)
        ways[t->kind].begin(t, out);
    return STARTTLS_MORE;
}

static int take(struct starttls_talk *t, struct str in, struct buf *out, struct err *err)
{
    t->in_n += in.n;
    if (t->in_n > STARTTLS_IN_MAX)
        return err_set(err, ERR_LIMIT, "the server says more than %d octets before TLS", STARTTLS_IN_MAX);
    buf_put(&t->in, in.p, in.n);
    size_t before = out->n;
    int r = ways[t->kind].step(t, out, err);
    if (r == STARTTLS_UPGRADE && out->n > before)
        return err_set(err, ERR_INPUT, "the server agrees to TLS before it is asked");
    if (r == STARTTLS_UPGRADE && t->in.n > 0)
        return err_set(err, ERR_INPUT,
            "%zu octets come in plain text behind the server's agreement to TLS; somebody may have put them "
            "there",
            t->in.n);
    if (r >= 0 && (buf_failed(&t->in) || buf_failed(out)))
        return err_set(err, ERR_LIMIT, "no room for what is said before TLS");
    return r;
}

int starttls_feed(struct starttls_talk *t, struct str in, struct buf *out, struct err *err)
{
    if (t->failed || t->kind == STARTTLS_NONE)
        return err_set(err, ERR_INPUT, "the conversation before TLS is over");
    int r = take(t, in, out, err);
    t->failed = r != STARTTLS_MORE;
    return r;
}

void starttls_end(struct starttls_talk *t)
{
    buf_free(&t->in);
    buf_free(&t->words);
}
