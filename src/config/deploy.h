/*
 * What is done with a certificate once it is there: copies for servers that need another form (publish), and
 * steps that tell servers and people (deploy). Part of a wish, so part of a permit: the parent runs a command
 * or writes a file only where a permit says so.
 */
#ifndef EVERCERT_CONFIG_DEPLOY_H
#define EVERCERT_CONFIG_DEPLOY_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WISH_DEPLOYS_MAX = 16,     /* deploy steps of one certificate */
    WISH_DEPLOY_ARGS_MAX = 64, /* words of one command */
    WISH_DEPLOY_ENV_MAX = 32,  /* variables of one command */
    /* Octets of all commands and their variables together; longer scripts belong in a file. */
    WISH_DEPLOY_TEXT_MAX = 16 * 1024,
    WISH_PUBLISH_MAX = 16, /* copies of one certificate */
    DEPLOY_TIMEOUT_S = 60, /* where nothing is said */
    DEPLOY_TIMEOUT_MAX_S = 24 * 3600,
};

/* What happens to a certificate, as steps and hooks are told; word of `on` and of EVERCERT_EVENT. */
#define DEPLOY_EVENTS(X)                                                                         \
    X(DEPLOY_ISSUED, "issued")       /* the first generation is live; part of its deployment */  \
    X(DEPLOY_RENEWED, "renewed")     /* a further one is; part of its deployment */              \
    X(DEPLOY_FAILING, "failing")     /* an attempt to get it, or its deployment, failed */       \
    X(DEPLOY_EXPIRING, "expiring")   /* and not much of its life is left */                      \
    X(DEPLOY_STARTING, "starting")   /* the CA is about to be asked; the attempt waits for it */ \
    X(DEPLOY_FINISHED, "finished")   /* that attempt is over, however it went */                 \
    X(DEPLOY_UNCHANGED, "unchanged") /* the daily look found all as it should be */

enum deploy_event {
#define DEPLOY_EVENT_ENUM(id, text) id,
    DEPLOY_EVENTS(DEPLOY_EVENT_ENUM)
#undef DEPLOY_EVENT_ENUM
        DEPLOY_EVENT_END_
};

/* How a command is called: word of `dialect`, bits (1 << event) of the events it is run for where `on` says
 * nothing. What each is given stands in processes/parent/dialect.h. */
#define DEPLOY_ON_(e)   (1U << (e))
#define DEPLOY_ON_NEW   (DEPLOY_ON_(DEPLOY_ISSUED) | DEPLOY_ON_(DEPLOY_RENEWED))
#define DEPLOY_ON_TRIES (DEPLOY_ON_(DEPLOY_STARTING) | DEPLOY_ON_(DEPLOY_FINISHED))
#define DEPLOY_ON_WOES  (DEPLOY_ON_(DEPLOY_FAILING) | DEPLOY_ON_(DEPLOY_EXPIRING))
#define DEPLOY_DIALECTS(X)                                                                           \
    X(DIALECT_EVERCERT, "evercert", DEPLOY_ON_NEW)                                                   \
    X(DIALECT_CERTBOT, "certbot", DEPLOY_ON_NEW) /* see deploy_is_for */                             \
    X(DIALECT_DEHYDRATED, "dehydrated",                                                              \
        DEPLOY_ON_NEW | DEPLOY_ON_TRIES | DEPLOY_ON_(DEPLOY_FAILING) | DEPLOY_ON_(DEPLOY_UNCHANGED)) \
    X(DIALECT_LEGO, "lego", DEPLOY_ON_NEW)                                                           \
    X(DIALECT_MOD_MD, "mod_md", DEPLOY_ON_NEW | DEPLOY_ON_(DEPLOY_STARTING) | DEPLOY_ON_WOES)        \
    X(DIALECT_ACME_SH, "acme.sh", DEPLOY_ON_NEW) /* a reload command: with acme.sh's variables */    \
    X(DIALECT_ODOO, "odoo", DEPLOY_ON_NEW)

enum deploy_dialect {
#define DEPLOY_DIALECT_ENUM(id, text, on) id,
    DEPLOY_DIALECTS(DEPLOY_DIALECT_ENUM)
#undef DEPLOY_DIALECT_ENUM
        DEPLOY_DIALECT_END_
};

/* A name and its value, of maps such as `env` and `webroot-map`. */
struct pair {
    const char *name, *value;
};

/* One step: a command (argc > 0), or a look at what a server serves (verify not empty); never both. */
struct deploy {
    const char *const *argv; /* argv[0] as written; resolved against a fixed PATH when run */
    size_t argc;
    const char *user;       /* "" : the parent's own */
    int64_t timeout_s;      /* > 0; of a command until it is ended, of a look until it must have succeeded */
    const struct pair *env; /* besides what every hook is told; never a name evercert gives itself */
    size_t env_n;
    bool batch;            /* once for all certificates that are deployed about now */
    const char *dialect;   /* one of DEPLOY_DIALECTS */
    const char *const *on; /* words of DEPLOY_EVENTS; none: those of the dialect */
    size_t on_n;
    const char *verify;      /* "host:port", "[address]:port"; "" : this step is a command */
    const char *starttls;    /* "" : TLS from the first byte; else smtp imap pop3 ldap ftp xmpp postgres */
    const char *server_name; /* for SNI; "" : the host where the certificate has it, else its first name */
    bool rollback;           /* when it fails, the generation before is put back and deployed */
};

/* In the path of a copy: the certificate's name. */
#define PUBLICATION_NAME "{name}"

/* One copy beside live/, written by the parent. */
struct publication {
    const char *format;        /* fullchain cert chain key combined pkcs12 */
    const char *path;          /* absolute; {name} stands for the certificate's name */
    const char *owner, *group; /* "" : the parent's own */
    /* 0: 0600 where a key is in it (0640 with a group), else 0644; never any bit for others with a key */
    unsigned mode;
    const char *password_file; /* of pkcs12; "" : an empty password */
    bool replace_symlink;      /* a symbolic link at `path` gives way to the copy instead of being refused */
};

/* False for a text that is none. */
bool deploy_event_parse(const char *text, enum deploy_event *out);
bool deploy_dialect_parse(const char *text, enum deploy_dialect *out);
/* Static storage. */
const char *deploy_event_text(enum deploy_event e);
/* Whether the step is there for that event. A look belongs to issued and renewed. A command of the certbot
 * dialect whose path ends in "/renewal-hooks" is a directory with pre, deploy and post in it, and is there
 * for starting and finished as well. */
bool deploy_is_for(const struct deploy *d, enum deploy_event e);
/* The protocol that is spoken before TLS on a well-known port: of `verify`, a host and a port; "" for none.
 */
const char *verify_starttls(const char *verify);
/* Whether the format holds the private key. */
bool publication_has_key(const struct publication *p);
/* Where the copy of the certificate of that name goes; in `a`. */
const char *publication_path(const struct publication *p, const char *name, struct arena *a);

#endif
