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
    assert_int_equal(p->limit_n, LIMIT_KINDS);
    assert_string_equal(p->caa[0], "letsencrypt.org");
    assert_null(preset_of_directory(STR("https://ca.example/")));
    assert_null(preset_of_directory(STR("")));
}

static void every_usable_preset_is_whole(void **state)
{
    for (size_t i = 0; i < preset_n; i++) {
        const struct authority *a = &presets[i].authority;
        assert_non_null(a->ca_file);
        assert_ptr_equal(preset_find(str_c(a->name)), &presets[i]);
        assert_true(presets[i].quirks == 0 || presets[i].refused == NULL);
        if (presets[i].refused != NULL)
            continue;
        assert_int_equal(acme_url_check(str_c(a->directory), NULL), 0);
        assert_string_equal(a->id, a->directory);
        assert_ptr_equal(preset_of_directory(str_c(a->directory)), &presets[i]);
        for (size_t k = 0; k < presets[i].limit_n; k++) {
            assert_true(presets[i].limits[k].kind < LIMIT_KINDS);
            assert_true(presets[i].limits[k].burst > 0 && presets[i].limits[k].period_s > 0);
        }
    }
}

static void refusals_say_why(void **state)
{
    struct err err = ERR_INIT;
    assert_int_equal(preset_refuse(STR("buypass"), NULL, 0, ERR_CONFIG, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "ended its free ACME service on 2025-10-15"));
    static const char *const eab[] = {"zerossl", "google", "sslcom", "actalis", "sectigo", "digicert"};
    for (size_t i = 0; i < ARRAY_LEN(eab); i++) {
        assert_int_equal(
            preset_check_eab(&preset_find(str_c(eab[i]))->authority, ERR_USAGE, &err), ERR_USAGE);
        const struct preset *p = preset_find(str_c(eab[i]));
        assert_non_null(strstr(err.text, "needs external account binding (EAB): set authorities."));
        assert_non_null(strstr(err.text, p->eab));
        assert_memory_equal(err.text, eab[i], strlen(eab[i]));
        struct authority bound = p->authority;
        bound.eab_kid = "kid";
        assert_int_equal(preset_check_eab(&bound, ERR_USAGE, NULL), 0);
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
