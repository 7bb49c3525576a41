/*
 * The note of a record that was written: what the engine keeps so that the record can be taken out again,
 * by another life of the solver too. JSON:
 *
 *   {"parts": [{"entry": "corp", "record": "_acme-challenge.example.org", "zone": "example.org",
 *               "handle": "...", "seal": "..."}]}
 *
 * with "again": true where another life of the solver has to be asked for it again, as the built-in answerer
 * has it in memory alone. Without parts it says that nothing was written; "" that nobody knows.
 * It comes back from a process that talks to strangers: a part counts as ours only where its seal, made with
 * the secrets of the entry, is good.
 */
#ifndef EVERCERT_PROCESSES_SOLVER_NOTE_H
#define EVERCERT_PROCESSES_SOLVER_NOTE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/dns.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NOTE_MAX = 12 * 1024,       /* octets; goes into a small message with an error beside it */
    NOTE_HANDLE_MAX = 4 * 1024, /* of a provider's handle, or what a program printed; longer ones are left out
                                 */
};

struct note_part {
    const char *entry;         /* name of the entry of `dns:` */
    const char *record, *zone; /* where it stands; zone "" where nobody looked for it */
    const char *handle;        /* "" : none */
    char seal[SHA256_HEX_LEN];
};

struct note {
    struct note_part parts[WISH_DNS_ENTRIES_MAX];
    size_t n;
    bool again; /* another solver has to be asked for it again: it stands in our own memory */
};

/* What a part is sealed with: made of an entry's name, provider and settings, which hold its secrets. */
struct note_key {
    unsigned char bytes[SHA256_LEN];
};
int note_key_make(
    struct note_key *out, const char *entry, const char *provider, struct str settings, struct err *err);
bool note_is_ours(const struct note_key *key, const struct note_part *p, const char *value);

/* Seals each part with the key of its entry, for that TXT value. Handles that make
 * it too long are left out of `n` before, the longest first: what has no handle is found by its value. */
int note_encode(
    struct note *n, const struct note_key *const *keys, const char *value, struct buf *out, struct err *err);
/* "" is a note without parts. ERR_INPUT, ERR_LIMIT; *out is untouched then. Texts are in `a`. */
int note_decode(struct str json, struct arena *a, struct note *out, struct err *err);

#endif
