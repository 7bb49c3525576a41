/* Configuration text: what is accepted is shown as text that gives the same settings, and its wishes survive
 * their JSON. */
#include "base/arena.h"
#include "base/buf.h"
#include "config/settings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN_MAX = 64 * 1024 * 1024 };

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_wish(const struct wish *w, struct arena *a)
{
    struct buf text = buf_new(WISH_TEXT_MAX), again = buf_new(WISH_TEXT_MAX);
    struct wish decoded;
    wish_encode(w, &text);
    must(!buf_failed(&text));
    must(wish_decode(buf_str(&text), a, &decoded, NULL) == 0);
    wish_encode(&decoded, &again);
    must(str_eq(buf_str(&text), buf_str(&again)));
    buf_free(&text);
    buf_free(&again);
}

/* A secret that is written in the configuration is not shown, so what is shown is another configuration. */
static bool has_secret(const struct settings *s)
{
    for (size_t i = 0; i < s->authority_n; i++)
        if (s->authorities[i].eab_hmac[0] != '\0' && s->authorities[i].eab_hmac_file[0] == '\0')
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct settings s, again;
    struct config_problems problems = {0};
    struct err err = ERR_INIT;
    if (settings_parse("fuzz", (struct str){(const char *)data, size}, a, &s, &problems, &err) == 0) {
        struct buf first = buf_new(SHOWN_MAX), second = buf_new(SHOWN_MAX);
        settings_show(&s, &first);
        must(!buf_failed(&first));
        if (!has_secret(&s)) {
            must(settings_parse("shown", buf_str(&first), a, &again, NULL, NULL) == 0);
            settings_show(&again, &second);
            must(str_eq(buf_str(&first), buf_str(&second)));
        }
        for (size_t i = 0; i < s.certificate_n; i++)
            check_wish(&s.certificates[i], a);
        buf_free(&first);
        buf_free(&second);
    } else {
        must(problems.n > 0 && strcmp(problems.list[0], err.text) == 0);
        for (size_t i = 0; i < problems.n; i++)
            must(strchr(problems.list[i], '\n') == NULL);
    }
    arena_free(a);
    return 0;
}
