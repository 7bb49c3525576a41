#include "config_test.h"

#include "config/schema.h"

static const struct section *const sections[] = {&schema_root, &schema_certificate, &schema_deploy,
    &schema_publication, &schema_authority, &schema_dns_entry, &schema_dns_propagation, &schema_docker,
    &schema_docker_engine, &schema_docker_policy, &schema_action, &schema_notify, &schema_template};

static void keys_are_found_and_unique(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        assert_true(sections[i]->n <= SECTION_ROWS_MAX);
        for (size_t j = 0; j < sections[i]->n; j++)
            assert_ptr_equal(
                section_row(sections[i], str_c(sections[i]->rows[j].key)), &sections[i]->rows[j]);
        assert_null(section_row(sections[i], STR("")));
        assert_null(section_row(sections[i], STR("nothing")));
    }
}

static void rows_are_whole(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        for (size_t j = 0; j < sections[i]->n; j++) {
            const struct setting *row = &sections[i]->rows[j];
            assert_non_null(row->help);
            assert_true(row->offset < sections[i]->size);
            bool pairs = row->shape == SHAPE_MAP || row->shape == SHAPE_CHOICES;
            if (pairs)
                assert_true(row->keys != NULL && row->max > 0);
            if (row->shape == SHAPE_ONE || row->shape == SHAPE_LIST || pairs)
                assert_non_null(row->type);
            else
                assert_non_null(row->section);
            if (row->type == &type_duration)
                assert_true(row->min >= 0 && row->min < row->max);
        }
}

/* The same words mean the same at the top, in a certificate and on the command line. */
static void defaults_and_certificates_agree(void **state)
{
    static const char *const both[] = {
        "authority", "challenge", "webroot", "key-type", "key-group", "key-mode", "renew-before", "retry"};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct setting *top = section_row(&schema_root, str_c(both[i]));
        const struct setting *own = section_row(&schema_certificate, str_c(both[i]));
        assert_non_null(top);
        assert_non_null(own);
        assert_ptr_equal(top->type, own->type);
        assert_int_equal(top->flags, own->flags);
        assert_int_equal(top->max, own->max);
    }
}

static void fields_are_reached(void **state)
{
    struct deploy d = {.timeout_s = 5};
    const struct setting *run = section_row(&schema_deploy, STR("run"));
    const struct setting *timeout = section_row(&schema_deploy, STR("timeout"));
    static const char *const argv[] = {"true", "x"};
    size_t n = 99;
    assert_null(setting_items(run, &d, &n));
    assert_int_equal(n, 0);
    setting_set_items(run, &d, argv, 2);
    assert_ptr_equal(d.argv, argv);
    assert_int_equal(d.argc, 2);
    assert_ptr_equal(setting_items(run, &d, &n), argv);
    assert_int_equal(n, 2);
    assert_ptr_equal(setting_field(timeout, &d), &d.timeout_s);
    assert_ptr_equal(setting_field_const(timeout, &d), &d.timeout_s);
    assert_int_equal(setting_item_size(run), sizeof(char *));
    assert_int_equal(setting_item_size(section_row(&schema_certificate, STR("deploy"))), sizeof d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_and_unique),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(defaults_and_certificates_agree),
        cmocka_unit_test(fields_are_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
