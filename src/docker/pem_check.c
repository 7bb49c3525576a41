#include "docker/pem_check.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* A key that is encrypted is none: nobody is asked for a password. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static X509 *certificate_of(struct str pem)
{
    BIO *in = BIO_new_mem_buf(pem.p, pem.n < INT_MAX ? (int)pem.n : 0);
    X509 *x = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, no_password, NULL);
    BIO_free(in);
    return x;
}

static EVP_PKEY *key_of(struct str pem)
{
    BIO *in = BIO_new_mem_buf(pem.p, pem.n < INT_MAX ? (int)pem.n : 0);
    EVP_PKEY *k = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    BIO_free(in);
    return k;
}

int pem_check(struct str ca, struct str cert, struct str key, struct err *err)
{
    X509 *root = ca.n > 0 ? certificate_of(ca) : NULL, *own = cert.n > 0 ? certificate_of(cert) : NULL;
    EVP_PKEY *pkey = key.n > 0 ? key_of(key) : NULL;
    int r = 0;
    if (ca.n > 0 && root == NULL)
        r = err_set(err, ERR_TLS, "ca-file holds no certificate in PEM");
    else if (cert.n > 0 && own == NULL)
        r = err_set(err, ERR_TLS, "cert-file holds no certificate in PEM");
    else if (key.n > 0 && pkey == NULL)
        r = err_set(err, ERR_TLS, "key-file holds no key in PEM that is not encrypted");
    else if ((cert.n > 0) != (key.n > 0))
        r = err_set(err, ERR_TLS, "cert-file and key-file are needed together");
    else if (own != NULL && X509_check_private_key(own, pkey) != 1)
        r = err_set(err, ERR_TLS, "key-file is not the key of cert-file");
    ERR_clear_error();
    X509_free(root);
    X509_free(own);
    EVP_PKEY_free(pkey);
    return r;
}
