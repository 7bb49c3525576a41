#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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

const char *log_level_name(enum log_level level)
{
    return levels[level].text;
}

bool log_level_parse(struct str text, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_c(text, levels[i].text)) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it made (systemd.exec(5)). The variable is
 * inherited further than the stream: by a command of a terminal that a service started, or one whose standard
 * error was redirected. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct str device_text, inode_text;
    uint64_t device, inode;
    struct stat st;
    return stream != NULL && str_cut(str_c(stream), ':', &device_text, &inode_text) &&
           str_to_u64(device_text, UINT64_MAX, &device) && str_to_u64(inode_text, UINT64_MAX, &inode) &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *process, enum log_level level)
{
    state.process = process;
    state.threshold = level;
    state.journal = stderr_is_journal();
}

enum log_level log_threshold(void)
{
    return state.threshold;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level > state.threshold)
        return;
    int saved = errno; /* a caller that logs first may still want to say why */
    char raw[LOG_LINE_MAX], when[TIME_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    if (n < 0)
        return; /* the C library cannot even format it */
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
    errno = saved;
}
