/* What is read and written around the check of a template's output: its command, and which line of the
 * template a complaint of it is about. Pure. */
#ifndef EVERCERT_PROCESSES_PARENT_OUTPUT_TEXT_H
#define EVERCERT_PROCESSES_PARENT_OUTPUT_TEXT_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the words of a check: the file to be checked. */
#define OUTPUT_MARK "{output}"

/* Most octets that are kept of what a check or a command printed: its end, where the error stands. */
enum { OUTPUT_TAIL_MAX = 700 };

/* Whether a word has the mark in it. */
bool output_is_named(const char *const *words, size_t n);
/* The words with each mark replaced by `path`; in `a`. */
const char *const *output_words(const char *const *words, size_t n, const char *path, struct arena *a);
/* The last lines of `said`, without blanks around them. Points into it. */
struct str output_tail(struct str said);
/*
 * The line that `said` blames in a file of one of these names: the first "NAME:NN" (nginx, HAProxy, Apache's
 * "NAME:NN:"), "line NN of NAME" or "NAME line NN", where NAME is the whole path or the end of one: another
 * machine's, or container's, view of it. False where there is none.
 */
bool output_blamed(struct str said, const char *const *names, size_t n, size_t *line);
/* The template's line for that line (from 1) of its output: `lines` are those of lua/template.h. 0: none. */
uint32_t output_template_line(struct str lines, size_t line);

#endif
