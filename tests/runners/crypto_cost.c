/*
 * What one certificate costs in cryptography alone: what the keeper must do for it, done with nothing but
 * libcrypto and without files, messages or JSON.
 *
 *   crypto_cost ROUNDS     prints one line: microseconds of processor time for each round
 *
 * A round is a P-256 key, a CSR signed with it, seven ES256 signatures of an account (a certificate takes six
 * to seven requests), the key and a permit sealed and unsealed (AES-256-GCM), and a chain of leaf,
 * intermediate and root read from PEM and verified (RSA-2048 above the leaf, as Pebble's).
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIGNATURES = 7, PERMIT_SIZE = 700, DAY_S = 86400, WARM_UP = 20, TAG = 16, IV = 12 };

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "crypto_cost: %s\n", what);
    exit(1);
}

struct scene {
    EVP_PKEY *account;
    EVP_CIPHER *gcm;
    unsigned char seal_key[32];
    char *pem; /* the chain */
    long pem_n;
};

static void extension(X509 *to, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    must(e != NULL && X509_add_ext(to, e, -1) == 1, "an extension");
    X509_EXTENSION_free(e);
}

static X509 *certificate(const char *name, EVP_PKEY *of, X509 *issuer, EVP_PKEY *by)
{
    X509 *x = X509_new();
    must(x != NULL && X509_set_version(x, X509_VERSION_3) == 1, "a certificate");
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), DAY_S);
    X509_set_pubkey(x, of);
    if (by == of || strcmp(name, "intermediate") == 0)
        extension(x, NID_basic_constraints, "critical,CA:TRUE");
    else
        extension(x, NID_subject_alt_name, "DNS:m0-1.example");
    must(X509_sign(x, by, EVP_sha256()) > 0, "signing a certificate");
    return x;
}

/* The CA's part, once. */
static void make_chain(struct scene *s)
{
    EVP_PKEY *root_key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    EVP_PKEY *middle_key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    EVP_PKEY *leaf_key = EVP_EC_gen("P-256");
    must(root_key != NULL && middle_key != NULL && leaf_key != NULL, "keys of a chain");
    X509 *root = certificate("root", root_key, NULL, root_key);
    X509 *middle = certificate("intermediate", middle_key, root, root_key);
    X509 *leaf = certificate("leaf", leaf_key, middle, middle_key);
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    must(PEM_write_bio_X509(out, leaf) == 1 && PEM_write_bio_X509(out, middle) == 1 &&
             PEM_write_bio_X509(out, root) == 1,
        "writing the chain");
    s->pem_n = BIO_get_mem_data(out, &text);
    s->pem = malloc((size_t)s->pem_n);
    must(s->pem != NULL, "memory");
    memcpy(s->pem, text, (size_t)s->pem_n);
    BIO_free(out);
    X509_free(root);
    X509_free(middle);
    X509_free(leaf);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(middle_key);
    EVP_PKEY_free(leaf_key);
}

static void make_csr(EVP_PKEY *key)
{
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:m0-1.example");
    unsigned char *der = NULL;
    must(req != NULL && names != NULL && sk_X509_EXTENSION_push(extensions, names) == 1 &&
             X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 && X509_REQ_set_pubkey(req, key) == 1 &&
             X509_REQ_add_extensions(req, extensions) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
             i2d_X509_REQ(req, &der) > 0,
        "the CSR");
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
}

static void sign(const struct scene *s, const char *text)
{
    unsigned char der[128];
    size_t n = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, s->account, NULL) == 1 &&
             EVP_DigestSign(ctx, der, &n, (const unsigned char *)text, strlen(text)) == 1,
        "a signature");
    const unsigned char *p = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)n); /* JWS wants the two numbers */
    unsigned char raw[64];
    must(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32) == 32,
        "the numbers of a signature");
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(ctx);
}

static void seal_and_open(const struct scene *s, const unsigned char *in, int n)
{
    unsigned char iv[IV], tag[TAG], sealed[2048], opened[2048];
    int put = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx != NULL && RAND_bytes(iv, IV) == 1 &&
             EVP_EncryptInit_ex2(ctx, s->gcm, s->seal_key, iv, NULL) == 1 &&
             EVP_EncryptUpdate(ctx, sealed, &put, in, n) == 1 &&
             EVP_EncryptFinal_ex(ctx, sealed + put, &last) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1,
        "sealing");
    must(EVP_DecryptInit_ex2(ctx, s->gcm, s->seal_key, iv, NULL) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
             EVP_DecryptUpdate(ctx, opened, &put, sealed, n) == 1 &&
             EVP_DecryptFinal_ex(ctx, opened + put, &last) == 1,
        "unsealing");
    EVP_CIPHER_CTX_free(ctx);
}

/* Each by the one behind it. */
static void read_and_verify(const struct scene *s)
{
    X509 *chain[3];
    BIO *in = BIO_new_mem_buf(s->pem, (int)s->pem_n);
    for (size_t i = 0; i < 3; i++)
        must((chain[i] = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL, "reading the chain");
    for (size_t i = 0; i + 1 < 3; i++)
        must(X509_verify(chain[i], X509_get0_pubkey(chain[i + 1])) == 1, "verifying the chain");
    for (size_t i = 0; i < 3; i++)
        X509_free(chain[i]);
    BIO_free(in);
}

static void one_round(const struct scene *s)
{
    static const unsigned char permit[PERMIT_SIZE];
    unsigned char *der = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL, "a key");
    int n = i2d_PrivateKey(key, &der);
    must(n > 0, "the key's bytes");
    seal_and_open(s, der, n);
    seal_and_open(s, permit, PERMIT_SIZE);
    make_csr(key);
    for (int i = 0; i < SIGNATURES; i++)
        sign(s, "eyJhbGciOiJFUzI1NiJ9.e30");
    read_and_verify(s);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (rounds <= 0) {
        fputs("usage: crypto_cost ROUNDS\n", stderr);
        return 2;
    }
    struct scene s = {.account = EVP_EC_gen("P-256"), .gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)};
    must(s.account != NULL && s.gcm != NULL && RAND_bytes(s.seal_key, 32) == 1, "the start");
    make_chain(&s);
    for (int i = 0; i < WARM_UP; i++)
        one_round(&s);
    double began = cpu_us();
    for (long i = 0; i < rounds; i++)
        one_round(&s);
    printf("%.1f\n", (cpu_us() - began) / (double)rounds);
    free(s.pem);
    EVP_CIPHER_free(s.gcm);
    EVP_PKEY_free(s.account);
    return 0;
}
