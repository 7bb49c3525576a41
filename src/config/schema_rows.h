/* How rows of the tables are written; only for the files that hold some. */
#ifndef EVERCERT_CONFIG_SCHEMA_ROWS_H
#define EVERCERT_CONFIG_SCHEMA_ROWS_H

#include "base/attr.h"
#include "config/schema.h"

/* Rows: key, struct, field, kind of value, flags, help; with the least and the most; a list of values, of
 * structs, structs by name; keys in the same struct. */
#define VALUE(k, in, field, kind, f, text)                                                              \
    {                                                                                                   \
        .key = (k), .type = &(kind), .offset = offsetof(struct in, field), .flags = (f), .help = (text) \
    }
#define RANGE(k, in, field, kind, f, least, most, text)                                                  \
    {                                                                                                    \
        .key = (k), .type = &(kind), .offset = offsetof(struct in, field), .flags = (f), .help = (text), \
        .min = (least), .max = (most)                                                                    \
    }
#define VALUES(k, in, field, n_field, kind, f, most, text)                                      \
    {                                                                                           \
        .key = (k), .shape = SHAPE_LIST, .type = &(kind), .offset = offsetof(struct in, field), \
        .count = offsetof(struct in, n_field), .flags = (f), .max = (most), .help = (text)      \
    }
#define MAP(k, in, field, n_field, names, kind, f, most, text)                                     \
    {                                                                                              \
        .key = (k), .shape = SHAPE_MAP, .type = &(kind), .keys = &(names),                         \
        .offset = offsetof(struct in, field), .count = offsetof(struct in, n_field), .flags = (f), \
        .max = (most), .help = (text)                                                              \
    }
#define SECRET(k, in, field, file, kind, text)                                                      \
    {                                                                                               \
        .key = (k), .type = &(kind), .offset = offsetof(struct in, field),                          \
        .count = offsetof(struct in, file), .flags = SETTING_SECRET | SETTING_EMPTY, .help = (text) \
    }
#define STRUCTS(k, form, in, field, n_field, what, f, most, text)                              \
    {                                                                                          \
        .key = (k), .shape = (form), .section = &(what), .offset = offsetof(struct in, field), \
        .count = offsetof(struct in, n_field), .flags = (f), .max = (most), .help = (text)     \
    }
#define KEYS(k, what, text)                                                   \
    {                                                                         \
        .key = (k), .shape = SHAPE_OBJECT, .section = &(what), .help = (text) \
    }
#define SECTION(what, list, in) \
    .noun = (what), .rows = (list), .n = ARRAY_LEN(list), .size = sizeof(struct in)

#endif
