/*
 * One entry of the log as bytes: the line for people, the JSON object, and the datagram of journald's native
 * protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). Pure; log.c writes them. Whatever the texts hold (line
 * breaks, quotes, bytes that are no UTF-8), a line is one line, an object is valid JSON, and a field is that
 * field.
 */
#ifndef EVERCERT_BASE_LOG_LINE_H
#define EVERCERT_BASE_LOG_LINE_H

#include "base/buf.h"
#include "base/log.h"

#include <stdint.h>

enum {
    /* Longest value of a field besides the message: a name has 253 octets at most, a URL of a CA rarely 200.
     */
    LOG_FIELD_MAX = 1024,
    /* Room for an entry in any form: each octet may become two, and no form has more than seven fields. */
    LOG_ENTRY_MAX = 2 * (LOG_LINE_MAX + 8 * LOG_FIELD_MAX),
};

struct log_entry {
    int64_t time_ms; /* since 1970, UTC */
    enum log_level level;
    const char *process;
    int64_t pid;
    const char *message;
    struct log_about about;
};

/* Each appends one entry. Texts are cut at LOG_LINE_MAX and LOG_FIELD_MAX. */

/* "TIME evercert[process]: level: message\n". */
void log_put_text(struct buf *out, const struct log_entry *e);
/* The same for a standard error that is the journal: "<PRIORITY>evercert[process]: level: message\n". */
void log_put_prefixed(struct buf *out, const struct log_entry *e);
/* {"time": ..., "level", "process", "pid", "message"} and the fields of `about` that are known, then "\n". */
void log_put_json(struct buf *out, const struct log_entry *e);
/* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, EVERCERT_PROCESS and EVERCERT_ with the name of each known field. A
 * text of several lines keeps them (the form with a length), each cleaned. */
void log_put_journal(struct buf *out, const struct log_entry *e);

#endif
