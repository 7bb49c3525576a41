/* Accounts, and what stands in the DNS for them. */
#include "cli/certificate_row.h"
#include "cli/sink.h"

#include <string.h>

enum {
    ROW_MAX = 16 * 1024 * 1024,
    TXT_STRING_MAX = 255, /* octets of one string of a TXT record, RFC 1035 3.3 */
};

/* label, key of the row */
static const struct {
    const char *label, *key;
} account_lines[] = {
    {"Status", "status"},
    {"Contact", "email"},
    {"Account", "url"},
    {"Directory", "directory"},
    {"Thumbprint", "thumbprint"},
    {"Key", "key_type"},
};

static void put_line(struct buf *out, const char *label, const char *value)
{
    buf_printf(out, "  %-12s", label);
    text_put_foreign(out, value);
    buf_put_char(out, '\n');
}

static void account_row(struct sink *s, const json_t *row)
{
    struct buf out = buf_new(ROW_MAX);
    const json_t *contacts = json_object_get(row, "contacts"), *agreed = json_object_get(row, "terms_agreed");
    text_put_foreign(&out, row_text(row, "authority"));
    buf_put_char(&out, '\n');
    for (size_t i = 0; i < sizeof account_lines / sizeof account_lines[0]; i++) {
        const char *value = row_text(row, account_lines[i].key);
        bool told = strcmp(account_lines[i].key, "email") == 0 && json_array_size(contacts) > 0;
        for (size_t k = 0; told && k < json_array_size(contacts); k++) {
            const char *contact = json_string_value(json_array_get(contacts, k));
            put_line(&out, k == 0 ? "Contact" : "", contact != NULL ? contact : "?");
        }
        if (value[0] != '\0' && !told)
            put_line(&out, account_lines[i].label, value);
    }
    if (json_is_boolean(agreed))
        put_line(&out, "Terms", json_is_true(agreed) ? "agreed" : "not agreed");
    if (row_text(row, "orders")[0] != '\0')
        put_line(&out, "Orders", row_text(row, "orders"));
    if (json_is_true(json_object_get(row, "pending_rollover")))
        put_line(
            &out, "Key change", "begun, its end is not known: evercert account rollover goes on with it");
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
}

struct sink *sink_account(struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = account_row, .out = out};
    return s;
}

/* A text as strings of a TXT record in a zone file (RFC 1035 5.1): in quotes, no longer than 255 octets each.
 */
static void put_strings(struct buf *out, const char *text)
{
    struct buf clean = buf_new(ROW_MAX);
    text_put_foreign(&clean, text);
    buf_put_char(out, '"');
    for (size_t i = 0; i < clean.n; i++) {
        if (i > 0 && i % TXT_STRING_MAX == 0)
            buf_put_c(out, "\" \"");
        if (clean.p[i] == '"' || clean.p[i] == '\\')
            buf_put_char(out, '\\');
        buf_put_char(out, clean.p[i]);
    }
    buf_put_char(out, '"');
    buf_free(&clean);
}

/* A name as it stands at the start of a line: absolute. */
static void put_owner(struct buf *out, const char *name)
{
    text_put_foreign(out, name);
    buf_put_c(out, str_ends(str_c(name), STR(".")) ? "" : ".");
}

static void put_comment(struct buf *out, const char *before, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "; %s", before);
    text_put_foreign(out, text);
    buf_put_char(out, '\n');
}

static void dns_row(struct sink *s, const json_t *row)
{
    struct buf out = buf_new(ROW_MAX);
    const json_t *caa = json_object_get(row, "caa"), *persist = json_object_get(row, "persist");
    const char *name = row_text(row, "name");
    put_comment(&out, "", row_text(row, "note"));
    for (size_t i = 0; i < json_array_size(caa); i++) {
        const char *text = json_string_value(json_array_get(caa, i));
        put_owner(&out, name);
        buf_put_c(&out, " IN CAA ");
        text_put_foreign(&out, text != NULL ? text : "?");
        buf_put_char(&out, '\n');
    }
    for (size_t i = 0; i < json_array_size(persist); i++) {
        const json_t *record = json_array_get(persist, i);
        put_comment(&out, "dns-persist-01, draft ", row_text(record, "draft"));
        put_owner(&out, row_text(record, "name"));
        buf_put_c(&out, " IN TXT ");
        put_strings(&out, row_text(record, "value"));
        buf_put_char(&out, '\n');
    }
    put_comment(&out, "label of this account for dns-account-01: ", row_text(row, "account_label"));
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
}

struct sink *sink_dns(struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = dns_row, .out = out};
    return s;
}
