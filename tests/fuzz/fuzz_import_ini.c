/* certbot's renewal files and its cli.ini. What is accepted is found again, and lies in the arena. */
#include "processes/importer/ini.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ini *ini)
{
    if (ini->n > INI_ENTRIES_MAX)
        abort();
    for (size_t i = 0; i < ini->n; i++) {
        const struct ini_entry *e = &ini->entries[i];
        if (e->section == NULL || e->n > INI_ITEMS_MAX || e->key.p[e->key.n] != '\0')
            abort();
        for (size_t k = 0; k < e->n; k++)
            if (e->items[k].p == NULL || e->items[k].p[e->items[k].n] != '\0')
                abort();
        if (strlen(e->key.p) == e->key.n && ini_find(ini, e->section, e->key.p) == NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = {(const char *)data, size};
    struct ini ini = {0}, flat = {0};
    if (ini_parse(text, a, &ini, NULL) == 0)
        check(&ini);
    if (ini_parse_flat(text, a, &flat, NULL) == 0)
        check(&flat);
    arena_free(a);
    return 0;
}
