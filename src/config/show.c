/* `config show` and `config schema`: the table written out. */
#include "config/settings.h"

#include "config/schema.h"
#include "config/yaml_text.h"

#include <jansson.h>
#include <string.h>

#define REDACTED "(redacted)"

/* YAML. */

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

static void put_section(
    const struct section *section, const void *base, unsigned indent, bool dash, struct buf *out);

/* An authority that is a URL names itself and needs no entry. */
static bool names_itself(const struct setting *row, const char *element)
{
    return row->shape == SHAPE_ENTRIES &&
           str_starts(str_c(*(const char *const *)(const void *)element), STR("https://"));
}

static void put_elements(const struct setting *row, const void *base, unsigned indent, struct buf *out)
{
    size_t n, shown = 0;
    const char *element = setting_items(row, base, &n);
    for (size_t i = 0; i < n; i++, element += row->section->size) {
        if (names_itself(row, element))
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
    case SHAPE_LATER:
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
        if (row->shape == SHAPE_LATER || stands_elsewhere(row, base) ||
            setting_misplaced(section, row, base) != NULL)
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

/* JSON Schema. Memory is the only thing that can fail; jansson passes NULL on, and the text is not made. */

static json_t *schema_of_section(const struct section *section);

static json_t *schema_of_value(const struct setting *row)
{
    const struct value_type *type = row->type;
    json_t *schema = json_object();
    if (type->choice != NULL) {
        json_t *choices = json_array();
        const char *choice;
        for (size_t i = 0; (choice = type->choice(i)) != NULL; i++)
            json_array_append_new(choices, json_string(choice));
        json_object_set_new(schema, "enum", choices);
        return schema;
    }
    json_t *name = json_string(type->json_type != NULL ? type->json_type : "string");
    if (type->json_also != NULL) {
        json_t *both = json_array();
        json_array_append_new(both, name);
        json_array_append_new(both, json_string(type->json_also));
        name = both;
    }
    json_object_set_new(schema, "type", name);
    if (type->pattern != NULL)
        json_object_set_new(schema, "pattern", json_string(type->pattern));
    return schema;
}

static json_t *schema_list(json_t *item, const struct setting *row, int64_t most)
{
    json_t *schema = json_object();
    json_object_set_new(schema, "type", json_string("array"));
    json_object_set_new(schema, "items", item);
    if ((row->flags & (SETTING_REQUIRED | SETTING_FILLED)) != 0)
        json_object_set_new(schema, "minItems", json_integer(1));
    if ((row->flags & SETTING_UNIQUE) != 0)
        json_object_set_new(schema, "uniqueItems", json_true());
    if (most != 0)
        json_object_set_new(schema, "maxItems", json_integer(most));
    return schema;
}

static json_t *schema_either(json_t *one, json_t *list)
{
    json_t *schema = json_object(), *both = json_array();
    json_array_append_new(both, one);
    json_array_append_new(both, list);
    json_object_set_new(schema, "anyOf", both);
    return schema;
}

static json_t *schema_of_map(const struct setting *row)
{
    json_t *schema = json_object();
    json_object_set_new(schema, "type", json_string("object"));
    if (row->keys->pattern != NULL)
        json_object_set_new(schema, "propertyNames", json_pack("{ss}", "pattern", row->keys->pattern));
    json_object_set_new(schema, "additionalProperties", schema_of_value(row));
    json_object_set_new(schema, "maxProperties", json_integer(row->max));
    return schema;
}

static json_t *schema_of_row(const struct setting *row)
{
    json_t *schema;
    switch (row->shape) {
    case SHAPE_ONE:
        schema = schema_of_value(row);
        break;
    case SHAPE_LIST:
        schema = schema_list(schema_of_value(row), row, row->max);
        if ((row->flags & SETTING_LIST_ONLY) == 0)
            schema = schema_either(schema_of_value(row), schema);
        break;
    case SHAPE_MAP:
        schema = schema_of_map(row);
        break;
    case SHAPE_OBJECTS:
        schema = schema_list(schema_of_section(row->section), row, row->max);
        break;
    case SHAPE_ENTRIES:
        schema = json_object();
        json_object_set_new(schema, "type", json_string("object"));
        json_object_set_new(schema, "additionalProperties", schema_of_section(row->section));
        break;
    default:
        schema = schema_of_section(row->section);
    }
    json_object_set_new(schema, "description", json_string(row->help));
    return schema;
}

static json_t *schema_of_section(const struct section *section)
{
    json_t *schema = json_object(), *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        if (row->shape == SHAPE_LATER)
            continue;
        json_object_set_new(properties, row->key, schema_of_row(row));
        if ((row->flags & SETTING_REQUIRED) != 0)
            json_array_append_new(required, json_string(row->key));
    }
    json_object_set_new(schema, "type", json_string("object"));
    json_object_set_new(schema, "properties", properties);
    json_object_set_new(schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}

static int put_json(const char *text, size_t n, void *arg)
{
    buf_put(arg, text, n);
    return 0;
}

void settings_schema(struct buf *out)
{
    json_t *schema = schema_of_section(&schema_root);
    json_object_set_new(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(schema, "title", json_string("evercert configuration"));
    if (schema == NULL || json_dump_callback(schema, put_json, out, JSON_INDENT(2)) < 0)
        out->failed = true;
    buf_put_char(out, '\n');
    json_decref(schema);
}
