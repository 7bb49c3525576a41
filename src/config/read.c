#include "config/read.h"

#include "base/err.h"
#include "config/nearest.h"

#include <string.h>

void read_problem(struct reader *r, const struct node *at, const struct where *where, const char *text)
{
    problem_add(r->problems, node_mark(r->file, at), where, "%s", text);
}

const struct node *read_member(const struct node *map, const char *key)
{
    for (size_t i = 0; i + 1 < map->list.n; i += 2)
        if (map->list.items[i]->kind == NODE_TEXT && str_eq_c(map->list.items[i]->text, key))
            return map->list.items[i + 1];
    return NULL;
}

/* What stands there, for "expected ..., found ...". */
static const char *describe(const struct node *node, char out[QUOTE_MAX])
{
    if (node_is_null(node))
        return "nothing";
    if (node->kind == NODE_TEXT)
        return quote(node->text, out);
    return node->kind == NODE_LIST ? "a list" : "keys and values";
}

void read_wrong(struct reader *r, const struct node *node, const struct where *where, const char *before,
    const char *expected, const char *after)
{
    char found[QUOTE_MAX];
    problem_add(r->problems, node_mark(r->file, node), where, "expected %s%s, found %s%s", before, expected,
        describe(node, found), after);
}

bool read_value(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *field)
{
    if (node->kind != NODE_TEXT || node_is_null(node)) {
        read_wrong(r, node, where, "", row->type->expected, "");
        return false;
    }
    if (row->type == &type_bool && !node->plain) {
        read_wrong(r, node, where, "", row->type->expected, " in quotes; leave the quotes out");
        return false;
    }
    struct err err = ERR_INIT;
    if (value_parse(row, node->text, r->a, field, &err) == 0)
        return true;
    read_problem(r, node, where, err.text);
    return false;
}

/* A value that a list holds once may not come again; `n` values are read. */
static bool read_before(const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] != NULL && strcmp(values[i], values[n]) == 0)
            return true;
    return false;
}

/* Items that are wrong become NULL, so that indexes stay those of the file. */
static void read_list(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base)
{
    const struct node *const alone[] = {node};
    const struct node *const *items = alone;
    size_t n = 1;
    if (node->kind == NODE_LIST) {
        items = node->list.items;
        n = node->list.n;
    } else if (node->kind != NODE_TEXT || node_is_null(node) || (row->flags & SETTING_LIST_ONLY) != 0) {
        read_wrong(r, node, where, "a list, each item ", row->type->expected,
            (row->flags & SETTING_LIST_ONLY) != 0 && node->kind == NODE_TEXT
                ? "; no shell is used, write its words as a list such as [systemctl, reload, nginx]"
                : "");
        return;
    }
    if (n == 0 && (row->flags & (SETTING_REQUIRED | SETTING_FILLED)) != 0)
        problem_add(r->problems, node_mark(r->file, node), where, "is an empty list; expected %s",
            row->type->expected);
    if (row->max != 0 && n > (uint64_t)row->max) {
        problem_add(r->problems, node_mark(r->file, node), where, "has %zu items; at most %d are allowed", n,
            (int)row->max);
        return;
    }
    const char **values = arena_array(r->a, n, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        struct where item = {where, NULL, i};
        if (!read_value(r, items[i], row, n == 1 && items == alone ? where : &item, &values[i]))
            values[i] = NULL;
        else if ((row->flags & SETTING_UNIQUE) != 0 && read_before(values, i))
            read_problem(r, items[i], &item, "is in the list twice");
    }
    setting_set_items(row, base, values, n);
}

/* Names that are wrong become NULL, so that indexes stay those of the file. */
static void read_map(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base)
{
    if (node->kind != NODE_MAP) {
        read_wrong(r, node, where, "keys and values, each key ", row->keys->expected, "");
        return;
    }
    size_t n = node->list.n / 2;
    if (n > (uint64_t)row->max) {
        problem_add(r->problems, node_mark(r->file, node), where, "has %zu keys; at most %d are allowed", n,
            (int)row->max);
        return;
    }
    const struct setting key_row = {.key = row->key, .type = row->keys};
    struct names had = names_new(r->scratch);
    struct pair *pairs = arena_array(r->a, n, sizeof *pairs);
    for (size_t i = 0; i < n; i++) {
        const struct node *key = node->list.items[2 * i];
        struct where item = {where, key->kind == NODE_TEXT ? key->text.p : "?", 0};
        pairs[i] = (struct pair){NULL, ""};
        (void)read_value(r, node->list.items[2 * i + 1], row, &item, &pairs[i].value);
        if (!read_value(r, key, &key_row, &item, &pairs[i].name))
            continue;
        if (names_get(&had, str_c(pairs[i].name)) != NULL)
            problem_add(r->problems, node_mark(r->file, key), &item, "%s is there twice", pairs[i].name);
        names_put(&had, str_c(pairs[i].name), key);
    }
    setting_set_items(row, base, pairs, n);
}

static void read_pairs(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, void *base, struct seen *seen);

/* The capacity is the next power of two, so that joining many files copies each struct a few times only. */
void *read_more(struct reader *r, const struct setting *row, void *base, size_t n)
{
    size_t size = setting_item_size(row), had, cap = 1;
    char *items = setting_items(row, base, &had);
    while (cap < had)
        cap *= 2;
    if (had == 0 || had + n > cap) {
        while (cap < had + n)
            cap *= 2;
        char *bigger = arena_array(r->a, cap, size);
        if (had > 0)
            memcpy(bigger, items, had * size);
        items = bigger;
    }
    setting_set_items(row, base, items, had + n);
    return items + had * size;
}

static void require_keys(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, const struct seen *seen)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        struct where key = {where, row->key, 0};
        if ((row->flags & SETTING_REQUIRED) != 0 && seen->marks[i].line == 0)
            problem_add(r->problems, node_mark(r->file, map), &key, "is missing; %s needs it", section->noun);
    }
}

void read_misplaced(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, const void *element)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct node *value = read_member(map, section->rows[i].key);
        const char *why = value == NULL ? NULL : setting_misplaced(section, &section->rows[i], element);
        struct where key = {where, section->rows[i].key, 0};
        if (why != NULL)
            read_problem(r, value, &key, why);
    }
}

static void read_element(struct reader *r, const struct node *key, const struct node *map,
    const struct section *section, const struct where *where, void *element)
{
    struct seen seen = {0};
    section->init(element, r->settings);
    if (map->kind != NODE_MAP) {
        read_wrong(r, map, where, section->noun, " written as keys and values", "");
        return;
    }
    read_pairs(r, map, section, where, element, &seen);
    require_keys(r, map, section, where, &seen);
    section->check(r, key, map, where, element);
}

/* Whether there are, with those of other files, more than allowed; with the problem. */
static bool has_too_many(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, const void *base, size_t n, const char *what)
{
    size_t had;
    (void)setting_items(row, base, &had);
    if (row->max == 0 || had + n <= (uint64_t)row->max)
        return false;
    problem_add(r->problems, node_mark(r->file, node), where, "has %zu %s; at most %d are allowed", had + n,
        what, (int)row->max);
    return true;
}

static void read_objects(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base)
{
    bool alone = node->kind == NODE_MAP && (row->flags & SETTING_ALONE) != 0;
    if (node->kind != NODE_LIST && !alone) {
        read_wrong(r, node, where, "a list, each item ", row->section->noun, "; begin each with '- '");
        return;
    }
    size_t n = alone ? 1 : node->list.n;
    if (has_too_many(r, node, row, where, base, n, "items"))
        return;
    char *element = read_more(r, row, base, n);
    for (size_t i = 0; i < n; i++, element += row->section->size) {
        struct where item = {where, NULL, i};
        read_element(
            r, NULL, alone ? node : node->list.items[i], row->section, alone ? where : &item, element);
    }
}

static void read_entries(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base)
{
    if (node->kind != NODE_MAP) {
        read_wrong(r, node, where, "names, each with ", row->section->noun, "");
        return;
    }
    if (has_too_many(r, node, row, where, base, node->list.n / 2, "entries"))
        return;
    char *element = read_more(r, row, base, node->list.n / 2);
    for (size_t i = 0; i + 1 < node->list.n; i += 2, element += row->section->size) {
        const struct node *key = node->list.items[i];
        struct where entry = {where, key->kind == NODE_TEXT ? key->text.p : "?", 0};
        read_element(r, key, node->list.items[i + 1], row->section, &entry, element);
    }
}

static void read_object(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base, struct seen **seen)
{
    if (node->kind != NODE_MAP) {
        read_wrong(r, node, where, row->section->noun, " written as keys and values", "");
        return;
    }
    if (*seen == NULL)
        *seen = arena_alloc(r->scratch, sizeof **seen);
    read_pairs(r, node, row->section, where, base, *seen);
    if (row->section->check != NULL)
        row->section->check(r, NULL, node, where, base);
}

static void unknown_key(
    struct reader *r, const struct node *key, const struct section *section, const struct where *where)
{
    char meant[NEAREST_TEXT_MAX];
    struct nearest near = nearest_new(key->text);
    for (size_t i = 0; i < section->n; i++)
        nearest_try(&near, section->rows[i].key);
    problem_add(r->problems, node_mark(r->file, key), where, "unknown key%s%s", nearest_text(&near, meant),
        str_eq_c(key->text, "<<") ? "; merging maps is no part of YAML 1.2" : "");
}

/* Of several files: the parts of one whole. */
static bool is_joined(const struct setting *row)
{
    return row->shape == SHAPE_OBJECT || row->shape == SHAPE_OBJECTS || row->shape == SHAPE_ENTRIES ||
           row->shape == SHAPE_DNS;
}

/* Whether a key may be read: false, with the problem, where it was there before. Objects of several files are
 * joined, all else may be said once. */
static bool first_time(struct reader *r, const struct node *key, const struct setting *row,
    const struct where *where, struct mark *seen)
{
    struct mark now = node_mark(r->file, key), before = *seen;
    if (before.line == 0 || (is_joined(row) && before.file_no != now.file_no)) {
        *seen = now;
        return true;
    }
    problem_add(r->problems, now, where, "set twice; the other stands at %s", mark_text(before, r->scratch));
    return false;
}

static void read_row(struct reader *r, const struct node *value, const struct setting *row,
    const struct where *where, void *base, struct seen **object)
{
    /* "certificates:" with everything below it commented out */
    if ((is_joined(row) || row->shape == SHAPE_MAP || row->shape == SHAPE_CHOICES) && node_is_null(value))
        return;
    switch (row->shape) {
    case SHAPE_ONE:
        read_value(r, value, row, where, setting_field(row, base));
        break;
    case SHAPE_LIST:
        read_list(r, value, row, where, base);
        break;
    case SHAPE_MAP:
        read_map(r, value, row, where, base);
        break;
    case SHAPE_OBJECT:
        read_object(r, value, row, where, base, object);
        break;
    case SHAPE_OBJECTS:
        read_objects(r, value, row, where, base);
        break;
    case SHAPE_ENTRIES:
        read_entries(r, value, row, where, base);
        break;
    case SHAPE_DNS:
        read_dns(r, value, row, where, base);
        break;
    case SHAPE_CHOICES:
        read_choices(r, value, row, where, base);
        break;
    }
}

static void read_pair(struct reader *r, const struct node *key, const struct node *value,
    const struct section *section, const struct where *up, void *base, struct seen *seen)
{
    bool late = section == &schema_root && r->late;
    if (key->kind != NODE_TEXT) {
        if (!late)
            read_problem(r, key, up, "expected a key, found a list or keys and values");
        return;
    }
    struct where where = {up, key->text.p, 0};
    const struct setting *row = section_row(section, key->text);
    bool row_late = row != NULL && (row->flags & SETTING_LATE) != 0;
    if (section == &schema_root && row_late != r->late)
        return;
    if (row == NULL) {
        unknown_key(r, key, section, &where);
        return;
    }
    size_t i = (size_t)(row - section->rows);
    if (!first_time(r, key, row, &where, &seen->marks[i]))
        return;
    bool apart = section == &schema_root && row->section == &schema_certificate;
    r->a = apart ? r->apart : r->a;
    read_row(r, value, row, &where, base, &seen->objects[i]);
    r->a = apart ? r->lasting : r->a;
}

static void read_pairs(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, void *base, struct seen *seen)
{
    for (size_t i = 0; i + 1 < map->list.n; i += 2)
        read_pair(r, map->list.items[i], map->list.items[i + 1], section, where, base, seen);
}

void read_keys(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, void *base)
{
    struct seen seen = {0};
    read_pairs(r, map, section, where, base, &seen);
}

void read_document(struct reader *r, const struct node *root)
{
    if (root == NULL || node_is_null(root))
        return;
    if (root->kind == NODE_MAP)
        read_pairs(r, root, &schema_root, NULL, r->settings, &r->root);
    else if (!r->late)
        read_wrong(r, root, NULL, "settings", " written as keys and values", "");
}

bool read_entry_name(struct reader *r, struct names *table, const struct node *key, const struct where *where,
    const char *what, const char **out)
{
    struct err err = ERR_INIT;
    if (key->kind != NODE_TEXT) {
        problem_add(r->problems, node_mark(r->file, key), where, "expected the name of an %s", what);
        return false;
    }
    if (authority_name_check(key->text, &err) < 0) {
        read_problem(r, key, where, err.text);
        return false;
    }
    const struct mark *other = names_get(table, key->text);
    if (other != NULL) {
        problem_add(r->problems, node_mark(r->file, key), where, "this %s is also written at %s", what,
            mark_text(*other, r->scratch));
        return false;
    }
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, key);
    *out = arena_dup(r->a, key->text);
    names_put(table, str_c(*out), mark);
    return true;
}
