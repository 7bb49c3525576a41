#include "base/log.h"

#include "base/log_line.h"
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
    bool journal; /* standard error is */
    enum log_format format;
    int socket; /* of LOG_FORMAT_JOURNAL */
} state = {"", LOG_LEVEL_INFO, false, LOG_FORMAT_TEXT, -1};

static const char *const levels[] = {
#define LOG_ROW(level, text, priority) [level] = text,
    LOG_LEVELS(LOG_ROW)
#undef LOG_ROW
};

static const char *const formats[] = {
#define LOG_ROW(format, text) [format] = text,
    LOG_FORMATS(LOG_ROW)
#undef LOG_ROW
};

const char *log_level_name(enum log_level level)
{
    return levels[level];
}

bool log_level_parse(struct str text, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_c(text, levels[i])) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

const char *log_format_name(enum log_format format)
{
    return formats[format];
}

bool log_format_parse(struct str text, enum log_format *out)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq_c(text, formats[i])) {
            *out = (enum log_format)i;
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

void log_write_as(enum log_format format, int journal)
{
    state.format = format;
    state.socket = format == LOG_FORMAT_JOURNAL ? journal : -1;
}

enum log_format log_written_as(void)
{
    return state.format;
}

/* One write keeps entries of several processes apart. */
static bool put(int fd, const struct buf *entry)
{
    ssize_t written;
    do
        written = write(fd, buf_c(entry), entry->n);
    while (written < 0 && errno == EINTR);
    return written >= 0;
}

static void write_entry(const struct log_entry *e)
{
    struct buf bytes = buf_new(LOG_ENTRY_MAX);
    bool done = false;
    if (state.format == LOG_FORMAT_JOURNAL) {
        log_put_journal(&bytes, e);
        done = put(state.socket, &bytes); /* it may be busy, or journald gone */
        buf_clear(&bytes);
    }
    if (!done) {
        if (state.format == LOG_FORMAT_JSON)
            log_put_json(&bytes, e);
        else if (state.journal)
            log_put_prefixed(&bytes, e);
        else
            log_put_text(&bytes, e);
        (void)put(STDERR_FILENO, &bytes); /* a log that cannot be written has nowhere to say so */
    }
    buf_free(&bytes);
}

static void log_va(const struct log_about *about, enum log_level level, const char *fmt, va_list ap)
{
    if (level > state.threshold)
        return;
    int saved = errno; /* a caller that logs first may still want to say why */
    char raw[LOG_LINE_MAX];
    if (vsnprintf(raw, sizeof raw, fmt, ap) < 0)
        return; /* the C library cannot even format it */
    const struct log_entry e = {.time_ms = system_wall_ms(),
        .level = level,
        .process = state.process,
        .pid = getpid(),
        .message = raw,
        .about = *about};
    write_entry(&e);
    errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_va(&(struct log_about){.request = 0}, level, fmt, ap);
    va_end(ap);
}

void log_about(const struct log_about *about, enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_va(about, level, fmt, ap);
    va_end(ap);
}
