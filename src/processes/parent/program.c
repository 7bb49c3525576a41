#include "processes/parent/program.h"

#include "base/attr.h"
#include "base/str.h"
#include "os/child.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERFLOW_UID = 65534 }; /* /proc/sys/kernel/overflowuid, which nobody changes */

/* --- who may change it --- */

static bool next_number(struct str *rest, uint64_t *out)
{
    struct str word, text = str_trim(*rest);
    (void)str_cut(text, ' ', &word, rest);
    return str_to_u64(word, UINT32_MAX, out);
}

/* In a user namespace that maps a few users only, files of all others, the system's root among them, seem to
 * be one user's whom nobody in it can become. */
static bool is_nobody_here(uid_t uid)
{
    char line[128];
    uint64_t from, outside, n;
    bool nobody = uid == OVERFLOW_UID;
    FILE *map = nobody ? fopen("/proc/self/uid_map", "re") : NULL;
    if (map == NULL)
        return false;
    while (nobody && fgets(line, sizeof line, map) != NULL) {
        struct str rest = str_c(line);
        if (next_number(&rest, &from) && next_number(&rest, &outside) && next_number(&rest, &n) &&
            uid >= from && uid - from < n)
            nobody = false;
    }
    fclose(map);
    return nobody;
}

/* In a directory with the sticky bit only its owner can put something else in an entry's place. */
static int check_one(const char *path, const struct stat *st, uid_t runner, struct err *err)
{
    char owner[USER_NAME_MAX], who[USER_NAME_MAX];
    bool group = (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0, others = (st->st_mode & S_IWOTH) != 0;
    if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != runner && !is_nobody_here(st->st_uid))
        return err_set(err, ERR_REFUSED,
            "%s belongs to %s, who could change what runs as %s: chown root %s, or name user: %s", path,
            user_name(st->st_uid, owner), user_name(runner, who), path, owner);
    if ((!group && !others) || (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
        return 0;
    return err_set(err, ERR_REFUSED, "%s can be written by %s, who could change what runs as %s: chmod %s %s",
        path, others ? "others" : "its group", user_name(runner, who), others ? "go-w" : "g-w", path);
}

typedef int part_fn(const char *path, const struct stat *st, const void *arg, struct err *err);

/* Calls fn for each folder of the path from "/" on, and for what it ends in; symbolic links are left out. */
static int each_part(const char *path, part_fn *fn, const void *arg, struct err *err)
{
    char part[PATH_MAX];
    struct stat st;
    size_t n = strlen(path);
    if (n >= sizeof part)
        return err_set(err, ERR_LIMIT, "a path of %zu octets is too long", n);
    for (size_t i = 1; i <= n; i++) {
        if (i > 1 && i < n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (lstat(part, &st) != 0)
            return err_errno(err, errno, "%s", part);
        int r = S_ISLNK(st.st_mode) ? 0 : fn(part, &st, arg, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The path as it was written, then where its links lead. */
static int each_part_twice(const char *path, part_fn *fn, const void *arg, struct err *err)
{
    char real[PATH_MAX];
    int r = each_part(path, fn, arg, err);
    if (r < 0)
        return r;
    if (realpath(path, real) == NULL)
        return err_errno(err, errno, "%s", path);
    return strcmp(real, path) == 0 ? 0 : each_part(real, fn, arg, err);
}

static int safe_part(const char *path, const struct stat *st, const void *arg, struct err *err)
{
    return check_one(path, st, *(const uid_t *)arg, err);
}

int program_check_safe(const char *path, uid_t runner, struct err *err)
{
    return each_part_twice(path, safe_part, &runner, err);
}

/* --- who may execute it --- */

struct runner {
    const struct user *u;
    const gid_t *groups;
    size_t groups_n;
};

static bool in_group(const struct runner *w, gid_t gid)
{
    if (w->u->gid == gid)
        return true;
    for (size_t i = 0; i < w->groups_n; i++)
        if (w->groups[i] == gid)
            return true;
    return false;
}

static int executable_part(const char *path, const struct stat *st, const void *arg, struct err *err)
{
    const struct runner *w = arg;
    mode_t any = S_IXUSR | S_IXGRP | S_IXOTH;
    mode_t bit = w->u->uid == 0            ? any
                 : st->st_uid == w->u->uid ? S_IXUSR
                 : in_group(w, st->st_gid) ? S_IXGRP
                                           : S_IXOTH;
    if ((st->st_mode & bit) != 0 || (S_ISDIR(st->st_mode) && w->u->uid == 0))
        return 0;
    return err_set(err, ERR_PERMISSION, "%s may not %s %s: chmod a+x %s, or another user:", w->u->name,
        S_ISDIR(st->st_mode) ? "enter" : "execute", path, path);
}

int program_check_executable(
    const char *path, const struct user *u, const gid_t *groups, size_t groups_n, struct err *err)
{
    struct runner w = {u, groups, groups_n};
    return each_part_twice(path, executable_part, &w, err);
}

/* --- sudo --- */

bool program_is_sudo(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return strcmp(name, "sudo") == 0 || strcmp(name, "doas") == 0;
}

bool program_sudo_refused(struct str output)
{
    static const char *const words[] = {
        "a password is required",
        "a terminal is required",
        "no tty present",
        "is not in the sudoers file",
        "is not allowed to execute",
        "is not allowed to run sudo",
        "may not run sudo",
        "Authentication required", /* doas */
        "doas: Operation not permitted",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (output.n > 0 && memmem(output.p, output.n, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

const char *program_sudo_remedy(void)
{
    return "a sudoers rule that asks for no password is missing; `evercert snippet sudoers` prints it";
}

/* --- the command --- */

static int choose_user(const struct settings *s, const struct deploy *d, struct program *out, struct err *err)
{
    struct user me;
    user_current(&me);
    out->user = me;
    if (d->user[0] == '\0')
        return 0;
    int r = user_by_name(d->user, &out->user, err);
    if (r < 0)
        return r;
    out->set_user = geteuid() == 0;
    out->by_sudo = !out->set_user && out->user.uid != me.uid;
    if (out->by_sudo && s->sudo_n == 0)
        return err_set(err, ERR_PERMISSION,
            "running a hook as %s needs root, or settings.sudo; evercert runs as %s", d->user, me.name);
    return user_groups(&out->user, out->groups, &out->groups_n, err);
}

static int find(const char *name, char out[PATH_MAX], struct err *err)
{
    struct stat st;
    if (name[0] == '/' && stat(name, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ERR_REFUSED,
            "%s is a folder; `dialect: certbot` runs each program in a folder of hooks", name);
    return child_find_program(name, PROGRAM_PATH, out, err);
}

static void add(struct program *out, struct arena *a, const char *word)
{
    out->argv[out->argc++] = arena_dup_c(a, word);
}

static void fill_words(const struct settings *s, const struct deploy *d, const char *file,
    const char *const *args, size_t arg_n, struct arena *a, struct program *out)
{
    out->argv = arena_array(a, s->sudo_n + 3 + d->argc + arg_n + 1, sizeof *out->argv);
    if (out->by_sudo) {
        for (size_t i = 0; i < s->sudo_n; i++)
            add(out, a, s->sudo[i]);
        add(out, a, "-u");
        add(out, a, d->user);
        add(out, a, "--");
    }
    size_t own = out->argc;
    add(out, a, out->by_sudo ? out->file : file); /* sudo compares paths with those of its rules */
    for (size_t i = 1; i < d->argc; i++)
        add(out, a, d->argv[i]);
    for (size_t i = 0; i < arg_n; i++)
        add(out, a, args[i]);
    if (out->by_sudo)
        return;
    out->script_argv = arena_array(a, out->argc - own + 2, sizeof *out->script_argv);
    out->script_argv[0] = arena_dup_c(a, "/bin/sh");
    out->script_argv[1] = arena_dup_c(a, out->file);
    for (size_t i = own + 1; i < out->argc; i++)
        out->script_argv[i - own + 1] = out->argv[i];
}

int program_prepare(const struct settings *settings, const struct deploy *d, const char *file,
    const char *const *args, size_t arg_n, struct arena *a, struct program *out, struct err *err)
{
    char found[PATH_MAX] = "", sudo[PATH_MAX] = "";
    *out = (struct program){.argc = 0};
    int r = choose_user(settings, d, out, err);
    if (r < 0 || (r = find(file, found, err)) < 0 || (r = program_check_safe(found, out->user.uid, err)) < 0)
        return r;
    if (out->by_sudo && (r = find(settings->sudo[0], sudo, err)) < 0)
        return err_prefix(err, "running a hook as %s needs sudo where evercert is not root", d->user);
    out->file = arena_dup_c(a, found);
    out->path = out->by_sudo ? arena_dup_c(a, sudo) : out->file;
    fill_words(settings, d, file, args, arg_n, a, out);
    return 0;
}
