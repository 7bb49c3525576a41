/*
 * The log: lines on standard error, for a terminal or a file "TIME evercert[process]: level: text", and for
 * the journal, which has the time, "<N>evercert[process]: level: text" (where JOURNAL_STREAM says that
 * standard error is the journal). Only processes/ and cli/ log. log_line cleans what it writes (text_clean),
 * so a line is always one line.
 */
#ifndef EVERCERT_BASE_LOG_H
#define EVERCERT_BASE_LOG_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>

/* level, its text, syslog priority */
#define LOG_LEVELS(X)                  \
    X(LOG_LEVEL_ERROR, "error", 3)     \
    X(LOG_LEVEL_WARNING, "warning", 4) \
    X(LOG_LEVEL_INFO, "info", 6)       \
    X(LOG_LEVEL_DEBUG, "debug", 7)

enum log_level {
#define LOG_ENUM(level, text, priority) level,
    LOG_LEVELS(LOG_ENUM)
#undef LOG_ENUM
};

/* Longest text of a line, terminator included; cut beyond. */
enum { LOG_LINE_MAX = 4096 };

/* Name of the process in each line, and the least important level that is shown. Call once at start, before
 * any sandbox is entered. `process` must live as long as the log is used. */
void log_init(const char *process, enum log_level level);
enum log_level log_threshold(void);

/* "error", "warning", "info", "debug". Static storage. */
const char *log_level_name(enum log_level level);
/* The level of that name; false, and *out untouched, for another text. */
bool log_level_parse(struct str text, enum log_level *out);

/* Writes one line; nothing where `level` is less important than the threshold. Leaves errno as it is. */
void log_line(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
