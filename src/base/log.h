/*
 * The log: lines on standard error, for a terminal or a file "TIME evercert[process]: level: text", and for
 * the journal, which has the time, "<N>evercert[process]: level: text" (where JOURNAL_STREAM says that
 * standard error is the journal). On request each entry is a JSON object on standard error instead, or a
 * datagram for journald, with the certificate, order and request that it is about as fields of their own.
 * Only processes/ and cli/ log. What is written is cleaned (base/log_line.h), so a line is always one line.
 */
#ifndef EVERCERT_BASE_LOG_H
#define EVERCERT_BASE_LOG_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

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

/* How entries are written: its name as a setting. */
#define LOG_FORMATS(X)         \
    X(LOG_FORMAT_TEXT, "text") \
    X(LOG_FORMAT_JSON, "json") \
    X(LOG_FORMAT_JOURNAL, "journal")

enum log_format {
#define LOG_ENUM(format, text) format,
    LOG_FORMATS(LOG_ENUM)
#undef LOG_ENUM
};

/* What an entry is about, as far as it is known; NULL, "" and 0 are not. Nothing is kept. */
struct log_about {
    const char *certificate; /* its name */
    const char *order;       /* its URL */
    const char *authority;   /* its name */
    const char *event;       /* what happened, as history calls it: "issued", "failed", ... */
    uint64_t request;        /* the number of the signed request, the same as in `evercert log` */
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

/* "text", "json", "journal". Static storage. */
const char *log_format_name(enum log_format format);
/* The format of that name; false, and *out untouched, for another text. */
bool log_format_parse(struct str text, enum log_format *out);
/* How entries are written from now on; text until it is called. `journal` is a datagram socket that is
 * connected to journald, of LOG_FORMAT_JOURNAL, else ignored; it must stay open. What it does not take goes
 * to standard error as text. */
void log_write_as(enum log_format format, int journal);
enum log_format log_written_as(void);

/* Writes one line; nothing where `level` is less important than the threshold. Leaves errno as it is. */
void log_line(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* The same with what it is about; only json and journal show that, so the text says what a reader needs. */
void log_about(const struct log_about *about, enum log_level level, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Of an entry that is about a certificate and no more is known of. */
#define log_certificate(name, level, ...) \
    log_about(&(struct log_about){.certificate = (name)}, (level), __VA_ARGS__)

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
