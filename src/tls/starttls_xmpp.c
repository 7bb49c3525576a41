/* XMPP (RFC 6120 5): tags are looked for, XML is not read. Names count without their prefixes, what stands in
 * quotes is passed over, and comments, which RFC 6120 11.1 forbids, are not known. */
#include "base/attr.h"
#include "base/buf.h"
#include "tls/starttls_priv.h"

#include <string.h>

enum { XMPP_STREAM, XMPP_FEATURES, XMPP_STARTTLS };

/* While the server says what is wrong. */
enum { WORDS_MAX = 200 };

struct tag {
    struct str text; /* what stands before it */
    struct str name; /* without a prefix */
    bool closing;    /* </name> */
    bool empty;      /* <name/> */
};

void starttls_xmpp_begin(struct starttls_talk *t, struct buf *out)
{
    buf_printf(out,
        "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' "
        "to='%s' "
        "version='1.0'>",
        t->server_port ? "jabber:server" : "jabber:client", t->host);
}

static bool ends_name(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '/' || c == '>';
}

/* The position of the '>' that ends the tag at `from`; in.n where there is none yet. */
static size_t tag_end(struct str in, size_t from)
{
    char quote = '\0';
    for (size_t i = from; i < in.n; i++) {
        char c = in.p[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '>')
            return i;
    }
    return in.n;
}

/* The next whole tag; *used is how far it reaches. */
static bool tag_next(struct str in, struct tag *out, size_t *used)
{
    const char *open = in.n > 0 ? memchr(in.p, '<', in.n) : NULL;
    if (open == NULL)
        return false;
    size_t at = (size_t)(open - in.p), end = tag_end(in, at);
    if (end == in.n)
        return false;
    out->text = (struct str){in.p, at};
    out->closing = in.p[at + 1] == '/';
    out->empty = in.p[end - 1] == '/';
    size_t from = at + 1 + out->closing, to = from;
    while (to < end && !ends_name(in.p[to]))
        to++;
    struct str name = {in.p + from, to - from}, prefix, local;
    out->name = str_cut(name, ':', &prefix, &local) ? local : name;
    *used = end + 1;
    return true;
}

/* The condition is the name of an element, and words may follow: <host-unknown/><text>...</text>. */
static int wrong(struct starttls_talk *t, const struct tag *tag, const char *what, struct err *err)
{
    struct str parts[] = {str_trim(tag->text), tag->closing ? STR("") : tag->name};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t room = WORDS_MAX - t->words.n;
        if (parts[i].n > 0 && parts[i].n < room && !str_eq(parts[i], STR("text"))) {
            buf_put(&t->words, parts[i].p, parts[i].n);
            buf_put_char(&t->words, ' ');
        }
    }
    bool over = tag->closing && (str_eq(tag->name, STR("error")) || str_eq(tag->name, STR("failure")) ||
                                    str_eq(tag->name, STR("stream")));
    return over ? starttls_refused(what, buf_str(&t->words), err) : STARTTLS_MORE;
}

static int xmpp_tag(struct starttls_talk *t, const struct tag *tag, struct buf *out, struct err *err)
{
    static const char ns[] = "urn:ietf:params:xml:ns:xmpp-tls";
    bool opens = !tag->closing;
    if (t->step == XMPP_STREAM && t->words.n == 0 && str_trim(tag->text).n > 0)
        return starttls_odd(t, tag->text, err);
    if (t->words.n > 0)
        return wrong(t, tag, t->step == XMPP_STARTTLS ? "refuses starttls" : "turns us away", err);
    if (opens && (str_eq(tag->name, STR("error")) || str_eq(tag->name, STR("failure")))) {
        if (tag->empty)
            return starttls_refused(
                t->step == XMPP_STARTTLS ? "refuses starttls" : "turns us away", STR(""), err);
        buf_put_char(&t->words, ' '); /* what follows is about it */
        return STARTTLS_MORE;
    }
    switch (t->step) {
    case XMPP_STREAM:
        if (opens && str_eq(tag->name, STR("stream")))
            t->step = XMPP_FEATURES;
        else if (!str_eq(tag->name, STR("?xml")))
            return starttls_odd(t, tag->name, err);
        return STARTTLS_MORE;
    case XMPP_FEATURES:
        if (opens && str_eq(tag->name, STR("starttls")))
            t->offered = true;
        if (!str_eq(tag->name, STR("features")) || (opens && !tag->empty))
            return STARTTLS_MORE;
        if (!t->offered)
            return starttls_refused("does not offer starttls; is TLS set up in it?", STR(""), err);
        buf_printf(out, "<starttls xmlns='%s'/>", ns);
        t->step = XMPP_STARTTLS;
        return STARTTLS_MORE;
    default: /* <proceed .../>, or in two tags */
        if (str_eq(tag->name, STR("proceed")))
            return tag->empty || tag->closing ? STARTTLS_UPGRADE : STARTTLS_MORE;
        return starttls_odd(t, tag->name, err);
    }
}

int starttls_xmpp(struct starttls_talk *t, struct buf *out, struct err *err)
{
    struct tag tag;
    size_t used;
    int r = STARTTLS_MORE;
    while (r == STARTTLS_MORE && tag_next(buf_str(&t->in), &tag, &used)) {
        r = xmpp_tag(t, &tag, out, err);
        buf_consume(&t->in, used);
    }
    struct str rest = str_trim(buf_str(&t->in));
    if (r == STARTTLS_MORE && t->step == XMPP_STREAM && t->words.n == 0 && rest.n > 0 && rest.p[0] != '<')
        return starttls_odd(t, rest, err);
    return r;
}
