#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    const char *process;
    enum log_level threshold;
    bool journal;
} state = {"", LOG_LEVEL_INFO, false};

static const struct {
    const char *text;
    int priority;
} levels[] = {
#define LOG_ROW(level, text, priority) [level] = {text, priority},
    LOG_LEVELS(LOG_ROW)
#undef LOG_ROW
};

void log_init(const char *process, enum log_level level)
{
    state.process = process;
    state.threshold = level;
    state.journal = getenv("JOURNAL_STREAM") != NULL;
}

enum log_level log_threshold(void)
{
    return state.threshold;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > state.threshold)
        return;
    char raw[LOG_LINE_MAX], when[TIME_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    struct buf line = buf_new(2 * LOG_LINE_MAX);
    if (state.journal)
        buf_printf(&line, "<%d>", levels[level].priority);
    else
        buf_printf(&line, "%s ", wall_format(clock_wall(&system_clock), when));
    buf_printf(&line, "evercert[%s]: %s: ", state.process, levels[level].text);
    text_clean(&line, str_c(raw), LOG_LINE_MAX);
    buf_put_char(&line, '\n');
    /* One write keeps lines of several processes apart; a log that cannot be written has nowhere to say so.
     */
    ssize_t written = write(STDERR_FILENO, buf_c(&line), line.n);
    (void)written;
    buf_free(&line);
}
