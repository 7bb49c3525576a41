/*
 * What an installation changes in a server's configuration, and how that is taken back. Everything is written
 * into a journal before the first change, so that whatever ends the program, the next run can put back what
 * was there.
 */
#ifndef EVERCERT_CLI_INSTALL_CHANGE_H
#define EVERCERT_CLI_INSTALL_CHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "site/site.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    CHANGES_MAX = 256,                  /* a certificate has a hundred names, and few sites */
    CHANGE_FILE_MAX = 16 * 1024 * 1024, /* a file that a line is added to */
    JOURNAL_MAX = 256 * 1024 * 1024,
};

enum change_kind {
    CHANGE_FOLDER, /* made where it is missing; put back: removed where it is empty */
    CHANGE_FILE,   /* made, replaced, or removed */
    CHANGE_LINE,   /* text put into a file of the operator's, and nothing else of it touched */
    CHANGE_LINK,   /* a symbolic link, made or removed */
};

/* Texts live in an arena; one with p NULL means that there is no such file. Paths are absolute, and no link
 * is followed at their end. */
struct change {
    enum change_kind kind;
    const char *path;
    bool late;         /* only when the certificate is there */
    struct str first;  /* of a file: what stands in it until then */
    struct str text;   /* of a file: what stands in it at last; of a link: where it points; of a line: it */
    struct str before; /* of a file and a link: what was there */
    size_t at;         /* of a line: where it goes */
    struct str above;  /* of a line: the file up to there, which must still be so */
};

struct changes {
    struct change list[CHANGES_MAX];
    size_t n;
    struct arena *a;
};

/* Adds one. ERR_LIMIT for too many. */
int changes_add(struct changes *c, const struct change *one, struct err *err);
/* A file that shall have that content, `first` until the certificate is there; nothing where it has it. */
int changes_add_file(struct changes *c, const char *path, struct str first, struct str text, struct err *err);

/* The file's content in the arena (p NULL: there is none), not through a symbolic link. */
int change_read(const char *path, struct arena *a, struct str *out, struct err *err);

/* Every folder that something is written in can be written to. ERR_PERMISSION says what cannot. */
int changes_allowed(const struct changes *c, struct err *err);
/* Makes the early ones (late false), or all the others. Stops at the first that fails. */
int changes_make(const struct changes *c, bool late, struct err *err);
/* Undoes them, the last one first, whether they were made or not, as far as that goes. Returns the first
 * failure. */
int changes_undo(const struct changes *c, struct err *err);
/* Removes what interrupted writes left where the changes are: names that os/file.h makes, and no other. */
void changes_sweep(const struct changes *c);
/* What would change, as diffs. */
void changes_show(const struct changes *c, struct buf *out);

/* The journal: text for a file, and back. `check` and `reload` are the server's commands. */
void journal_write(
    const struct changes *c, const char *const *check, const char *const *reload, struct buf *out);
int journal_read(struct str text, struct changes *out, const char *const **check, const char *const **reload,
    struct err *err);

#endif
