/* The directory object. Whatever is accepted has only URLs of its own origin. */
#include "acme/directory.h"
#include "acme/limits.h"
#include "acme/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct str *names, size_t n)
{
    if (n > ACME_CA_NAMES_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        if (names[i].n == 0)
            abort();
}

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
        if ((d.new_authz.n > 0 && acme_url_check_from(d.new_authz, own, NULL) < 0) ||
            (d.renewal_info.n > 0 && acme_url_check_from(d.renewal_info, own, NULL) < 0))
            abort();
        for (size_t i = 0; i < d.profile_n; i++)
            if (!directory_has_profile(&d, d.profiles[i].name) || d.profiles[i].description.p == NULL)
                abort();
        check_names(d.caa_identities, d.caa_identity_n);
        check_names(d.issuer_domain_names, d.issuer_domain_name_n);
    }
    arena_free(a);
    return 0;
}
