#include "config/presets.h"

#include "config/nearest.h"
#include "config/problems.h"

#define EAB                                                                                   \
    "needs external account binding (EAB), which this version cannot do; use " PRESET_DEFAULT \
    " or write an entry of your own under authorities"
#define ENDED "ended its free ACME service on 2025-10-15; use " PRESET_DEFAULT " or another authority"

#define LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

#define PRESET(n, d, s)                                                                                      \
    {                                                                                                        \
        .name = (n), .directory = (d), .ca_file = "", .staging = (s), .account = "", .id = (d), .email = "", \
        .eab_kid = "", .eab_hmac = "", .eab_hmac_file = "", .eab_algorithm = "HS256"                         \
    }

const struct preset presets[] = {
    {PRESET("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", LETSENCRYPT_STAGING), NULL},
    {PRESET("letsencrypt-staging", LETSENCRYPT_STAGING, LETSENCRYPT_STAGING), NULL},
    {PRESET("buypass", "", ""), ENDED},
    {PRESET("buypass-test", "", ""), ENDED},
    {PRESET("zerossl", "https://acme.zerossl.com/v2/DV90", ""), EAB},
    {PRESET("google", "https://dv.acme-v02.api.pki.goog/directory", ""), EAB},
    {PRESET("google-test", "https://dv.acme-v02.test-api.pki.goog/directory", ""), EAB},
    {PRESET("sslcom", "https://acme.ssl.com/sslcom-dv-ecc", ""), EAB},
    {PRESET("actalis", "https://acme-api.actalis.com/acme/directory", ""), EAB},
    {PRESET("sectigo", "https://acme.sectigo.com/v2/DV", ""), EAB},
    {PRESET("digicert", "https://one.digicert.com/mpki/api/v1/acme/v2/directory", ""), EAB},
    {PRESET("globalsign", "https://emea.acme.atlas.globalsign.com/directory", ""), EAB},
    {PRESET("litessl", "https://acme.litessl.com/acme/v2/directory", ""), EAB},
    {PRESET("freessl", "https://acmepro.freessl.cn/v2/DV", ""), EAB},
};
const size_t preset_n = sizeof presets / sizeof presets[0];

const struct preset *preset_find(struct str name)
{
    for (size_t i = 0; i < preset_n; i++)
        if (str_eq_c(name, presets[i].authority.name))
            return &presets[i];
    return NULL;
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
