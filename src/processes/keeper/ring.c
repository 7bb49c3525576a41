/* account-key: a ring of PEM keys. */
#include "processes/keeper/keeper.h"

#include "base/log.h"

#include <string.h>

enum { ENTRY_MAX = 64 * 1024 };

/* The line in front of each key, and the end of its block. */
static const char ring_word[] = "directory ";
static const char ring_end[] = "-----END PRIVATE KEY-----\n";

static const char *const marks[] = {
    [RING_IN_FORCE] = "",
    [RING_PENDING] = "(pending)",
    [RING_DROPPED] = "(dropped)",
};

/* A mark that a later version wrote is not ours to understand. */
static bool mark_of(struct str text, enum ring_mark *out)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_eq_c(text, marks[i])) {
            *out = (enum ring_mark)i;
            return true;
        }
    return false;
}

static struct keeper_account *account_of(struct keeper *k, struct str id, struct arena *arena)
{
    const char *text = arena_dup(arena, id);
    struct keeper_account *a = accounts_find(k, text);
    if (a != NULL)
        return a;
    accounts_configure(k, &(struct msg_keeper_account){.account = text});
    a = accounts_find(k, text);
    a->configured = false;
    return a;
}

/* Takes over `key`. */
static void put_in_place(struct keeper_account *a, enum ring_mark mark, struct key *key)
{
    key_freep(&a->pending);
    if (mark == RING_PENDING) {
        a->pending = key;
    } else if (mark == RING_DROPPED) {
        key_free(key);
    } else {
        key_free(a->key); /* a later entry replaces an earlier one */
        a->key = key;
    }
}

static int take_entry(struct keeper *k, struct str head, struct str pem, struct err *err)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct str id, mark_text;
    enum ring_mark mark;
    struct key *key = NULL;
    str_cut(str_trim(head), ' ', &id, &mark_text);
    int r = key_from_pem(pem, &key, err);
    if (r < 0)
        return r;
    if (!mark_of(mark_text, &mark)) {
        log_warning("account-key: an entry with the mark \"%.*s\" is left alone", STR_ARG(mark_text));
        key_free(key);
        return 0;
    }
    put_in_place(account_of(k, id, arena), mark, key);
    return 0;
}

int ring_read(struct keeper *k, struct str text, size_t *out_good, struct err *err)
{
    size_t good = 0;
    while (good < text.n) {
        struct str rest = {text.p + good, text.n - good}, line, tail;
        const char *end = memmem(rest.p, rest.n, ring_end, strlen(ring_end));
        if (end == NULL)
            break;
        size_t n = (size_t)(end - rest.p) + strlen(ring_end);
        str_cut((struct str){rest.p, n}, '\n', &line, &tail);
        if (!str_starts(line, str_c(ring_word)))
            return err_set(err, ERR_INPUT, "account-key: an entry does not begin with \"directory URL\"");
        int r =
            take_entry(k, (struct str){line.p + strlen(ring_word), line.n - strlen(ring_word)}, tail, err);
        if (r < 0)
            return err_prefix(err, "account-key");
        good += n;
    }
    *out_good = good;
    return 0;
}

int ring_append(struct keeper *k, const char *id, enum ring_mark mark, const struct key *key, struct err *err)
{
    struct buf entry ATTR_CLEANUP(buf_free) = buf_new_sensitive(ENTRY_MAX);
    buf_printf(&entry, "%s%s%s%s\n", ring_word, id, mark == RING_IN_FORCE ? "" : " ", marks[mark]);
    int r = key_to_pem(key, &entry, err);
    return r < 0 ? r : secrets_append(k->account_file, "account-key", buf_str(&entry), err);
}
