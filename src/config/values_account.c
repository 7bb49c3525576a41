/* The kinds of values that accounts at a CA have. */
#include "config/values_priv.h"

#include "base/attr.h"
#include "config/schema.h"
#include "config/wish.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
    KID_MAX = 512,          /* octets; CAs give 22 to 100 */
    HMAC_MAX = 1024,        /* octets of base64; CAs give 32 to 64 octets of key */
    SECRET_FILE_MAX = 4096, /* a key and blank lines around it */
};

/* Label of an account: what an entry of authorities may be called. */

static int parse_label(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    int r = authority_name_check(text, err);
    if (r == 0)
        value_store_text(text, a, field);
    return r;
}

const struct value_type type_label = {
    .expected = "a label such as customer-1",
    .parse = parse_label,
    .print = value_print_text,
    .pattern = "^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
};

/* Key identifier of an external account binding: the CA's own text, which goes into a JWS header. */

static int parse_kid(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.n > KID_MAX)
        return err_set(err, ERR_INPUT, "longer than %d octets", (int)KID_MAX);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '"' || text.p[i] == '\\')
            return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_kid = {
    .expected = "a key identifier without blanks",
    .parse = parse_kid,
    .print = value_print_text,
};

/* Key of an external account binding. It is a secret: no message says what was there. */

static int parse_hmac(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.n > HMAC_MAX)
        return err_set(err, ERR_INPUT, "longer than %d octets", (int)HMAC_MAX);
    struct str digits = text;
    while (digits.n > 0 && digits.p[digits.n - 1] == '=')
        digits.n--;
    /* One digit of base64 has fewer bits than an octet. */
    bool cut = digits.n % 4 == 1;
    if (digits.n == 0 || cut || text.n - digits.n > 2 || !value_all_words(digits, "-_+/"))
        return err_set(err, ERR_INPUT, "expected %s, found something else", row->type->expected);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_hmac = {
    .expected = "the key in base64url or base64",
    .parse = parse_hmac,
    .print = value_print_text,
};

static const char *choice_eab_algorithm(size_t i)
{
    static const char *const all[] = {"HS256", "HS384", "HS512"};
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

const struct value_type type_eab_algorithm = {
    .expected = "an algorithm such as HS256",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_eab_algorithm,
};

/* File of a secret: read when the entry is whole. */

static int parse_secret_file(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    bool name = memchr(text.p, '/', text.n) == NULL && !str_eq_c(text, ".") && !str_eq_c(text, "..");
    if (text.p[0] != '/' && !name)
        return value_unexpected(row->type, text, err);
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_secret_file = {
    .expected = "the absolute path of a file, or the name of a credential",
    .parse = parse_secret_file,
    .print = value_print_text,
    .pattern = "^(/.*|[^/]*)$",
};

int secret_file_read(const char *path, size_t max, struct arena *a, const char **out, struct err *err)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    bool name = strchr(path, '/') == NULL;
    if (path[0] != '/' && !name)
        return err_set(err, ERR_CONFIG, "write %s as an absolute path", path);
    if (name && (credentials == NULL || credentials[0] == '\0'))
        return err_set(err, ERR_CONFIG,
            "%s is the name of a credential, but there are none ($CREDENTIALS_DIRECTORY is not set); write "
            "an "
            "absolute path",
            path);
    const char *full = name ? arena_printf(a, "%s/%s", credentials, path) : path;
    struct buf content ATTR_CLEANUP(buf_free) = buf_new_sensitive(max);
    int r = file_read_secret(AT_FDCWD, full, max, &content, err);
    if (r < 0)
        return r;
    struct str text = str_trim(buf_str(&content));
    if (text.n == 0)
        return err_set(err, ERR_CONFIG, "%s is empty", full);
    if (memchr(text.p, '\0', text.n) != NULL)
        return err_set(err, ERR_CONFIG, "%s is no text", full);
    *out = arena_dup(a, text);
    return 0;
}

int secret_read(
    const struct setting *row, const char *path, struct arena *a, const char **out, struct err *err)
{
    const char *text;
    int r = secret_file_read(path, SECRET_FILE_MAX, a, &text, err);
    if (r < 0)
        return r;
    r = value_parse(row, str_c(text), a, out, err);
    return r < 0 ? err_prefix(err, "%s", path) : 0;
}
