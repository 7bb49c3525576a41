/* The settings of certbot: the kind of ini file that Python's ConfigObj writes (sections in sections, lists,
 * quotes), and the flatter one of cli.ini. */
#ifndef EVERCERT_PROCESSES_IMPORTER_INI_H
#define EVERCERT_PROCESSES_IMPORTER_INI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    INI_ENTRIES_MAX = 20000, /* a name of a certificate each, at most */
    INI_ITEMS_MAX = 10000,   /* of one list */
    INI_DEPTH_MAX = 4,       /* [[webroot_map]] has 2 */
};

struct ini_entry {
    const char *section; /* "" above the first one, "renewalparams", "renewalparams/webroot_map" */
    struct str key;
    const struct str *items; /* without quotes */
    size_t n;                /* 1 for a value that is no list */
};

struct ini {
    struct ini_entry *entries;
    size_t n;
};

/* Everything lives in `a`. ERR_INPUT with the line for one that is neither section, setting, comment nor
 * blank; ERR_LIMIT. */
int ini_parse(struct str text, struct arena *a, struct ini *out, struct err *err);
/* cli.ini: "key = value", "key: value", "key value" or "key" alone; a dash in a key becomes '_'. Sections are
 * passed over, nothing is an error but too many lines. */
int ini_parse_flat(struct str text, struct arena *a, struct ini *out, struct err *err);

/* NULL where there is none. */
const struct ini_entry *ini_find(const struct ini *ini, const char *section, const char *key);
/* The first item; empty where there is none. */
struct str ini_text(const struct ini *ini, const char *section, const char *key);

#endif
