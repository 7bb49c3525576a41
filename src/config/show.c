/* `config show`: the table written out as YAML. */
#include "config/settings.h"

#include "base/attr.h"
#include "config/schema.h"
#include "config/yaml_text.h"

#include <string.h>

#define REDACTED "(redacted)"

static void put_value(const struct setting *row, const void *field, struct buf *out)
{
    struct buf text = buf_new(out->max);
    row->type->print(row, field, &text);
    if ((row->flags & SETTING_SECRET) != 0 && text.n > 0) {
        buf_free(&text);
        text = buf_new(out->max);
        buf_put_c(&text, REDACTED);
    }
    if (row->type->bare && text.n > 0)
        buf_put_str(out, buf_str(&text));
    else
        yaml_put_text(out, buf_str(&text));
    buf_free(&text);
}

static void put_list(const struct setting *row, const void *base, struct buf *out)
{
    size_t n;
    const char *const *items = setting_items(row, base, &n);
    if (n == 1 && (row->flags & SETTING_ALONE) != 0) {
        put_value(row, &items[0], out);
        return;
    }
    buf_put_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put_c(out, i == 0 ? "" : ", ");
        put_value(row, &items[i], out);
    }
    buf_put_char(out, ']');
}

static void put_map(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    size_t n;
    const struct pair *pairs = setting_items(row, base, &n);
    buf_put_c(out, n == 0 ? " {}\n" : "\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%*s", (int)indent + 2, "");
        yaml_put_text(out, str_c(pairs[i].name));
        buf_put_c(out, ": ");
        put_value(row, &pairs[i].value, out);
        buf_put_char(out, '\n');
    }
}

static void put_names(const char *entries, struct buf *out)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    size_t n;
    const char *const *names = dns_entries_split(entries, a, &n);
    for (size_t i = 0; i < n; i++) {
        buf_put_c(out, n > 1 ? i == 0 ? "[" : ", " : "");
        yaml_put_text(out, str_c(names[i]));
    }
    buf_put_c(out, n > 1 ? "]\n" : "\n");
}

/* What is for all names stands alone. */
static void put_choices(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    size_t n;
    const struct pair *pairs = setting_items(row, base, &n);
    if (n == 1 && strcmp(pairs[0].name, "*") == 0) {
        buf_put_char(out, ' ');
        put_names(pairs[0].value, out);
        return;
    }
    buf_put_c(out, n == 0 ? " {}\n" : "\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%*s", (int)indent + 2, "");
        yaml_put_text(out, str_c(pairs[i].name));
        buf_put_c(out, ": ");
        put_names(pairs[i].value, out);
    }
}

static void put_section(
    const struct section *section, const void *base, unsigned indent, bool dash, struct buf *out);

static void put_setting(const struct dns_value *v, unsigned indent, struct buf *out)
{
    buf_printf(out, "%*s", (int)indent, "");
    yaml_put_text(out, str_c(v->key));
    buf_put_c(out, v->n == 1 ? ": " : ": [");
    for (size_t i = 0; i < v->n; i++) {
        buf_put_c(out, i > 0 ? ", " : "");
        yaml_put_text(out, str_c(v->secret ? REDACTED : v->values[i]));
    }
    buf_put_c(out, v->n == 1 ? "\n" : "]\n");
}

static void put_dns(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    size_t n;
    const struct dns_entry *entries = setting_items(row, base, &n);
    buf_put_c(out, n == 0 ? " {}\n" : "\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%*s", (int)indent + 2, "");
        yaml_put_text(out, str_c(entries[i].name));
        buf_printf(out, ":\n%*sprovider: ", (int)indent + 4, "");
        yaml_put_text(out, str_c(entries[i].provider));
        buf_put_char(out, '\n');
        for (size_t k = 0; k < entries[i].value_n; k++)
            put_setting(&entries[i].values[k], indent + 4, out);
        if (!entries[i].has_propagation)
            continue;
        buf_printf(out, "%*spropagation:\n", (int)indent + 4, "");
        put_section(&schema_dns_propagation, &entries[i], indent + 6, false, out);
    }
}

static void put_elements(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    size_t n, shown = 0;
    const char *element = setting_items(row, base, &n);
    for (size_t i = 0; i < n; i++, element += row->section->size) {
        if (row->section->implied != NULL && row->section->implied(element))
            continue;
        if (shown++ == 0)
            buf_put_char(out, '\n');
        if (row->shape == SHAPE_ENTRIES) {
            buf_printf(out, "%*s", (int)indent + 2, "");
            yaml_put_text(out, str_c(*(const char *const *)(const void *)element));
            buf_put_c(out, ":\n");
        }
        put_section(row->section, element, indent + 4, row->shape == SHAPE_OBJECTS, out);
    }
    if (shown == 0)
        buf_put_c(out, row->shape == SHAPE_OBJECTS ? " []\n" : " {}\n");
}

static void put_row(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    switch (row->shape) {
    case SHAPE_ONE:
        buf_put_char(out, ' ');
        put_value(row, setting_field_const(row, base), out);
        buf_put_char(out, '\n');
        break;
    case SHAPE_LIST:
        buf_put_char(out, ' ');
        put_list(row, base, out);
        buf_put_char(out, '\n');
        break;
    case SHAPE_MAP:
        put_map(row, base, indent, out);
        break;
    case SHAPE_OBJECT:
        buf_put_char(out, '\n');
        put_section(row->section, base, indent + 2, false, out);
        break;
    case SHAPE_OBJECTS:
    case SHAPE_ENTRIES:
        put_elements(row, base, indent, out);
        break;
    case SHAPE_DNS:
        put_dns(row, base, indent, out);
        break;
    case SHAPE_CHOICES:
        put_choices(row, base, indent, out);
        break;
    }
}

/* A secret from a file is not in the configuration, nor is a file whose content is shown. */
static bool stands_elsewhere(const struct setting *row, const void *base)
{
    const char *file;
    if ((row->flags & SETTING_SECRET) == 0)
        return (row->flags & SETTING_FILE) != 0;
    memcpy(&file, (const char *)base + row->count, sizeof file);
    return file[0] != '\0';
}

static void put_section(
    const struct section *section, const void *base, unsigned indent, bool dash, struct buf *out)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        if (stands_elsewhere(row, base) || setting_misplaced(section, row, base) != NULL)
            continue;
        buf_printf(out, "%*s%s", dash ? (int)indent - 2 : (int)indent, "", dash ? "- " : "");
        yaml_put_text(out, str_c(row->key)); /* `on` means true to some readers of YAML */
        buf_put_char(out, ':');
        put_row(row, base, indent, out);
        dash = false;
    }
}

void settings_show(const struct settings *s, struct buf *out)
{
    put_section(&schema_root, s, 0, false, out);
}
