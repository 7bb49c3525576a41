/* What is wrong with a configuration, collected while it is read: "FILE:LINE:COLUMN: key.path: message". */
#ifndef EVERCERT_CONFIG_PROBLEMS_H
#define EVERCERT_CONFIG_PROBLEMS_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* A place in a file. Lines and columns count from 1; line 0 means the file as a whole. */
struct mark {
    const char *file; /* NULL: the message names it itself */
    unsigned file_no; /* files are numbered in the order they are read */
    unsigned line, column;
};

/* A step of a key's path; the steps live on the stack of the reader and are only spelt out for a problem. */
struct where {
    const struct where *up; /* NULL: the whole file */
    const char *key;        /* NULL: an index */
    size_t index;
};

struct problem {
    struct mark mark;
    const char *text; /* with its place */
};

struct problems {
    struct arena *a; /* of the texts */
    struct problem list[CONFIG_PROBLEMS_MAX];
    size_t n;
    bool broken_file; /* a file could not be read at all, so what others refer to may stand there */
};

/* Adds one; beyond CONFIG_PROBLEMS_MAX it is dropped. `where` may be NULL. Text is made one clean line. */
void problem_add(struct problems *p, struct mark mark, const struct where *where, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* In the order of the files and their lines. */
void problems_sort(struct problems *p);

/* "docker.policy[0].authority" in `a`, for a problem that is found when the steps are gone. */
const char *where_text(const struct where *where, struct arena *a);

/* "FILE:LINE:COLUMN" in `a`. */
const char *mark_text(struct mark mark, struct arena *a);

enum { QUOTE_MAX = 200 };
/* Foreign text for a message: in double quotes, clean, cut to about 60 octets. Returns `out`. */
const char *quote(struct str text, char out[QUOTE_MAX]);

#endif
