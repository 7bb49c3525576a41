/* What a provider gave for a new account: what is accepted can be pasted, whatever it says. */
#include "base/text.h"
#include "config/registration.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_text(const char *text, bool lines)
{
    for (const char *c = text; *c != '\0'; c++)
        must((lines && *c == '\n') || ((unsigned char)*c >= ' ' && *c != 0x7f));
    must(text_is_utf8(str_c(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct provider_setting settings[] = {
        {.name = "accounts", .help = "", .type = PROVIDER_SECRET},
        {.name = "user", .help = "", .type = PROVIDER_TEXT},
        {.name = "endpoint", .help = "", .type = PROVIDER_URL},
        {.name = "ttl", .help = "", .type = PROVIDER_NUMBER, .max = 60},
        {.name = "words", .help = "", .type = PROVIDER_LIST},
    };
    static const struct provider p = {.name = "p", .title = "P", .settings = settings, .setting_n = 5};
    static const struct dns_entry e = {.name = "e"};
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct registration r;
    if (registration_parse((struct str){(const char *)data, size}, &p, a, &r, &err) == 0) {
        struct buf text = buf_new(REGISTRATION_TEXT_MAX);
        must(r.n > 0 && r.n <= 4);
        for (size_t i = 0; i < r.n; i++)
            check_text(r.settings[i].value, false);
        check_text(r.cname, false);
        registration_show(&r, &p, &e, &text);
        must(!buf_failed(&text));
        check_text(buf_c(&text), true);
        buf_free(&text);
    } else {
        must(err.text[0] != '\0');
        check_text(err.text, false);
    }
    arena_free(a);
    return 0;
}
