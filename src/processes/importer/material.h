/* Keys and chains as other clients keep them, made into what we keep: PKCS#8 and clean PEM, leaf first. */
#ifndef EVERCERT_PROCESSES_IMPORTER_MATERIAL_H
#define EVERCERT_PROCESSES_IMPORTER_MATERIAL_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "processes/importer/found.h"
#include "processes/importer/tree.h"

#include <stdbool.h>

/* Certificates of one chain. */
enum { MATERIAL_CERTS_MAX = 16 };

/* What certificates a chain's text, which may have other lines between them, makes of c: chain, not_after,
 * names, and the key type where none is set. `key` (PEM of any kind) becomes c's key where it fits the leaf.
 * False, with an error and c untouched, where one of them is missing or damaged, or they do not fit. */
bool material_pair(
    struct found *f, struct found_certificate *c, struct str key, struct str chain, struct err *err);
/* The same with what there is: a chain without a key that fits leaves the names known. `chain_from` and
 * `key_from` are for the warnings. An empty text is passed over. */
void material_set(struct found *f, struct found_certificate *c, struct str key, const char *key_from,
    struct str chain, const char *chain_from);
/* material_set of files of the tree; `more` is a file whose certificates follow those of `chain`, NULL for
 * none. One that is not there becomes a warning. */
void material_files(
    struct found *f, struct found_certificate *c, const char *key, const char *chain, const char *more);

/* A private key in one of the writings of key_from_text as PKCS#8 in PEM, in `out` (sensitive) in place of
 * what was there. */
int material_key(struct str text, struct buf *out, struct err *err);
/* That of a file of the tree; errors name the file. */
int material_key_file(const struct tree *t, const char *path, struct buf *out, struct err *err);

/* The type of a key of these words: "rsa" with a size, a curve's name in any usual writing ("ec-256", "p384",
 * "secp256r1", "P256", "EC256"), "rsa4096", "2048"; "" for what is none of ours. Static storage. */
const char *material_key_type(struct str words);

#endif
