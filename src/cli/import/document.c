/* The reader of the importer's document: a table a struct. */
#include "cli/import/document.h"

#include "base/attr.h"

#include <jansson.h>
#include <string.h>

enum kind {
    TEXT,     /* const char * */
    TEXTS,    /* struct import_texts */
    FLAG,     /* bool */
    NUMBER,   /* int64_t, not negative */
    PORT,     /* uint16_t */
    LIST,     /* a pointer to structs and, at `count`, their number */
    WEBROOTS, /* an object of texts, as such a list */
    ACCOUNT,  /* a pointer into the accounts of the document, by their id */
};

struct member {
    const char *name;
    enum kind kind;
    bool needed;
    size_t offset, count;
    const struct form *form; /* of LIST */
    size_t most;
};

struct form {
    const struct member *members;
    size_t n, size;
};

struct reader {
    struct arena *a;
    struct import_document *document;
    const char *inside; /* "certificates[3]." */
    struct err *err;
};

#define MEMBER(word, what, need, in, field)                            \
    {                                                                  \
        (word), (what), (need), offsetof(struct in, field), 0, NULL, 0 \
    }
#define MEMBERS(word, need, in, field, n_field, what, max)                                             \
    {                                                                                                  \
        (word), LIST, (need), offsetof(struct in, field), offsetof(struct in, n_field), &(what), (max) \
    }
#define FORM(list, in)                             \
    {                                              \
        (list), ARRAY_LEN(list), sizeof(struct in) \
    }

static const struct member account_members[] = {
    MEMBER("id", TEXT, true, import_account, id),
    MEMBER("directory", TEXT, true, import_account, directory),
    MEMBER("url", TEXT, false, import_account, url),
    MEMBER("email", TEXT, false, import_account, email),
    MEMBER("key", TEXT, true, import_account, key),
    MEMBER("agreed", FLAG, false, import_account, agreed),
};
static const struct form account_form = FORM(account_members, import_account);

static const struct member hook_members[] = {
    MEMBER("event", TEXT, true, import_hook, event),
    MEMBER("command", TEXT, true, import_hook, command),
    MEMBER("source", TEXT, false, import_hook, source),
};
static const struct form hook_form = FORM(hook_members, import_hook);

static const struct member file_members[] = {
    MEMBER("format", TEXT, true, import_file, format),
    MEMBER("path", TEXT, true, import_file, path),
    MEMBER("mode", TEXT, false, import_file, mode),
    MEMBER("owner", TEXT, false, import_file, owner),
    MEMBER("group", TEXT, false, import_file, group),
};
static const struct form file_form = FORM(file_members, import_file);

static const struct member certificate_members[] = {
    MEMBER("name", TEXT, true, import_certificate, name),
    MEMBER("domains", TEXTS, true, import_certificate, domains),
    MEMBER("account", ACCOUNT, false, import_certificate, account),
    MEMBER("directory", TEXT, false, import_certificate, directory),
    MEMBER("key", TEXT, false, import_certificate, key),
    MEMBER("chain", TEXT, false, import_certificate, chain),
    MEMBER("not_after", NUMBER, false, import_certificate, not_after_s),
    MEMBER("key_type", TEXT, false, import_certificate, key_type),
    MEMBER("challenge", TEXT, false, import_certificate, challenge),
    MEMBER("webroot", TEXT, false, import_certificate, webroot),
    MEMBER("webroot_unknown", FLAG, false, import_certificate, webroot_unknown),
    {"webroot_map", WEBROOTS, false, offsetof(struct import_certificate, webroots),
        offsetof(struct import_certificate, webroot_n), NULL, IMPORT_LIST_MAX},
    MEMBER("http_port", PORT, false, import_certificate, http_port),
    MEMBER("dns_provider", TEXT, false, import_certificate, dns_provider),
    MEMBER("reuse_key", FLAG, false, import_certificate, reuse_key),
    MEMBER("must_staple", FLAG, false, import_certificate, must_staple),
    MEMBER("profile", TEXT, false, import_certificate, profile),
    MEMBER("preferred_profile", TEXT, false, import_certificate, preferred_profile),
    MEMBER("preferred_chain", TEXT, false, import_certificate, preferred_chain),
    MEMBER("renew_before_s", NUMBER, false, import_certificate, renew_before_s),
    MEMBERS("hooks", false, import_certificate, hooks, hook_n, hook_form, IMPORT_LIST_MAX),
    MEMBER("hook_directories", TEXTS, false, import_certificate, hook_directories),
    MEMBERS("publish", false, import_certificate, files, file_n, file_form, IMPORT_LIST_MAX),
    MEMBER("warnings", TEXTS, false, import_certificate, warnings),
};
static const struct form certificate_form = FORM(certificate_members, import_certificate);

/* The accounts come before the certificates that name them. */
static const struct member document_members[] = {
    MEMBER("format", TEXT, true, import_document, format),
    MEMBER("path", TEXT, true, import_document, path),
    MEMBERS("accounts", true, import_document, accounts, account_n, account_form, IMPORT_ACCOUNTS_MAX),
    MEMBERS("certificates", true, import_document, certificates, certificate_n, certificate_form,
        IMPORT_CERTIFICATES_MAX),
    MEMBER("timers", TEXTS, false, import_document, timers),
    MEMBER("warnings", TEXTS, false, import_document, warnings),
};
static const struct form document_form = FORM(document_members, import_document);

static int bad(const struct reader *r, const char *name, const char *expected)
{
    return err_set(r->err, ERR_INPUT, "%s%s: expected %s", r->inside, name, expected);
}

static int too_many(const struct reader *r, const char *name, size_t most)
{
    return err_set(r->err, ERR_LIMIT, "%s%s: more than %zu", r->inside, name, most);
}

/* jansson lets no NUL into a text unless it is asked to. */
static int read_text(const struct reader *r, const char *name, const json_t *v, const char **out)
{
    if (!json_is_string(v))
        return bad(r, name, "a text");
    *out = arena_dup_c(r->a, json_string_value(v));
    return 0;
}

static int read_texts(const struct reader *r, const char *name, const json_t *v, struct import_texts *out)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v))
        return bad(r, name, "a list of texts");
    if (n > IMPORT_LIST_MAX)
        return too_many(r, name, IMPORT_LIST_MAX);
    const char **list = arena_array(r->a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (read_text(r, name, json_array_get(v, i), &list[i]) < 0)
            return ERR_INPUT;
    *out = (struct import_texts){list, n};
    return 0;
}

static int read_number(const struct reader *r, const char *name, const json_t *v, int64_t most, int64_t *out)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > most)
        return bad(r, name, "a whole number in range");
    *out = n;
    return 0;
}

static int read_account(
    const struct reader *r, const char *name, const json_t *v, const struct import_account **out)
{
    const struct import_document *d = r->document;
    const char *id = json_string_value(v);
    if (json_is_null(v))
        return 0;
    for (size_t i = 0; id != NULL && i < d->account_n; i++)
        if (strcmp(d->accounts[i].id, id) == 0) {
            *out = &d->accounts[i];
            return 0;
        }
    return bad(r, name, "the id of one of the accounts");
}

static int read_webroots(const struct reader *r, const struct member *m, json_t *v, void *at, size_t *count)
{
    const char *name;
    json_t *path;
    size_t n = 0;
    if (!json_is_object(v))
        return bad(r, m->name, "an object of texts");
    if (json_object_size(v) > m->most)
        return too_many(r, m->name, m->most);
    struct import_webroot *list = arena_array(r->a, json_object_size(v), sizeof *list);
    json_object_foreach(v, name, path)
    {
        list[n].name = arena_dup_c(r->a, name);
        if (read_text(r, m->name, path, &list[n++].path) < 0)
            return ERR_INPUT;
    }
    *(const struct import_webroot **)at = list;
    *count = n;
    return 0;
}

static int read_object(const struct reader *r, const struct form *form, json_t *v, char *out);

static int read_list(const struct reader *r, const struct member *m, json_t *v, void *at, size_t *count)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v))
        return bad(r, m->name, "a list of objects");
    if (n > m->most)
        return too_many(r, m->name, m->most);
    char *list = arena_array(r->a, n, m->form->size);
    for (size_t i = 0; i < n; i++) {
        char inside[256];
        struct reader deeper = *r;
        snprintf(inside, sizeof inside, "%.100s%s[%zu].", r->inside, m->name, i);
        deeper.inside = inside;
        int e = read_object(&deeper, m->form, json_array_get(v, i), list + i * m->form->size);
        if (e < 0)
            return e;
    }
    *(const void **)at = list;
    *count = n;
    return 0;
}

static int read_member(const struct reader *r, const struct member *m, json_t *v, char *out)
{
    void *at = out + m->offset, *count = out + m->count;
    int64_t number = 0;
    int e = 0;
    switch (m->kind) {
    case TEXT:
        return read_text(r, m->name, v, at);
    case TEXTS:
        return read_texts(r, m->name, v, at);
    case FLAG:
        *(bool *)at = json_is_true(v);
        return json_is_boolean(v) ? 0 : bad(r, m->name, "true or false");
    case NUMBER:
        return read_number(r, m->name, v, INT64_MAX, at);
    case PORT:
        e = read_number(r, m->name, v, UINT16_MAX, &number);
        *(uint16_t *)at = (uint16_t)number;
        return e;
    case LIST:
        return read_list(r, m, v, at, count);
    case WEBROOTS:
        return read_webroots(r, m, v, at, count);
    case ACCOUNT:
        return read_account(r, m->name, v, at);
    }
    return ERR_INPUT;
}

/* `out` is zeroed memory; what is not there becomes "" or nothing. */
static int read_object(const struct reader *r, const struct form *form, json_t *v, char *out)
{
    if (!json_is_object(v))
        return bad(r, "", "an object");
    for (size_t i = 0; i < form->n; i++) {
        const struct member *m = &form->members[i];
        json_t *value = json_object_get(v, m->name);
        if (value == NULL && m->needed)
            return bad(r, m->name, "it to be there");
        if (m->kind == TEXT)
            *(const char **)(void *)(out + m->offset) = "";
        int e = value != NULL ? read_member(r, m, value, out) : 0;
        if (e < 0)
            return e;
    }
    return 0;
}

/* The parser's own copies of keys. */
static void wipe_member(const json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    if (json_is_string(v)) {
        union {
            const char *from;
            char *to;
        } text = {json_string_value(v)};
        explicit_bzero(text.to, json_string_length(v));
    }
}

static void wipe(const json_t *root)
{
    static const char *const lists[] = {"accounts", "certificates"};
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        const json_t *list = json_object_get(root, lists[k]);
        for (size_t i = 0; i < json_array_size(list); i++)
            wipe_member(json_array_get(list, i), "key");
    }
}

int import_document_read(struct str json, struct arena *a, struct import_document *out, struct err *err)
{
    json_error_t why;
    struct import_document d = {.format = ""};
    struct reader r = {a, &d, "", err};
    if (json.n > IMPORT_DOCUMENT_MAX)
        return err_set(err, ERR_LIMIT, "larger than %d MB", IMPORT_DOCUMENT_MAX / (1024 * 1024));
    json_t *root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return err_set(err, ERR_INPUT, "no JSON: line %d", why.line);
    int e = read_object(&r, &document_form, root, (char *)&d);
    wipe(root);
    json_decref(root);
    if (e == 0)
        *out = d;
    return e;
}
