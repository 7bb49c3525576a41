/* PKCS #12 (RFC 7292): a key with its chain in one file, for Java, Windows and mail servers. Written only: a
 * file that may be a stranger's is never parsed where the keys are, so what there is already is compared as
 * bytes (see below). */
#ifndef EVERCERT_CRYPTO_PKCS12_H
#define EVERCERT_CRYPTO_PKCS12_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

#include <stddef.h>

/* Rounds of PBKDF2 (RFC 8018 5.2) and of the MAC. A password usually lies in a file beside, so more would
 * buy little, and the keeper waits for each of them; it is what Java's keytool writes. */
enum { PKCS12_ROUNDS = 10000 };
/* Longest password, in octets of UTF-8. */
enum { PKCS12_PASSWORD_MAX = 1024 };

/*
 * Appends a PKCS #12 of that key and chain (PEM, leaf first), the key and the leaf under `name`, to `out`,
 * which must be a sensitive buffer. Encrypted with PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC; the MAC is
 * HMAC-SHA-256. An empty password is an empty password, not none.
 *
 * The same arguments give the same bytes, so that a copy can be seen to be what it should be without reading
 * it: salts and initialization vectors come from a keyed hash of everything that is in it and the password,
 * with a secret of the private key. To who does not know that key they are as good as random numbers, and no
 * two different contents share one.
 *
 * ERR_INPUT for a chain that is none or a password that is no UTF-8, ERR_LIMIT for too much of either.
 */
int pkcs12_make(const struct key *key, struct str chain_pem, size_t max_certs, const char *name,
    const char *password, struct buf *out, struct err *err);

#endif
