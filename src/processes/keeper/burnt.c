/* burnt-keys: one hash in hex a line, only ever appended to. */
#include "processes/keeper/keeper.h"

#include "base/crash_point.h"

#include <stdlib.h>
#include <string.h>

static bool is_hash(struct str line)
{
    if (line.n != SHA256_HEX_LEN - 1)
        return false;
    for (size_t i = 0; i < line.n; i++)
        if (!((line.p[i] >= '0' && line.p[i] <= '9') || (line.p[i] >= 'a' && line.p[i] <= 'f')))
            return false;
    return true;
}

static void remember(struct keeper *k, struct str hash)
{
    if (k->burnt_n == k->burnt_cap) {
        k->burnt_cap = k->burnt_cap == 0 ? 16 : 2 * k->burnt_cap;
        k->burnt = reallocarray(k->burnt, k->burnt_cap, sizeof *k->burnt);
        if (k->burnt == NULL)
            abort();
    }
    memcpy(k->burnt[k->burnt_n], hash.p, hash.n);
    k->burnt[k->burnt_n++][hash.n] = '\0';
}

int burnt_read(struct keeper *k, struct str text, size_t *out_good, struct err *err)
{
    struct str line, rest = text;
    size_t good = 0, number = 0;
    while (str_cut(rest, '\n', &line, &rest)) {
        number++;
        if (!is_hash(line))
            return err_set(err, ERR_INPUT, "burnt-keys: line %zu is no hash of a key", number);
        remember(k, line);
        good += line.n + 1;
    }
    *out_good = good;
    return 0;
}

bool burnt_has(const struct keeper *k, const char *hash)
{
    for (size_t i = 0; i < k->burnt_n; i++)
        if (strcmp(k->burnt[i], hash) == 0)
            return true;
    return false;
}

int burnt_add(struct keeper *k, const char *hash, struct err *err)
{
    char line[SHA256_HEX_LEN + 1];
    if (burnt_has(k, hash))
        return 0;
    memcpy(line, hash, SHA256_HEX_LEN - 1);
    line[SHA256_HEX_LEN - 1] = '\n';
    int r = secrets_append(k->burnt_file, "burnt-keys", (struct str){line, SHA256_HEX_LEN}, err);
    crash_point(keeper_key_burnt);
    if (r == 0)
        remember(k, (struct str){hash, SHA256_HEX_LEN - 1});
    return r;
}

void burnt_clear(struct keeper *k)
{
    free(k->burnt);
    k->burnt = NULL;
    k->burnt_n = k->burnt_cap = 0;
}
