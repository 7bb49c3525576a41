/* A CA that certifies whatever a keeper asks for, and generations that it issued. */
#ifndef EVERCERT_TESTS_KEEPER_CA_H
#define EVERCERT_TESTS_KEEPER_CA_H

#include "../crypto/test_certs.h"
#include "keeper_fixture.h"

#include <openssl/x509.h>

struct ca {
    struct key *key;
    struct test_cert cert;
};

struct ca ca_make(void);
void ca_free(struct ca *ca);

/* What a finalize for that key asks with; the caller frees it. */
X509_REQ *asked(struct keeper *k, struct arena *a, struct str permit, struct str sealed, int64_t generation);
/* The chain for the public key that a finalize asked with. */
struct str issued(struct arena *a, const struct ca *ca, X509_REQ *req, const char *san);
/* A generation, from the key to the chain, ready to be published. */
struct msg_publish prepared(struct keeper *k, struct arena *a, const struct ca *ca, struct str permit,
    int64_t generation, struct str previous, const char *san);
/* As the keeper is asked to by the engine. */
int publish(
    struct keeper *k, struct arena *a, const struct msg_publish *m, struct chain *out, struct err *err);

#endif
