/* Traefik's acme.json, the one state that is a single file: JSON, base64, keys, chains and names of somebody
 * else. Whatever it holds, the document is JSON, and a key in it fits its chain. */
#include "crypto/chain.h"
#include "crypto/key.h"
#include "processes/importer/document.h"
#include "processes/importer/readers.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CERTS_MAX = 16 };

static void must(bool always)
{
    if (!always)
        abort();
}

static void check(const struct found_certificate *c, struct arena *a)
{
    struct chain chain;
    struct key *key = NULL;
    char hash[65];
    if (c->chain.n > 0)
        must(chain_parse(c->chain, CERTS_MAX, a, &chain, NULL) == 0);
    if (c->key.n > 0)
        must(key_from_pem(buf_str(&c->key), &key, NULL) == 0 && key_spki_sha256(key, hash, NULL) == 0);
    must(key == NULL || c->chain.n == 0 || strcmp(hash, chain.key_hash) == 0);
    must(c->name[0] != '\0' && strchr(c->name, '/') == NULL);
    key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct tree t = {.a = a, .path = "/x", .real = "/x", .is_file = true};
    struct found f;
    struct buf out = buf_new_sensitive(DOCUMENT_MAX);
    t.fd = memfd_create("acme.json", MFD_CLOEXEC);
    must(t.fd >= 0 && write(t.fd, data, size) == (ssize_t)size);
    found_init(&f, a, &t, NULL);
    if (readers_run("traefik", &f, NULL) == 0) {
        for (const struct found_certificate *c = f.certificates; c != NULL; c = c->next)
            check(c, a);
        must(document_write(&f, &out, NULL) == 0);
        json_t *j = json_loadb(out.p, out.n, 0, NULL);
        must(j != NULL);
        json_decref(j);
    }
    buf_free(&out);
    found_free(&f);
    tree_close(&t);
    arena_free(a);
    return 0;
}
