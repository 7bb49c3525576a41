/*
 * The way to a directory in which others may have a hand: a path of the operator's that leads through what
 * belongs to services and users (publish:). It is walked one component after the other, so that nobody can
 * turn it to another place, and nobody can put a file of his own into the place of what is written there.
 */
#ifndef EVERCERT_OS_TRUSTED_H
#define EVERCERT_OS_TRUSTED_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Symbolic links on one way; real ones have two or three (/var/run, a mount that moved). */
enum { TRUSTED_LINKS_MAX = 16 };

struct trusted_rule {
    bool secret; /* what is written there holds a key: no directory on the way may be for others to change */
    gid_t group; /* of what is written there: its members may write directories, as root's may */
};

/*
 * Opens the directory of that absolute path, for use as `at` (os/file.h). A symbolic link is followed where
 * nobody but root and we can have put it there: it and the directory it lies in belong to one of us, and no
 * one else may rename things in that directory; ERR_REFUSED otherwise, naming the link. With rule->secret
 * also for a directory where others may do so (writable, without the sticky bit), and for a last one that is
 * writable by others at all; the text has the chmod that repairs it. ERR_NOT_FOUND where a directory is
 * missing, ERR_LIMIT for too many links. Only who may search the directories on the way is judged by the
 * system.
 */
int dir_open_trusted(const char *path, const struct trusted_rule *rule, int *out, struct err *err);

#endif
