/* XML of answers, by expat: no DTD, so no entities of its own, bounded in depth and number. */
#include "lua/internal.h"

#include <expat.h>
#include <string.h>

enum { ELEMENTS_MAX = 50 * 1000, ATTRIBUTES_MAX = 200 * 1000 };

struct node {
    struct node *parent, *first, *last, *next;
    const char *name;
    const char **attributes; /* name, value, ..., NULL */
    struct buf text;
    size_t child_n;
};

struct reading {
    XML_Parser parser;
    struct arena *arena;
    struct node *root, *at;
    size_t elements, attributes, depth;
    const char *why;
};

/* Without the prefix of its namespace. */
static const char *local(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon != NULL && colon[1] != '\0' ? colon + 1 : name;
}

static void stop(struct reading *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = arg;
    size_t n = 0;
    while (attributes[n] != NULL)
        n++;
    if (++r->elements > ELEMENTS_MAX || (r->attributes += n) > ATTRIBUTES_MAX) {
        stop(r, "too many elements");
        return;
    }
    if (++r->depth > LUA_DEPTH_MAX) {
        stop(r, "too many levels");
        return;
    }
    struct node *node = arena_alloc(r->arena, sizeof *node);
    node->name = arena_dup_c(r->arena, local(name));
    node->attributes = arena_array(r->arena, n + 1, sizeof *node->attributes);
    for (size_t i = 0; i < n; i++)
        node->attributes[i] = arena_dup_c(r->arena, i % 2 == 0 ? local(attributes[i]) : attributes[i]);
    node->text = buf_new(LUA_ANSWER_MAX);
    node->parent = r->at;
    if (r->at == NULL)
        r->root = node;
    else if (r->at->last == NULL)
        r->at->first = r->at->last = node;
    else
        r->at->last = r->at->last->next = node;
    if (r->at != NULL)
        r->at->child_n++;
    r->at = node;
}

static void on_end(void *arg, const XML_Char *name)
{
    struct reading *r = arg;
    (void)name;
    if (r->why != NULL)
        return; /* of an empty element whose beginning was refused: expat tells of its end all the same */
    r->at = r->at->parent;
    r->depth--;
}

static void on_text(void *arg, const XML_Char *p, int n)
{
    struct reading *r = arg;
    if (r->at != NULL)
        buf_put(&r->at->text, p, (size_t)n);
}

static void on_doctype(
    void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid, int internal)
{
    (void)name, (void)sysid, (void)pubid, (void)internal;
    stop(arg, "a document type definition, which is refused");
}

static void free_texts(struct node *n)
{
    for (; n != NULL; n = n->next) {
        free_texts(n->first); /* not deeper than LUA_DEPTH_MAX */
        buf_free(&n->text);
    }
}

static void release(void *p)
{
    struct reading *r = p;
    free_texts(r->root);
    if (r->parser != NULL)
        XML_ParserFree(r->parser);
    arena_free(r->arena);
    free(r);
}

static void push_node(lua_State *L, struct node *n)
{
    lua_Integer i = 0;
    luaL_checkstack(L, 6, "XML");
    lua_createtable(L, 0, 4);
    lua_pushstring(L, n->name);
    lua_setfield(L, -2, "name");
    lua_push_str(L, str_trim(buf_str(&n->text)));
    lua_setfield(L, -2, "text");
    lua_newtable(L);
    for (const char **a = n->attributes; a[0] != NULL; a += 2) {
        lua_pushstring(L, a[1]);
        lua_setfield(L, -2, a[0]);
    }
    lua_setfield(L, -2, "attributes");
    lua_createtable(L, (int)n->child_n, 0);
    for (struct node *c = n->first; c != NULL; c = c->next) {
        push_node(L, c);
        lua_rawseti(L, -2, ++i);
    }
    lua_setfield(L, -2, "children");
}

void lua_decode_xml(lua_State *L, struct str text)
{
    void **guard = lua_guard(L, release);
    int at = lua_gettop(L);
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    *guard = r;
    r->arena = arena_new();
    r->parser = XML_ParserCreate(NULL);
    if (r->parser == NULL)
        abort();
    if (text.n > LUA_ANSWER_MAX)
        lua_raisef(L, ERR_LIMIT, "XML of more than %d octets", (int)LUA_ANSWER_MAX);
    sandbox_charge(L, text.n);
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (XML_Parse(r->parser, text.n > 0 ? text.p : "", (int)text.n, XML_TRUE) != XML_STATUS_OK)
        lua_raisef(L, ERR_INPUT, "no XML that is read: %s (line %lu)",
            r->why != NULL ? r->why : XML_ErrorString(XML_GetErrorCode(r->parser)),
            (unsigned long)XML_GetCurrentLineNumber(r->parser));
    push_node(L, r->root);
    lua_guard_free(guard);
    lua_remove(L, at);
}

static int decode(lua_State *L)
{
    lua_decode_xml(L, lua_check_str(L, 1));
    return 1;
}

static int escape(lua_State *L)
{
    static const char *const marks[][2] = {
        {"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&apos;"}};
    struct str s = lua_check_str(L, 1);
    struct buf *out = lua_guard_buf(L, LUA_MEMORY_MAX / 2);
    for (size_t i = 0; i < s.n; i++) {
        size_t m = 0;
        while (m < ARRAY_LEN(marks) && s.p[i] != marks[m][0][0])
            m++;
        if (m < ARRAY_LEN(marks))
            buf_put_c(out, marks[m][1]);
        else
            buf_put_char(out, s.p[i]);
    }
    return lua_push_buf(L, out);
}

void lua_open_xml(lua_State *L)
{
    static const luaL_Reg functions[] = {{"decode", decode}, {"escape", escape}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setglobal(L, "xml");
}
