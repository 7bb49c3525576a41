/* Could a directory be written to just now? Tried, and not guessed from modes. */
#ifndef EVERCERT_OS_STORAGE_H
#define EVERCERT_OS_STORAGE_H

#include "base/err.h"

#include <stdbool.h>

enum {
    /* Room that must be left before an order is begun. One writes less than 300 kB: five files and their
     * directories, a row with its chain, the exchange in the history, both in the -wal and once more in the
     * database; the rest is for those that run beside it. */
    STORAGE_FREE_MIN = 1024 * 1024,
};

/*
 * Writes a file of a few kilobytes in the directory `dir`, syncs it, reads it back, renames it, syncs the
 * directory and removes it; with `links` a symlink is switched as well. Nothing is left behind. `path` is for
 * the error, which says what is wrong and what the reader can do: ERR_SPACE (less than STORAGE_FREE_MIN, or
 * no inode), ERR_PERMISSION, ERR_IO (what was written is not what is read), ERR_REFUSED (a file system that
 * cannot do that). Blocks for as long as the disk takes.
 */
int storage_try(int dir, const char *path, bool links, struct err *err);

#endif
