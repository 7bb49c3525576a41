/* Starting up, signals, reloading, and coming to an end. */
#include "processes/parent/parent.h"

#include "base/crash_point.h"
#include "base/time.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/notify.h"
#include "os/signal.h"
#include "os/socket.h"
#include "os/user.h"
#include "processes/catalogue.h"
#include "processes/command.h"
#include "processes/parent/run.h"
#include "processes/process.h"
#include "processes/state_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void complain(const char *text)
{
    if (log_written_as() == LOG_FORMAT_TEXT)
        fprintf(stderr, "evercert: error: %s\n", text);
    else
        log_error("%s", text); /* who reads entries can do nothing with a line */
}

/* --- arguments: given by the evercert command, never by hand --- */

static void parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){
        .config = "/etc/evercert/evercert.yaml", .state = "/var/lib/evercert", .level = LOG_LEVEL_INFO};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            o->config = argv[++i];
        else if (strcmp(argv[i], "--state") == 0 && i + 1 < argc)
            o->state = argv[++i];
        else if (strcmp(argv[i], "--config-optional") == 0)
            o->config_optional = true;
        else if (strcmp(argv[i], "--daemon") == 0)
            o->daemon = true;
        else if (strcmp(argv[i], "--dry-run") == 0)
            o->dry_run = true;
        else if (strcmp(argv[i], "--sandbox=log") == 0)
            o->sandbox_log = true;
        else if (strcmp(argv[i], "--sandbox=on") == 0)
            o->sandbox_log = false;
        else if (strncmp(argv[i], "--log-format=", 13) == 0)
            o->log_format = argv[i] + 13;
        else if (strncmp(argv[i], "--log-level=", 12) != 0 ||
                 !log_level_parse(str_c(argv[i] + 12), &o->level)) {
            fprintf(stderr, "evercert: error: parent is started by evercert itself and does not take %s\n",
                argv[i]);
            exit(EXIT_USAGE);
        }
    }
}

/* --- configuration --- */

/* `first`: room for what is wrong with it, in one line; may be NULL. */
static int load(const struct parent *p, struct settings *out, struct arena *arena, struct arena *certificates,
    struct err *first)
{
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    int r = settings_load_apart(
        p->options.config, p->options.config_optional, arena, certificates, out, &problems, &err);
    if (r == 0)
        r = catalogue_apply(p->options.sandbox_log, arena, out, &problems, &err);
    if (r == 0)
        return 0;
    if (problems.n == 0)
        complain(err.text);
    for (size_t i = 0; i < problems.n; i++)
        complain(problems.list[i]);
    return err_set(first, r, "%s", problems.n > 0 ? problems.list[0] : err.text);
}

int parent_load(struct parent *p, struct settings *out, struct arena *arena)
{
    return load(p, out, arena, arena, NULL);
}

/* The certificates of settings that were read go where they take no memory, and what they were read into is
 * given back. */
static int put_aside(
    struct parent *p, struct settings *s, struct arena **certificates, struct declared **out, struct err *err)
{
    int r = declared_new(p->state, s, out, err);
    s->certificates = NULL;
    s->certificate_n = 0;
    arena_freep(certificates);
    malloc_trim(0);
    if (r == 0)
        s->kept = declared_kept(*out);
    return r;
}

/* What a reload of the configuration would have in force. */
struct fresh {
    struct arena *arena;
    struct settings settings;
    struct declared *declared;
};

static int load_fresh(struct parent *p, struct fresh *f, struct err *why)
{
    struct arena *certificates ATTR_CLEANUP(arena_freep) = arena_new();
    *f = (struct fresh){.arena = arena_new()};
    int r = load(p, &f->settings, f->arena, certificates, why);
    if (r == 0)
        r = put_aside(p, &f->settings, &certificates, &f->declared, why);
    if (r < 0)
        arena_free(f->arena);
    return r;
}

/* All or nothing: a configuration that is not good leaves the old one in force. */
int parent_reload(struct parent *p, struct err *why)
{
    struct fresh fresh;
    struct err err = ERR_INIT;
    log_info("reloading %s", p->options.config);
    (void)notify_send(NOTIFY_RELOADING, NULL, NULL);
    if (load_fresh(p, &fresh, &err) < 0) {
        log_error("%s is not good; the configuration from before stays in force", p->options.config);
        p->not_in_force = err;
        p->not_in_force_since = clock_wall(&system_clock);
        (void)notify_send(NOTIFY_READY, "the new configuration is not good, the old one is in force", NULL);
        return err_set(
            why, ERR_CONFIG, "%s is not good; the log says what is wrong with it", p->options.config);
    }
    struct arena *old = p->arena;
    wishes_drop(p);
    declared_free(p->declared);
    p->arena = fresh.arena;
    p->settings = fresh.settings;
    p->declared = fresh.declared;
    p->not_in_force = (struct err)ERR_INIT;
    crash_point(parent_reloaded);
    if (listeners_reload(p, &err) < 0)
        log_error("%s", err.text);
    solver_reload(p);
    wishes_feed(p);
    watcher_reload(p);
    arena_free(old);
    malloc_trim(0);
    return 0;
}

static void on_reload(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    if (!p->finishing && !p->stopping)
        (void)parent_reload(p, NULL);
}

/* --- the state directory --- */

static int take_state(struct parent *p, struct err *err)
{
    int r = state_directory_make(p->options.state, err);
    if (r < 0)
        return r;
    p->state = open(p->options.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->state < 0)
        return err_errno(err, errno, "state directory %s", p->options.state);
    struct stat st;
    if (faccessat(p->state, ".", W_OK, AT_EACCESS) != 0)
        return err_errno(err, errno,
            "state directory %s is not writable (mend that, or choose another with --state)",
            p->options.state);
    if (fstat(p->state, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(err, ERR_PERMISSION,
            "state directory %s can be written by others, who could replace keys in it: chmod go-w %s",
            p->options.state, p->options.state);
    pid_t holder = 0;
    r = lock_take(p->state, ".lock", &p->lock, &holder, err);
    if (r == ERR_LOCKED)
        return err_set(err, ERR_LOCKED,
            "another evercert (process %d) holds %s: wait until it is done, or stop it", (int)holder,
            p->options.state);
    if (r < 0)
        return err_prefix(err, "state directory %s", p->options.state);
    p->new_state = parent_state_is_new(p);
    crash_point(parent_state_taken);
    return 0;
}

/* A dry run keeps nothing: its state is a directory of its own that goes with it. */
static int take_dry_state(struct parent *p, struct err *err)
{
    static char path[] = "/tmp/evercert-dry-run-XXXXXX";
    if (mkdtemp(path) == NULL)
        return err_errno(err, errno, "%s", path);
    if (chmod(path, 0755) != 0)
        return err_errno(err, errno, "%s", path);
    p->options.state = path;
    return take_state(p, err);
}

static void drop_dry_state(struct parent *p)
{
    struct err err = ERR_INIT;
    int tmp ATTR_CLEANUP(fd_close) = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = strrchr(p->options.state, '/');
    if (tmp < 0 || name == NULL || dir_remove(tmp, name + 1, &err) < 0)
        log_warning("%s could not be removed: %s", p->options.state, err.text);
}

/* --- the log --- */

/* Where journald listens. Tests put another path into the environment, which counts only where nobody gains
 * rights by it. */
static const char *journal_path(void)
{
    const char *path = secure_getenv("EVERCERT_JOURNAL");
    return path != NULL && path[0] == '/' ? path : "/run/systemd/journal/socket";
}

/* What the option says, else the configuration. The socket of the journal is connected here and inherited by
 * all, for none of them could connect in its sandbox. */
static void begin_log(struct parent *p)
{
    struct err err = ERR_INIT;
    enum log_format format = LOG_FORMAT_TEXT;
    const char *name = p->options.log_format != NULL ? p->options.log_format : p->settings.log_format;
    (void)log_format_parse(str_c(name), &format);
    if (format == LOG_FORMAT_JOURNAL && socket_connect_datagram(journal_path(), &p->journal, &err) < 0) {
        format = LOG_FORMAT_TEXT;
        log_warning("the journal cannot be reached, the log goes to standard error: %s", err.text);
    }
    log_write_as(format, p->journal);
}

/* --- signals and the end --- */

static void on_terminate(evutil_socket_t sig, short what, void *arg)
{
    struct parent *p = arg;
    (void)what;
    log_info("%s, stopping%s", sig == SIGINT ? "interrupted" : "asked to stop",
        p->finishing || p->stopping ? " at once" : "");
    parent_end(p);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
    struct parent *p = arg;
    int status;
    pid_t pid;
    (void)sig, (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!members_reaped(p, pid, status))
            (void)runs_reaped(p, pid, status);
    parent_end_when_alone(p);
}

static void on_tell_state(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    state_log(arg);
}

static void watch_signals(struct parent *p)
{
    const struct {
        int sig;
        event_callback_fn fn;
    } watched[] = {{SIGTERM, on_terminate}, {SIGINT, on_terminate}, {SIGHUP, on_reload}, {SIGCHLD, on_child},
        {SIGUSR1, on_tell_state}};
    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        p->signals[i] = evsignal_new(p->base, watched[i].sig, watched[i].fn, p);
        if (p->signals[i] == NULL || evsignal_add(p->signals[i], NULL) != 0)
            abort();
    }
    signal_ignore(SIGPIPE);
}

static int start(struct parent *p, struct err *err)
{
    int r;
    struct user me;
    user_current(&me);
    if (p->options.daemon)
        log_info("evercert %s as %s, state in %s", EVERCERT_VERSION, me.name, p->options.state);
    if (geteuid() == 0 && user_by_name(p->settings.user_keeper, &(struct user){0}, NULL) < 0)
        log_info("there is no user %s: processes stay root without capabilities, apart by address space and "
                 "sandbox",
            p->settings.user_keeper);
    members_init(p);
    watch_signals(p);
    if (p->options.daemon && (r = listeners_start(p, err)) < 0)
        return r;
    if ((r = member_start(p, MEMBER_KEEPER, err)) < 0)
        return r;
    /* In a new state the keeper comes first: a store without its seal.key, left behind by a first start that
     * was cut short, would be taken for one whose key was lost. */
    if (!p->new_state && (r = member_start(p, MEMBER_ENGINE, err)) < 0)
        return r;
    if (p->listeners != NULL && (r = member_start(p, MEMBER_RESPONDER, err)) < 0)
        return r;
    if (p->options.daemon && solver_is_wanted(p) && (r = solver_start(p, err)) < 0)
        return r;
    outputs_recover(p);
    if (p->options.daemon && watcher_is_wanted(p) && (r = watcher_start(p, err)) < 0)
        return r;
    pulse_begin(p);
    if (p->options.daemon)
        return control_listen(p, err);
    control_adopt(p, COMMAND_FD);
    return 0;
}

int main(int argc, char **argv)
{
    struct parent p = {
        .control = -1, .journal = -1, .arena = arena_new(), .started_ms = clock_mono(&system_clock).ms};
    struct err err = ERR_INIT;
    parse(&p.options, argc, argv);
    log_init("parent", p.options.level);
    umask(022);
    if (!p.options.daemon)
        fcntl(COMMAND_FD, F_SETFD, FD_CLOEXEC);
    struct arena *certificates ATTR_CLEANUP(arena_freep) = arena_new();
    if (load(&p, &p.settings, p.arena, certificates, NULL) < 0)
        return EXIT_USAGE;
    begin_log(&p);
    int r = p.options.dry_run ? take_dry_state(&p, &err) : take_state(&p, &err);
    if (r == 0)
        r = put_aside(&p, &p.settings, &certificates, &p.declared, &err);
    if (r < 0) {
        complain(err.text);
        return r == ERR_LOCKED ? EXIT_LOCKED : EXIT_FAILED;
    }
    p.base = event_base_new();
    if (p.base == NULL)
        abort();
    if (start(&p, &err) < 0) {
        complain(err.text);
        parent_stop(&p, EXIT_FAILED);
    }
    event_base_dispatch(p.base);
    if (p.options.daemon && p.exit_status != 0 && p.why.code != 0)
        complain(p.why.text);
    while (p.sessions != NULL) /* gives their last words a chance to be written */
        control_drop(&p);
    if (p.options.dry_run)
        drop_dry_state(&p);
    return p.exit_status;
}
