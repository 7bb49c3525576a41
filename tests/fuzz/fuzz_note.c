/* Notes of records, as they come back from the engine. What is read is within its limits, none of it passes
 * for ours, and written again it is. */
#include "processes/solver/note.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_round_trip(struct note *n, struct arena *a)
{
    struct note_key key;
    const struct note_key *keys[] = {&key, &key, &key, &key};
    struct buf text = buf_new(NOTE_MAX);
    struct note again;
    if (note_key_make(&key, "corp", "cloudflare", STR("{}"), NULL) < 0)
        abort();
    for (size_t i = 0; i < n->n; i++)
        if (note_is_ours(&key, &n->parts[i], "value"))
            abort();
    /* Entries and names can be longer than what is written ourselves. */
    if (note_encode(n, keys, "value", &text, NULL) == 0) {
        if (note_decode(buf_str(&text), a, &again, NULL) < 0 || again.n != n->n)
            abort();
        for (size_t i = 0; i < again.n; i++)
            if (!note_is_ours(&key, &again.parts[i], "value") || note_is_ours(&key, &again.parts[i], "other"))
                abort();
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct note n = {.n = 77};
    struct err err = ERR_INIT;
    if (note_decode((struct str){(const char *)data, size}, a, &n, &err) == 0) {
        if (n.n > WISH_DNS_ENTRIES_MAX)
            abort();
        for (size_t i = 0; i < n.n; i++)
            if (strlen(n.parts[i].handle) > NOTE_HANDLE_MAX || strlen(n.parts[i].seal) >= SHA256_HEX_LEN)
                abort();
        expect_round_trip(&n, a);
    } else if (n.n != 77 || err.code >= 0) {
        abort();
    }
    arena_free(a);
    return 0;
}
