/*
 * From a step's words to what is executed: the program found, seen to be nobody else's to change, and the
 * user it runs as, by root's right or by sudo. Nothing is run here.
 */
#ifndef EVERCERT_PROCESSES_PARENT_PROGRAM_H
#define EVERCERT_PROCESSES_PARENT_PROGRAM_H

#include "base/arena.h"
#include "base/err.h"
#include "config/deploy.h"
#include "config/settings.h"
#include "os/user.h"

#include <stdbool.h>
#include <stddef.h>

/* Where a program's name is looked for; the PATH of hooks too. */
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct program {
    const char *file; /* the step's program, absolute; all texts are in the arena */
    const char *path; /* what is executed: that, or sudo */
    char **argv;      /* NULL-terminated */
    size_t argc;
    char **script_argv; /* as in child_spec; NULL where sudo is between */
    struct user user;   /* who the program runs as in the end */
    bool by_sudo;       /* sudo changes the user */
    bool set_user;      /* we do, being root */
    gid_t groups[USER_GROUPS_MAX];
    size_t groups_n;
};

/* `d`'s command with `file` in the place of its first word (the same, or a program of a folder) and `args`
 * behind it. ERR_NOT_FOUND, ERR_PERMISSION, ERR_REFUSED say what stands in the way and what to do about it.
 * `settings` are for the words of sudo. */
int program_prepare(const struct settings *settings, const struct deploy *d, const char *file,
    const char *const *args, size_t arg_n, struct arena *a, struct program *out, struct err *err);

/* ERR_REFUSED where somebody besides root, us and `runner` could change what stands at that absolute path:
 * the file, or a folder on the way to it, symbolic links followed. Names who, or the chmod that helps. */
int program_check_safe(const char *path, uid_t runner, struct err *err);

/* ERR_PERMISSION where that user may not execute the file, or not enter a folder on the way to it. */
int program_check_executable(
    const char *path, const struct user *u, const gid_t *groups, size_t groups_n, struct err *err);

/* Whether the command's own first word is sudo or one like it, and whether that (an output of it) says that
 * it wants a password or has no rule. */
bool program_is_sudo(const char *path);
bool program_sudo_refused(struct str output);
/* What the reader can do about it, to be put behind an error. Static storage. */
const char *program_sudo_remedy(void);

#endif
