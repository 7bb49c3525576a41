/*
 * The one table of all settings. It drives the reading of files, the options of `issue`, the JSON of wishes,
 * `config show`, `config schema` and the "did you mean".
 */
#ifndef EVERCERT_CONFIG_SCHEMA_H
#define EVERCERT_CONFIG_SCHEMA_H

#include "base/str.h"
#include "config/settings.h"
#include "config/values.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
struct node;
struct where;

enum shape {
    SHAPE_ONE,     /* one value */
    SHAPE_LIST,    /* values: const char *const * and a size_t; one value alone is taken as a list of one */
    SHAPE_OBJECT,  /* keys whose fields lie in the same struct */
    SHAPE_OBJECTS, /* a list of structs and a size_t */
    SHAPE_ENTRIES, /* structs by name and a size_t; the name is the struct's first member */
    SHAPE_MAP,     /* values by name: const struct pair * and a size_t */
    SHAPE_DNS,     /* struct dns_entry by name and a size_t: keys of `section`, and the provider's own */
    SHAPE_CHOICES, /* as SHAPE_MAP; a value or a list of values alone is those of the key "*" */
};

enum setting_flag {
    SETTING_REQUIRED = 1 << 0,  /* must be there; of a list: with at least one value */
    SETTING_EMPTY = 1 << 1,     /* "" is allowed and means none */
    SETTING_AUTO = 1 << 2,      /* of a duration, a wait, a mode of a copy: "auto" is allowed and is 0 */
    SETTING_FILLED = 1 << 3,    /* a list with at least one value, where it is there */
    SETTING_LIST_ONLY = 1 << 4, /* one value alone is an error */
    SETTING_LATE = 1 << 5,      /* read when all else of all files is known */
    SETTING_UNIQUE = 1 << 6,    /* a list that holds no value twice */
    SETTING_COMMAS = 1 << 7,    /* a list that a command line may give in one word, parted by commas */
    SETTING_FILE = 1 << 9,      /* the path of a file whose content becomes the field of another row; only
                                 * in configurations and on command lines */
    SETTING_SECRET = 1 << 10,   /* never shown; `count` leads to the path it was read from, "" for none */
    SETTING_ALONE = 1 << 8,     /* a list that is mostly of one value: shown, and in the wishes of the version
                                 * before, as a value alone; of objects: one alone is taken as a list of one */
};

struct setting {
    const char *key;
    enum shape shape;
    unsigned flags;
    const struct value_type *type; /* of values */
    const struct value_type *keys; /* of the names of SHAPE_MAP */
    const struct section *section; /* of objects */
    size_t offset, count; /* of the field, and of the size_t beside a list, in the section's struct */
    int64_t min, max; /* seconds of a duration, a number, octets of a text, length of a list; max 0: none */
    const char *help; /* a sentence for the schema */
};

/* Most rows of a section. */
enum { SECTION_ROWS_MAX = 64 };

struct section {
    const char *noun; /* "a certificate" */
    const struct setting *rows;
    size_t n;
    size_t size; /* of the struct */
    /* Before the keys are read: defaults. May be NULL. */
    void (*init)(void *element, const struct settings *defaults);
    /* After they were read: what concerns more than one key; of SHAPE_OBJECT for the part of each file. May
     * be NULL. `key` is NULL but for entries. */
    void (*check)(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
        void *element);
    /* Why a key has no place beside what else the element says, NULL where it has; such a key is an error,
     * and is neither shown nor written into wishes. May be NULL. */
    const char *(*misplaced)(const struct setting *row, const void *element);
    /* Of entries: whether the element comes from elsewhere than an entry, and is not shown as one. May be
     * NULL. */
    bool (*implied)(const void *element);
};

extern const struct section schema_root, schema_certificate, schema_deploy, schema_publication,
    schema_authority, schema_dns_entry, schema_dns_propagation, schema_docker, schema_docker_engine,
    schema_docker_policy, schema_action, schema_alert, schema_notify, schema_template;

/* NULL where the section has no such key. */
const struct setting *section_row(const struct section *section, struct str key);
/* Where the field lies in the struct at `base`. */
void *setting_field(const struct setting *row, void *base);
const void *setting_field_const(const struct setting *row, const void *base);
/* Of SHAPE_LIST, SHAPE_MAP, SHAPE_CHOICES, SHAPE_DNS, SHAPE_OBJECTS and SHAPE_ENTRIES: the items, their
 * number, and setting both. */
void *setting_items(const struct setting *row, const void *base, size_t *n);
void setting_set_items(const struct setting *row, void *base, const void *items, size_t n);
/* Octets of an item. */
size_t setting_item_size(const struct setting *row);
/* Of a row of `section`: section->misplaced, if it has one. */
const char *setting_misplaced(const struct section *section, const struct setting *row, const void *element);

#endif
