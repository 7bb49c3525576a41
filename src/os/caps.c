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

/* A set with nothing in it but `keep`, effective and permitted; -1 for nothing. NULL with errno. */
static cap_t set_of(cap_value_t keep)
{
    cap_t set = cap_init();
    if (set != NULL && keep >= 0 &&
        (cap_set_flag(set, CAP_PERMITTED, 1, &keep, CAP_SET) < 0 ||
            cap_set_flag(set, CAP_EFFECTIVE, 1, &keep, CAP_SET) < 0)) {
        cap_free(set);
        return NULL;
    }
    return set;
}

static int reduce_sets(cap_value_t keep)
{
    cap_t wanted = set_of(keep);
    if (wanted == NULL)
        return errno;
    int e = cap_set_proc(wanted) < 0 ? errno : 0;
    cap_free(wanted);
    return e;
}

static bool is_reduced(cap_value_t keep)
{
    cap_t now = cap_get_proc(), wanted = set_of(keep);
    bool same = now != NULL && wanted != NULL && cap_compare(now, wanted) == 0;
    cap_free(now);
    cap_free(wanted);
    return same;
}

static bool is_held(cap_value_t cap)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t now = cap_get_proc();
    bool held = now != NULL && cap_get_flag(now, cap, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
    cap_free(now);
    return held;
}

static int drop_all_but(cap_value_t keep, struct err *err)
{
    int e;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot set no_new_privs");
    /* Kernels without ambient capabilities (before 4.3) have none to clear. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "cannot clear the ambient capabilities");
    if ((e = empty_bounding()) != 0 || (e = reduce_sets(keep)) != 0)
        return err_errno(err, e, "cannot drop capabilities");
    if (!is_reduced(keep))
        return err_set(err, ERR_PERMISSION, "capabilities are still held after dropping them");
    return 0;
}

int caps_drop_all(struct err *err)
{
    return drop_all_but(-1, err);
}

int caps_keep_reading(struct err *err)
{
    /* What containers usually give root is the stronger one alone. */
    cap_value_t keep = is_held(CAP_DAC_READ_SEARCH) ? CAP_DAC_READ_SEARCH
                       : is_held(CAP_DAC_OVERRIDE)  ? CAP_DAC_OVERRIDE
                                                    : -1;
    return drop_all_but(keep, err);
}
