/* evercert install and uninstall: what both servers have in common. */
#ifndef EVERCERT_CLI_INSTALL_INSTALL_H
#define EVERCERT_CLI_INSTALL_INSTALL_H

#include "cli/command_table.h"
#include "cli/install/change.h"
#include "cli/install/program.h"
#include "site/site.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    INSTALL_ENDS_MAX = 64, /* addresses that are asked whether a change is in force */
    INSTALL_WAIT_S = 15,   /* for that: a reload of thousands of sites takes seconds */
};

/* Where a site can be reached from here. */
struct install_end {
    const char *address; /* "127.0.0.1", "::1" */
    const char *host;    /* whom to ask for */
};

struct install {
    const struct invocation *i;
    const struct server_kind *kind;
    struct arena *a;
    const char *program; /* the server's control program, absolute */
    const char *config;  /* --server-config, absolute; NULL: the server's own */
    const char **names;  /* -d, as A-labels */
    size_t name_n;
    struct site site;
    const char *const *reload; /* the command that makes the server read its configuration again */
    struct changes changes;
    struct install_end ends[INSTALL_ENDS_MAX];
    size_t end_n;
    bool removes;                /* uninstall */
    const char *stopped;         /* why the server cannot reload, where that is known; else NULL */
    const char *old_certificate; /* of uninstall: what the site had; NULL: not known */
    const char *folder;          /* of our files; NULL: not known yet */
    void *config_read;           /* of the kind: struct nginx_view, struct apache_view */
};

struct server_kind {
    const char *word;            /* "nginx" */
    const char *const *programs; /* to be looked for, the first that is there is taken; ends with NULL */
    const char *const *units;    /* of systemd; ends with NULL */
    const char *config_option;   /* "-c" */
    const char *const *check;    /* words behind the program and its options; end with NULL */
    const char *const *reload;
    /* Asks the server for its configuration and reads it. */
    int (*read)(struct install *in, struct err *err);
    /* Adds what has to change for in->names, and where that can be seen. */
    int (*plan)(struct install *in, struct err *err);
    /* Adds what has to change so that nothing of ours is left at in->names. */
    int (*plan_removal)(struct install *in, struct err *err);
};

extern const struct server_kind install_nginx, install_apache;

/* The program with --server-config and these words; in in->a. */
const char *const *install_argv(const struct install *in, const char *const *words);

/* The folder of our files, beside the server's main configuration file, goes to in->folder; where something
 * is installed it is added to the changes, once. */
int install_folder(struct install *in, const char *main_file, struct err *err);
/* FOLDER/NAMEsuffix, for a name that may be a wildcard. ERR_USAGE where the path cannot be written into a
 * configuration. */
int install_file(struct install *in, const char *folder, const char *name, const char *suffix,
    const char **out, struct err *err);
/* Reads the head of a file of ours; *there is false where there is no such file, or it is not ours. */
int install_read_note(
    struct install *in, const char *path, struct site_note *note, bool *there, struct err *err);
/* Whether the file may be written: it is missing, or ours and for some of these names. ERR_REFUSED says what
 * to do. */
int install_may_write(struct install *in, const char *path, struct err *err);

/* The operator's file behind all links, for a change of its own. */
int install_real_path(struct install *in, const char *path, const char **out, struct err *err);

/* "127.0.0.1:80", "*", "[::]" and the like: where to connect to from here. */
void install_add_end(struct install *in, const char *address, const char *host);

/* Says "evercert: TEXT" unless quiet. */
void install_say(const struct install *in, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Waits until every end answers on the port for http: with the file that is put into site.webroot for it;
 * with a redirect to https where `redirects`; at all. ERR_FAILED says what came instead. */
int install_wait_challenge(struct install *in, struct err *err);
int install_wait_redirect(struct install *in, struct err *err);
/* Waits until every end takes connections on the port for TLS. */
int install_wait_tls(struct install *in, struct err *err);

/* Set by SIGINT and SIGTERM while an installation runs: the signal's number. */
int install_stopped(void);

#endif
