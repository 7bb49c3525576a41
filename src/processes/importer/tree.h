/*
 * Another client's state as a tree of files, to be read and never left: every path is relative to the folder
 * (or is the one file) that was given, and a symbolic link is followed only where it stays below that folder.
 * The sandbox forbids the rest once more.
 */
#ifndef EVERCERT_PROCESSES_IMPORTER_TREE_H
#define EVERCERT_PROCESSES_IMPORTER_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    /* Most bytes of one file: keys, chains and settings have some kB. */
    TREE_FILE_MAX = 1024 * 1024,
    /* acme.json holds every certificate of a Traefik. */
    TREE_STORE_MAX = 64 * 1024 * 1024,
    /* Entries of one folder: one for each of the certificates and then some files beside each. */
    TREE_ENTRIES_MAX = 600000,
    /* As the kernel's own limit for links in one path. */
    TREE_LINKS_MAX = 40,
};

struct tree {
    struct arena *a;
    const char *path; /* as given, absolute */
    const char *real; /* without symbolic links */
    int fd;           /* of the folder or the file */
    bool is_file;
    struct tree_ids *users, *groups;
};

/* A file's or folder's mode and owner. */
struct tree_stat {
    mode_t mode; /* permission bits */
    bool is_folder;
    const char *owner, *group; /* names, or numbers where this machine has none */
    off_t size;
};

struct tree_names {
    const char **items; /* sorted by bytes */
    size_t n;
};

/* Opens `path`, and reads the names of users and groups, all before the sandbox. ERR_INPUT for what is
 * neither a folder nor a file. To be closed with tree_close; texts live in `a`. */
int tree_open(const char *path, struct arena *a, struct tree *out, struct err *err);
void tree_close(struct tree *t);

/* Appends the file; "" is the tree's own file where it is one. ERR_NOT_FOUND, also where a link leads to
 * nothing; ERR_REFUSED where it leads out of the tree; ERR_LIMIT above `max` bytes; ERR_INPUT for what is no
 * regular file. `out` should be sensitive where a key may be in it. */
int tree_read(const struct tree *t, const char *path, size_t max, struct buf *out, struct err *err);
/* tree_read of a text without secrets, into the arena. */
int tree_text(const struct tree *t, const char *path, size_t max, struct str *out, struct err *err);
/* The names in a folder but for "." and "..". ERR_NOT_FOUND, ERR_REFUSED as above; ERR_LIMIT for too many. */
int tree_list(const struct tree *t, const char *path, struct tree_names *out, struct err *err);

/* Of what the path leads to. Errors as tree_read. */
int tree_stat(const struct tree *t, const char *path, struct tree_stat *out, struct err *err);
/* The same of an absolute path outside of the tree; nothing is opened. */
int tree_stat_outside(const struct tree *t, const char *path, struct tree_stat *out, struct err *err);
bool tree_is_folder(const struct tree *t, const char *path);
bool tree_is_file(const struct tree *t, const char *path);

/* Joins with '/'; an empty part is left out. In the arena. */
const char *tree_join(const struct tree *t, const char *a, const char *b);
/* The absolute path, as people know it. In the arena. */
const char *tree_absolute(const struct tree *t, const char *path);
/* The way from the tree to an absolute path ("" for the tree itself), by what the paths say; NULL where it is
 * not below. */
const char *tree_below(const struct tree *t, const char *absolute);

#endif
