#include "os/user.h"

#include "base/str.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ENTRY_FIRST = 4096, /* usual size of an entry of the user database */
    ENTRY_MAX = 1 << 20 /* a group of a large directory service lists thousands of members */
};

/* (uid_t)-1 means "leave" to the system calls, so it is nobody's number. */
static bool to_id(const char *text, uint32_t *out)
{
    uint64_t v;
    if (!str_to_u64(str_c(text), UINT32_MAX - 1, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

static void copy_user(struct user *out, const struct passwd *p)
{
    out->uid = p->pw_uid;
    out->gid = p->pw_gid;
    snprintf(out->name, sizeof out->name, "%s", p->pw_name);
    snprintf(out->home, sizeof out->home, "%s", p->pw_dir != NULL && p->pw_dir[0] != '\0' ? p->pw_dir : "/");
}

static void number_user(struct user *out, uid_t uid, gid_t gid)
{
    *out = (struct user){.uid = uid, .gid = gid, .home = "/"};
    snprintf(out->name, sizeof out->name, "%u", (unsigned)uid);
}

/* What is looked up: by name, or by number where name is NULL. Returns 0, ENOENT or another errno value; the
 * database's many ways to say "no such entry" all become ENOENT. */
static int find_user(const char *name, uid_t uid, struct user *out)
{
    for (size_t n = ENTRY_FIRST; n <= ENTRY_MAX; n *= 2) {
        char *space = malloc(n);
        if (space == NULL)
            return ENOMEM;
        struct passwd entry, *found = NULL;
        int e = name != NULL ? getpwnam_r(name, &entry, space, n, &found)
                             : getpwuid_r(uid, &entry, space, n, &found);
        if (found != NULL)
            copy_user(out, found);
        free(space);
        if (found != NULL)
            return 0;
        if (e != ERANGE)
            return e == ENOMEM || e == EIO || e == EMFILE || e == ENFILE ? e : ENOENT;
    }
    return ERANGE;
}

static int find_group(const char *name, gid_t *out)
{
    for (size_t n = ENTRY_FIRST; n <= ENTRY_MAX; n *= 2) {
        char *space = malloc(n);
        if (space == NULL)
            return ENOMEM;
        struct group entry, *found = NULL;
        int e = getgrnam_r(name, &entry, space, n, &found);
        if (found != NULL)
            *out = found->gr_gid;
        free(space);
        if (found != NULL)
            return 0;
        if (e != ERANGE)
            return e == ENOMEM || e == EIO || e == EMFILE || e == ENFILE ? e : ENOENT;
    }
    return ERANGE;
}

int user_by_name(const char *name, struct user *out, struct err *err)
{
    uint32_t id;
    int e = find_user(name, 0, out);
    if (e == ENOENT && to_id(name, &id)) {
        if (find_user(NULL, id, out) != 0)
            number_user(out, id, id);
        return 0;
    }
    if (e == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no user \"%s\" on this system", name);
    return e != 0 ? err_errno(err, e, "cannot look up user \"%s\"", name) : 0;
}

int group_by_name(const char *name, gid_t *out, struct err *err)
{
    uint32_t id;
    int e = find_group(name, out);
    if (e == ENOENT && to_id(name, &id)) {
        *out = id;
        return 0;
    }
    if (e == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no group \"%s\" on this system", name);
    return e != 0 ? err_errno(err, e, "cannot look up group \"%s\"", name) : 0;
}

void user_current(struct user *out)
{
    if (find_user(NULL, geteuid(), out) != 0)
        number_user(out, geteuid(), getegid());
    out->gid = getegid();
}

const char *user_name(uid_t uid, char out[USER_NAME_MAX])
{
    struct user u;
    if (find_user(NULL, uid, &u) != 0)
        number_user(&u, uid, 0);
    snprintf(out, USER_NAME_MAX, "%s", u.name);
    return out;
}

const char *group_name(gid_t gid, char out[USER_NAME_MAX])
{
    snprintf(out, USER_NAME_MAX, "%u", (unsigned)gid);
    for (size_t n = ENTRY_FIRST; n <= ENTRY_MAX; n *= 2) {
        char *space = malloc(n);
        struct group entry, *found = NULL;
        int e = space == NULL ? ENOMEM : getgrgid_r(gid, &entry, space, n, &found);
        if (found != NULL)
            snprintf(out, USER_NAME_MAX, "%s", found->gr_name);
        free(space);
        if (e != ERANGE)
            break;
    }
    return out;
}

int user_groups(const struct user *u, gid_t out[USER_GROUPS_MAX], size_t *out_n, struct err *err)
{
    int n = USER_GROUPS_MAX;
    if (getgrouplist(u->name, u->gid, out, &n) < 0)
        return err_set(err, ERR_LIMIT, "user \"%s\" is in more than %d groups", u->name, USER_GROUPS_MAX);
    *out_n = (size_t)n;
    return 0;
}

/* ---- becoming another ---- */

static bool ids_are(uid_t uid, gid_t gid)
{
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (u[i] != uid || g[i] != gid)
            return false;
    }
    return true;
}

int user_switch(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_n)
{
    if (uid == (uid_t)-1 || gid == (gid_t)-1)
        return EINVAL;
    /* Already there: without the right to change groups (not root, or a container's bare root) they stay. */
    if (ids_are(uid, gid))
        return setgroups(groups_n, groups) == 0 || errno == EPERM ? 0 : errno;
    if (setgroups(groups_n, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return errno;
    /* A system where these lie is one where nothing else may be trusted either. */
    if (!ids_are(uid, gid))
        return EPERM;
    if (uid != 0 &&
        (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, gid + 1, (gid_t)-1) == 0))
        return EPERM;
    return 0;
}

int user_become(uid_t uid, gid_t gid, struct err *err)
{
    int e = user_switch(uid, gid, NULL, 0);
    if (e == 0)
        return 0;
    return err_errno(
        err, e, "cannot become user %u, group %u (only root can change users)", (unsigned)uid, (unsigned)gid);
}
