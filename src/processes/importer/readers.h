/* The clients whose state can be read, one function each. */
#ifndef EVERCERT_PROCESSES_IMPORTER_READERS_H
#define EVERCERT_PROCESSES_IMPORTER_READERS_H

#include "base/err.h"
#include "processes/importer/found.h"

/* name on the command line, function, what its state is called */
#define READERS(X) X(certbot, "certbot", "certbot directory")

/*
 * Reads the state into `f`. What is damaged or cannot be carried over becomes a warning. ERR_INPUT where the
 * tree is not the state of that client at all; the text says what is missing ("renewal/ and accounts/ are
 * missing").
 */
#define READER_FUNCTION(name, word, what) int read_##name(struct found *f, struct err *err);
READERS(READER_FUNCTION)
#undef READER_FUNCTION

/* Runs the reader of that name: fills f, or fails with "PATH is no WHAT: ...". ERR_USAGE for an unknown one.
 */
int readers_run(const char *word, struct found *f, struct err *err);
/* "certbot acme.sh ...", for a text. Static storage. */
const char *readers_words(void);

#endif
