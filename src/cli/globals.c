#include "cli/globals.h"

#include "base/buf.h"
#include "base/text.h"
#include "processes/control_socket.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An error's text at its longest, with a name in front. */
enum { SAY_MAX = ERR_TEXT_MAX + 512 };

static const struct option_spec specs[] = {
    {'c', "config", OPTION_TEXT, false, "FILE", "configuration (default " DEFAULT_CONFIG ")"},
    {0, "state", OPTION_TEXT, false, "DIR",
        "where everything is kept (default " CONTROL_STATE_DEFAULT
        ",\nfor others than root ~/.local/state/evercert)"},
    {'v', "verbose", OPTION_FLAG, true, NULL, "say more; twice: say everything"},
    {'q', "quiet", OPTION_FLAG, true, NULL, "say only what went wrong"},
    {0, "json", OPTION_FLAG, true, NULL, "answer in JSON"},
    {0, "no-color", OPTION_FLAG, true, NULL, "no colours (also: NO_COLOR in the environment)"},
    {0, "sandbox", OPTION_CHOICE, false, "on|log",
        "log: tell what the sandbox would refuse and let it\npass (default on)"},
    {0, "log-format", OPTION_CHOICE, false, "text|json|journal",
        "how the log is written (default: what the configuration\nsays, or text)"},
    {0, "version", OPTION_FLAG, true, NULL, "print the version"},
    {'h', "help", OPTION_FLAG, true, NULL, "print help"},
};

const struct option_table global_options = {specs, ARRAY_LEN(specs)};

const char *globals_absolute(const char *path, struct arena *a)
{
    char here[PATH_MAX];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
        return arena_dup_c(a, path);
    return arena_printf(a, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
}

/* XDG Base Directory Specification: a relative value counts as none. */
static const char *default_state(struct arena *a)
{
    if (geteuid() == 0)
        return CONTROL_STATE_DEFAULT;
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(a, "%s/evercert", xdg);
    if (home == NULL || home[0] != '/') {
        const struct passwd *me = getpwuid(geteuid());
        home = me != NULL ? me->pw_dir : NULL;
    }
    return home != NULL && home[0] == '/' ? arena_printf(a, "%s/.local/state/evercert", home) : NULL;
}

/* So that "/x" and "/x/" are the same state. */
static const char *without_slash(const char *path, struct arena *a)
{
    struct str s = str_c(path);
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    return arena_dup(a, s);
}

int globals_fill(const struct options *o, struct arena *a, struct globals *out, struct err *err)
{
    const char *config = options_value(o, "config"), *state = options_value(o, "state");
    const char *sandbox = options_value(o, "sandbox");
    *out = (struct globals){
        .config = globals_absolute(config != NULL ? config : DEFAULT_CONFIG, a),
        .config_given = config != NULL,
        .verbosity = (int)options_count(o, "verbose") - (int)options_count(o, "quiet"),
        .quiet = options_has(o, "quiet"),
        .json = options_has(o, "json"),
        .no_color = options_has(o, "no-color"),
        .log_format = options_value(o, "log-format"),
        .sandbox_log = sandbox != NULL && strcmp(sandbox, "log") == 0,
    };
    if (state == NULL && (state = default_state(a)) == NULL)
        return err_set(err, ERR_USAGE,
            "no home directory is known: say with --state DIR where everything shall be kept");
    out->state = without_slash(globals_absolute(state, a), a);
    if (out->config_given && access(out->config, F_OK) != 0)
        return err_errno(err, errno, "configuration %s", config);
    return 0;
}

enum log_level globals_log_level(const struct globals *g, enum log_level base)
{
    int level = (int)base + g->verbosity;
    if (level < LOG_LEVEL_ERROR)
        return LOG_LEVEL_ERROR;
    return level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)level;
}

static void say(const char *prefix, const char *fmt, va_list ap)
{
    char raw[SAY_MAX];
    vsnprintf(raw, sizeof raw, fmt, ap);
    struct buf line = buf_new(2 * SAY_MAX);
    buf_put_c(&line, prefix);
    text_clean(&line, str_c(raw), SAY_MAX);
    buf_put_char(&line, '\n');
    fflush(stdout);
    fwrite(buf_c(&line), 1, line.n, stderr);
    fflush(stderr);
    buf_free(&line);
}

void say_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("evercert: error: ", fmt, ap);
    va_end(ap);
}

void say_warning(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("evercert: warning: ", fmt, ap);
    va_end(ap);
}

void say_note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("evercert: ", fmt, ap);
    va_end(ap);
}
