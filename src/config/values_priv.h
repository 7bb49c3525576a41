/* What the kinds of values share. */
#ifndef EVERCERT_CONFIG_VALUES_PRIV_H
#define EVERCERT_CONFIG_VALUES_PRIV_H

#include "config/values.h"

enum { PORT_MAX = 65535 };

/* An ASCII letter, a digit, or one of `more`. */
bool value_is_word(char c, const char *more);
bool value_all_words(struct str s, const char *more);
/* The octal digits of a mode, with "0o" before them or without; false where it is none. */
bool value_octal(struct str text, unsigned *out);

/* A number of 1 to PORT_MAX without zeros before it. */
bool value_is_port(struct str text);

/* An absolute path of a file, written in one way only: without "//", "." and "..". ERR_INPUT. */
int value_file_check(const struct value_type *type, struct str text, struct err *err);

/* "expected ..., found ...": ERR_INPUT. */
int value_unexpected(const struct value_type *type, struct str text, struct err *err);

/* Of fields that are a const char *; value_parse_choice takes one of the type's choices. */
int value_parse_choice(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err);
void value_print_text(const struct setting *row, const void *field, struct buf *out);
void value_store_text(struct str text, struct arena *a, void *field);

#endif
