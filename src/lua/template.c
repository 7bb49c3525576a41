/* Rendering: the Lua of a template is run over the model, and what it writes is noted with its lines. */
#include "lua/template_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The Lua of a template is longer than its text: the shortest tag becomes a call. */
enum { LUA_TEXT_MAX = 16 * TEMPLATE_FILE_MAX };

struct rendering {
    const char *file;
    enum template_kind kind;
    const struct template_model *model;
    struct template_source source;
    struct buf lua; /* of the template */
    struct buf *out, *lines;
    bool inside; /* of a line of `out` */
};

/* --- output --- */

static struct rendering *rendering_of(lua_State *L)
{
    return sandbox_of(L)->owner;
}

/* Notes the lines of what was put behind `from`. `advancing`: of text, whose lines are those of the template.
 */
static void note_lines(lua_State *L, size_t from, uint32_t line, bool advancing)
{
    struct rendering *r = rendering_of(L);
    if (r->out->n > TEMPLATE_OUTPUT_MAX || buf_failed(r->out))
        lua_fatal(L, ERR_LIMIT, "the output has more than %d MB", TEMPLATE_OUTPUT_MAX >> 20);
    for (const char *p = r->out->p + from, *end = r->out->p + r->out->n; from < r->out->n && p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!r->inside)
            buf_put(r->lines, &line, sizeof line);
        r->inside = newline == NULL;
        line += advancing && !r->inside;
        p = newline != NULL ? newline + 1 : end;
    }
    if (buf_failed(r->lines))
        lua_fatal(L, ERR_LIMIT, "the output has too many lines");
}

static void emit(lua_State *L, enum template_kind kind, struct str s, uint32_t line, bool advancing)
{
    struct rendering *r = rendering_of(L);
    size_t from = r->out->n;
    sandbox_charge(L, 1 + s.n / 64);
    if (s.n > TEMPLATE_OUTPUT_MAX)
        lua_fatal(L, ERR_LIMIT, "the output has more than %d MB", TEMPLATE_OUTPUT_MAX >> 20);
    template_escape(kind, s, r->out);
    note_lines(L, from, line, advancing);
}

static const struct piece *check_piece(lua_State *L)
{
    const struct template_source *s = &rendering_of(L)->source;
    lua_Integer i = luaL_checkinteger(L, 1);
    luaL_argcheck(L, i >= 0 && (size_t)i < s->n, 1, "no piece of this template");
    return &s->pieces[i];
}

static int write_text(lua_State *L)
{
    const struct piece *p = check_piece(L);
    struct str s = {rendering_of(L)->source.text.p + p->from, p->to - p->from};
    emit(L, TEMPLATE_NONE, s, p->line, true);
    return 0;
}

/* 8.0 as 8: of what was divided. */
static void push_number(lua_State *L, int index)
{
    lua_Number number = lua_tonumber(L, index);
    if (!isfinite(number))
        luaL_error(L, "the value is no finite number");
    if (!lua_isinteger(L, index) && number == floor(number) && fabs(number) < 9e15)
        lua_pushinteger(L, (lua_Integer)number);
    else
        lua_pushvalue(L, index);
    lua_tostring(L, -1);
}

/* The text of the value at `index`, which stays on the stack; whether it is to be escaped. */
static bool read_value(lua_State *L, int index, struct str *out)
{
    bool escaped = false;
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        escaped = true;
        break;
    case LUA_TNUMBER:
        push_number(L, index);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TTABLE:
        if (luaL_getmetafield(L, index, "__metatable") == LUA_TSTRING &&
            strcmp(lua_tostring(L, -1), "raw") == 0 && lua_getfield(L, index, "text") == LUA_TSTRING)
            break;
        luaL_error(L, "the value is a table; json(value), join(list) or a loop make text of it");
        break;
    case LUA_TNIL:
        luaL_error(L, "the value is nil; (value or \"\") if that is meant");
        break;
    default:
        luaL_error(L, "the value is a %s", luaL_typename(L, index));
    }
    out->p = lua_tolstring(L, -1, &out->n);
    return escaped;
}

static int write_raw(lua_State *L)
{
    const struct piece *p = check_piece(L);
    struct str s;
    read_value(L, 2, &s);
    emit(L, TEMPLATE_NONE, s, p->line, false);
    return 0;
}

static int write_value(lua_State *L)
{
    const struct piece *p = check_piece(L);
    struct str s;
    bool escaped = read_value(L, 2, &s);
    emit(L, escaped ? rendering_of(L)->kind : TEMPLATE_NONE, s, p->line, false);
    return 0;
}

/* --- loading --- */

/* Each expression alone: what is put around it would make other Lua of "a) b(c". */
static void check_values(lua_State *L, const struct template_source *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct piece *p = &s->pieces[i];
        if (p->kind != PIECE_VALUE && p->kind != PIECE_RAW)
            continue;
        luaL_Buffer b;
        struct str lua = template_lua(s, p);
        luaL_buffinit(L, &b);
        luaL_addstring(&b, "return (");
        luaL_addlstring(&b, lua.p, lua.n);
        luaL_addstring(&b, ")");
        luaL_pushresult(&b);
        struct str chunk = lua_check_str(L, -1);
        if (luaL_loadbufferx(L, chunk.p, chunk.n, "=", "t") != LUA_OK) {
            struct str at, why, text = lua_check_str(L, -1); /* ":LINE: words" */
            uint64_t line = 1;
            (void)(str_cut((struct str){text.p + 1, text.n - 1}, ':', &at, &why) &&
                   str_to_u64(at, TEMPLATE_FILE_MAX, &line));
            lua_raisef(L, ERR_INPUT, "template:%llu: no expression:%.*s",
                (unsigned long long)(p->line + line - 1), STR_ARG(why));
        }
        lua_pop(L, 2);
    }
}

/* Pushes the template as a function. In protected mode. */
static int load(lua_State *L)
{
    /* What we put behind the code of a tag, and what stands there in the template. */
    const struct str ours = STR("near ';'"), theirs = STR("near '%>'");
    struct rendering *r = lua_touserdata(L, 1);
    check_values(L, &r->source);
    if (luaL_loadbufferx(L, r->lua.p, r->lua.n, "@template", "t") == LUA_OK)
        return 1;
    struct str text = lua_check_str(L, -1);
    if (str_ends(text, ours)) {
        lua_pushlstring(L, text.p, text.n - ours.n);
        lua_push_str(L, theirs);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int run(lua_State *L)
{
    const struct rendering *r = lua_touserdata(L, 1);
    template_push_model(L, r->model);
    load(L);
    lua_pushcfunction(L, write_text);
    lua_pushcfunction(L, write_value);
    lua_pushcfunction(L, write_raw);
    lua_call(L, 3, 0);
    return 0;
}

/* --- the whole --- */

static void (*const modules[])(lua_State *L) = {
    lua_open_pattern, lua_open_guards, lua_open_json, lua_open_codec, lua_open_hash, lua_open_template, NULL};

static const struct sandbox_use use = {
    .text_max = LUA_TEXT_MAX,
    .memory_max = TEMPLATE_MEMORY_MAX,
    .steps_max = TEMPLATE_STEPS_MAX,
    .run_ms = TEMPLATE_TIME_MS,
    .modules = modules,
    .prelude = lua_text_template_prelude,
};

/* "template:3: ..." with the path instead, and without what only the containers may know. */
static int tell(const struct rendering *r, const struct err *why, struct err *err)
{
    static const char name[] = "template:";
    struct buf words ATTR_CLEANUP(buf_free) = buf_new_sensitive(2 * ERR_TEXT_MAX);
    int code = why->code == ERR_LIMIT || why->code == ERR_MEMORY ? why->code : ERR_INPUT;
    bool placed = strncmp(why->text, name, sizeof name - 1) == 0;
    template_redact(r->model, str_c(placed ? why->text + sizeof name - 1 : why->text), &words);
    return err_set(err, code, placed ? "%s:%s" : "%s: %s", r->file, buf_c(&words));
}

/* Runs it once, in a sandbox of its own. */
static int perform(struct rendering *r, bool trace, struct err *why)
{
    struct sandbox s;
    int result = sandbox_open(&s, &use, r, "template", STR(""), why);
    if (result == 0) {
        if (trace)
            sandbox_trace(&s);
        lua_settop(s.L, 0);
        lua_pushcfunction(s.L, sandbox_place);
        lua_pushcfunction(s.L, run);
        lua_pushlightuserdata(s.L, r);
        if (lua_pcall(s.L, 1, 0, 1) != LUA_OK) {
            sandbox_error(&s, s.L, why);
            result = why->code;
        }
    }
    sandbox_close(&s);
    return result;
}

static int prepare(struct rendering *r, struct str text, struct arena *a, struct err *why)
{
    int result;
    if (text.n > TEMPLATE_FILE_MAX)
        return err_set(why, ERR_LIMIT, "more than %d kB", TEMPLATE_FILE_MAX >> 10);
    if ((result = template_split(text, a, &r->source, why)) < 0)
        return result;
    r->lua = buf_new(LUA_TEXT_MAX);
    template_translate(&r->source, &r->lua);
    return buf_failed(&r->lua) ? err_set(why, ERR_LIMIT, "too many tags") : 0;
}

static void clear(struct rendering *r)
{
    buf_clear(r->out);
    buf_clear(r->lines);
    r->inside = false;
}

/* Where memory ends nobody knows the line any more: it is rendered once more, slowly, to learn it. */
static int render(struct rendering *r, struct err *why)
{
    int result = 0;
    for (int trace = 0; trace < 2; trace++) {
        clear(r);
        *why = (struct err)ERR_INIT;
        result = perform(r, trace > 0, why);
        if (result != ERR_LIMIT || strncmp(why->text, "template:", 9) == 0)
            break;
    }
    return result;
}

int template_render(const char *file, struct str text, enum template_kind kind,
    const struct template_model *model, struct buf *out, struct buf *lines, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct rendering r = {.file = file, .kind = kind, .model = model, .out = out, .lines = lines};
    struct err why = ERR_INIT;
    int result = prepare(&r, text, a, &why);
    if (result == 0)
        result = render(&r, &why);
    if (result < 0) {
        clear(&r);
        result = tell(&r, &why, err);
    }
    buf_free(&r.lua);
    return result;
}
