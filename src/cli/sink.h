/*
 * Where the rows of an answer go: standard output, as JSON or for people. A sink gets each row as it comes
 * and keeps none.
 */
#ifndef EVERCERT_CLI_SINK_H
#define EVERCERT_CLI_SINK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "cli/terminal.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sink {
    /* A JSON object; the sink may not keep it. */
    void (*row)(struct sink *s, const json_t *row);
    /* The same as the text that came, which is a JSON object of printable ASCII on one line. NULL: `row` gets
     * it.
     */
    void (*text)(struct sink *s, struct str row);
    /* No row follows; `complete` is false where the command failed. NULL: nothing to do. */
    void (*end)(struct sink *s, bool complete);
    FILE *out;
    bool follows; /* somebody reads along: nothing is kept back behind a message */
    size_t rows;  /* counted by sink_row and sink_rows */
};

/* Reads one row's text and gives it to the sink. ERR_INPUT for what is no JSON object; ERR_IO when `out`
 * cannot be written. */
int sink_row(struct sink *s, const char *json, struct err *err);
/* The same for many, each ended by a newline. */
int sink_rows(struct sink *s, struct str rows, struct err *err);
void sink_end(struct sink *s, bool complete);

/* One array, an object on each line; "[]" for none, nothing at all for none and not complete. */
void sink_json_array(struct sink *s, FILE *out);
/* One object on each line. Flushed with each row, for readers who follow. */
void sink_json_lines(struct sink *s, FILE *out);
/* One object, indented, for each row. */
void sink_json_object(struct sink *s, FILE *out);

/* For people; in the arena. `terminal` must outlive the sink. `clock` says what time it is. */
struct sink *sink_list(
    struct arena *a, const struct terminal *terminal, const struct clock *clock, FILE *out);
struct sink *sink_show(
    struct arena *a, const struct terminal *terminal, const struct clock *clock, FILE *out);
/* Of commands that act, whose results come as progress: for a certificate with files where they are
 * (`people`), else nothing. */
struct sink *sink_results(bool people, struct arena *a, FILE *out);
/* `whole`: with what was said to the CA. */
struct sink *sink_log(bool whole, struct arena *a, FILE *out);
struct sink *sink_account(struct arena *a, FILE *out);
/* Findings of check, each with what mends it. */
struct sink *sink_check(struct arena *a, const struct terminal *terminal, FILE *out);
/* Steps of a round through the DNS, with when each was over. */
struct sink *sink_dns_test(struct arena *a, FILE *out);
/* What containers ask for, a table for each kind of row, then what went wrong, in full. */
struct sink *sink_containers(struct arena *a, const struct terminal *terminal, FILE *out);
/* Records as lines of a zone file. */
struct sink *sink_dns(struct arena *a, FILE *out);

#endif
