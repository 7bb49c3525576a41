/* A request that an operator hands in, DER or PEM. */
#include "base/arena.h"
#include "crypto/csr.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for every request that was taken, whatever the text was. */
static void check(struct arena *a, const struct csr *c)
{
    struct csr again;
    struct str *names = arena_array(a, c->name_n, sizeof *names);
    if (c->name_n == 0 || c->name_n > CSR_NAMES_MAX || c->der.n == 0 || strlen(c->key_hash) != 64)
        abort();
    for (size_t i = 0; i < c->name_n; i++)
        names[i] = str_c(c->names[i]);
    if (csr_check_names(c, names, c->name_n, a, NULL) != 0 ||
        csr_check_names(c, names, c->name_n - 1, a, NULL) == 0)
        abort();
    /* What travels on from here reads as the same. */
    if (csr_read(c->der, a, &again, NULL) != 0 || !str_eq(again.der, c->der) || again.name_n != c->name_n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct csr c;
    if (csr_read((struct str){(const char *)data, size}, a, &c, NULL) == 0)
        check(a, &c);
    arena_free(a);
    return 0;
}
