/* What the files of templates share. */
#ifndef EVERCERT_LUA_TEMPLATE_PRIV_H
#define EVERCERT_LUA_TEMPLATE_PRIV_H

#include "base/arena.h"
#include "lua/sandbox.h"
#include "lua/template.h"

/* --- from text to Lua (template_text.c) --- */

enum piece_kind { PIECE_TEXT, PIECE_CODE, PIECE_VALUE, PIECE_RAW, PIECE_COMMENT };

/* A part of a template: text between tags, or what is in one. */
struct piece {
    enum piece_kind kind;
    size_t from, to;         /* of the text, or of the Lua in the tag */
    size_t tag_from, tag_to; /* with its marks; of text the same as above */
    bool swallow;            /* it ends with -%> */
    uint32_t line;           /* of `from` */
};

struct template_source {
    struct str text;
    struct piece *pieces; /* in the arena */
    size_t n;
};

/* ERR_INPUT with "template:LINE: ..." for a tag without an end. */
int template_split(struct str text, struct arena *a, struct template_source *out, struct err *err);
/* The Lua of it: a chunk with the same lines, which is called with three functions: text(piece),
 * value(piece, v) and raw(piece, v). */
void template_translate(const struct template_source *s, struct buf *lua);
/* The Lua of one tag, without a comment that would hide what is put behind it. */
struct str template_lua(const struct template_source *s, const struct piece *p);

/* --- what is there (template_model.c) --- */

/* Sets the globals containers, certificates, challenge and host. Called in protected mode. */
void template_push_model(lua_State *L, const struct template_model *model);
/* Labels and variables are looked up where they are; this makes what is at `index` an ordinary table. Nothing
 * happens to anything else. */
void template_force(lua_State *L, int index);
/* The same for all that is in it. */
void template_force_all(lua_State *L, int index);
/* The words with values of variables of containers as "***". */
void template_redact(const struct template_model *model, struct str words, struct buf *out);

/* --- functions (template_functions.c, template_prelude.lua) --- */

/* pairs, next, keys in a fixed order, json, quotes, ...; */
void lua_open_template(lua_State *L);

extern const char lua_text_template_prelude[];

#endif
