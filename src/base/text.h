/* Text from outside (a CA's detail, a hook's output) made fit for a terminal, a log line or a record. */
#ifndef EVERCERT_BASE_TEXT_H
#define EVERCERT_BASE_TEXT_H

#include "base/buf.h"
#include "base/str.h"

/* Most bytes of foreign text that are kept in one message. */
enum { TEXT_FOREIGN_MAX = 1024 };

/* Append s cut to `max` bytes (with "..." where cut) with every control character (C0, DEL, and C1 in UTF-8),
 * every mark that orders text (U+202E and its kin) or ends a line, and every byte that is not valid UTF-8,
 * replaced by '?'; newlines and tabs become one space. Nothing that a terminal would take as an escape
 * sequence, or show in another order than it is in, passes. */
void text_clean(struct buf *out, struct str s, size_t max);

/* The same for a C string where it stands, without a cut: it never becomes longer, and allocates nothing. */
void text_clean_in_place(char *text);

/* How many octets of a URL are its scheme and its host: what of it may be shown where the rest is a secret.
 */
size_t text_url_origin(const char *url);

/* Whether s is well-formed UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(struct str s);

/* Whether brackets of a JSON text nest deeper than `max`. A parser recurses once for each level, up to a
 * limit of its own that is made for other stacks than ours, so this looks first. Up to the first error in the
 * text the scan sees strings exactly as a parser does, and behind that error a parser reads nothing. */
bool text_nests_deeper(struct str json, size_t max);

#endif
