#include "config/document.h"

#include "base/err.h"
#include "config/names.h"

#include <string.h>
#include <yaml.h>

/* A list or map whose end has not come; its items so far lie on the stack from `items` on. */
struct level {
    struct node *node;
    size_t items;
};

struct builder {
    struct mark file;
    struct arena *a;
    struct problems *problems;
    yaml_parser_t parser;
    struct names anchors; /* anchor -> struct node */
    struct level levels[CONFIG_DEPTH_MAX];
    size_t depth;
    const struct node **stack; /* items of all open levels */
    size_t stack_n, stack_cap;
    size_t nodes;            /* made so far */
    const struct node *root; /* NULL until it is there */
};

static struct mark mark_of(const struct builder *b, yaml_mark_t at)
{
    struct mark m = b->file;
    m.line = (unsigned)at.line + 1;
    m.column = (unsigned)at.column + 1;
    return m;
}

struct mark node_mark(struct mark file, const struct node *node)
{
    file.line = node->line;
    file.column = node->column;
    return file;
}

bool node_is_null(const struct node *node)
{
    if (node->kind != NODE_TEXT || !node->plain)
        return false;
    return node->text.n == 0 || str_eq_c(node->text, "~") || str_eq_nocase(node->text, STR("null"));
}

/* libyaml gives unreadable bytes by their offset only. */
static struct mark mark_of_offset(const struct builder *b, struct str yaml, size_t offset)
{
    struct mark m = b->file;
    m.line = m.column = 1;
    for (size_t i = 0; i < offset && i < yaml.n; i++) {
        if (yaml.p[i] == '\n') {
            m.line++;
            m.column = 1;
        } else if (((unsigned char)yaml.p[i] & 0xc0) != 0x80) {
            m.column++;
        }
    }
    return m;
}

static bool syntax_problem(struct builder *b, struct str yaml)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem != NULL ? p->problem : "unreadable";
    if (p->error == YAML_MEMORY_ERROR)
        problem_add(b->problems, b->file, NULL, "out of memory");
    else if (p->error == YAML_READER_ERROR)
        problem_add(b->problems, mark_of_offset(b, yaml, p->problem_offset), NULL,
            "not YAML: %s; the file must be UTF-8 text", problem);
    else if (p->context != NULL)
        problem_add(b->problems, mark_of(b, p->problem_mark), NULL, "not YAML: %s %s that begins on line %zu",
            problem, p->context, p->context_mark.line + 1);
    else
        problem_add(b->problems, mark_of(b, p->problem_mark), NULL, "not YAML: %s", problem);
    return false;
}

static void push(struct builder *b, const struct node *node)
{
    if (b->stack_n == b->stack_cap) {
        size_t cap = b->stack_cap == 0 ? 64 : b->stack_cap * 2;
        const struct node **bigger = arena_array(b->a, cap, sizeof(const struct node *));
        if (b->stack_n > 0)
            memcpy(bigger, b->stack, b->stack_n * sizeof(const struct node *));
        b->stack = bigger;
        b->stack_cap = cap;
    }
    b->stack[b->stack_n++] = node;
}

/* Hangs a finished or opened node into the level that is open. */
static void attach(struct builder *b, const struct node *node)
{
    if (b->depth == 0)
        b->root = node;
    else
        push(b, node);
}

static bool refuse_tag(struct builder *b, yaml_mark_t at, const yaml_char_t *tag)
{
    const char *name = (const char *)tag;
    if (name == NULL || strcmp(name, "!") == 0 || str_starts(str_c(name), STR("tag:yaml.org,2002:")))
        return false;
    char quoted[QUOTE_MAX];
    problem_add(b->problems, mark_of(b, at), NULL, "the tag %s means nothing here; take it away",
        quote(str_c(name), quoted));
    return true;
}

/* A new node of the document, NULL with a problem beyond the bound. */
static struct node *new_node(
    struct builder *b, enum node_kind kind, yaml_mark_t at, const yaml_char_t *tag, const yaml_char_t *anchor)
{
    if (refuse_tag(b, at, tag))
        return NULL;
    if (b->nodes++ >= CONFIG_NODES_MAX) {
        problem_add(b->problems, mark_of(b, at), NULL, "more than %d values; this is no configuration",
            (int)CONFIG_NODES_MAX);
        return NULL;
    }
    struct node *node = arena_alloc(b->a, sizeof *node);
    struct mark m = mark_of(b, at);
    *node = (struct node){.kind = kind, .weight = 1, .line = m.line, .column = m.column};
    if (anchor != NULL)
        names_put(&b->anchors, arena_str(b->a, str_c((const char *)anchor)), node);
    return node;
}

static bool on_scalar(struct builder *b, const yaml_event_t *e)
{
    struct node *node = new_node(b, NODE_TEXT, e->start_mark, e->data.scalar.tag, e->data.scalar.anchor);
    if (node == NULL)
        return false;
    node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && e->data.scalar.tag == NULL;
    node->text = arena_str(b->a, (struct str){(const char *)e->data.scalar.value, e->data.scalar.length});
    attach(b, node);
    return true;
}

static bool on_start(
    struct builder *b, enum node_kind kind, yaml_mark_t at, const yaml_char_t *tag, const yaml_char_t *anchor)
{
    struct node *node = new_node(b, kind, at, tag, anchor);
    if (node == NULL)
        return false;
    if (b->depth == CONFIG_DEPTH_MAX) {
        problem_add(b->problems, mark_of(b, at), NULL, "nested deeper than %d levels", CONFIG_DEPTH_MAX);
        return false;
    }
    attach(b, node);
    node->open = true;
    b->levels[b->depth++] = (struct level){node, b->stack_n};
    return true;
}

/* Closes the innermost level: its items leave the stack, and what they weigh is known now. */
static bool on_end(struct builder *b, const yaml_event_t *e)
{
    struct level level = b->levels[--b->depth];
    size_t n = b->stack_n - level.items;
    const struct node **items = arena_array(b->a, n, sizeof(const struct node *));
    if (n > 0)
        memcpy(items, b->stack + level.items, n * sizeof(const struct node *));
    b->stack_n = level.items;
    uint64_t weight = 1;
    uint8_t height = 0;
    for (size_t i = 0; i < n; i++) {
        weight += items[i]->weight;
        if (items[i]->height > height)
            height = items[i]->height;
    }
    if (weight > CONFIG_NODES_MAX) {
        problem_add(b->problems, mark_of(b, e->start_mark), NULL,
            "more than %d values with its aliases written out", (int)CONFIG_NODES_MAX);
        return false;
    }
    level.node->list.items = items;
    level.node->list.n = n;
    level.node->weight = (uint32_t)weight;
    level.node->height = (uint8_t)(height + 1);
    level.node->open = false;
    return true;
}

static bool on_alias(struct builder *b, const yaml_event_t *e)
{
    struct str name = str_c((const char *)e->data.alias.anchor);
    const struct node *node = names_get(&b->anchors, name);
    char quoted[QUOTE_MAX];
    struct mark mark = mark_of(b, e->start_mark);
    if (node == NULL)
        problem_add(b->problems, mark, NULL, "no anchor %s stands above this alias", quote(name, quoted));
    else if (node->open)
        problem_add(b->problems, mark, NULL, "the alias %s contains itself", quote(name, quoted));
    else if (b->depth + node->height > CONFIG_DEPTH_MAX)
        problem_add(b->problems, mark, NULL, "nested deeper than %d levels", CONFIG_DEPTH_MAX);
    else {
        attach(b, node);
        return true;
    }
    return false;
}

static bool on_event(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, e);
    case YAML_ALIAS_EVENT:
        return on_alias(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(
            b, NODE_LIST, e->start_mark, e->data.sequence_start.tag, e->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, NODE_MAP, e->start_mark, e->data.mapping_start.tag, e->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b, e);
    case YAML_DOCUMENT_START_EVENT:
        if (b->root == NULL)
            return true;
        problem_add(b->problems, mark_of(b, e->start_mark), NULL,
            "a second document begins here; write one, or another file in evercert.d/");
        return false;
    default:
        return true;
    }
}

bool document_parse(
    struct mark file, struct str yaml, struct arena *a, struct problems *problems, const struct node **out)
{
    struct builder b = {.file = file, .a = a, .problems = problems, .anchors = names_new(a)};
    if (yaml_parser_initialize(&b.parser) == 0) {
        problem_add(problems, file, NULL, "out of memory");
        return false;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)yaml.p, yaml.n);
    bool good = true, more = true;
    while (good && more) {
        yaml_event_t e;
        if (yaml_parser_parse(&b.parser, &e) == 0) {
            good = syntax_problem(&b, yaml);
            break;
        }
        good = on_event(&b, &e);
        more = e.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&b.parser);
    if (good)
        *out = b.root;
    return good;
}
