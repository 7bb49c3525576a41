#include "http/trust.h"

#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRUST_FILE_MAX = 8 << 20 }; /* the bundles of distributions are under 300 kB */

struct trust {
    X509_STORE *store;
    bool fixed;      /* of the caller's PEM */
    struct stat was; /* of the system's file when it was read */
};

const char *http_trust_file(void)
{
    static const char *const usual[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch, Gentoo */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* SUSE */
        "/etc/ssl/cert.pem",                  /* Alpine, the BSDs, macOS */
    };
    const char *file = getenv("SSL_CERT_FILE");
    if (file != NULL && file[0] != '\0')
        return file;
    file = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (file != NULL && access(file, F_OK) == 0)
        return file;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (access(usual[i], F_OK) == 0)
            return usual[i];
    return usual[0];
}

static int no_password(char *buf, int size, int rwflag, void *arg)
{
    return -1;
}

/* A store of all certificates in `in`; other blocks, and certificates that do not parse, are passed over.
 * NULL when there is none. */
static X509_STORE *read_store(BIO *in)
{
    X509_STORE *store = X509_STORE_new();
    unsigned n = 0;
    while (store != NULL) {
        ERR_clear_error();
        X509 *x = PEM_read_bio_X509_AUX(in, NULL, no_password, NULL);
        if (x == NULL && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
            break;
        if (x != NULL)
            n += X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    ERR_clear_error();
    if (n == 0) {
        X509_STORE_free(store);
        return NULL;
    }
    /* As curl does: whatever is named is trusted, be it a root, an intermediate or the server's own. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

int trust_new(struct str pem, struct trust **out, struct err *err)
{
    struct trust *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for the roots to trust");
    t->fixed = pem.n > 0;
    if (t->fixed) {
        BIO *in = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
        t->store = in != NULL ? read_store(in) : NULL;
        BIO_free(in);
        if (t->store == NULL) {
            free(t);
            return err_set(err, ERR_INPUT, "the roots to trust hold no certificate in PEM form");
        }
    }
    *out = t;
    return 0;
}

void trust_free(struct trust *t)
{
    if (t == NULL)
        return;
    X509_STORE_free(t->store);
    free(t);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_system(struct trust *t, const char *file, struct err *err)
{
    struct stat st;
    if (stat(file, &st) < 0)
        return err_set(err, ERR_TLS,
            "cannot read the system's root certificates, %s: %s; install them "
            "(ca-certificates) or set ca-file",
            file, strerror(errno));
    if (t->store != NULL && same_file(&st, &t->was))
        return 0;
    if (!S_ISREG(st.st_mode) || st.st_size > TRUST_FILE_MAX)
        return err_set(err, ERR_TLS, "the system's root certificates, %s, are not a file of at most %d MB",
            file, (int)TRUST_FILE_MAX >> 20);
    errno = 0;
    BIO *in = BIO_new_file(file, "r");
    int why = errno;
    X509_STORE *store = in != NULL ? read_store(in) : NULL;
    BIO_free(in);
    if (store == NULL)
        return err_set(err, ERR_TLS,
            "cannot use the system's root certificates, %s: %s; set ca-file to other "
            "ones",
            file, in == NULL && why != 0 ? strerror(why) : "no certificate in it");
    X509_STORE_free(t->store);
    t->store = store;
    t->was = st;
    return 0;
}

int trust_refresh(struct trust *t, struct err *err)
{
    if (t->fixed)
        return 0;
    int r = read_system(t, http_trust_file(), t->store == NULL ? err : NULL);
    return t->store == NULL ? r : 0;
}

X509_STORE *trust_store(const struct trust *t)
{
    return t->store;
}
