#include "processes/messenger/message.h"

#include "base/attr.h"
#include "base/text.h"

#include <string.h>

enum { FOREIGN_MAX = 4096 /* octets of one text: an error, or the names of a certificate */ };

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static const json_t *happened(const json_t *document)
{
    return json_object_get(document, "happened");
}

static bool is_test(const json_t *document)
{
    return json_is_true(json_object_get(happened(document), "test"));
}

/* How many certificates had that event, the unnamed ones not among them. */
static size_t count(const json_t *certificates, const char *event)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(certificates); i++)
        n += strcmp(text_of(json_array_get(certificates, i), "event"), event) == 0;
    return n;
}

static void put_ascii(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_put_char(out, *text >= ' ' && *text <= '~' ? *text : '?');
}

void message_subject(const json_t *document, struct buf *out)
{
    const json_t *list = json_object_get(happened(document), "certificates");
    json_int_t more = json_integer_value(json_object_get(happened(document), "more"));
    size_t failing = count(list, "failing"), expiring = count(list, "expiring");
    buf_put_c(out, "evercert on ");
    put_ascii(out, text_of(document, "host"));
    buf_put_c(out, ": ");
    if (is_test(document)) {
        buf_put_c(out, "a test");
        return;
    }
    if (json_array_size(list) == 1 && more == 0) {
        put_ascii(out, text_of(json_array_get(list, 0), "name"));
        buf_printf(out, " is %s", failing > 0 ? "failing" : "expiring");
        return;
    }
    if (more > 0) {
        buf_printf(
            out, "%lld certificates need attention", (long long)json_array_size(list) + (long long)more);
        return;
    }
    if (failing > 0)
        buf_printf(out, "%zu certificate%s failing", failing, failing == 1 ? " is" : "s are");
    if (expiring > 0)
        buf_printf(out, "%s%zu %s", failing > 0 ? ", " : "", expiring,
            failing > 0     ? "expiring"
            : expiring == 1 ? "certificate is expiring"
                            : "certificates are expiring");
}

static void put_foreign(const char *text, struct buf *out)
{
    text_clean(out, str_c(text), FOREIGN_MAX);
}

static void put_certificate(const json_t *c, struct wall now, struct buf *out)
{
    char in[DURATION_TEXT_MAX];
    struct wall end = {json_integer_value(json_object_get(c, "not_after"))};
    char when[TIME_TEXT_MAX];
    put_foreign(text_of(c, "name"), out);
    buf_printf(out, " is %s", strcmp(text_of(c, "event"), "expiring") == 0 ? "expiring" : "failing");
    if (end.s > now.s)
        buf_printf(
            out, ", and valid until %s (for %s)", wall_format(end, when), duration_about(end.s - now.s, in));
    else if (end.s > 0)
        buf_printf(out, ", and has EXPIRED at %s", wall_format(end, when));
    else
        buf_put_c(out, ", and there is none yet");
    buf_put_char(out, '\n');
    if (strcmp(text_of(c, "domains"), text_of(c, "name")) != 0) {
        buf_put_c(out, "  names: ");
        put_foreign(text_of(c, "domains"), out);
        buf_put_char(out, '\n');
    }
    if (text_of(c, "error")[0] != '\0') {
        buf_put_c(out, "  ");
        put_foreign(text_of(c, "error"), out);
        buf_put_char(out, '\n');
    }
}

void message_text(const json_t *document, struct wall now, struct buf *out)
{
    const json_t *list = json_object_get(happened(document), "certificates");
    json_int_t more = json_integer_value(json_object_get(happened(document), "more"));
    if (is_test(document)) {
        buf_put_c(out, "This is a test: what evercert has to say about its certificates comes this way.\n");
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            buf_put_char(out, '\n');
        put_certificate(json_array_get(list, i), now, out);
    }
    if (more > 0)
        buf_printf(out, "\n... and %lld more.\n", (long long)more);
    buf_put_c(out, "\n`evercert show NAME` says what happens next, `evercert check NAME` what is wrong.\n");
}

json_t *message_object(const json_t *document, struct wall now)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MESSAGE_TEXT_MAX);
    json_t *list = json_object_get(happened(document), "certificates");
    json_t *more = json_object_get(happened(document), "more");
    message_subject(document, &text);
    buf_put_char(&text, '\n');
    message_text(document, now, &text);
    return json_pack("{ss ss ss% sO so sb}", "host", text_of(document, "host"), "alert",
        text_of(document, "alert"), "text", buf_c(&text), text.n, "certificates", list, "more",
        more != NULL ? json_incref(more) : json_integer(0), "test", is_test(document));
}

/* RFC 2045 6.7: lines of at most 76 octets, and nothing in them that any server would change. */
static void put_quoted_printable(struct str text, struct buf *out)
{
    enum { LINE_MAX_ = 75 };
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = c >= ' ' && c <= '~' && c != '=';
        bool last = i + 1 == text.n || text.p[i + 1] == '\n';
        if (c == '\n') {
            buf_put_c(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + (plain ? 1 : 3) > LINE_MAX_) {
            buf_put_c(out, "=\r\n");
            column = 0;
        }
        if (plain && !(c == ' ' && last) && !(c == '.' && column == 0)) {
            buf_put_char(out, (char)c);
            column++;
        } else {
            buf_printf(out, "=%02X", c);
            column += 3;
        }
    }
}

static void put_header(const char *name, const char *value, struct buf *out)
{
    buf_printf(out, "%s: ", name);
    put_ascii(out, value);
    buf_put_c(out, "\r\n");
}

/* One address a line: RFC 5322 2.1.1 wants lines below 998 octets. */
static void put_recipients(const json_t *list, struct buf *out)
{
    buf_put_c(out, "To: ");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *address = json_string_value(json_array_get(list, i));
        buf_put_c(out, i > 0 ? ",\r\n " : "");
        put_ascii(out, address != NULL ? address : "");
    }
    buf_put_c(out, "\r\n");
}

void message_mail(const json_t *document, const char *from, const char *id, struct wall now, struct buf *out)
{
    struct buf subject ATTR_CLEANUP(buf_free) = buf_new(MESSAGE_SUBJECT_MAX);
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MESSAGE_TEXT_MAX);
    char date[64];
    message_subject(document, &subject);
    message_text(document, now, &text);
    put_header("From", from, out);
    put_recipients(json_object_get(document, "mail"), out);
    put_header("Subject", buf_c(&subject), out);
    if (wall_format_as(now, "%a, %d %b %Y %H:%M:%S +0000", date, sizeof date) > 0)
        put_header("Date", date, out);
    buf_printf(out, "Message-ID: <%s@", id);
    put_ascii(out, text_of(document, "host"));
    buf_put_c(out, ">\r\n");
    put_header("Auto-Submitted", "auto-generated", out); /* RFC 3834 5: no answers by vacation programs */
    put_header("MIME-Version", "1.0", out);
    put_header("Content-Type", "text/plain; charset=utf-8", out);
    put_header("Content-Transfer-Encoding", "quoted-printable", out);
    buf_put_c(out, "\r\n");
    put_quoted_printable(buf_str(&text), out);
}
