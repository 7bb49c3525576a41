/* The authorities that are known by a name, what is known about each, and why some of them cannot be used. */
#ifndef EVERCERT_CONFIG_PRESETS_H
#define EVERCERT_CONFIG_PRESETS_H

#include "base/err.h"
#include "base/str.h"
#include "config/settings.h"
#include "policy/ledger.h"

#include <stddef.h>

/* What a CA does not do although others do, or does otherwise. */
enum preset_quirk {
    QUIRK_NO_ROLLOVER = 1 << 0,  /* the key of an account stays what it is */
    QUIRK_NO_VALIDITY = 1 << 1,  /* an order that says notBefore or notAfter is refused */
    QUIRK_EAB_ONCE = 1 << 2,     /* credentials of external account binding register one account */
    QUIRK_NAME_AND_WWW = 1 << 3, /* one name and its www. in a certificate, no more */
    QUIRK_SLOW = 1 << 4,         /* orders take minutes */
};

enum { PRESET_CAA_MAX = 4 };

struct preset {
    struct authority authority;
    const char *refused;             /* NULL, or why it cannot be used */
    const char *eab;                 /* where its credentials of external account binding come from; NULL:
                                      * it needs none */
    const char *caa[PRESET_CAA_MAX]; /* issuer domain names of CAA records (RFC 8659), NULL behind the last */
    unsigned quirks;                 /* enum preset_quirk */
    const struct rate_limit *limits; /* that the CA publishes */
    size_t limit_n;
};

#define PRESET_DEFAULT "letsencrypt"

extern const struct preset presets[];
extern const size_t preset_n;

/* NULL where there is none of that name. */
const struct preset *preset_find(struct str name);
/* The preset whose directory that is, whatever the entry is called; NULL where there is none. */
const struct preset *preset_of_directory(struct str directory);

/* Fills `err` with why `name` is no authority: a preset that is refused, or an unknown name with the nearest
 * of the presets and of the `own_n` entries. Returns `code`. */
int preset_refuse(struct str name, const struct authority *own, size_t own_n, int code, struct err *err);

/* 0, or `code` with what to set and where to get it, where a preset of that directory needs external account
 * binding and `a` has none. */
int preset_check_eab(const struct authority *a, int code, struct err *err);

#endif
