#include "cli/terminal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A terminal that does not tell its size is as large as the first ones were. */
enum { DEFAULT_COLUMNS = 80, DEFAULT_ROWS = 24 };

static const char *const escapes[] = {
    [COLOUR_GOOD] = "\033[32m",
    [COLOUR_WARN] = "\033[33m",
    [COLOUR_BAD] = "\033[31m",
    [COLOUR_DIM] = "\033[2m",
};

void terminal_measure(int fd, struct terminal *t)
{
    struct winsize size = {0};
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0;
    t->columns = known && size.ws_col > 0 ? size.ws_col : DEFAULT_COLUMNS;
    t->rows = known && size.ws_row > 0 ? size.ws_row : DEFAULT_ROWS;
}

void terminal_detect(int fd, bool no_color, struct terminal *out)
{
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");
    *out = (struct terminal){
        .is_tty = isatty(fd) == 1 && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0};
    out->colour = out->is_tty && !no_color && (refused == NULL || refused[0] == '\0');
    terminal_measure(fd, out);
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_columns(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += !continues(s.p[i]);
    return n;
}

/* The bytes that make up the first `columns` columns. */
static struct str head(struct str s, size_t columns)
{
    size_t i = 0;
    for (size_t n = 0; i < s.n; i++)
        if (!continues(s.p[i]) && n++ == columns)
            break;
    return (struct str){s.p, i};
}

void text_cut(struct buf *out, struct str s, size_t width)
{
    static const struct str dots = {"...", 3};
    if (text_columns(s) <= width) {
        buf_put_str(out, s);
        return;
    }
    if (width <= dots.n) { /* no room to say that something is missing */
        buf_put_str(out, head(s, width));
        return;
    }
    buf_put_str(out, head(s, width - dots.n));
    buf_put_str(out, dots);
}

static size_t count_words(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] != ' ' && (i == 0 || s.p[i - 1] == ' ');
    return n;
}

void text_cut_list(struct buf *out, struct str s, size_t width)
{
    char more[24] = "";
    struct str best = {s.p, 0};
    if (text_columns(s) <= width) {
        buf_put_str(out, s);
        return;
    }
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] != ' ')
            continue;
        char tail[sizeof more];
        int n = snprintf(tail, sizeof tail, " +%zu", count_words((struct str){s.p + i, s.n - i}));
        if (text_columns((struct str){s.p, i}) + (size_t)n > width)
            break;
        best.n = i;
        memcpy(more, tail, sizeof more);
    }
    if (best.n == 0) {
        text_cut(out, s, width);
        return;
    }
    buf_put_str(out, best);
    buf_put_c(out, more);
}

void text_put_foreign(struct buf *out, const char *text)
{
    struct str s = str_c(text);
    text_clean(out, s, s.n);
}

void colour_put(struct buf *out, enum colour c, struct str s, bool on)
{
    if (on && c != COLOUR_NONE)
        buf_put_c(out, escapes[c]);
    buf_put_str(out, s);
    if (on && c != COLOUR_NONE)
        buf_put_c(out, "\033[0m");
}

void time_put_about(struct buf *out, struct wall t, struct wall now)
{
    char span[DURATION_TEXT_MAX];
    int64_t left = t.s - now.s;
    if (t.s == 0)
        buf_put_c(out, "-");
    else if (left == 0)
        buf_put_c(out, "now");
    else if (left > 0)
        buf_printf(out, "in %s", duration_about(left, span));
    else
        buf_printf(out, "%s ago", duration_about(-left, span));
}

void elapsed_put(struct buf *out, int64_t ms)
{
    char span[DURATION_TEXT_MAX];
    if (ms < 0)
        ms = 0;
    if (ms < 10000)
        buf_printf(out, "%lld.%llds", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    else
        buf_put_c(out, duration_about(ms / 1000, span));
}
