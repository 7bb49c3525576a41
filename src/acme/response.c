#include "acme/response.h"

#include "acme/limits.h"
#include "acme/url.h"

#include <string.h>

bool acme_response_ok(const struct acme_response *r)
{
    return r->status >= 200 && r->status <= 299;
}

bool acme_header_get(const struct acme_response *r, const char *name, struct str *out)
{
    const struct acme_header *found = NULL;
    for (size_t i = 0; i < r->header_n; i++)
        if (str_eq_nocase(r->headers[i].name, str_c(name))) {
            if (found != NULL)
                return false;
            found = &r->headers[i];
        }
    if (found == NULL)
        return false;
    *out = str_trim(found->value);
    return true;
}

bool acme_nonce_acceptable(struct str nonce)
{
    for (size_t i = 0; i < nonce.n; i++) {
        char c = nonce.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                c == '_'))
            return false;
    }
    return nonce.n > 0 && nonce.n <= ACME_NONCE_MAX;
}

bool acme_response_nonce(const struct acme_response *r, struct str *out)
{
    struct str nonce;
    if (!acme_header_get(r, "Replay-Nonce", &nonce) || !acme_nonce_acceptable(nonce))
        return false;
    *out = nonce;
    return true;
}

/* delay-seconds; a number too large for any type is still a number, so it saturates. */
static bool delay_seconds(struct str s, int64_t max_s, int64_t *out_s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (s.n == 0)
        return false;
    uint64_t v;
    *out_s = str_to_u64(s, (uint64_t)max_s, &v) ? (int64_t)v : max_s;
    return true;
}

bool acme_response_retry_after(const struct acme_response *r, struct wall now, int64_t max_s, int64_t *out_s)
{
    struct str value, date;
    if (!acme_header_get(r, "Retry-After", &value))
        return false;
    if (delay_seconds(value, max_s, out_s))
        return true;
    struct wall at, sent;
    if (wall_parse_http_date(value, &at) < 0)
        return false;
    if (!acme_header_get(r, "Date", &date) || wall_parse_http_date(date, &sent) < 0)
        sent = now;
    if (at.s < sent.s)
        return false;
    *out_s = at.s - sent.s < max_s ? at.s - sent.s : max_s;
    return true;
}

/* One link of a Link field: its target and the raw text of its first rel parameter. */
struct link {
    struct str target, rel;
    bool elsewhere; /* it has an anchor: the relation is that of another resource */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip(struct str *s, size_t n)
{
    *s = (struct str){s->p + n, s->n - n};
}

static void skip_blanks(struct str *s)
{
    while (s->n > 0 && is_blank(s->p[0]))
        skip(s, 1);
}

/* Takes everything before the first of `ends`, or all. */
static struct str take_until(struct str *s, const char *ends)
{
    size_t n = 0;
    while (n < s->n && (s->p[n] == '\0' || strchr(ends, s->p[n]) == NULL))
        n++;
    struct str taken = {s->p, n};
    skip(s, n);
    return taken;
}

/* Takes a quoted string, without its quotes but with its backslashes; s begins with the opening quote. */
static struct str take_quoted(struct str *s)
{
    skip(s, 1);
    size_t n = 0;
    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' && n + 1 < s->n ? 2 : 1;
    struct str taken = {s->p, n};
    skip(s, n < s->n ? n + 1 : n);
    return taken;
}

/* ";" name [ "=" value ] */
static void take_parameter(struct str *s, struct link *out, bool *have_rel)
{
    skip(s, 1);
    skip_blanks(s);
    struct str name = take_until(s, "=;, \t"), value = {"", 0};
    skip_blanks(s);
    if (s->n > 0 && s->p[0] == '=') {
        skip(s, 1);
        skip_blanks(s);
        value = s->n > 0 && s->p[0] == '"' ? take_quoted(s) : take_until(s, ";, \t");
    }
    if (str_eq_nocase(name, STR("anchor")))
        out->elsewhere = true;
    if (str_eq_nocase(name, STR("rel")) && !*have_rel) { /* RFC 8288 3.3: later ones are ignored */
        out->rel = value;
        *have_rel = true;
    }
}

/* Takes the next link off a field; junk between links is passed over. False at the end. */
static bool take_link(struct str *s, struct link *out)
{
    while (s->n > 0 && s->p[0] != '<') {
        if (s->p[0] == '"')
            take_quoted(s);
        else
            skip(s, 1);
    }
    if (s->n == 0)
        return false;
    skip(s, 1);
    struct str target = take_until(s, ">");
    if (s->n == 0)
        return false;
    skip(s, 1);
    *out = (struct link){.target = target, .rel = {"", 0}};
    bool have_rel = false;
    for (skip_blanks(s); s->n > 0 && s->p[0] == ';'; skip_blanks(s))
        take_parameter(s, out, &have_rel);
    return true;
}

/* Whether one of the blank-separated words of a rel parameter is `rel`; backslashes are quoting. */
static bool has_relation(struct str words, struct str rel)
{
    while (words.n > 0) {
        size_t matched = 0;
        bool same = true;
        for (; words.n > 0 && !is_blank(words.p[0]); skip(&words, 1)) {
            if (words.p[0] == '\\' && words.n > 1)
                skip(&words, 1);
            same = same && matched < rel.n &&
                   str_eq_nocase((struct str){words.p, 1}, (struct str){rel.p + matched, 1});
            matched++;
        }
        if (same && matched == rel.n)
            return true;
        skip_blanks(&words);
    }
    return false;
}

bool acme_response_link(const struct acme_response *r, const char *rel, size_t nth, struct str *out)
{
    for (size_t i = 0; i < r->header_n; i++) {
        if (!str_eq_nocase(r->headers[i].name, STR("Link")))
            continue;
        struct str field = r->headers[i].value;
        for (struct link l; take_link(&field, &l);)
            if (!l.elsewhere && has_relation(l.rel, str_c(rel)) && nth-- == 0) {
                *out = l.target;
                return true;
            }
    }
    return false;
}

int acme_response_location(
    const struct acme_response *r, struct str directory, struct str *out, struct err *err)
{
    struct str location;
    if (!acme_header_get(r, "Location", &location))
        return err_set(err, ERR_INPUT, "the answer has no Location, or more than one");
    int code = acme_url_check_from(location, directory, err);
    if (code < 0) {
        err_prefix(err, "Location");
        return code;
    }
    *out = location;
    return 0;
}
