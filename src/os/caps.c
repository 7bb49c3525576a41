/* The capabilities' part of os/user.h; apart, so that only who calls it links libcap. */
#include "os/user.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>

/* Highest capability number asked about: the kernel's sets have 64 bits. */
enum { CAP_NUMBERS = 64 };

/* Needs CAP_SETPCAP. Without it the bounding set stays as it is, which matters little: it only limits what an
 * exec can gain, and no_new_privs already stops every gain. */
static int empty_bounding(void)
{
    for (int c = 0; c < CAP_NUMBERS; c++) {
        int held = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
        if (held < 0)
            break; /* beyond the kernel's last capability */
        if (held == 1 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
            return errno;
    }
    return 0;
}

static int empty_sets(void)
{
    cap_t none = cap_init();
    if (none == NULL)
        return errno;
    int e = cap_set_proc(none) < 0 ? errno : 0;
    cap_free(none);
    return e;
}

static bool all_empty(void)
{
    cap_t now = cap_get_proc(), none = cap_init();
    bool empty = now != NULL && none != NULL && cap_compare(now, none) == 0;
    cap_free(now);
    cap_free(none);
    return empty;
}

int caps_drop_all(struct err *err)
{
    int e;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot set no_new_privs");
    /* Kernels without ambient capabilities (before 4.3) have none to clear. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "cannot clear the ambient capabilities");
    if ((e = empty_bounding()) != 0 || (e = empty_sets()) != 0)
        return err_errno(err, e, "cannot drop capabilities");
    if (!all_empty())
        return err_set(err, ERR_PERMISSION, "capabilities are still held after dropping them");
    return 0;
}
