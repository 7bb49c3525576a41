/*
 * JSON text in both directions, for what is written or read by the hundred thousand: a writer that appends to
 * a buffer, and a walk over the members of an object that we wrote ourselves. Whatever comes from others is
 * read by jansson.
 */
#ifndef EVERCERT_BASE_JSON_H
#define EVERCERT_BASE_JSON_H

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* Append a text in its quotes. Everything but printable ASCII is escaped, so what somebody else wrote can do
 * nothing to a terminal; an octet that is no UTF-8 becomes U+FFFD. */
void json_put_text(struct buf *out, struct str text);
/* The same; null for the empty text. */
void json_put_text_or_null(struct buf *out, const char *text);
/* As in wall_format, null for a time that is not set. */
void json_put_time_or_null(struct buf *out, struct wall t);
void json_put_integer(struct buf *out, int64_t i);
/* An array of the words of a text that are parted by `between`. */
void json_put_words(struct buf *out, struct str text, char between);

/* Takes the next item off `*rest`, the text of an array or object, brackets included (the first call) or what
 * the call before left. Of an object `key` is the text between the quotes as it stands there, else empty;
 * `value` is the value's text. False at the end, and for what is no JSON at all (nothing is checked inside a
 * value but where it ends; blanks between tokens are not expected). */
bool json_next(struct str *rest, struct str *key, struct str *value);
/* A string's content where it needs no unescaping: false for other values and for texts with a backslash. */
bool json_plain(struct str value, struct str *out);

#endif
