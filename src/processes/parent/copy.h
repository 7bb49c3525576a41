/* One copy of a certificate beside live/ (publish:): where it goes, whether it is there as it should be, and
 * how it is written. The path is the operator's word, but what lies on the way and at its end may be others':
 * nothing is followed, or written over, that somebody else could have put there. */
#ifndef EVERCERT_PROCESSES_PARENT_COPY_H
#define EVERCERT_PROCESSES_PARENT_COPY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/wish.h"

#include <stdbool.h>
#include <sys/types.h>

/* Longest copy: a chain at its limit and a key. */
enum { COPY_MAX = 1200 * 1024 };

struct copy {
    const struct publication *publication;
    const char *path; /* whole; `name` is its end */
    const char *name;
    int dir; /* where it lies */
    uid_t uid;
    gid_t gid;
    mode_t mode;
    bool fits;           /* there is a file with this owner, group and mode */
    struct buf existing; /* what is in it; empty where there is none, or none that could be ours */
};

/* Where that publication of the wish (of the variant, see wish_select) goes and what there is now; nothing is
 * changed. Errors say what is in the way and what the operator can do: ERR_REFUSED for a link, a directory or
 * a special file at the path, and for a way through what others may change (os/trusted.h); ERR_NOT_FOUND for
 * a directory, a user or a group that does not exist; ERR_PERMISSION for an owner or group that only root can
 * give. Texts live in `a`. The caller ends it with copy_close, on success only. */
int copy_open(
    const struct wish *w, const struct publication *p, struct arena *a, struct copy *out, struct err *err);
/* Whose it is to be and the directory it goes to (at `path`), without a look at what is there; errors as
 * above but for what is in the way. `p` and `path` are not copied. */
int copy_place(
    const struct publication *p, const char *path, struct arena *a, struct copy *out, struct err *err);
/* Whether it holds exactly these bytes, as its owner, group and mode should be. */
bool copy_is(const struct copy *c, struct str bytes);
/* Writes it, atomically and durably; on failure the old one stays. */
int copy_write(const struct copy *c, struct str bytes, struct err *err);
/* Puts behind an error of writing there what helps where the file system is read-only for us. Its code. */
int copy_explain(const struct copy *c, struct err *err);
void copy_close(struct copy *c);
/* Appends the password of a pkcs12 to `out`, a sensitive buffer: the line in that file, nothing for "".
 * Errors as file_read_secret; ERR_INPUT for more than a line. */
int copy_password(const char *file, struct buf *out, struct err *err);
/* Whether that publication could be written, errors as copy_open; nothing is changed. */
int copy_check(const struct wish *w, const struct publication *p, struct arena *a, struct err *err);

#endif
