/*
 * Files and directories, always relative to an open directory and always durable when a call returns.
 * `at` is a directory's descriptor or AT_FDCWD. A `name` is one plain component (no '/', not "." or "..");
 * anything else is ERR_USAGE. A `path` may have several components. What is written appears whole or not at
 * all: it is made under a temporary name (FILE_TEMP_PREFIX) in the same directory and renamed into place, so
 * after a crash nothing but such names is left over, and dir_sweep() takes them away.
 */
#ifndef EVERCERT_OS_FILE_H
#define EVERCERT_OS_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <sys/types.h>

#define FILE_TEMP_PREFIX ".tmp-"
/* Prefix, 16 hexadecimal digits, terminator. */
enum { FILE_TEMP_NAME_MAX = 32 };

/* dir_remove() goes this deep and removes this many entries, then it gives up: our own trees are two levels
 * deep with a few files each, so more than that means it was pointed at the wrong thing. */
enum { DIR_REMOVE_DEPTH_MAX = 8, DIR_REMOVE_ENTRIES_MAX = 100000 };

/* "Leave the owner (the group) as it is", for the *_owned functions. */
#define FILE_UID_KEEP ((uid_t)-1)
#define FILE_GID_KEEP ((gid_t)-1)

/* Closes *fd where it is >= 0 and sets it to -1. For ATTR_CLEANUP(fd_close); keeps errno. */
void fd_close(int *fd);

/* Writes all of it, however often it is interrupted or takes only a part. 0, or an errno value: some of it
 * may be written then. */
int fd_write_all(int fd, struct str bytes);

/* Opens a directory for use as `at`: CLOEXEC, read-only. A symlink as the last component is refused
 * (ERR_REFUSED); earlier components may be symlinks. */
int dir_open(int at, const char *path, int *out, struct err *err);

/* Opens the directory that `path`'s last component lies in ("a" lies in `at`) and points *name at that last
 * component inside `path`. Symlinks are followed; where others may have put them there, see os/trusted.h.
 * ERR_USAGE where the last component is empty, "." or "..". */
int dir_open_parent(int at, const char *path, int *out, const char **name, struct err *err);

/* Makes directory `name` with exactly `mode` where it does not exist, and opens it. The umask does not
 * matter, unless it shuts out the owner: then ERR_PERMISSION, and nothing is left. An existing directory
 * keeps its mode and owner. A symlink or another kind of file is ERR_REFUSED. A new one is durable. */
int dir_make(int at, const char *name, mode_t mode, int *out, struct err *err);

/* As dir_make, but a new one may be gone after a power loss: for a directory that gets its name, and is made
 * durable, when what it holds is complete. */
int dir_make_unsynced(int at, const char *name, mode_t mode, int *out, struct err *err);

/* Makes a file's or directory's entries durable (fsync). */
int dir_sync(int fd, struct err *err);

/*
 * Calls fn for every entry but "." and "..", in the order the file system gives. `type` is a DT_ constant of
 * <dirent.h>, never DT_UNKNOWN unless the entry is gone already. fn returns 0 to go on; anything else ends
 * the walk and is returned (fill `err` when it is negative). fn may remove the entry it was given.
 */
typedef int dir_fn(int dir, const char *name, int type, void *arg, struct err *err);
int dir_each(int at, dir_fn *fn, void *arg, struct err *err);

/* Removes `name`: a file, a symlink (not what it points at) or a whole tree within the bounds above
 * (ERR_LIMIT beyond them; what was removed by then stays removed). Never goes into another file system.
 * ERR_NOT_FOUND where there is none. */
int dir_remove(int at, const char *name, struct err *err);

/* Moves the directory `name` into another one, where there must be none of that name. In another file system
 * it is copied, appears there whole, and is removed here after that; then it may hold nothing but files of at
 * most DIR_MOVE_FILE_MAX octets (ERR_REFUSED, ERR_LIMIT), and the copies are the caller's own. */
enum { DIR_MOVE_FILE_MAX = 1024 * 1024 };
int dir_move(int from, const char *name, int to, struct err *err);

/* Removes leftovers of interrupted writes: every entry whose name starts with FILE_TEMP_PREFIX, trees
 * included. Only for directories that nobody else is writing to (the caller holds the state's lock). */
int dir_sweep(int at, struct err *err);

/* Whether `name` is one plain component: ERR_USAGE where it is empty, ".", ".." or contains '/'. */
int file_check_name(const char *name, struct err *err);

/* A fresh random name with FILE_TEMP_PREFIX, for what is built aside and renamed (a directory of a new
 * generation). Returns `out`. */
const char *file_temp_name(char out[FILE_TEMP_NAME_MAX]);

/*
 * Appends the whole regular file to `out`. Symlinks are followed. Larger than `max` bytes: ERR_LIMIT; not a
 * regular file: ERR_INPUT. On failure `out` may hold a part (give a sensitive buffer for secrets). `path` is
 * named in every error.
 */
int file_read(int at, const char *path, size_t max, struct buf *out, struct err *err);

/* As file_read for keys, tokens and passwords: ERR_PERMISSION, with the chmod that repairs it, where group or
 * others may read or write the file, or where it belongs neither to us nor to root. The check is made on the
 * open file, so nothing can be swapped in between. Files of $CREDENTIALS_DIRECTORY (systemd shows their
 * access list as group bits) may be readable by group. */
int file_read_secret(int at, const char *path, size_t max, struct buf *out, struct err *err);

/* Creates `name`, which must not exist (ERR_EXISTS; a dangling symlink counts), with exactly `mode` from its
 * birth whatever the umask says, writes `bytes` and syncs the file (not the directory: dir_sync). On failure
 * nothing is left. Full disk: ERR_SPACE. */
int file_write_new(int at, const char *name, mode_t mode, struct str bytes, struct err *err);
/* As file_write_new, but what it writes may be gone after a power loss until the caller has synced it: for
 * many files that are made durable at once. */
int file_write_new_unsynced(int at, const char *name, mode_t mode, struct str bytes, struct err *err);
/* Makes everything durable that was written to the file system that `fd` is in (syncfs): a failed write to it
 * shows here. */
int file_system_sync(int fd, struct err *err);
/* As file_write_new with an owner and a group that are set before the first byte is written. */
int file_write_new_owned(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err);

/* Creates or replaces `name` atomically and durably: readers see the old bytes or the new ones. A symlink of
 * that name is replaced, not followed. A directory of that name is an error. */
int file_replace(int at, const char *name, mode_t mode, struct str bytes, struct err *err);
int file_replace_owned(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err);

/* As file_replace_owned, in a directory that is never swept, for it is somebody else's: what an interruption
 * left of an earlier write of that very name is taken away by the next. */
int file_replace_away(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err);

/* Makes the symlink `name` point at `target`, atomically and durably: at every instant `name` is the old link
 * or the new one. A regular file of that name is replaced too; a directory is an error. */
int link_switch(int at, const char *name, const char *target, struct err *err);
/* The same; after a power loss it may be the old one until the caller has called dir_sync(at). */
int link_switch_unsynced(int at, const char *name, const char *target, struct err *err);

#endif
