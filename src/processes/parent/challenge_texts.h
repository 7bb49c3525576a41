/*
 * The texts around programs that answer challenges, decoded: files of variables that an operator writes, what
 * acme.sh's scripts say of themselves, and what they want kept until they run again. All with hard limits.
 */
#ifndef EVERCERT_PROCESSES_PARENT_CHALLENGE_TEXTS_H
#define EVERCERT_PROCESSES_PARENT_CHALLENGE_TEXTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/deploy.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    VARIABLES_MAX = 256,            /* of one file, and of what is kept; scripts have ten at most */
    VARIABLES_TEXT_MAX = 64 * 1024, /* octets of such a file; a service account's key takes 3 kB */
    VARIABLE_NAME_MAX = 128,        /* octets */
    SCRIPT_TEXT_MAX = 1024 * 1024,  /* of a script of acme.sh; the longest has 40 kB */
    SCRIPT_OPTIONS_MAX = 64,        /* that one script declares; twenty are the most */
};

struct variables {
    struct pair list[VARIABLES_MAX]; /* each name once */
    size_t n;
};

/* A letter or '_', then those and digits, of at most VARIABLE_NAME_MAX octets: what a shell can name. */
bool variable_name_ok(struct str name);
/* One that says where programs and libraries come from (PATH, LD_..., and what shells read at their start),
 * or is ours to give: nobody else may set it. */
bool variable_is_reserved(struct str name);
/* The value, or NULL. */
const char *variables_get(const struct variables *v, const char *name);
/* Sets one, in the place of an earlier one of that name; texts are not copied. ERR_LIMIT where there are too
 * many. */
int variables_set(struct variables *v, const char *name, const char *value, struct err *err);

/* Lines NAME=value into `out`, over what is there; texts in `a`. "export " before a name is passed over, and
 * so are empty lines and those that begin with '#'. A value goes to the end of its line; where it stands in
 * single or double quotes, they are taken off, and nothing in it is special. ERR_INPUT with the number of the
 * line, never its text, which may be a secret; ERR_LIMIT. */
int variables_read(struct str text, struct arena *a, struct variables *out, struct err *err);

/* What is kept: lines "NAME=base64url". Read: ERR_INPUT for anything else, ERR_LIMIT. `out` begins empty. */
int kept_read(struct str text, struct arena *a, struct variables *out, struct err *err);
/* Appends those lines. */
void kept_write(const struct variables *v, struct buf *out);
/* What a script said while it ran: lines "a NAME=base64url" (of its account) and "d NAME=base64url" (of the
 * certificate), each to be set in its own list; without "=..." to be forgotten. ERR_INPUT, ERR_LIMIT, and
 * both lists may be changed in part then. *account_changed and *domain_changed are set to true where they
 * were. */
int kept_apply(struct str lines, struct arena *a, struct variables *account, struct variables *domain,
    bool *account_changed, bool *domain_changed, struct err *err);

/* The variables that a script of that name ("dns_cf") declares in NAME_info='...' below "Options:" and
 * "OptionsAlt:", at most `max` of them, in `out` (texts in `a`). Returns how many: 0 where it declares none.
 */
size_t script_options(struct str text, const char *name, struct arena *a, const char **out, size_t max);

#endif
