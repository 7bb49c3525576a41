/* Users, groups and giving up privileges. */
#ifndef EVERCERT_OS_USER_H
#define EVERCERT_OS_USER_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

enum {
    USER_NAME_MAX = 64, /* Linux allows 32 characters */
    USER_HOME_MAX = 1024,
    USER_GROUPS_MAX = 256 /* supplementary groups kept for a hook's user; more are ERR_LIMIT */
};

struct user {
    uid_t uid;
    gid_t gid; /* primary group */
    char name[USER_NAME_MAX];
    char home[USER_HOME_MAX]; /* "/" where none is known */
};

/* Look up a user or a group by its name; a decimal number is taken as the id itself where no name matches (a
 * container's image may lack the entry). ERR_NOT_FOUND names it. */
int user_by_name(const char *name, struct user *out, struct err *err);
int group_by_name(const char *name, gid_t *out, struct err *err);

/* Who we are (effective ids). Never fails: without an entry the name is the number. */
void user_current(struct user *out);

/* The name of a uid, or its number. Returns `out`. */
const char *user_name(uid_t uid, char out[USER_NAME_MAX]);
/* The same of a gid. */
const char *group_name(gid_t gid, char out[USER_NAME_MAX]);

/* The supplementary groups the user would log in with, primary group included. */
int user_groups(const struct user *u, gid_t out[USER_GROUPS_MAX], size_t *out_n, struct err *err);

/*
 * Become uid:gid for good: no supplementary groups, real, effective and saved ids set, and verified that
 * there is no way back. Without the right to change users it succeeds only where we are that user already
 * (supplementary groups then stay, as they cannot be dropped); otherwise ERR_PERMISSION.
 */
int user_become(uid_t uid, gid_t gid, struct err *err);

/* The same with exactly these supplementary groups, for child processes between fork and exec: it allocates
 * nothing and returns 0 or an errno value. */
int user_switch(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_n);

/* Empty every capability set (bounding where permitted, ambient, inheritable, permitted, effective) and set
 * no_new_privs: for a process that stays uid 0 but needs none of its powers. No way back. Verified. */
int caps_drop_all(struct err *err);
/* The same but for the one that lets root read the files of other users: CAP_DAC_READ_SEARCH, or
 * CAP_DAC_OVERRIDE where that is not held. Who calls it should be in a sandbox that writes nothing. */
int caps_keep_reading(struct err *err);

#endif
