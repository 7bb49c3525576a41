/* `config schema`: the table written out as JSON Schema. */
#include "config/settings.h"

#include "config/schema.h"

#include <jansson.h>

/* Memory is the only thing that can fail; jansson passes NULL on, and the text is not made. */

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

/* A name, a list of names, or one of both by pattern. */
static json_t *schema_of_choices(const struct setting *row)
{
    json_t *choice =
        schema_either(schema_of_value(row), schema_list(schema_of_value(row), row, WISH_DNS_ENTRIES_MAX));
    json_t *map = json_object();
    json_object_set_new(map, "type", json_string("object"));
    json_object_set_new(map, "additionalProperties", json_deep_copy(choice));
    json_object_set_new(map, "maxProperties", json_integer(row->max));
    json_array_append_new(json_object_get(choice, "anyOf"), map);
    return choice;
}

/* Keys of its own, and what a provider may be told. */
static json_t *schema_of_entry(const struct section *section)
{
    json_t *value = json_pack("{s[ssss]}", "type", "string", "number", "boolean", "array");
    json_t *entry = schema_of_section(section);
    json_object_set_new(value, "items", json_pack("{s[sss]}", "type", "string", "number", "boolean"));
    json_object_set_new(entry, "additionalProperties", value);
    return entry;
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
        if ((row->flags & SETTING_ALONE) != 0)
            schema = schema_either(schema_of_section(row->section), schema);
        break;
    case SHAPE_ENTRIES:
        schema = json_object();
        json_object_set_new(schema, "type", json_string("object"));
        json_object_set_new(schema, "additionalProperties", schema_of_section(row->section));
        if (row->max != 0)
            json_object_set_new(schema, "maxProperties", json_integer(row->max));
        break;
    case SHAPE_DNS:
        schema = json_object();
        json_object_set_new(schema, "type", json_string("object"));
        json_object_set_new(schema, "maxProperties", json_integer(row->max));
        json_object_set_new(schema, "additionalProperties", schema_of_entry(row->section));
        break;
    case SHAPE_CHOICES:
        schema = schema_of_choices(row);
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
