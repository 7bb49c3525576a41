/*
 * A CA's certificate text, read and judged. The key is fixed, and the seeds hold chains for it, so that a
 * mutation can get as far as the last rule.
 */
#include "base/arena.h"
#include "crypto/chain.h"
#include "crypto/key.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCCOmxCecZCYv5gEh98f\n"
                              "XXfpyylgbr7SJjtfV8IT34T0sg==\n"
                              "-----END PRIVATE KEY-----\n";
enum { CERTS_MAX = 16, NOW_S = 1800000000 };

/* What holds for every description, whatever the text was. */
static void check(const struct chain *c)
{
    if (c->n == 0 || c->n > CERTS_MAX || c->leaf_pem.n == 0 || c->leaf_der.n == 0 ||
        (c->n == 1) != (c->issuers_pem.n == 0) || c->leaf_der.n > CHAIN_CERT_DER_MAX)
        abort();
}

/* Our own writing of a chain reads as the same chain. */
static void read_back(struct arena *a, const struct chain *c)
{
    struct chain again;
    const char *text = arena_printf(a, "%s%s", c->leaf_pem.p, c->issuers_pem.n > 0 ? c->issuers_pem.p : "");
    /* Written in lines of 64, it may be longer than it was. */
    if (str_c(text).n > CHAIN_PEM_MAX)
        return;
    if (chain_parse(str_c(text), CERTS_MAX, a, &again, NULL) != 0 || again.n != c->n ||
        !str_eq(again.leaf_der, c->leaf_der) || !str_eq(again.issuers_pem, c->issuers_pem))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *key;
    static char key_hash[65];
    if (key == NULL &&
        (key_from_pem(STR(key_pem), &key, NULL) < 0 || key_spki_sha256(key, key_hash, NULL) < 0))
        abort();
    struct arena *a = arena_new();
    struct chain c;
    struct str text = {(const char *)data, size};
    const struct str names[] = {STR("example.com"), STR("www.example.com")};
    int parsed = chain_parse(text, CERTS_MAX, a, &c, NULL);
    if (parsed == 0) {
        /* Every chain is known by the fingerprint of its leaf. */
        const char *const preferred[] = {"Root", "00:11", c.fingerprint};
        if (chain_rank(&c, preferred, 3) > 2)
            abort();
        check(&c);
        read_back(a, &c);
    }
    struct chain_rule rule = {
        .key = key, .names = names, .name_n = 2, .max_certs = CERTS_MAX, .now = {NOW_S}};
    int verified = chain_verify(text, &rule, a, &c, NULL);
    if (verified == 0 && parsed != 0)
        abort();
    /* Who knows the key by its hash alone judges alike. */
    rule.key = NULL;
    rule.key_hash = key_hash;
    if (chain_verify(text, &rule, a, &c, NULL) != verified)
        abort();
    arena_free(a);
    return 0;
}
