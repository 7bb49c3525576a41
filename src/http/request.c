#include "http/request.h"

#include <string.h>

static const char well_known[] = "/.well-known/acme-challenge/";

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* tchar of RFC 9110 5.6.2. */
static bool is_tchar(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool all(struct str s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_token_char(char c)
{
    return is_alnum(c) || c == '_' || c == '-';
}

bool request_token_ok(struct str s)
{
    return s.n <= REQUEST_TOKEN_MAX && all(s, is_token_char);
}

static bool is_visible(char c)
{
    return c > ' ' && c < 0x7f;
}

static struct str after(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

/* The octets of one empty line that may stand before the request line. */
static size_t lead(struct str in)
{
    return in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n' ? 2 : 0;
}

enum scan { SCAN_MORE, SCAN_END, SCAN_BAD };

/* Searches the empty line that ends the head, from *scanned on; *end is behind it. */
static enum scan find_end(struct str in, size_t *scanned, size_t *end)
{
    size_t start = lead(in);
    if (in.n > start && !is_tchar(in.p[start]) && !(in.n == 1 && in.p[0] == '\r'))
        return SCAN_BAD; /* not HTTP at all, such as a TLS hello */
    size_t i = *scanned > start ? *scanned : start;
    for (const char *lf; i < in.n && (lf = memchr(in.p + i, '\n', in.n - i)) != NULL; i++) {
        i = (size_t)(lf - in.p);
        if (i == 0 || in.p[i - 1] != '\r')
            return SCAN_BAD;
        if (i >= start + 3 && in.p[i - 2] == '\n') {
            *end = i + 1;
            return SCAN_END;
        }
    }
    *scanned = in.n;
    return SCAN_MORE;
}

/* Takes the next line, without its CR LF, off a head that is known to consist of whole lines. */
static struct str next_line(struct str *head)
{
    struct str line;
    str_cut(*head, '\n', &line, head);
    line.n--; /* find_end has seen that a CR stands before each LF */
    return line;
}

/* 0, or the status that refuses the version; *minor is 0 or 1. */
static int parse_version(struct str s, int *minor)
{
    if (s.n != 8 || !str_starts(s, STR("HTTP/")) || s.p[5] < '0' || s.p[5] > '9' || s.p[6] != '.' ||
        s.p[7] < '0' || s.p[7] > '9')
        return 400;
    *minor = s.p[7] > '0';
    return s.p[5] == '1' ? 0 : 505;
}

/* The path of an absolute-form target with the scheme's prefix, or the empty view. */
static struct str absolute_path(struct str target, struct str scheme)
{
    if (target.n <= scheme.n || !str_eq_nocase((struct str){target.p, scheme.n}, scheme))
        return (struct str){"", 0};
    struct str rest = after(target, scheme.n);
    const char *slash = memchr(rest.p, '/', rest.n);
    if (slash == rest.p)
        return (struct str){"", 0}; /* no authority */
    return slash != NULL ? after(rest, (size_t)(slash - rest.p)) : STR("/");
}

static int parse_target(struct str target, struct request *out)
{
    if (target.n > RESPONDER_TARGET_MAX)
        return 414;
    if (!all(target, is_visible))
        return 400;
    struct str path = target;
    if (target.p[0] != '/') {
        path = absolute_path(target, STR("http://"));
        if (path.n == 0)
            path = absolute_path(target, STR("https://"));
        if (path.n == 0)
            return 400;
    }
    struct str prefix = {well_known, sizeof well_known - 1};
    if (str_starts(path, prefix) && request_token_ok(after(path, prefix.n)))
        out->token = after(path, prefix.n);
    return 0;
}

struct fields {
    unsigned hosts;
    bool close;
};

/* A control character inside a field's value can only be an attack or a broken proxy. */
static bool value_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool parse_field(struct str line, struct fields *f, struct request *out)
{
    struct str name, value;
    if (!str_cut(line, ':', &name, &value) || !all(name, is_tchar) || !value_ok(value))
        return false;
    value = str_trim(value);
    if (str_eq_nocase(name, STR("host"))) {
        f->hosts++;
    } else if (str_eq_nocase(name, STR("content-length"))) {
        out->body = out->body || !str_eq_c(value, "0");
    } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
        out->body = true;
    } else if (str_eq_nocase(name, STR("connection"))) {
        for (struct str option; value.n > 0;) {
            str_cut(value, ',', &option, &value);
            f->close = f->close || str_eq_nocase(str_trim(option), STR("close"));
        }
    }
    return true;
}

/* 0, or the status that refuses the head. The target comes last: what is not even HTTP is not judged by it.
 */
static int parse_head(struct str head, struct request *out)
{
    struct str method, target, version, line = next_line(&head);
    int minor = 0, status;
    if (!str_cut(line, ' ', &method, &version) || !all(method, is_tchar) ||
        !str_cut(version, ' ', &target, &version))
        return 400;
    if ((status = parse_version(version, &minor)) != 0)
        return status;

    struct fields fields = {0};
    while ((line = next_line(&head)).n > 0)
        if (!parse_field(line, &fields, out))
            return 400;
    if (fields.hosts > 1 || (minor == 1 && fields.hosts == 0))
        return 400; /* RFC 9112 3.2 */
    out->head = str_eq_c(method, "HEAD");
    if (!out->head && !str_eq_c(method, "GET"))
        return 405;
    out->keep_alive = minor == 1 && !fields.close && !out->body;
    return parse_target(target, out);
}

bool request_parse(struct str in, size_t *scanned, struct request *out)
{
    *out = (struct request){.size = in.n};
    size_t end = 0, start = lead(in);
    switch (find_end(in, scanned, &end)) {
    case SCAN_BAD:
        out->status = 400;
        return true;
    case SCAN_MORE:
        if (in.n < REQUEST_HEAD_MAX)
            return false;
        out->status = memchr(in.p + start, '\n', in.n - start) == NULL ? 414 : 431;
        return true;
    case SCAN_END:
        break;
    }
    out->size = end;
    if (end > REQUEST_HEAD_MAX)
        out->status = 431;
    else
        out->status = parse_head((struct str){in.p + start, end - start}, out);
    if (out->status != 0) {
        out->keep_alive = false;
        out->token = (struct str){"", 0};
    }
    return true;
}
