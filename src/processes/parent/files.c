/* key-group: the keeper makes key files for itself alone; only the parent may hand them to a group. */
#include "processes/parent/parent.h"

#include "os/file.h"
#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int give(int dir, const char *name, gid_t gid, unsigned mode, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, FILE_UID_KEEP, gid) != 0 || fchmod(fd, mode) != 0)
        return err_errno(err, errno, "giving %s to group %u (key-group)", name, (unsigned)gid);
    return 0;
}

int files_give_group(struct parent *p, const struct wish *w, struct err *err)
{
    gid_t gid;
    if (w->key_group[0] == '\0' || w->csr[0] != '\0') /* of a request: there is no key here */
        return 0;
    int r = group_by_name(w->key_group, &gid, err);
    if (r < 0)
        return err_prefix(err, "key-group");
    int live ATTR_CLEANUP(fd_close) = -1;
    if ((r = dir_open(p->state, "live", &live, err)) < 0)
        return r;
    int dir ATTR_CLEANUP(fd_close) = openat(live, w->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, errno, "live/%s", w->name);
    if ((r = give(dir, "privkey.pem", gid, w->key_mode, err)) < 0)
        return r;
    return give(dir, "combined.pem", gid, w->key_mode, err);
}
