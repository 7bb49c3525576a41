/* An entry of `dns:` whose provider is a program: its settings (config/dns.h) read, and what a solver asks to
 * be run of it judged by the permit. */
#ifndef EVERCERT_PROCESSES_PARENT_CHALLENGE_ENTRY_H
#define EVERCERT_PROCESSES_PARENT_CHALLENGE_ENTRY_H

#include "base/arena.h"
#include "base/err.h"
#include "config/settings.h"
#include "ipc/messages.h"
#include "processes/parent/challenge_dialect.h"
#include "processes/parent/challenge_texts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHALLENGE_TIMEOUT_S = 5 * 60, /* where nothing is said; some wait until the record has spread */
    CHALLENGE_WORDS_MAX = 64,     /* of a command */
    TOKEN_MAX = 1024,             /* octets of a token; CAs give 43 */
};

struct challenge_entry {
    const char *name;
    enum challenge_dialect dialect;
    const char *const *add, *const *remove; /* commands; add[0] of acme.sh is the script */
    size_t add_n, remove_n;                 /* remove_n 0: nothing is run for a record that goes */
    const char *user;                       /* "" : the parent's own */
    int64_t timeout_s;
    bool raw, bare_teardown;
    const char *const *env; /* NAME=value */
    size_t env_n;
    const char *env_file; /* "" : none */
};

/* All texts are in `a`. ERR_REFUSED where the provider is no program, ERR_CONFIG where a setting is wrong. */
int challenge_entry_read(
    const struct dns_entry *from, struct arena *a, struct challenge_entry *out, struct err *err);

/* The variables that the operator gives: those of `from_environment` (NULL-terminated, as environ) that are
 * named in `options`, then those of the file, which must be its owner's alone, then the entry's own. */
int challenge_entry_variables(const struct challenge_entry *e, char *const *from_environment,
    const char *const *options, size_t option_n, struct arena *a, struct variables *out, struct err *err);

/* Whether that may be run: ERR_REFUSED where the wish is not about the identifier or chooses another entry
 * for the record, or where a name, the value, the token or the key authorization is not of the alphabet of
 * its kind. What passes is no option of a program, and nothing that a shell would act on. */
int challenge_check(
    const struct msg_challenge_run *m, const struct wish *w, struct arena *a, struct err *err);
/* "*.example.org" -> "example.org"; others as they are. */
const char *challenge_identifier(const struct msg_challenge_run *m);

#endif
