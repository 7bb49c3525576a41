/*
 * A table of text. The widths come from the first rows; those and all later ones are then printed as they
 * come, so that a list of any length takes no memory. On a terminal a row is cut to its width; elsewhere
 * nothing is ever cut.
 */
#ifndef EVERCERT_CLI_TABLE_H
#define EVERCERT_CLI_TABLE_H

#include "base/str.h"
#include "cli/terminal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    TABLE_COLUMNS_MAX = 8,
    TABLE_SAMPLE = 500, /* rows that are looked at before the first is printed */
};

struct table_column {
    const char *title;
    size_t least;   /* it is cut to no less than this; 0: never cut */
    unsigned order; /* who gives way first on a narrow terminal: 1, 2, ... */
    bool is_list;   /* space-separated words */
};

struct table_cell {
    struct str text;
    enum colour colour;
};

struct table; /* opaque */

/* `columns` and `terminal` must outlive the table; n is at most TABLE_COLUMNS_MAX. */
struct table *table_new(
    const struct table_column *columns, size_t n, const struct terminal *terminal, FILE *out);
/* One cell for each column; copied. */
void table_row(struct table *t, const struct table_cell *cells);
/* Prints what is held back (the head too, where there was a row), frees. */
void table_end(struct table *t);

/* --- for tests: the two pure halves --- */

/* Widths for a line of `width` columns (0: unlimited) from the natural ones, changed in place; columns that
 * find no room at all, from the last, get 0. Two blanks stand between columns. */
void table_fit(const struct table_column *columns, size_t n, size_t widths[], size_t width);
/* One line with its newline. `cut` keeps cells within their widths. */
void table_line(const struct table_column *columns, size_t n, const size_t widths[],
    const struct table_cell *cells, bool cut, bool colour, struct buf *out);

#endif
