/*
 * Templates of fragments. A template is lines of text with
 *
 *   @name@             the value of that name; none is an error
 *   @each LIST@        a line of its own: what follows up to its @end@ once for each item of the list
 *   @if NAME@          a line of its own: what follows up to its @else@ or @end@ where NAME has a value that
 * is not empty, or is a list with items; @if !NAME@ where not
 *
 * A name is looked for in the item, then in what that is an item of. An '@' that is none of this is itself.
 * Blank lines at the beginning, at the end and behind another blank line are left out.
 */
#ifndef EVERCERT_CLI_SNIPPET_EXPAND_H
#define EVERCERT_CLI_SNIPPET_EXPAND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Names and their values, and lists of more of them. */
struct snippet_scope;

/* Lives in `a`, with all that is put into it. */
struct snippet_scope *snippet_scope_new(struct arena *a);
/* `name` and `value` are not copied. A later value of the same name hides an earlier one. */
void snippet_set(struct snippet_scope *s, const char *name, const char *value);
/* A further item of that list. */
struct snippet_scope *snippet_add(struct snippet_scope *s, const char *list);

/* Appends the text. ERR_FAILED for a template that is wrong: a name that nobody knows, an @each@ without its
 * @end@. */
int snippet_expand(const char *text, const struct snippet_scope *s, struct buf *out, struct err *err);

#endif
