#include "tls/certificate.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "tls/certificate_priv.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

_Static_assert(sizeof(((struct tls_cert *)NULL)->sha256) == SHA256_HEX_LEN, "room for a digest in hex");

/* A distinguished name in one line (RFC 4514), UTF-8 left readable; cut where it is too long. */
static void name_line(const X509_NAME *name, char out[TLS_CERT_NAME_MAX])
{
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(TLS_CERT_NAME_MAX - 1);
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        if (n > 0) /* room for the "..." of a cut */
            text_clean(&text, (struct str){p, (size_t)n}, TLS_CERT_NAME_MAX - 4);
    }
    memcpy(out, buf_c(&text), text.n + 1);
    BIO_free(bio);
}

/* Counts from an epoch with OpenSSL's own calendar, as crypto/chain.c does. A date that is none is not set.
 */
static struct wall read_time(const ASN1_TIME *t)
{
    struct wall out = {0};
    ASN1_TIME *epoch = ASN1_TIME_new();
    int days = 0, seconds = 0;
    if (epoch != NULL && ASN1_TIME_set_string(epoch, "19700101000000Z") == 1 &&
        ASN1_TIME_diff(&days, &seconds, epoch, t) == 1)
        out.s = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    return out;
}

int tls_cert_describe(X509 *x, struct tls_cert *out, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n < 0) {
        ERR_clear_error();
        return err_set(err, ERR_INPUT, "a certificate that cannot be read");
    }
    int r = digest_sha256_hex((struct str){(const char *)der, (size_t)n}, out->sha256, err);
    OPENSSL_free(der);
    name_line(X509_get_subject_name(x), out->subject);
    name_line(X509_get_issuer_name(x), out->issuer);
    out->not_before = read_time(X509_get0_notBefore(x));
    out->not_after = read_time(X509_get0_notAfter(x));
    ERR_clear_error();
    return r;
}

/* A root: whoever trusts it has it, so servers leave it out. */
static bool is_self_signed(X509 *x)
{
    return X509_self_signed(x, 0) == 1;
}

static int read_all(BIO *bio, struct tls_cert *certs, size_t *n, struct err *err)
{
    int r = 0;
    X509 *x;
    while (r == 0 && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (*n == TLS_CHAIN_MAX)
            r = err_set(err, ERR_LIMIT, "more than %d certificates in the chain", TLS_CHAIN_MAX);
        else if (*n == 0 || !is_self_signed(x))
            r = tls_cert_describe(x, &certs[(*n)++], err);
        X509_free(x);
    }
    unsigned long e = ERR_peek_last_error();
    bool end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (r == 0 && (!end || *n == 0))
        r = err_set(err, ERR_INPUT, "the chain is no PEM text of certificates");
    return r;
}

int tls_chain_read(struct str pem, struct arena *a, const struct tls_cert **out, size_t *n, struct err *err)
{
    if (pem.n > TLS_CHAIN_PEM_MAX)
        return err_set(
            err, ERR_LIMIT, "a chain of %zu bytes; at most %d are taken", pem.n, TLS_CHAIN_PEM_MAX);
    struct tls_cert *certs = arena_array(a, TLS_CHAIN_MAX, sizeof *certs);
    size_t found = 0;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    int r =
        bio == NULL ? err_set(err, ERR_MEMORY, "no memory for a chain") : read_all(bio, certs, &found, err);
    BIO_free(bio);
    if (r == 0) {
        *out = certs;
        *n = found;
    }
    return r;
}
