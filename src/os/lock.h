/* One evercert per state directory. */
#ifndef EVERCERT_OS_LOCK_H
#define EVERCERT_OS_LOCK_H

#include "base/err.h"

#include <sys/types.h>

/*
 * Takes the exclusive lock of file `name` (0600, made where missing) in directory `dir`, without waiting, and
 * writes our process number into it. The lock lasts until *out_fd is closed (in every process that has a copy
 * of it) or the holder dies; the file stays. ERR_LOCKED: another process holds it; *holder (may be NULL) is
 * its process number, or 0 where it has not been written yet. An open-file lock: it holds between threads and
 * is not lost when some library closes the same file. A symlink is refused.
 */
int lock_take(int dir, const char *name, int *out_fd, pid_t *holder, struct err *err);

#endif
