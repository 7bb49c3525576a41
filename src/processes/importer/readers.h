/* The clients whose state can be read, one function each. */
#ifndef EVERCERT_PROCESSES_IMPORTER_READERS_H
#define EVERCERT_PROCESSES_IMPORTER_READERS_H

#include "base/err.h"
#include "processes/importer/found.h"

/* function, name on the command line, what its state is called, where Debian's package keeps the settings
 * when that is another folder ("": the same) */
#define READERS(X)                                                         \
    X(certbot, "certbot", "certbot directory", "")                         \
    X(acme_sh, "acme.sh", "acme.sh directory", "")                         \
    X(lego, "lego", "lego directory", "")                                  \
    X(dehydrated, "dehydrated", "dehydrated directory", "/etc/dehydrated") \
    X(caddy, "caddy", "Caddy storage", "")                                 \
    X(traefik, "traefik", "store of Traefik (acme.json)", "")              \
    X(companion, "companion", "volume of acme-companion", "")              \
    X(odoo, "odoo", "data directory of Odoo's letsencrypt module", "")

/*
 * Reads the state into `f`. What is damaged or cannot be carried over becomes a warning. ERR_INPUT where the
 * tree is not the state of that client at all; the text says what is missing ("renewal/ and accounts/ are
 * missing").
 */
#define READER_FUNCTION(name, word, what, also) int read_##name(struct found *f, struct err *err);
READERS(READER_FUNCTION)
#undef READER_FUNCTION

/* Runs the reader of that name: fills f, or fails with "PATH is no WHAT: ...". ERR_USAGE for an unknown one.
 */
int readers_run(const char *word, struct found *f, struct err *err);
/* The folder of settings of that reader; NULL for none. */
const char *readers_also(const char *word);
/* "certbot acme.sh ...", for a text. Static storage. */
const char *readers_words(void);

#endif
