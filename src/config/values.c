#include "config/values.h"

#include "acme/url.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/values_priv.h"
#include "config/wish.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool value_is_word(char c, const char *more)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr(more, c) != NULL);
}

bool value_all_words(struct str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!value_is_word(s.p[i], more))
            return false;
    return true;
}

int value_unexpected(const struct value_type *type, struct str text, struct err *err)
{
    char quoted[QUOTE_MAX];
    return err_set(err, ERR_INPUT, "expected %s, found %s", type->expected, quote(text, quoted));
}

void value_print_text(const struct setting *row, const void *field, struct buf *out)
{
    const char *const *text = field;
    buf_put_c(out, *text != NULL ? *text : "");
}

void value_store_text(struct str text, struct arena *a, void *field)
{
    const char **to = field;
    *to = arena_dup(a, text);
}

/* Account: a user or a group. */

static int parse_account(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.n > ACCOUNT_NAME_MAX || text.p[0] == '-' || !value_all_words(text, "._-$@\\"))
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_account = {
    .expected = "the name of a user or group",
    .parse = parse_account,
    .print = value_print_text,
    .pattern = "^([A-Za-z0-9._$@\\\\][A-Za-z0-9._$@\\\\-]*)?$",
};

/* Argument of a command: any text. */

static int parse_argument(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_argument = {
    .expected = "a word of a command",
    .parse = parse_argument,
    .print = value_print_text,
    .lines = true,
    .longest = WISH_DEPLOY_TEXT_MAX,
};

/* Authority: a name or a directory's URL; whether there is such a name is seen when all files are read. */

int authority_name_check(struct str name, struct err *err)
{
    if (name.n > 0 && name.n <= AUTHORITY_NAME_MAX && value_is_word(name.p[0], "") &&
        value_all_words(name, "._-"))
        return 0;
    char quoted[QUOTE_MAX];
    return err_set(err, ERR_INPUT,
        "expected a name of letters, digits, '.', '_' and '-', at most %d octets, found %s",
        (int)AUTHORITY_NAME_MAX, quote(name, quoted));
}

static int parse_url(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (!str_starts(text, STR("https://")))
        return value_unexpected(&type_url, text, err);
    if (memchr(text.p, '#', text.n) != NULL)
        return err_set(err, ERR_INPUT, "the URL of a directory holds no '#'");
    int r = acme_url_check(text, err);
    if (r == 0)
        value_store_text(text, a, field);
    return r == 0 ? 0 : ERR_INPUT;
}

static int parse_authority(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (memchr(text.p, ':', text.n) != NULL || memchr(text.p, '/', text.n) != NULL)
        return parse_url(row, text, a, field, err);
    if (authority_name_check(text, NULL) < 0)
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_authority = {
    .expected = "the name of an authority or the https URL of its directory",
    .parse = parse_authority,
    .print = value_print_text,
    .pattern = "^([A-Za-z0-9][A-Za-z0-9._-]*|https://.+)$",
};

const struct value_type type_url = {
    .expected = "a URL that begins with https://",
    .parse = parse_url,
    .print = value_print_text,
    .pattern = "^https://.+$",
};

/* Bool. */

static int parse_bool(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    bool yes = str_eq_nocase(text, STR("true"));
    if (!yes && !str_eq_nocase(text, STR("false")))
        return value_unexpected(row->type, text, err);
    *(bool *)field = yes;
    return 0;
}

static void print_bool(const struct setting *row, const void *field, struct buf *out)
{
    buf_put_c(out, *(const bool *)field ? "true" : "false");
}

const struct value_type type_bool = {
    .expected = "true or false",
    .parse = parse_bool,
    .print = print_bool,
    .bare = true,
    .json_type = "boolean",
};

/* How the log is written. */

static const char *choice_log_format(size_t i)
{
    static const char *const all[] = {
#define FORMAT_TEXT(format, text) text,
        LOG_FORMATS(FORMAT_TEXT)
#undef FORMAT_TEXT
    };
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

const struct value_type type_log_format = {
    .expected = "text, json or journal",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_log_format,
};

/* Duration. */

static int parse_duration(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int64_t seconds = 0;
    char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
    bool automatic = (row->flags & SETTING_AUTO) != 0 && str_eq_c(text, "auto");
    if (!automatic && duration_parse(text, &seconds) < 0)
        return value_unexpected(row->type, text, err);
    if (!automatic && (seconds < row->min || seconds > row->max))
        return err_set(err, ERR_INPUT, "%.*s is outside %s to %s", STR_ARG(text),
            duration_format(row->min, least), duration_format(row->max, most));
    *(int64_t *)field = seconds;
    return 0;
}

static void print_duration(const struct setting *row, const void *field, struct buf *out)
{
    char text[DURATION_TEXT_MAX];
    int64_t seconds = *(const int64_t *)field;
    bool automatic = (row->flags & SETTING_AUTO) != 0 && seconds == 0;
    buf_put_c(out, automatic ? "auto" : duration_format(seconds, text));
}

const struct value_type type_duration = {
    .expected = "a duration such as 90s, 5m, 12h or 30d",
    .parse = parse_duration,
    .print = print_duration,
    .bare = true,
    .pattern = "^(auto|[0-9]+[smhd])$",
};

/* E-mail address: becomes a mailto: URL in the account, so only what needs no escaping there. */

static int parse_email(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str local, host;
    if (str_starts(text, STR("mailto:")))
        return err_set(err, ERR_INPUT, "write the address alone, without mailto:");
    if (!str_cut(text, '@', &local, &host) || local.n == 0 || host.n == 0 || text.n > 254 ||
        !value_all_words(local, "!#$&'*+-/=^_`{|}~.") || !value_all_words(host, "-.") || host.p[0] == '.' ||
        host.p[host.n - 1] == '.')
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_email = {
    .expected = "one e-mail address",
    .parse = parse_email,
    .print = value_print_text,
    .pattern = "^([^@ ]+@[^@ ]+)?$",
};

/* Address to listen on. */

bool value_is_port(struct str text)
{
    uint64_t port;
    return str_to_u64(text, PORT_MAX, &port) && port != 0 && text.p[0] != '0';
}

static int parse_listen(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *colon = memrchr(text.p, ':', text.n);
    struct str host, port_text, zone;
    unsigned char address[sizeof(struct in6_addr)];
    char host_c[INET6_ADDRSTRLEN + 1] = "";
    if (colon == NULL)
        return value_unexpected(row->type, text, err);
    host = (struct str){text.p, (size_t)(colon - text.p)};
    port_text = (struct str){colon + 1, text.n - host.n - 1};
    if (!value_is_port(port_text))
        return err_set(
            err, ERR_INPUT, "expected a port of 1 to %d behind the last ':', as in [::]:80", (int)PORT_MAX);
    int family = AF_INET;
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        family = AF_INET6;
        bool scoped = str_cut((struct str){host.p + 1, host.n - 2}, '%', &host, &zone);
        if (scoped && (zone.n == 0 || zone.n > 15 || !value_all_words(zone, "._-")))
            return value_unexpected(row->type, text, err);
    }
    if (host.n >= sizeof host_c)
        return value_unexpected(row->type, text, err);
    memcpy(host_c, host.p, host.n);
    if ((host.n > 0 || family == AF_INET6) && inet_pton(family, host_c, address) != 1)
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_listen = {
    .expected = "an address and port in numbers such as [::]:80, 127.0.0.1:8402 or :80",
    .parse = parse_listen,
    .print = value_print_text,
    .pattern = "^(\\[[0-9A-Fa-f:.]+(%.+)?\\]|[0-9.]*):[0-9]+$",
};

/* Mode of a key's file: octal, for owner and group. */

bool value_octal(struct str text, unsigned *out)
{
    struct str digits = str_starts(text, STR("0o")) ? (struct str){text.p + 2, text.n - 2} : text;
    *out = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '7')
            return false;
        *out = *out * 8 + (unsigned)(digits.p[i] - '0');
    }
    return digits.n == 3 || digits.n == 4;
}

static int parse_mode(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    enum { OWNER_READ = 0400, OTHERS = 0007, ALLOWED = 0660 };
    unsigned mode;
    char quoted[QUOTE_MAX];
    if (!value_octal(text, &mode))
        return value_unexpected(row->type, text, err);
    quote(text, quoted);
    if ((mode & OTHERS) != 0)
        return err_set(err, ERR_INPUT,
            "%s gives others access to a private key; use 0600, or 0640 with key-group", quoted);
    if ((mode & ~(unsigned)ALLOWED) != 0)
        return err_set(
            err, ERR_INPUT, "%s makes a key executable or sets special bits; use 0600 or 0640", quoted);
    if ((mode & OWNER_READ) == 0)
        return err_set(err, ERR_INPUT, "%s keeps the owner from reading the key; use 0600 or 0640", quoted);
    *(unsigned *)field = mode;
    return 0;
}

static void print_mode(const struct setting *row, const void *field, struct buf *out)
{
    buf_printf(out, "%04o", *(const unsigned *)field);
}

const struct value_type type_mode = {
    .expected = "a mode in octal such as 0640",
    .parse = parse_mode,
    .print = print_mode,
    .json_also = "integer", /* 0640 without quotes */
    .pattern = "^(0o)?0?[46][0246]0$",
};

/* Path: absolute, because the daemon's directory is not the operator's. */

static int parse_path(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.p[0] != '/')
        return value_unexpected(row->type, text, err);
    if (row->shape == SHAPE_ONE && row->max != 0 && text.n > (uint64_t)row->max)
        return err_set(err, ERR_INPUT, "longer than %" PRId64 " octets", row->max);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_path = {
    .expected = "an absolute path such as /var/www/html",
    .parse = parse_path,
    .print = value_print_text,
    .pattern = "^(/.*)?$",
};

/* Printable: UTF-8 that a terminal and a log take as it is. */
static bool printable(struct str text, bool lines)
{
    bool plain = true;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
            return false;
        plain &= c < 0x80;
    }
    /* What is left are the control characters of U+0080 to U+009F: C2 80 to C2 9F. */
    for (size_t i = 0; !plain && i + 1 < text.n; i++)
        if ((unsigned char)text.p[i] == 0xc2 && (unsigned char)text.p[i + 1] < 0xa0)
            return false;
    return plain || text_is_utf8(text);
}

int value_parse(const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    size_t longest = row->type->longest != 0 ? row->type->longest : (size_t)VALUE_TEXT_MAX - 1;
    if (text.n > longest)
        return err_set(err, ERR_INPUT, "longer than %zu octets", longest);
    if (!printable(text, row->type->lines))
        return err_set(err, ERR_INPUT, "holds a control character, or is not UTF-8 text");
    if (text.n > 0)
        return row->type->parse(row, text, a, field, err);
    if ((row->flags & SETTING_EMPTY) == 0)
        return err_set(err, ERR_INPUT, "expected %s, found an empty text", row->type->expected);
    *(const char **)field = "";
    return 0;
}
