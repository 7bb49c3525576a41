#include "crypto/warm_up.h"

#include "crypto/key.h"
#include "crypto/ossl.h"
#include "crypto/seal.h"

#include <openssl/rand.h>
#include <time.h>

enum { SCRATCH_MAX = 1024 };

static int use_seal(struct err *err)
{
    ATTR_CLEANUP(secret_free) struct secret key;
    ATTR_CLEANUP(buf_free) struct buf sealed = buf_new(SCRATCH_MAX);
    ATTR_CLEANUP(buf_free) struct buf plain = buf_new_sensitive(SCRATCH_MAX);
    secret_init(&key);
    key.n = SEAL_KEY_LEN;
    if (RAND_priv_bytes(key.bytes, SEAL_KEY_LEN) != 1)
        return ossl_fail(err, ERR_CRYPTO, "no random numbers");
    int r = seal(&key, STR("warm-up"), STR("plain"), &sealed, err);
    return r < 0 ? r : unseal(&key, STR("warm-up"), buf_str(&sealed), &plain, err);
}

int crypto_warm_up(struct err *err)
{
    const uint64_t parts = OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                           OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS;
    if (OPENSSL_init_crypto(parts, NULL) != 1)
        return ossl_fail(err, ERR_CRYPTO, "OpenSSL does not start; look at its openssl.cnf");
    tzset(); /* OpenSSL asks the C library for UTC, which makes that read the local time zone once, too */
    ATTR_CLEANUP(key_freep) struct key *k = NULL;
    int r;
    if ((r = key_generate(KEY_ECDSA_P256, &k, err)) < 0 || (r = use_seal(err)) < 0)
        return err == NULL ? r : err_prefix(err, "OpenSSL does not work here");
    return 0;
}
