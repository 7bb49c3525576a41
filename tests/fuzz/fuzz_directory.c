/* The directory object. Whatever is accepted has only URLs of its own origin. */
#include "acme/directory.h"
#include "acme/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str own = STR("https://ca.test/directory");
    struct arena *a = arena_new();
    struct directory d;
    struct err err;
    if (directory_parse((struct str){(const char *)data, size}, own, a, &d, &err) == 0) {
        const struct str urls[] = {d.new_nonce, d.new_account, d.new_order, d.revoke_cert, d.key_change};
        for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
            if ((i < 3 || urls[i].n > 0) && acme_url_check_from(urls[i], own, NULL) < 0)
                abort();
    }
    arena_free(a);
    return 0;
}
