/* The kinds of values that only docker, actions and templates have. */
#include "config/values_priv.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "config/containers.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/wish.h"

#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

enum {
    WORD_MAX = 255,            /* octets of a word that is compared with names of containers and the like */
    CONTAINER_NAME_PARTS = 2,  /* project and service */
    CONTAINER_NAME_LONG = 511, /* octets of both */
};

/* A text without more than a bound on its length. */
static int parse_word(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_glob = {
    .expected = "a word, in which '*' stands for any text",
    .parse = parse_word,
    .print = value_print_text,
    .longest = WORD_MAX,
};

const struct value_type type_label_key = {
    .expected = "the name of a label",
    .parse = parse_word,
    .print = value_print_text,
    .longest = WORD_MAX,
};

/* Name that may be asked for: as patterns of dns, with '=' that name alone. An address has nothing below. */

static int parse_allow(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *name;
    bool exact = text.p[0] == '=';
    struct str bare = exact ? (struct str){text.p + 1, text.n - 1} : text;
    if (exact && bare.n == 0)
        return value_unexpected(row->type, text, err);
    if (!exact && (name_to_ascii(bare, a, &name, NULL) < 0 || !identifier_is_ip(str_c(name))))
        return type_pattern.parse(row, text, a, field, err);
    int r = name_to_ascii(bare, a, &name, err);
    if (r == 0)
        *(const char **)field = exact ? arena_printf(a, "=%s", name) : name;
    return r;
}

const struct value_type type_allow = {
    .expected = "\"*\" for all names, a DNS name for those at it and below, or =NAME for that alone",
    .mends = true,
    .parse = parse_allow,
    .print = value_print_text,
};

/* Name of a container: its own, a service's, or project/service. */

static int parse_container(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str part, rest = text;
    size_t n = 0;
    for (bool more = true; more; n++) {
        more = str_cut(rest, '/', &part, &rest);
        if (n == CONTAINER_NAME_PARTS || part.n == 0 || !value_is_word(part.p[0], "_") ||
            !value_all_words(part, "._-"))
            return value_unexpected(row->type, text, err);
    }
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_container = {
    .expected = "the name of a container or service, such as web or shop/web",
    .parse = parse_container,
    .print = value_print_text,
    .longest = CONTAINER_NAME_LONG,
    .pattern = "^([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?)?$",
};

/* User in a container, "www-data", "1000:1000". */

static int parse_container_user(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str user, group;
    bool has_group = str_cut(text, ':', &user, &group);
    if (user.n == 0 || user.p[0] == '-' || !value_all_words(user, "._-$") ||
        (has_group && (group.n == 0 || group.p[0] == '-' || !value_all_words(group, "._-$"))))
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_container_user = {
    .expected = "a user, or a user and a group such as 1000:1000",
    .parse = parse_container_user,
    .print = value_print_text,
    .longest = WORD_MAX,
    .pattern = "^([A-Za-z0-9._$][A-Za-z0-9._$-]*(:[A-Za-z0-9._$][A-Za-z0-9._$-]*)?)?$",
};

/* Number. */

static int parse_count(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    uint64_t number;
    if (!str_to_u64(text, UINT32_MAX, &number))
        return value_unexpected(row->type, text, err);
    if (number < (uint64_t)row->min || number > (uint64_t)row->max)
        return err_set(
            err, ERR_INPUT, "%" PRIu64 " is outside %" PRId64 " to %" PRId64, number, row->min, row->max);
    *(int64_t *)field = (int64_t)number;
    return 0;
}

static void print_count(const struct setting *row, const void *field, struct buf *out)
{
    buf_printf(out, "%" PRId64, *(const int64_t *)field);
}

const struct value_type type_count = {
    .expected = "a number",
    .parse = parse_count,
    .print = print_count,
    .bare = true,
    .json_type = "integer",
};

/* Name of one entry of dns; whether there is one is seen when all files are read. */

static int parse_dns_entry(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = authority_name_check(text, err);
    if (r == 0)
        value_store_text(text, a, field);
    return r;
}

const struct value_type type_dns_entry = {
    .expected = "the name of an entry of dns",
    .parse = parse_dns_entry,
    .print = value_print_text,
    .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
};

/* File. */

static int parse_file(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = value_file_check(row->type, text, err);
    if (r == 0)
        value_store_text(text, a, field);
    return r;
}

const struct value_type type_file = {
    .expected = "the absolute path of a file such as /etc/nginx/conf.d/sites.conf",
    .parse = parse_file,
    .print = value_print_text,
    .pattern = "^/.*[^/]$",
};

/* Mode of what a template makes. */

static int parse_output_mode(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    enum { OWNER_READ = 0400, OTHERS_WRITE = 0002, ALLOWED = 0777 };
    unsigned mode;
    char quoted[QUOTE_MAX];
    if (!value_octal(text, &mode))
        return value_unexpected(row->type, text, err);
    quote(text, quoted);
    if ((mode & ~(unsigned)ALLOWED) != 0)
        return err_set(err, ERR_INPUT, "%s sets special bits; use 0644 or 0600", quoted);
    if ((mode & OTHERS_WRITE) != 0)
        return err_set(err, ERR_INPUT, "%s lets everybody change the file; use 0644", quoted);
    if ((mode & OWNER_READ) == 0)
        return err_set(err, ERR_INPUT, "%s keeps the owner from reading it; use 0644 or 0600", quoted);
    *(unsigned *)field = mode;
    return 0;
}

static void print_output_mode(const struct setting *row, const void *field, struct buf *out)
{
    buf_printf(out, "%04o", *(const unsigned *)field);
}

const struct value_type type_output_mode = {
    .expected = "a mode in octal such as 0644",
    .parse = parse_output_mode,
    .print = print_output_mode,
    .json_also = "integer", /* 0644 without quotes */
    .pattern = "^(0o)?0?[4-7][0-7][0145]$",
};

/* Whose labels are read. */

static const char *choice_reader(size_t i)
{
    static const char *const all[] = {
#define READER_TEXT(id, text) text,
        CLAIM_READERS(READER_TEXT)
#undef READER_TEXT
    };
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

const struct value_type type_reader = {
    .expected = "a reader such as evercert",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_reader,
};

/* Signal. */

static int parse_signal(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *name = signal_name(arena_dup(a, text));
    if (name == NULL)
        return value_unexpected(row->type, text, err);
    *(const char **)field = name;
    return 0;
}

const struct value_type type_signal = {
    .expected = "the name of a signal such as HUP or USR1",
    .parse = parse_signal,
    .print = value_print_text,
    .pattern = "^[A-Za-z0-9]+$",
};

/* Socket of an engine. */

static int parse_socket(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    static const struct setting endpoint_row = {.type = &type_endpoint};
    const char *endpoint;
    struct str scheme = STR("unix://"), rest = {text.p + scheme.n, text.n - scheme.n};
    char quoted[QUOTE_MAX];
    if (text.p[0] == '/')
        return err_set(err, ERR_INPUT, "write the path of a socket as unix://%.*s", STR_ARG(text));
    if (str_starts(text, scheme)) {
        if (rest.n < 2 || rest.p[0] != '/')
            return value_unexpected(row->type, text, err);
        if (rest.n > longest)
            return err_set(err, ERR_INPUT, "%s is longer than the %zu octets that a socket's path may have",
                quote(rest, quoted), longest);
        value_store_text(text, a, field);
        return 0;
    }
    if (!str_starts(text, STR("tcp://")) || text.n == strlen("tcp://"))
        return value_unexpected(row->type, text, err);
    rest = (struct str){text.p + strlen("tcp://"), text.n - strlen("tcp://")};
    int r = type_endpoint.parse(&endpoint_row, rest, a, &endpoint, err);
    if (r == 0)
        *(const char **)field = arena_printf(a, "tcp://%s", endpoint);
    return r;
}

const struct value_type type_socket = {
    .expected = "a socket such as unix:///var/run/docker.sock or tcp://docker.example.org:2376",
    .parse = parse_socket,
    .print = value_print_text,
    .mends = true,
    .pattern = "^(unix:///.+|tcp://.+:[0-9]+)?$",
};

/* How <%= %> escapes. */

static const char *choice_kind(size_t i)
{
    return i < TEMPLATE_KIND_END_ ? template_kind_text((enum template_kind)i) : NULL;
}

const struct value_type type_template_kind = {
    .expected = "a kind such as nginx",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_kind,
};

/* Wait. */

static int parse_wait(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct wait *wait = field;
    if ((row->flags & SETTING_AUTO) == 0 || !str_eq_c(text, "auto"))
        return wait_parse(text, wait, err);
    *wait = (struct wait){0};
    return 0;
}

static void put_span(int64_t ms, struct buf *out)
{
    bool seconds = ms % 1000 == 0;
    buf_printf(out, "%" PRId64 "%s", seconds ? ms / 1000 : ms, seconds ? "s" : "ms");
}

static void print_wait(const struct setting *row, const void *field, struct buf *out)
{
    const struct wait *wait = field;
    if (wait->max_ms == 0) {
        buf_put_c(out, "auto");
        return;
    }
    put_span(wait->min_ms, out);
    if (wait->max_ms == wait->min_ms)
        return;
    buf_put_c(out, "..");
    put_span(wait->max_ms, out);
}

const struct value_type type_wait = {
    .expected = "a wait such as 2s, or 500ms..10s",
    .parse = parse_wait,
    .print = print_wait,
    .bare = true,
    .pattern = "^(auto|[0-9]+(ms|s|m|h)(\\.\\.[0-9]+(ms|s|m|h))?)$",
};
