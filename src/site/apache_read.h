/* What Apache says of its own configuration: `-t -D DUMP_VHOSTS -D DUMP_RUN_CFG -D DUMP_MODULES -D
 * DUMP_INCLUDES`. */
#ifndef EVERCERT_SITE_APACHE_READ_H
#define EVERCERT_SITE_APACHE_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    APACHE_DUMP_MAX = 32 * 1024 * 1024, /* a hundred thousand hosts have a hundred octets each */
    APACHE_LINES_MAX = 500000,
};

/* A <VirtualHost> at one of its addresses. */
struct apache_host {
    const char *address; /* "*", "127.0.0.1", "[::]" */
    unsigned port;       /* 0: any */
    const char *file;    /* "" : it does not stand in a file (a macro) */
    size_t line;         /* of its <VirtualHost> */
    const char **names;  /* ServerName, and aliases where Apache says them */
    size_t name_n, name_cap;
};

struct apache_dump {
    struct apache_host *hosts;
    size_t host_n;
    const char **files; /* all that were read, the main one first */
    size_t file_n;
    const char **modules; /* "ssl_module" */
    size_t module_n;
    const char *pid_file; /* "" : not said */
};

/* Lines that mean nothing here are passed over; texts live in `a`. ERR_INPUT where there is no list of hosts
 * at all, ERR_LIMIT beyond the limits. */
int apache_dump_read(struct str dump, struct arena *a, struct apache_dump *out, struct err *err);

bool apache_has_module(const struct apache_dump *d, const char *name);

#endif
