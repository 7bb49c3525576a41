#include "keeper_ca.h"

#include "base/b64.h"
#include "crypto/key_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct ca ca_make(void)
{
    struct ca ca = {test_key(), {NULL, NULL}};
    ca.cert = test_cert_make(&(struct cert_spec){.cn = "Root", .ca = "critical,CA:TRUE"}, ca.key, NULL);
    return ca;
}

void ca_free(struct ca *ca)
{
    X509_free(ca->cert.x);
    key_free(ca->key);
}

struct str issued(struct arena *a, const struct ca *ca, X509_REQ *req, const char *san)
{
    struct key *public = NULL;
    int64_t now = time(NULL) - TEST_NOW_S;
    assert_int_equal(key_adopt(X509_REQ_get_pubkey(req), &public, NULL), 0);
    const struct cert_spec spec = {.san = san,
        .eku = "serverAuth",
        .key_id = "0102030405",
        .serial = "0a0b",
        .from_s = now - TEST_DAY_S,
        .to_s = now + 30 * TEST_DAY_S};
    struct test_cert leaf = test_cert_make(&spec, public, &ca->cert);
    const char *pem = arena_printf(a, "%s%s", test_cert_pem(a, leaf.x), test_cert_pem(a, ca->cert.x));
    X509_free(leaf.x);
    key_free(public);
    return str_c(pem);
}

X509_REQ *asked(struct keeper *k, struct arena *a, struct str permit, struct str sealed, int64_t generation)
{
    const struct msg_sign m = {.account = DIRECTORY,
        .request = ACME_REQUEST_FINALIZE,
        .kid = ACCOUNT_URL,
        .nonce = "n",
        .url = "https://ca.example/x",
        .permit = permit,
        .generation = generation,
        .sealed_key = sealed,
        .ticket = STR(""),
        .profile = "",
        .identifier = ""};
    struct buf out = buf_new(2 * MSG_WISH), der = buf_new(100000);
    struct err err = ERR_INIT;
    if (signing_sign(k, &m, &out, &err) != 0)
        fail_msg("%s", err.text);
    const char *payload = keeper_take_apart(a, buf_str(&out)).payload;
    assert_int_equal(b64url_decode(&der, (struct str){payload + 8, strlen(payload) - 10}), 0);
    const unsigned char *p = (const unsigned char *)der.p;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
    assert_non_null(req);
    buf_free(&out);
    buf_free(&der);
    return req;
}

int publish(
    struct keeper *k, struct arena *a, const struct msg_publish *m, struct chain *out, struct err *err)
{
    struct wish w;
    struct certificate_key key = {NULL};
    int r = permit_wish(k, m->permit, m->variant, a, &w, err);
    if (r == 0 && (r = sealed_key_open(k, &w, m->generation, m->sealed_key, &key, err)) == 0)
        r = publish_chain(k, &w, m, &key, a, out, err);
    certificate_key_free(&key);
    return r;
}

struct msg_publish prepared(struct keeper *k, struct arena *a, const struct ca *ca, struct str permit,
    int64_t generation, struct str previous, const char *san)
{
    struct msg_publish m = {.permit = permit,
        .generation = generation,
        .sealed_key = keeper_sealed(k, a, permit, generation, previous)};
    X509_REQ *req = asked(k, a, permit, m.sealed_key, generation);
    m.chain = issued(a, ca, req, san);
    X509_REQ_free(req);
    return m;
}
