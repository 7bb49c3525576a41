/* The kinds of values that only deploy steps, copies and what goes with them have. */
#include "config/values_priv.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "config/deploy.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/wish.h"
#include "tls/starttls.h"

#include <arpa/inet.h>
#include <string.h>

/* Format of a copy. */

static const char *choice_format(size_t i)
{
    static const char *const all[] = {"fullchain", "cert", "chain", "key", "combined", "pkcs12"};
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

const struct value_type type_copy_format = {
    .expected = "a format such as fullchain",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_format,
};

/* Mode of a copy; whether others may read it depends on the format. */

static int parse_copy_mode(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    enum { OWNER_READ = 0400, OTHERS_WRITE = 0002, ALLOWED = 0666 };
    unsigned mode = 0;
    char quoted[QUOTE_MAX];
    bool automatic = str_eq_c(text, "auto");
    if (!automatic && !value_octal(text, &mode))
        return value_unexpected(row->type, text, err);
    quote(text, quoted);
    if ((mode & ~(unsigned)ALLOWED) != 0)
        return err_set(
            err, ERR_INPUT, "%s makes the file executable or sets special bits; use 0644 or 0600", quoted);
    if ((mode & OTHERS_WRITE) != 0)
        return err_set(err, ERR_INPUT, "%s lets everybody change the file; use 0644", quoted);
    if (!automatic && (mode & OWNER_READ) == 0)
        return err_set(err, ERR_INPUT, "%s keeps the owner from reading it; use 0644 or 0600", quoted);
    *(unsigned *)field = mode;
    return 0;
}

static void print_copy_mode(const struct setting *row, const void *field, struct buf *out)
{
    unsigned mode = *(const unsigned *)field;
    if (mode == 0)
        buf_put_c(out, "auto");
    else
        buf_printf(out, "%04o", mode);
}

const struct value_type type_copy_mode = {
    .expected = "a mode in octal such as 0644",
    .parse = parse_copy_mode,
    .print = print_copy_mode,
    .json_also = "integer", /* 0644 without quotes */
    .pattern = "^(auto|(0o)?0?[46][0246][04])$",
};

/* Path of a copy: one way to write each, so that two copies at one place are found. */

static int check_braces(struct str text, struct err *err)
{
    char quoted[QUOTE_MAX];
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = {text.p + i, text.n - i};
        if (str_starts(rest, STR(PUBLICATION_NAME))) {
            i += strlen(PUBLICATION_NAME) - 1;
            continue;
        }
        const char *end = text.p[i] == '{' ? memchr(rest.p, '}', rest.n) : NULL;
        if (text.p[i] == '{' || text.p[i] == '}')
            return err_set(err, ERR_INPUT, "%s is none of the words that stand for something; there is %s",
                quote((struct str){rest.p, end != NULL ? (size_t)(end + 1 - rest.p) : 1}, quoted),
                PUBLICATION_NAME);
    }
    return 0;
}

int value_file_check(const struct value_type *type, struct str text, struct err *err)
{
    char quoted[QUOTE_MAX];
    if (text.p[0] != '/')
        return value_unexpected(type, text, err);
    if (text.p[text.n - 1] == '/')
        return err_set(
            err, ERR_INPUT, "%s is a directory; write the name of the file as well", quote(text, quoted));
    struct str part, rest = {text.p + 1, text.n - 1};
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &part, &rest);
        if (part.n == 0 || str_eq_c(part, ".") || str_eq_c(part, ".."))
            return err_set(err, ERR_INPUT,
                "%s leads in a roundabout way; write it without '//', '.' and '..'", quote(text, quoted));
    }
    return 0;
}

static int parse_copy_path(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = value_file_check(row->type, text, err);
    if (r == 0)
        r = check_braces(text, err);
    if (r == 0)
        value_store_text(text, a, field);
    return r;
}

const struct value_type type_copy_path = {
    .expected = "the absolute path of a file such as /etc/app/tls/{name}.pem",
    .parse = parse_copy_path,
    .print = value_print_text,
    .pattern = "^/([^{}]|\\{name\\})*[^/]$",
};

/* Dialect of hooks, and the events they are run for. */

static const char *choice_dialect(size_t i)
{
    static const char *const all[] = {
#define DIALECT_TEXT(id, text, on) text,
        DEPLOY_DIALECTS(DIALECT_TEXT)
#undef DIALECT_TEXT
    };
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

static int parse_dialect(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (str_eq_c(text, "uacme"))
        return err_set(err, ERR_INPUT,
            "uacme's hook answers challenges and has no form for deployment; write what shall be done "
            "afterwards as a command of its own");
    return value_parse_choice(row, text, a, field, err);
}

const struct value_type type_dialect = {
    .expected = "a dialect such as certbot",
    .parse = parse_dialect,
    .print = value_print_text,
    .bare = true,
    .choice = choice_dialect,
};

static const char *choice_event(size_t i)
{
    return i < DEPLOY_EVENT_END_ ? deploy_event_text((enum deploy_event)i) : NULL;
}

const struct value_type type_event = {
    .expected = "an event such as renewed",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_event,
};

/* Name of a variable. What hooks are told of the certificate is not for others to say, nor where commands
 * and libraries are found. */

static int parse_variable(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    static const char *const ours[] = {"EVERCERT_", "RENEWED_", "FAILED_"};
    if ((text.p[0] >= '0' && text.p[0] <= '9') || !value_all_words(text, "_"))
        return value_unexpected(row->type, text, err);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_starts(text, str_c(ours[i])))
            return err_set(err, ERR_INPUT, "variables that begin with %s are set by evercert", ours[i]);
    if (str_eq_c(text, "PATH"))
        return err_set(
            err, ERR_INPUT, "PATH is set by evercert; write the absolute path of what the command needs");
    if (str_starts(text, STR("LD_")))
        return err_set(err, ERR_INPUT,
            "%.*s would change what the command loads; set it in a script of your own", STR_ARG(text));
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_variable = {
    .expected = "the name of a variable such as RELOAD_URL",
    .parse = parse_variable,
    .print = value_print_text,
    .pattern = "^[A-Za-z_][A-Za-z0-9_]*$",
};

/* Host: a name of DNS, of /etc/hosts or of a container, in lower case and as an A-label. */

static int read_host(struct str text, struct arena *a, const char **out, struct err *err)
{
    enum { HOST_MAX = 253 };
    char quoted[QUOTE_MAX];
    bool plain = value_all_words(text, "._-") && memmem(text.p, text.n, "xn--", 4) == NULL;
    if (!plain)
        return name_to_ascii(text, a, out, err);
    if (text.n > HOST_MAX || text.p[0] == '.' || text.p[0] == '-' || memmem(text.p, text.n, "..", 2) != NULL)
        return err_set(err, ERR_INPUT, "%s is no host", quote(text, quoted));
    char *host = arena_lower(a, text);
    if (text.p[text.n - 1] == '.')
        host[text.n - 1] = '\0';
    *out = host;
    return 0;
}

static int parse_host(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *host;
    int r = read_host(text, a, &host, err);
    if (r < 0)
        return r;
    /* RFC 6066 3 */
    if (identifier_is_ip(str_c(host)) || identifier_is_wildcard(str_c(host)))
        return err_set(err, ERR_INPUT, "%s cannot be asked for; a server is asked for one DNS name", host);
    *(const char **)field = host;
    return 0;
}

const struct value_type type_host = {
    .expected = "a DNS name",
    .parse = parse_host,
    .print = value_print_text,
    .mends = true,
};

/* Server to look at. */

static int parse_endpoint(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *colon = memrchr(text.p, ':', text.n), *name;
    if (colon == NULL || colon == text.p)
        return value_unexpected(row->type, text, err);
    struct str host = {text.p, (size_t)(colon - text.p)}, port = {colon + 1, text.n - host.n - 1};
    bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    bool colons = memchr(host.p, ':', host.n) != NULL;
    if (brackets && !colons)
        return value_unexpected(row->type, text, err);
    if (!brackets && colons)
        return err_set(err, ERR_INPUT, "write an IPv6 address in brackets, as in [2001:db8::1]:443");
    if (!value_is_port(port))
        return err_set(err, ERR_INPUT,
            "expected a port of 1 to %d behind the last ':', as in example.org:443", (int)PORT_MAX);
    int r = read_host(host, a, &name, err);
    if (r < 0)
        return r;
    bool address = strchr(name, ':') != NULL;
    if (identifier_is_wildcard(str_c(name)) || brackets != address)
        return value_unexpected(row->type, text, err);
    *(const char **)field = arena_printf(a, address ? "[%s]:%.*s" : "%s:%.*s", name, STR_ARG(port));
    return 0;
}

const struct value_type type_endpoint = {
    .expected = "a host and a port such as example.org:443 or [2001:db8::1]:443",
    .parse = parse_endpoint,
    .print = value_print_text,
    .mends = true,
    .pattern = "^(\\[[0-9A-Fa-f:.]+\\]|[^\\[\\]:]+):[0-9]+$",
};

/* What is spoken before TLS; the field is empty for nothing. */

static const char *choice_starttls(size_t i)
{
    if (i == STARTTLS_NONE)
        return "none";
    return i < STARTTLS_END_ ? starttls_text((enum starttls)i) : NULL;
}

static int parse_starttls(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = value_parse_choice(row, text, a, field, err);
    if (r == 0 && str_eq_c(text, choice_starttls(0)))
        *(const char **)field = "";
    return r;
}

static void print_starttls(const struct setting *row, const void *field, struct buf *out)
{
    const char *const *text = field;
    buf_put_c(out, (*text)[0] != '\0' ? *text : choice_starttls(0));
}

const struct value_type type_starttls = {
    .expected = "a protocol such as smtp",
    .parse = parse_starttls,
    .print = print_starttls,
    .bare = true,
    .choice = choice_starttls,
};

/* Address of a resolver, with a port or without. */

static bool is_address(struct str text, int family)
{
    unsigned char address[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];
    if (text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(family, copy, address) == 1;
}

static int parse_resolver(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str host = text, port;
    const char *end = text.p[0] == '[' ? memchr(text.p, ']', text.n) : NULL;
    bool good = is_address(text, AF_INET6);
    if (end != NULL) {
        host = (struct str){text.p + 1, (size_t)(end - text.p) - 1};
        port = (struct str){end + 1, text.n - host.n - 2};
        good = is_address(host, AF_INET6) &&
               (port.n == 0 || (port.p[0] == ':' && value_is_port((struct str){port.p + 1, port.n - 1})));
    } else if (!good) {
        bool has_port = str_cut(text, ':', &host, &port);
        good = is_address(host, AF_INET) && (!has_port || value_is_port(port));
    }
    if (!good)
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_resolver = {
    .expected = "an address in numbers such as 192.0.2.53, or with a port [2001:db8::53]:5353",
    .parse = parse_resolver,
    .print = value_print_text,
    .pattern = "^(\\[[0-9A-Fa-f:.]+\\](:[0-9]+)?|[0-9.]+(:[0-9]+)?|[0-9A-Fa-f:.]+)$",
};
