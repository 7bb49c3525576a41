/*
 * The configuration of nginx as `nginx -T` prints it: every file whole, behind a line with its name. It is
 * read into directives that know the file and the place they stand at, so that a line can be added and the
 * rest stays as it is. Nothing is evaluated here but `include`.
 */
#ifndef EVERCERT_SITE_NGINX_READ_H
#define EVERCERT_SITE_NGINX_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NGINX_DUMP_MAX = 32 * 1024 * 1024, /* ten thousand sites are about 10 MB */
    NGINX_DEPTH_MAX = 32,              /* of blocks in blocks, and of files that include files */
    NGINX_WORDS_MAX = 2000000,         /* of all files together; a dump at its limit has fewer */
    NGINX_VISITS_MAX = 2000000, /* directives looked at when files are followed where they are included */
};

struct nginx_file {
    const char *path;                /* as nginx names it */
    struct str text;                 /* part of the dump */
    struct nginx_directive *content; /* the first of those that stand in no block of this file */
};

struct nginx_directive {
    const struct nginx_file *file;
    const char *const *words; /* its name first, without quotes and their escapes */
    size_t word_n;
    bool block;
    size_t begin; /* offset in the file of its first octet */
    size_t body;  /* of a block: of what is behind its brace */
    size_t end;   /* behind its semicolon or its closing brace */
    struct nginx_directive *inside, *next;
};

struct nginx_config {
    struct nginx_file *files; /* the main one first */
    size_t file_n;
};

/* Everything lives in `a`, or points into `dump`. ERR_INPUT names file and line of what nginx would not have
 * taken, and of what is not understood: Lua blocks. ERR_LIMIT beyond the limits above. */
int nginx_read(struct str dump, struct arena *a, struct nginx_config *out, struct err *err);

/* The line, from 1, that an offset of the file lies on. */
size_t nginx_line(const struct nginx_file *file, size_t offset);

/* Called for each directive of a list, those of included files in place of their include. Ends early with
 * what it returns but 0. */
typedef int nginx_visit_fn(const struct nginx_directive *d, void *arg, struct err *err);

/* Goes through `list` (the content of a file, or of a block), into files but not into blocks. ERR_LIMIT where
 * files include each other for ever; `visits` counts over several calls and begins as 0. */
int nginx_each(const struct nginx_config *c, const struct nginx_directive *list, nginx_visit_fn *fn,
    void *arg, size_t *visits, struct err *err);

#endif
