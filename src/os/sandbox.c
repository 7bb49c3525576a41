#include "os/sandbox.h"

#include "os/sandbox_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* "." and ".." of /proc/self/task, whose other links are the threads. */
enum { TASK_LINKS_BESIDES_THREADS = 2 };

/* Landlock confines the calling thread only, so another one would stay outside unnoticed. Where /proc is not
 * mounted the rule cannot be checked. */
static int check_threads(const struct sandbox *s, struct err *err)
{
    struct stat st;
    if (stat("/proc/self/task", &st) < 0 || st.st_nlink <= TASK_LINKS_BESIDES_THREADS + 1)
        return 0;
    return err_set(err, ERR_REFUSED, "%s cannot confine itself: it runs %lu threads already", s->process,
        (unsigned long)st.st_nlink - TASK_LINKS_BESIDES_THREADS);
}

static int harden(const struct sandbox *s, struct sandbox_report *report, struct err *err)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "%s cannot set no_new_privs", s->process);
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_errno(err, errno, "%s cannot forbid core dumps", s->process);
    if (s->keep_dumpable)
        return 0;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, errno, "%s cannot make itself undumpable", s->process);
    report->undumpable = true;
    return 0;
}

int sandbox_enter(const struct sandbox *s, struct sandbox_report *out, struct err *err)
{
    struct sandbox_report report = {.kind = s->kind, .log_only = s->log_only, .no_unix = s->no_unix};
    int r;
    if (s->all_files && s->paths_n > 0)
        return err_set(err, ERR_USAGE, "%s wants all files and some files", s->process);
    if ((r = check_threads(s, err)) < 0 || (r = harden(s, &report, err)) < 0 ||
        (r = sandbox_landlock(s, &report, err)) < 0 || (r = sandbox_seccomp(s, &report, err)) < 0)
        return r;
    if (out != NULL)
        *out = report;
    return 0;
}

static void landlock_text(const struct sandbox_report *r, char *out, size_t n)
{
    if (r->landlock_off)
        snprintf(out, n, "Landlock off (it cannot only log)");
    else if (r->landlock_abi == 0)
        snprintf(out, n, "no Landlock (%s)", r->landlock_why != NULL ? r->landlock_why : "not available");
    else if (r->all_files)
        snprintf(out, n, "Landlock %d (all files)", r->landlock_abi);
    else
        snprintf(out, n, "Landlock %d (%u path%s)", r->landlock_abi, r->paths, r->paths == 1 ? "" : "s");
}

const char *sandbox_report_text(const struct sandbox_report *r, char text[SANDBOX_REPORT_TEXT_MAX])
{
    char landlock[128];
    bool allow = r->kind == SANDBOX_ALLOW_LIST;
    landlock_text(r, landlock, sizeof landlock);
    snprintf(text, SANDBOX_REPORT_TEXT_MAX, "seccomp %s-list (%u calls, %s%s), %s, no core dumps%s",
        allow ? "allow" : "deny", r->calls,
        r->log_only ? "log only"
        : allow     ? "kill"
                    : "EPERM",
        r->no_unix ? ", no Unix sockets" : "", landlock, r->undumpable ? ", undumpable" : "");
    return text;
}
