/*
 * What lies in the state directory, for `evercert check`: whose it is and who may do what with it, as the
 * processes need it and as nobody else may. At its start evercert puts right what it can; this tells what
 * changed since.
 */
#include "processes/parent/parent.h"

#include "os/user.h"
#include "processes/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_PROBLEMS_MAX = 20 };

/* Everything that is ours in it. */
static const struct {
    const char *name;
    enum member_id owner; /* MEMBER_END_: whoever the parent is */
    mode_t never;         /* bits that nobody besides the owner may have */
} entries[] = {
    {".", MEMBER_END_, S_IWGRP | S_IWOTH},
    {"seal.key", MEMBER_KEEPER, S_IRWXG | S_IRWXO},
    {"account-key", MEMBER_KEEPER, S_IRWXG | S_IRWXO},
    {"burnt-keys", MEMBER_KEEPER, S_IRWXG | S_IRWXO},
    {"live", MEMBER_KEEPER, S_IWGRP | S_IWOTH},
    {"archive", MEMBER_KEEPER, S_IRWXG | S_IRWXO},
    {"evercert.db", MEMBER_ENGINE, S_IRWXG | S_IRWXO},
    {"evercert.db-wal", MEMBER_ENGINE, S_IRWXG | S_IRWXO},
    {"evercert.db-shm", MEMBER_ENGINE, S_IRWXG | S_IRWXO},
};

struct findings {
    const struct parent *p;
    struct arena *arena;
    const char *list[STATE_PROBLEMS_MAX];
    size_t n;
};

static const char *path_of(struct findings *f, const char *name)
{
    return strcmp(name, ".") == 0 ? f->p->options.state
                                  : arena_printf(f->arena, "%s/%s", f->p->options.state, name);
}

static void tell(struct findings *f, const char *text, const char *remedy)
{
    if (f->n < STATE_PROBLEMS_MAX)
        f->list[f->n++] = arena_printf(f->arena, "%s\n%s", text, remedy);
}

static void check_owner(struct findings *f, const char *path, uid_t is, uid_t wanted)
{
    char owner[USER_NAME_MAX], right[USER_NAME_MAX];
    if (is == wanted)
        return;
    tell(f,
        arena_printf(
            f->arena, "%s belongs to %s, not to %s", path, user_name(is, owner), user_name(wanted, right)),
        arena_printf(f->arena, "chown %s %s", right, path));
}

static void check_mode(
    struct findings *f, const char *path, const struct stat *st, mode_t never, const char *who)
{
    mode_t open = st->st_mode & never;
    if (open == 0)
        return;
    tell(f,
        arena_printf(f->arena, "%s can be %s by %s (mode %04o)", path,
            (open & (S_IRWXG | S_IRWXO)) == (open & (S_IWGRP | S_IWOTH)) ? "written" : "read",
            (open & S_IRWXO) != 0 ? "others" : who, (unsigned)st->st_mode & 07777U),
        arena_printf(f->arena, "chmod %s %s", (never & S_IROTH) != 0 ? "go=" : "go-w", path));
}

static void check_entry(struct findings *f, size_t i)
{
    const char *path = path_of(f, entries[i].name);
    struct stat st;
    if (fstatat(f->p->state, entries[i].name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        struct err err = ERR_INIT;
        if (err_errno(&err, errno, "%s", path) !=
            ERR_NOT_FOUND) /* what is not there yet is made as it must be */
            tell(f, err.text, "see that the file system of the state directory is mounted and whole");
        return;
    }
    if (S_ISLNK(st.st_mode)) {
        tell(f, arena_printf(f->arena, "%s is a symbolic link, which is not followed", path),
            "put the file or directory itself there; --state DIR is for another place of all of it");
        return;
    }
    uid_t owner = entries[i].owner == MEMBER_END_ ? geteuid() : member_uid(f->p, entries[i].owner);
    check_owner(f, path, st.st_uid, owner);
    check_mode(f, path, &st, entries[i].never, "its group");
}

/* Commands reach a daemon by it; this one did. */
static void check_control(struct findings *f)
{
    char path[PATH_MAX];
    struct stat st;
    if (f->p->options.daemon && control_socket_path(f->p->options.state, path, sizeof path, NULL) == 0 &&
        lstat(path, &st) == 0)
        check_mode(f, path, &st, S_IRWXG | S_IRWXO, "its group");
}

void state_check(struct parent *p, uint32_t id)
{
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct findings f = {.p = p, .arena = a};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        check_entry(&f, i);
    check_control(&f);
    struct msg_steps_checked m = {{f.list, f.n}, msg_error_of(NULL)};
    if (engine != NULL && channel_send(engine, MSG_steps_checked, id, &m, -1, &err) < 0)
        log_error("%s", err.text);
}
