/* The catalogue of DNS providers: what is accepted has names and types that the rest relies on, and entries
 * of `dns:` are judged by it whatever it says. The same bytes serve as the values of an entry, and as what is
 * said of propagation. */
#include "config/provider.h"
#include "config/values.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_setting(const struct provider_setting *s, const char *text, struct arena *a)
{
    struct err err = ERR_INIT;
    json_t *value;
    must(authority_name_check(str_c(s->name), NULL) == 0 && s->help != NULL);
    must((size_t)s->type < PROVIDER_TYPE_END_ && s->min >= 0);
    must(s->type != PROVIDER_CHOICE || s->choice_n > 0);
    if (provider_value(s, &text, 1, a, &value, &err) == 0)
        json_decref(value);
    else
        must(err.text[0] != '\0');
}

static void check_entry(
    const struct providers *all, const struct provider *p, const char *text, struct arena *a)
{
    const char *const values[] = {text, text};
    const struct dns_value value = {
        .key = p->setting_n > 0 ? p->settings[0].name : "x", .values = values, .n = 2, .where = "f:1:1"};
    const struct dns_entry entries[] = {{.name = "a", .provider = p->name, .where = "f:1:1", .settings = ""},
        {.name = "b", .provider = p->name, .where = "f:2:1", .settings = "", .values = &value, .value_n = 1}};
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    for (size_t n = 1; n <= 2; n++) {
        struct settings s = {.dns = entries, .dns_n = n};
        problems.n = 0;
        if (providers_apply(all, a, &s, &problems, &err) == 0)
            must(problems.n == 0 && s.dns[0].settings[0] == '{');
        else
            must(problems.n > 0 && s.dns == entries);
    }
}

static void check_propagation(struct str text, struct arena *a)
{
    struct propagation p, again;
    struct buf first = buf_new(PROPAGATION_TEXT_MAX * 4);
    if (propagation_decode(text, a, &p, NULL) == 0) {
        propagation_encode(&p, &first);
        must(!buf_failed(&first) && propagation_decode(buf_str(&first), a, &again, NULL) == 0);
        must(again.timeout_s == p.timeout_s && again.resolver_n == p.resolver_n);
    }
    buf_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct str text = {(const char *)data, size};
    struct providers all;
    if (providers_parse(text, a, &all, &err) == 0) {
        const char *value = arena_dup(a, (struct str){text.p, size < 200 ? size : 200});
        struct buf example = buf_new(PROVIDERS_TEXT_MAX);
        for (size_t i = 0; i < all.n; i++) {
            for (size_t k = 0; k < all.list[i].setting_n; k++)
                check_setting(&all.list[i].settings[k], value, a);
            check_entry(&all, &all.list[i], value, a);
            provider_example(&all.list[i], "e", 0, &example);
            provider_example_line(&all.list[i], "e", &example);
        }
        buf_free(&example);
    } else {
        must(err.text[0] != '\0');
    }
    check_propagation(text, a);
    arena_free(a);
    return 0;
}
