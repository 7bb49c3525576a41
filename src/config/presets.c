#include "config/presets.h"

#include "base/attr.h"
#include "config/facts.h"
#include "config/nearest.h"
#include "config/problems.h"

#include <string.h>

#define ENDED "ended its free ACME service on 2025-10-15; use " PRESET_DEFAULT " or another authority"

#define LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"
#define GOOGLE_TEST         "https://dv.acme-v02.test-api.pki.goog/directory"
#define GOOGLE_EAB          "gcloud publicca external-account-keys create (they serve once, within 7 days)"
#define FREESSL_EAB         "your account at https://freessl.cn/automation/eab-manager"
#define SSLCOM_EAB          "the ACME credentials of your account at https://secure.ssl.com"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* As Let's Encrypt publishes them, 2026-08. A bucket of `burst` fills up again in `period`. */
static const struct rate_limit letsencrypt_limits[] = {
    {LIMIT_REGISTRATIONS, 10, 3 * HOUR_S},
    {LIMIT_ORDERS, 300, 3 * HOUR_S},
    {LIMIT_DOMAIN, 50, 7 * DAY_S},
    {LIMIT_EXACT_SET, 5, 7 * DAY_S},
    {LIMIT_FAILURES, 5, HOUR_S},
    {LIMIT_CONSECUTIVE_FAILURES, 1152, (int64_t)1152 * DAY_S},
};
static const struct rate_limit letsencrypt_staging_limits[] = {
    {LIMIT_REGISTRATIONS, 50, 3 * HOUR_S},
    {LIMIT_ORDERS, 1500, 3 * HOUR_S},
    {LIMIT_DOMAIN, 30000, 1},
    {LIMIT_EXACT_SET, 30000, 7 * DAY_S},
    {LIMIT_FAILURES, 200, HOUR_S},
    {LIMIT_CONSECUTIVE_FAILURES, 3600, 6 * HOUR_S},
};

#define AUTHORITY(n, d, s)        \
    .authority = {                \
        .name = (n),              \
        .directory = (d),         \
        .ca_file = "",            \
        .staging = (s),           \
        .account = "",            \
        .id = (d),                \
        .email = "",              \
        .eab_kid = "",            \
        .eab_hmac = "",           \
        .eab_hmac_file = "",      \
        .eab_algorithm = "HS256", \
    }
#define LIMITS(list) .limits = (list), .limit_n = ARRAY_LEN(list)

const struct preset presets[] = {
    {AUTHORITY("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", LETSENCRYPT_STAGING),
        .caa = {"letsencrypt.org"}, .quirks = QUIRK_NO_VALIDITY, LIMITS(letsencrypt_limits)},
    {AUTHORITY("letsencrypt-staging", LETSENCRYPT_STAGING, LETSENCRYPT_STAGING), .caa = {"letsencrypt.org"},
        .quirks = QUIRK_NO_VALIDITY, LIMITS(letsencrypt_staging_limits)},
    {AUTHORITY("google", "https://dv.acme-v02.api.pki.goog/directory", GOOGLE_TEST), .eab = GOOGLE_EAB,
        .caa = {"pki.goog"}, .quirks = QUIRK_EAB_ONCE},
    {AUTHORITY("google-test", GOOGLE_TEST, GOOGLE_TEST), .eab = GOOGLE_EAB, .caa = {"pki.goog"},
        .quirks = QUIRK_EAB_ONCE},
    {AUTHORITY("zerossl", "https://acme.zerossl.com/v2/DV90", ""),
        .eab = "https://app.zerossl.com/developer (EAB credentials for ACME clients)", .caa = {"sectigo.com"},
        .quirks = QUIRK_NO_ROLLOVER | QUIRK_SLOW},
    {AUTHORITY("sslcom", "https://acme.ssl.com/sslcom-dv-ecc", ""), .eab = SSLCOM_EAB, .caa = {"ssl.com"},
        .quirks = QUIRK_NO_ROLLOVER},
    {AUTHORITY("sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa", ""), .eab = SSLCOM_EAB, .caa = {"ssl.com"},
        .quirks = QUIRK_NO_ROLLOVER},
    {AUTHORITY("actalis", "https://acme-api.actalis.com/acme/directory", ""),
        .eab = "the customer area of Actalis (https://guide.actalis.com/ssl-certificate/acme.aspx)",
        .caa = {"actalis.it"}, .quirks = QUIRK_NAME_AND_WWW},
    {AUTHORITY("sectigo", "https://acme.sectigo.com/v2/DV", ""),
        .eab = "an ACME account made in Sectigo Certificate Manager", .caa = {"sectigo.com"}},
    {AUTHORITY("digicert", "https://one.digicert.com/mpki/api/v1/acme/v2/directory", ""),
        .eab = "a certificate profile at https://one.digicert.com, which also selects the product",
        .caa = {"digicert.com"}},
    {AUTHORITY("globalsign", "https://emea.acme.atlas.globalsign.com/directory", ""),
        .eab = "GlobalSign's Atlas portal", .caa = {"globalsign.com"}},
    {AUTHORITY("litessl", "https://acme.litessl.com/acme/v2/directory", ""), .eab = FREESSL_EAB},
    {AUTHORITY("freessl", "https://acmepro.freessl.cn/v2/DV", ""), .eab = FREESSL_EAB},
    {AUTHORITY("buypass", "", ""), .refused = ENDED},
    {AUTHORITY("buypass-test", "", ""), .refused = ENDED},
};
const size_t preset_n = sizeof presets / sizeof presets[0];

const struct preset *preset_find(struct str name)
{
    for (size_t i = 0; i < preset_n; i++)
        if (str_eq_c(name, presets[i].authority.name))
            return &presets[i];
    return NULL;
}

const struct preset *preset_of_directory(struct str directory)
{
    for (size_t i = 0; i < preset_n; i++)
        if (presets[i].refused == NULL && str_eq_c(directory, presets[i].authority.directory))
            return &presets[i];
    return NULL;
}

int preset_check_eab(const struct authority *a, int code, struct err *err)
{
    const struct preset *preset = preset_of_directory(str_c(a->directory));
    if (preset == NULL || preset->eab == NULL || a->eab_kid[0] != '\0')
        return 0;
    const char *name = strcmp(a->name, a->directory) == 0 ? preset->authority.name : a->name;
    return err_set(err, code,
        "%s needs external account binding (EAB): set authorities.%s.eab-kid and .eab-hmac-file to what you "
        "get "
        "from %s",
        name, name, preset->eab);
}

int preset_refuse(struct str name, const struct authority *own, size_t own_n, int code, struct err *err)
{
    char quoted[QUOTE_MAX], meant[NEAREST_TEXT_MAX];
    const struct preset *preset = preset_find(name);
    if (preset != NULL && preset->refused != NULL)
        return err_set(err, code, "%s %s", preset->authority.name, preset->refused);
    struct nearest near = nearest_new(name);
    for (size_t i = 0; i < preset_n; i++)
        if (presets[i].refused == NULL)
            nearest_try(&near, presets[i].authority.name);
    for (size_t i = 0; i < own_n; i++)
        nearest_try(&near, own[i].name);
    return err_set(err, code,
        "there is no authority %s%s; write " PRESET_DEFAULT
        ", an entry of authorities, or the https URL of an ACME directory",
        quote(name, quoted), nearest_text(&near, meant));
}

const struct rate_limit *facts_limits(struct str directory, size_t *n)
{
    const struct preset *p = preset_of_directory(directory);
    *n = p != NULL ? p->limit_n : 0;
    return p != NULL ? p->limits : NULL;
}

const char *facts_caa_name(struct str directory, size_t i)
{
    const struct preset *p = preset_of_directory(directory);
    return p != NULL && i < PRESET_CAA_MAX ? p->caa[i] : NULL;
}
