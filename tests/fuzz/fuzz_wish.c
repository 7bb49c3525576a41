/* A wish's JSON: what is accepted is written again as itself. The same bytes serve as values of the command
 * line that have a form of their own. */
#include "base/arena.h"
#include "base/buf.h"
#include "config/settings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_same(const struct wish *w, struct arena *a)
{
    struct buf first = buf_new(WISH_TEXT_MAX * 2), second = buf_new(WISH_TEXT_MAX * 2);
    struct wish again;
    wish_encode(w, &first);
    must(!buf_failed(&first));
    must(wish_decode(buf_str(&first), a, &again, NULL) == 0);
    wish_encode(&again, &second);
    must(str_eq(buf_str(&first), buf_str(&second)));
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct str text = {(const char *)data, size};
    struct settings s;
    struct wish w;
    if (wish_decode(text, a, &w, &err) == 0)
        check_same(&w, a);
    else
        must(err.text[0] != '\0');
    must(settings_parse("none", STR("dns: {x: {provider: y}, z: {provider: y}}"), a, &s, NULL, NULL) == 0);
    static const char *const words[] = {"deploy", "publish", "verify", "dns"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct wish_option options[] = {{"domain", "a.example"}, {words[i], arena_dup(a, text)}};
        if (settings_wish(&s, options, 2, a, &w, &err) == 0)
            check_same(&w, a);
        else
            must(err.code == ERR_USAGE);
    }
    arena_free(a);
    return 0;
}
