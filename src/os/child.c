#include "os/child.h"

#include "os/file.h"
#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TARGET_MAX = 255, /* highest descriptor a map may ask for, well below the usual limit of 1024 */
    STANDARD_FDS = 3
};

/* What the child does between fork and exec; the step that fails is reported to the parent. */
#define STEPS(X)                                          \
    X(STEP_FDS, "cannot arrange its descriptors")         \
    X(STEP_GROUP, "cannot start its process group")       \
    X(STEP_LIMITS, "cannot set its limits")               \
    X(STEP_USER, "cannot change to its user")             \
    X(STEP_CWD, "cannot change to its working directory") \
    X(STEP_PARENT, "cannot tie it to its parent")         \
    X(STEP_EXEC, "cannot execute it")

enum step {
#define STEP_ENUM(step, text) step,
    STEPS(STEP_ENUM)
#undef STEP_ENUM
};

static const char *const step_texts[] = {
#define STEP_ROW(step, text) [step] = text,
    STEPS(STEP_ROW)
#undef STEP_ROW
};

struct failure {
    int step, errno_value;
};

/* What the child needs besides the spec, prepared before fork. */
struct setup {
    const struct child_spec *spec;
    int report; /* closed by exec; a struct failure goes there otherwise */
    struct child_fd fds[CHILD_FDS_MAX + STANDARD_FDS]; /* the map, completed with /dev/null */
    size_t fds_n;
    pid_t parent;
};

/* ---- in the child: async-signal-safe calls only ---- */

static void mark_all_cloexec(void)
{
    if (close_range(STANDARD_FDS, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    /* Linux before 5.11. Descriptors above a limit that was lowered since are missed, which nobody does. */
    struct rlimit limit;
    rlim_t end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX ? limit.rlim_cur : 65536;
    for (int fd = STANDARD_FDS; fd < (int)end; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* All sources move above the targets first, so that no target overwrites a source yet to be used. */
static int arrange_fds(struct setup *s)
{
    if ((s->report = fcntl(s->report, F_DUPFD_CLOEXEC, TARGET_MAX + 1)) < 0)
        return errno;
    for (size_t i = 0; i < s->fds_n; i++) {
        if ((s->fds[i].from = fcntl(s->fds[i].from, F_DUPFD_CLOEXEC, TARGET_MAX + 1)) < 0)
            return errno;
    }
    mark_all_cloexec();
    for (size_t i = 0; i < s->fds_n; i++) {
        if (dup2(s->fds[i].from, s->fds[i].to) < 0)
            return errno;
    }
    return 0;
}

static int start_group(enum child_group group)
{
    if (group == CHILD_GROUP_NEW)
        return setpgid(0, 0) < 0 ? errno : 0;
    if (group == CHILD_GROUP_SESSION)
        return setsid() < 0 ? errno : 0;
    return 0;
}

/* After the user was changed: that clears the setting. */
static int tie_to_parent(const struct setup *s)
{
    if (s->spec->parent_death_signal == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, s->spec->parent_death_signal, 0, 0, 0) < 0)
        return errno;
    /* It died before we asked: nobody is left to report to. */
    if (getppid() != s->parent)
        _exit(1);
    return 0;
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run_step(struct setup *s, enum step step)
{
    static char *const no_environment[] = {NULL};
    const struct child_spec *spec = s->spec;
    char *const *envp = spec->envp != NULL ? spec->envp : no_environment;
    struct rlimit none = {0, 0};
    switch (step) {
    case STEP_FDS:
        return arrange_fds(s);
    case STEP_GROUP:
        return start_group(spec->group);
    case STEP_LIMITS:
        return setrlimit(RLIMIT_CORE, &none) < 0 ? errno : 0;
    case STEP_USER:
        return spec->set_user ? user_switch(spec->uid, spec->gid, spec->groups, spec->groups_n) : 0;
    case STEP_CWD:
        return spec->cwd != NULL && chdir(spec->cwd) < 0 ? errno : 0;
    case STEP_PARENT:
        return tie_to_parent(s);
    case STEP_EXEC:
        execve(spec->path, spec->argv, envp);
        if (errno == ENOEXEC && spec->script_argv != NULL)
            execve(spec->script_argv[0], spec->script_argv, envp);
        return errno;
    }
    return EINVAL;
}

static void run_child(struct setup *s) ATTR_NORETURN;
static void run_child(struct setup *s)
{
    reset_signals();
    for (int step = 0;; step++) {
        struct failure f = {step, run_step(s, (enum step)step)};
        if (f.errno_value == 0)
            continue;
        /* A pipe takes that few bytes at once; should it not, the parent sees the exit status. */
        if (write(s->report, &f, sizeof f) != (ssize_t)sizeof f)
            _exit(127);
        _exit(126);
    }
}

/* ---- in the caller ---- */

static int check_map(const struct child_spec *spec, bool taken[TARGET_MAX + 1], struct err *err)
{
    if (spec->fds_n > CHILD_FDS_MAX)
        return err_set(err, ERR_USAGE, "more than %d descriptors for %s", CHILD_FDS_MAX, spec->path);
    for (size_t i = 0; i < spec->fds_n; i++) {
        struct child_fd f = spec->fds[i];
        if (f.from < 0 || f.to < 0 || f.to > TARGET_MAX || taken[f.to])
            return err_set(err, ERR_USAGE, "bad descriptor map for %s (%d to %d)", spec->path, f.from, f.to);
        taken[f.to] = true;
    }
    return 0;
}

/* Fills s->fds; opens /dev/null into *null_fd where it is needed. */
static int complete_map(struct setup *s, int *null_fd, struct err *err)
{
    bool taken[TARGET_MAX + 1] = {false};
    int r = check_map(s->spec, taken, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < s->spec->fds_n; i++)
        s->fds[s->fds_n++] = s->spec->fds[i];
    for (int to = 0; to < STANDARD_FDS; to++) {
        if (taken[to])
            continue;
        if (*null_fd < 0 && (*null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
            return err_errno(err, errno, "cannot open /dev/null");
        s->fds[s->fds_n++] = (struct child_fd){*null_fd, to};
    }
    return 0;
}

/* Our signal handlers must not run in the child, which shares our event loop's descriptors until exec. */
static pid_t fork_quietly(struct setup *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(s);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

/* Whether exec happened: the end of the pipe means it did. */
static int hear(int report, pid_t pid, const char *path, struct err *err)
{
    struct failure f;
    ssize_t n;
    while ((n = read(report, &f, sizeof f)) < 0 && errno == EINTR)
        ;
    if (n == 0)
        return 0;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof f || f.step < 0 || f.step > STEP_EXEC)
        return err_set(err, ERR_IO, "cannot start %s: it failed in an unknown way", path);
    return err_errno(err, f.errno_value, "cannot start %s: %s", path, step_texts[f.step]);
}

int child_spawn(const struct child_spec *spec, pid_t *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int null_fd = -1, heard = -1, report = -1;
    struct setup s = {.spec = spec, .parent = getpid()};
    int pair[2], r = complete_map(&s, &null_fd, err);
    if (r < 0)
        return r;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot start %s", spec->path);
    heard = pair[0];
    s.report = report = pair[1];
    pid_t pid = fork_quietly(&s);
    if (pid < 0)
        return err_errno(err, errno, "cannot start %s", spec->path);
    fd_close(&report);
    if ((r = hear(heard, pid, spec->path, err)) < 0)
        return r;
    *out = pid;
    return 0;
}

/* ---- the rest ---- */

/* Whether path is a file that may be executed; *seen is set where it is a file that may not. */
static bool is_program(const char *path, bool *seen)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (access(path, X_OK) == 0)
        return true;
    *seen = true;
    return false;
}

static bool find_in(struct str dirs, const char *name, char out[PATH_MAX], bool *seen)
{
    while (dirs.n > 0) {
        struct str dir;
        str_cut(dirs, ':', &dir, &dirs);
        /* An empty or relative entry would mean the working directory, which is nobody's choice here. */
        if (dir.n == 0 || dir.p[0] != '/')
            continue;
        int n = snprintf(out, PATH_MAX, "%.*s/%s", STR_ARG(dir), name);
        if (n > 0 && n < PATH_MAX && is_program(out, seen))
            return true;
    }
    return false;
}

int child_find_program(const char *name, const char *dirs, char out[PATH_MAX], struct err *err)
{
    char found[PATH_MAX];
    bool seen = false, ok;
    bool absolute = name[0] == '/';
    if (name[0] == '\0' || (!absolute && strchr(name, '/') != NULL))
        return err_set(err, ERR_USAGE, "\"%s\" is neither a program's name nor its absolute path", name);
    if (strlen(name) >= PATH_MAX)
        return err_set(err, ERR_USAGE, "a program's name is too long");
    if (absolute) {
        snprintf(found, sizeof found, "%s", name);
        ok = is_program(found, &seen);
    } else {
        ok = find_in(str_c(dirs), name, found, &seen);
    }
    if (ok) {
        memcpy(out, found, strlen(found) + 1);
        return 0;
    }
    if (seen)
        return err_set(err, ERR_PERMISSION, "%s is not executable (chmod +x)", name);
    if (absolute)
        return err_set(err, ERR_NOT_FOUND, "there is no program %s", name);
    return err_set(err, ERR_NOT_FOUND, "there is no program \"%s\" in %s", name, dirs);
}

int child_kill_group(pid_t pid, int sig, struct err *err)
{
    /* 0, 1 and -1 would reach ourselves or everyone. */
    if (pid <= 1)
        return err_set(err, ERR_USAGE, "%ld is not a process group", (long)pid);
    if (kill(-pid, sig) < 0 && errno != ESRCH)
        return err_errno(err, errno, "cannot signal process group %ld", (long)pid);
    return 0;
}

const char *child_status_text(int wait_status, char out[CHILD_STATUS_TEXT_MAX])
{
    if (WIFEXITED(wait_status)) {
        snprintf(out, CHILD_STATUS_TEXT_MAX, "exited with status %d", WEXITSTATUS(wait_status));
    } else if (WIFSIGNALED(wait_status)) {
        int sig = WTERMSIG(wait_status);
        const char *name = sigabbrev_np(sig);
        if (name != NULL)
            snprintf(out, CHILD_STATUS_TEXT_MAX, "killed by SIG%s%s", name,
                sig == SIGSYS ? " (a system call its sandbox forbids)" : "");
        else
            snprintf(out, CHILD_STATUS_TEXT_MAX, "killed by signal %d", sig);
    } else {
        snprintf(out, CHILD_STATUS_TEXT_MAX, "stopped (status 0x%x)", (unsigned)wait_status);
    }
    return out;
}
