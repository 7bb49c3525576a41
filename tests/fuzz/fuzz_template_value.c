/* Values in templates: whatever a label holds is one value of the file, and reads back as what it was. */
#include "base/text.h"
#include "lua/template.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
    if (!fine)
        abort();
}

static void is_same(struct buf *got, const struct buf *wanted)
{
    check(!buf_failed(got) && str_eq(buf_str(got), buf_str(wanted)));
    buf_free(got);
}

/* As POSIX has it: one word, all of it in '...' or \'. */
static void read_shell(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            check(++i < s.n && s.p[i] == '\'');
            buf_put_char(out, s.p[i]);
            continue;
        }
        check(s.p[i] == '\'');
        for (i++; check(i < s.n), s.p[i] != '\''; i++)
            buf_put_char(out, s.p[i]);
    }
}

/* As nginx does: plain up to a special octet, or in "..." with \" and \\. */
static void read_nginx(struct str s, struct buf *out)
{
    if (s.n > 0 && s.p[0] != '"') {
        for (size_t i = 0; i < s.n; i++)
            check(strchr(" \t\r\n;{}#$\\\"'", s.p[i]) == NULL);
        buf_put_str(out, s);
        return;
    }
    check(s.n >= 2 && s.p[s.n - 1] == '"');
    for (size_t i = 1; i + 1 < s.n; i++) {
        check(s.p[i] != '"' && s.p[i] != '$' && (unsigned char)s.p[i] >= 0x20);
        if (s.p[i] == '\\')
            check(++i + 1 < s.n && (s.p[i] == '"' || s.p[i] == '\\'));
        buf_put_char(out, s.p[i]);
    }
}

/* What nginx and a shell cannot say as '_'. */
static struct buf without(struct str value, bool nginx)
{
    struct buf out = buf_new(2 * value.n + 16);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool c1 = c == 0xc2 && i + 1 < value.n && ((unsigned char)value.p[i + 1] & 0xe0) == 0x80;
        bool bad = nginx ? c < 0x20 || c == 0x7f || c == '$' || c1 : c == '\0';
        buf_put_char(&out, bad ? '_' : (char)c);
        i += nginx && c1;
    }
    return out;
}

/* What nginx takes whole; longer ones are cut. */
enum { SHORT = 1900 };

static void try_words(struct str value)
{
    static void (*const readers[])(struct str s, struct buf * out) = {read_shell, read_nginx};
    static const enum template_kind kinds[] = {TEMPLATE_SHELL, TEMPLATE_NGINX};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct buf word = buf_new(8 * value.n + 16), got = buf_new(8 * value.n + 16);
        struct buf wanted = without(value, kinds[i] == TEMPLATE_NGINX);
        template_escape(kinds[i], value, &word);
        check(!buf_failed(&word));
        readers[i](buf_str(&word), &got);
        is_same(&got, &wanted);
        buf_free(&wanted);
        buf_free(&word);
    }
}

static void try_html(struct str value)
{
    struct buf word = buf_new(8 * value.n + 16);
    template_escape(TEMPLATE_HTML, value, &word);
    for (size_t i = 0; i < word.n; i++)
        check(strchr("<>\"'", word.p[i]) == NULL || word.p[i] == '\0');
    buf_free(&word);
}

static void try_json(struct str value)
{
    struct buf word = buf_new(8 * value.n + 16);
    template_escape(TEMPLATE_JSON, value, &word);
    json_t *read = json_loadb(word.p, word.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    check(json_is_string(read));
    if (text_is_utf8(value))
        check(str_eq((struct str){json_string_value(read), json_string_length(read)}, value));
    json_decref(read);
    buf_free(&word);
}

/* The whole way, from a label to a document. */
static void try_template(struct str value)
{
    char *label = strndup(value.p, value.n);
    const struct pair labels[] = {{"x", label}};
    const struct container c = {.engine = "",
        .id = "",
        .name = label,
        .image = "",
        .hostname = "",
        .project = "",
        .service_name = "",
        .state = "",
        .health = "",
        .network_mode = "",
        .labels = labels,
        .label_n = 1};
    const struct container *const list[] = {&c};
    const struct template_model model = {.containers = list, .container_n = 1};
    struct buf out = buf_new(TEMPLATE_OUTPUT_MAX), lines = buf_new(4 * TEMPLATE_OUTPUT_MAX);
    check(template_render("t",
              STR("<% for _, c in ipairs(containers) do %>\n[<%= c.labels.x %>, <%= c.name %>]\n<% end %>\n"),
              TEMPLATE_JSON, &model, &out, &lines, NULL) == 0);
    json_t *read = json_loadb(out.p, out.n, 0, NULL);
    check(json_array_size(read) == 2 && lines.n == sizeof(uint32_t));
    if (text_is_utf8(str_c(label)))
        check(strcmp(json_string_value(json_array_get(read, 0)), label) == 0);
    json_decref(read);
    buf_free(&out);
    buf_free(&lines);
    free(label);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str value = {size > 0 ? (const char *)data : "", size};
    try_words((struct str){value.p, value.n < SHORT ? value.n : SHORT});
    try_html(value);
    try_json(value);
    try_template(value);
    return 0;
}
