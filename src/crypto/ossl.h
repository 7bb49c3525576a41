/* What the files of this folder share about OpenSSL; private to it. */
#ifndef EVERCERT_CRYPTO_OSSL_H
#define EVERCERT_CRYPTO_OSSL_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* As err_set, with ": " and the reason of OpenSSL's newest error appended; empties OpenSSL's queue. Running
 * out of memory gives ERR_MEMORY. */
int ossl_fail(struct err *err, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Appends what a memory BIO holds. ERR_LIMIT when `out` is full; `what` is for the text. */
int ossl_put_bio(struct buf *out, BIO *bio, const char *what, struct err *err);

/* Appends `n` bytes that an i2d function allocated, wipes them and gives them back. ERR_CRYPTO when n says
 * that it failed, ERR_LIMIT when `out` is full. */
int ossl_put_der(struct buf *out, unsigned char *der, int n, const char *what, struct err *err);

/* Handles that free themselves: ATTR_CLEANUP(bio_freep) BIO *bio = ...; */
#define OSSL_FREEP(name, type, fn)    \
    static inline void name(type **p) \
    {                                 \
        fn(*p);                       \
    }
OSSL_FREEP(asn1_time_freep, ASN1_TIME, ASN1_TIME_free)
OSSL_FREEP(bio_freep, BIO, BIO_free_all)
OSSL_FREEP(bn_freep, BIGNUM, BN_free)
OSSL_FREEP(cipher_ctx_freep, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
OSSL_FREEP(cipher_freep, EVP_CIPHER, EVP_CIPHER_free)
OSSL_FREEP(ecdsa_sig_freep, ECDSA_SIG, ECDSA_SIG_free)
OSSL_FREEP(general_names_freep, GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREEP(key_id_freep, AUTHORITY_KEYID, AUTHORITY_KEYID_free)
OSSL_FREEP(md_ctx_freep, EVP_MD_CTX, EVP_MD_CTX_free)
OSSL_FREEP(pkcs8_freep, PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
OSSL_FREEP(pkey_ctx_freep, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OSSL_FREEP(x509_freep, X509, X509_free)
OSSL_FREEP(x509_req_freep, X509_REQ, X509_REQ_free)

#endif
