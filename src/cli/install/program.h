/* Programs of a web server, run for an answer: no shell, a clean environment, a time limit, output with
 * bounds. */
#ifndef EVERCERT_CLI_INSTALL_PROGRAM_H
#define EVERCERT_CLI_INSTALL_PROGRAM_H

#include "base/buf.h"
#include "base/err.h"

enum {
    PROGRAM_TIME_S = 60,          /* the check of a large configuration takes seconds */
    PROGRAM_SAID_MAX = 64 * 1024, /* kept of standard error */
    PROGRAM_QUOTED_MAX = 1000,    /* of it in an error, from its end */
};

#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Runs argv (argv[0] absolute; ends with NULL) and appends its standard output to `out` (NULL: dropped). What
 * is more than `out` takes is ERR_LIMIT, more than PROGRAM_TIME_S is ERR_TIMEOUT, and it is ended then;
 * another exit status than 0 is ERR_FAILED with the end of what it said on standard error. */
int program_run(const char *const *argv, struct buf *out, struct err *err);

/* argv as one text that config/settings.h's splitting of "deploy" takes apart again. */
void program_line(const char *const *argv, struct buf *out);

#endif
