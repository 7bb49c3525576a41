#include "config_test.h"

#include "acme/url.h"
#include "config/presets.h"

static void lets_encrypt_is_known(void **state)
{
    const struct preset *p = preset_find(STR("letsencrypt"));
    assert_non_null(p);
    assert_null(p->refused);
    assert_string_equal(p->authority.staging, "https://acme-staging-v02.api.letsencrypt.org/directory");
    assert_string_equal(p->authority.directory, "https://acme-v02.api.letsencrypt.org/directory");
    p = preset_find(STR("letsencrypt-staging"));
    assert_non_null(p);
    assert_null(p->refused);
    assert_string_equal(p->authority.staging, p->authority.directory);
    assert_string_equal(p->authority.directory, "https://acme-staging-v02.api.letsencrypt.org/directory");
    assert_null(preset_find(STR("letsencrypt2")));
}

static void every_usable_preset_is_whole(void **state)
{
    for (size_t i = 0; i < preset_n; i++) {
        const struct authority *a = &presets[i].authority;
        assert_non_null(a->ca_file);
        assert_ptr_equal(preset_find(str_c(a->name)), &presets[i]);
        if (presets[i].refused == NULL)
            assert_int_equal(acme_url_check(str_c(a->directory), NULL), 0);
    }
}

static void refusals_say_why(void **state)
{
    struct err err = ERR_INIT;
    assert_int_equal(preset_refuse(STR("buypass"), NULL, 0, ERR_CONFIG, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "ended its free ACME service on 2025-10-15"));
    static const char *const eab[] = {"zerossl", "google", "sslcom", "actalis", "sectigo", "digicert"};
    for (size_t i = 0; i < ARRAY_LEN(eab); i++) {
        assert_int_equal(preset_refuse(str_c(eab[i]), NULL, 0, ERR_USAGE, &err), ERR_USAGE);
        assert_non_null(strstr(err.text, "external account binding (EAB), which this version cannot do"));
        assert_memory_equal(err.text, eab[i], strlen(eab[i]));
    }
}

static void the_nearest_authority_is_named(void **state)
{
    struct err err = ERR_INIT;
    const struct authority own[] = {{.name = "internal", .directory = "https://ca.example/"}};
    preset_refuse(STR("letsencript"), own, 1, ERR_CONFIG, &err);
    assert_non_null(strstr(err.text, "there is no authority \"letsencript\" (did you mean letsencrypt?);"));
    preset_refuse(STR("interal"), own, 1, ERR_CONFIG, &err);
    assert_non_null(strstr(err.text, "(did you mean internal?)"));
    preset_refuse(STR("nothing-like-it"), own, 1, ERR_CONFIG, &err);
    assert_null(strstr(err.text, "did you mean"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_encrypt_is_known),
        cmocka_unit_test(every_usable_preset_is_whole),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(the_nearest_authority_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
