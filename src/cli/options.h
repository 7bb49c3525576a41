/*
 * The words of a command line, read by tables. getopt_long is not used: options of all commands may stand
 * before or behind the command, an abbreviation must not change its meaning with the next version, and a
 * mistake is answered with the option that was meant.
 *
 *   --word VALUE   --word=VALUE   -x VALUE   -xVALUE   -xy (flags)   --  (only arguments follow)
 */
#ifndef EVERCERT_CLI_OPTIONS_H
#define EVERCERT_CLI_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
    OPTION_FLAG,    /* takes no value; may be repeated */
    OPTION_TEXT,    /* any text but the empty one */
    OPTION_CHOICE,  /* one of the words in option_spec.value, any case; the table's spelling is kept */
    OPTION_CHOICES, /* several of those words, parted by commas */
    OPTION_PORT,    /* 1 to 65535 */
};

struct option_spec {
    char letter;      /* 'd' for -d; 0: none */
    const char *word; /* "domain" for --domain */
    enum option_kind kind;
    bool many;         /* may be given several times with different values */
    const char *value; /* what help calls the value; for choices the words, "on|log" */
    const char *help;
};

/* A list of specs, for commands that share some. */
struct option_table {
    const struct option_spec *specs;
    size_t n;
};

/* What was given, in order. Texts point into argv or the arena. */
struct option_given {
    const struct option_spec *spec;
    const char *value; /* "" for flags */
};

struct options {
    struct option_given *given;
    size_t given_n, given_cap;
    const char **arguments;
    size_t argument_n, argument_cap;
};

/*
 * Reads argv[*pos ...] by the given tables and adds to *out (zeroed before the first call; memory from `a`).
 * With stop_at_argument the first argument is left standing and *pos names it, else arguments are collected.
 * ERR_USAGE with a text that names the option and what to write instead.
 */
int options_parse(int argc, char *const *argv, int *pos, const struct option_table *tables, size_t table_n,
    bool stop_at_argument, struct arena *a, struct options *out, struct err *err);

/* The value of an option, NULL where it was not given ("" for a flag). */
const char *options_value(const struct options *o, const char *word);
bool options_has(const struct options *o, const char *word);
/* How often it was given. */
size_t options_count(const struct options *o, const char *word);

/* The candidate that was probably meant by `text`: the nearest within a third of its length (at least one,
 * at most three edits), or the only one that begins with it; NULL where none is near. */
const char *options_nearest(const char *text, const char *const *candidates, size_t n);

#endif
