/* What standard output is, and text that fits on it. */
#ifndef EVERCERT_CLI_TERMINAL_H
#define EVERCERT_CLI_TERMINAL_H

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct terminal {
    bool is_tty; /* lines may be redrawn; false for TERM=dumb as well */
    bool colour;
    unsigned columns, rows; /* of a terminal; unused otherwise */
};

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD, COLOUR_DIM };

/* Looks at descriptor `fd`, NO_COLOR (no-color.org: any value but the empty one) and TERM. */
void terminal_detect(int fd, bool no_color, struct terminal *out);
/* The size now; windows change theirs. */
void terminal_measure(int fd, struct terminal *t);

/* Columns of clean text: one for each code point (names, times and states are ASCII). */
size_t text_columns(struct str s);
/* Append s in at most `width` columns, "..." in place of what does not fit. */
void text_cut(struct buf *out, struct str s, size_t width);
/* Append a list of space-separated words in at most `width` columns: whole words as long as they fit, then
 * "+N" for the rest. */
void text_cut_list(struct buf *out, struct str s, size_t width);
/* Append text from outside, cleaned; nothing a terminal would obey passes. */
void text_put_foreign(struct buf *out, const char *text);

/* Wrapped in the colour's escape codes where `on`; COLOUR_NONE wraps nothing. */
void colour_put(struct buf *out, enum colour c, struct str s, bool on);

/* "in 59d 23h", "2d 3h ago", "now" (within a second), "-" for a time that is not set. */
void time_put_about(struct buf *out, struct wall t, struct wall now);
/* "2.1s", "12s", "3m 5s": how long something took. */
void elapsed_put(struct buf *out, int64_t ms);

#endif
