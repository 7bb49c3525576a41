/* The kinds of values that only certificates and accounts have. */
#include "config/values_priv.h"

#include "acme/challenge.h"
#include "base/attr.h"
#include "config/nearest.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/wish.h"
#include "crypto/key_type.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

/* Refuses a text that is none of the type's choices, with the nearest. */
static int refuse_choice(const struct value_type *type, struct str text, struct err *err)
{
    char quoted[QUOTE_MAX], meant[NEAREST_TEXT_MAX];
    struct buf all = buf_new(ERR_TEXT_MAX);
    struct nearest near = nearest_new(text);
    const char *name;
    for (size_t i = 0; (name = type->choice(i)) != NULL; i++) {
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", name);
        nearest_try(&near, name);
    }
    int r = err_set(err, ERR_INPUT, "expected one of %s, found %s%s", buf_c(&all), quote(text, quoted),
        nearest_text(&near, meant));
    buf_free(&all);
    return r;
}

int value_parse_choice(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *name;
    for (size_t i = 0; (name = row->type->choice(i)) != NULL; i++)
        if (str_eq_c(text, name)) {
            value_store_text(text, a, field);
            return 0;
        }
    return refuse_choice(row->type, text, err);
}

/* Challenge. */

static const char *choice_challenge(size_t i)
{
    return i < CHALLENGE_END_ ? acme_challenge_text((enum acme_challenge)i) : NULL;
}

const struct value_type type_challenge = {
    .expected = "a challenge such as http-01",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_challenge,
};

/* Domain. */

static int parse_domain(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *ascii;
    int r = name_to_ascii(text, a, &ascii, err);
    if (r < 0)
        return r;
    *(const char **)field = ascii;
    return 0;
}

const struct value_type type_domain = {
    .expected = "a DNS name or an IP address",
    .mends = true,
    .parse = parse_domain,
    .print = value_print_text,
};

/* Key types: as text of certificates, which have a list of them, and as a number of accounts. */

static const char *choice_certificate_key(size_t i)
{
    return i < KEY_TYPE_END_ && key_type_certifies((enum key_type)i) ? key_type_name((enum key_type)i) : NULL;
}

static int parse_key_type(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (str_eq_c(text, key_type_name(KEY_ED25519)))
        return err_set(err, ERR_INPUT,
            "no public CA signs certificates for keys of type ed25519; it is for accounts only "
            "(account-key-type)");
    return value_parse_choice(row, text, a, field, err);
}

const struct value_type type_key_type = {
    .expected = "a type of key such as ecdsa-p256",
    .parse = parse_key_type,
    .print = value_print_text,
    .bare = true,
    .choice = choice_certificate_key,
};

static const char *choice_account_key(size_t i)
{
    return i < KEY_TYPE_END_ ? key_type_name((enum key_type)i) : NULL;
}

static int parse_account_key(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    return key_type_parse(text, field) ? 0 : refuse_choice(row->type, text, err);
}

static void print_account_key(const struct setting *row, const void *field, struct buf *out)
{
    buf_put_c(out, key_type_name(*(const enum key_type *)field));
}

const struct value_type type_account_key = {
    .expected = "a type of key such as ecdsa-p256",
    .parse = parse_account_key,
    .print = print_account_key,
    .bare = true,
    .choice = choice_account_key,
};

/* Name of a certificate. */

static int parse_name(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = wish_name_check(text, err);
    if (r < 0)
        return r;
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_name = {
    .expected = "a name",
    .parse = parse_name,
    .print = value_print_text,
    .pattern = "^[A-Za-z0-9_@][A-Za-z0-9._@-]*$",
};

/* A word of the CA's own: a profile. */

static int parse_term(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.n > WISH_TERM_MAX)
        return err_set(err, ERR_INPUT, "longer than %d octets", (int)WISH_TERM_MAX);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_term = {
    .expected = "the name of a profile",
    .parse = parse_term,
    .print = value_print_text,
};

/* Chain: a common name or a fingerprint, which people copy with colons and in capitals. */

enum { FINGERPRINT_DIGITS = 64 };

static int parse_chain(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    char digits[FINGERPRINT_DIGITS];
    size_t n = 0;
    bool hex = true;
    for (size_t i = 0; i < text.n && hex; i++) {
        char c = text.p[i];
        if (c == ':')
            continue;
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        hex = ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) && n < sizeof digits;
        if (hex)
            digits[n++] = c;
    }
    if (hex && n == sizeof digits)
        text = (struct str){digits, n};
    return parse_term(row, text, a, field, err);
}

const struct value_type type_chain = {
    .expected = "the common name of an issuer or a SHA-256 fingerprint",
    .parse = parse_chain,
    .print = value_print_text,
};

/* What to do about rejected names. */

static const char *choice_rejected(size_t i)
{
    static const char *const all[] = {"fail", "issue-without"};
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

static int parse_rejected(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    for (size_t i = 0; i < 2; i++)
        if (str_eq_c(text, choice_rejected(i))) {
            *(bool *)field = i == 1;
            return 0;
        }
    return refuse_choice(row->type, text, err);
}

static void print_rejected(const struct setting *row, const void *field, struct buf *out)
{
    buf_put_c(out, choice_rejected(*(const bool *)field ? 1 : 0));
}

const struct value_type type_rejected = {
    .expected = "fail or issue-without",
    .parse = parse_rejected,
    .print = print_rejected,
    .bare = true,
    .choice = choice_rejected,
};

/* A certificate request: one PEM block, whatever stands before and behind it. What is inside is for those to
 * judge who have a library for it. */

#define CSR_BEGIN "-----BEGIN CERTIFICATE REQUEST-----\n"
#define CSR_END   "-----END CERTIFICATE REQUEST-----"

/* The second is what old tools write. */
static const struct {
    const char *begin, *end;
} csr_marks[] = {
    {CSR_BEGIN, CSR_END},
    {"-----BEGIN NEW CERTIFICATE REQUEST-----\n", "-----END NEW CERTIFICATE REQUEST-----"},
};

/* Where `what` stands at the start of a line, or NULL. */
static const char *line_of(struct str text, const char *what)
{
    const char *at = memmem(text.p, text.n, what, strlen(what));
    return at != NULL && (at == text.p || at[-1] == '\n') ? at : NULL;
}

static int parse_csr(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(csr_marks); i++) {
        const char *begin = line_of(text, csr_marks[i].begin), *end = line_of(text, csr_marks[i].end);
        if (begin == NULL || end == NULL || end < begin)
            continue;
        const char *from = begin + strlen(csr_marks[i].begin), *behind = end + strlen(csr_marks[i].end);
        struct str inside = {from, (size_t)(end - from)};
        struct str rest = {behind, (size_t)(text.p + text.n - behind)};
        if (inside.n == 0 || !value_all_words(inside, "+/=\n") || str_trim(rest).n != 0)
            return err_set(err, ERR_INPUT, "expected %s and nothing behind it", row->type->expected);
        *(const char **)field = arena_printf(a, CSR_BEGIN "%.*s" CSR_END "\n", STR_ARG(inside));
        return 0;
    }
    return err_set(err, ERR_INPUT, "expected %s, found none", row->type->expected);
}

static int parse_csr_file(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.p[0] != '/')
        return value_unexpected(row->type, text, err);
    struct buf content ATTR_CLEANUP(buf_free) = buf_new(WISH_CSR_MAX);
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(WISH_CSR_MAX);
    int r = file_read(AT_FDCWD, arena_dup(a, text), WISH_CSR_MAX, &content, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < content.n; i++)
        if (content.p[i] != '\r')
            buf_put_char(&lines, content.p[i]);
    static const struct setting inside = {.key = "csr", .type = &type_csr};
    if ((r = parse_csr(&inside, buf_str(&lines), a, field, err)) < 0)
        return err_prefix(err, "%.*s", STR_ARG(text));
    return 0;
}

const struct value_type type_csr_file = {
    .expected = "the absolute path of a file with a certificate request",
    .parse = parse_csr_file,
    .print = value_print_text,
    .pattern = "^/",
};

const struct value_type type_csr = {
    .expected = "one certificate request in PEM (-----BEGIN CERTIFICATE REQUEST-----)",
    .parse = parse_csr,
    .print = value_print_text,
    .lines = true,
    .longest = WISH_CSR_MAX,
};
