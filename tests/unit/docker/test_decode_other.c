#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "docker/decode.h"

#include <string.h>

static void test_entries_of_lists(void **state)
{
    char id[DOCKER_ID_MAX + 1];
    assert_int_equal(decode_listed(STR("{\"Id\":\"abc\",\"Names\":[]}"), id, NULL), 0);
    assert_string_equal(id, "abc");
    assert_int_equal(decode_listed(STR("{\"ID\":\"svc.1_x-y\"}"), id, NULL), 0);
    assert_string_equal(id, "svc.1_x-y");
    assert_int_equal(decode_listed(STR("{\"Name\":\"x\"}"), id, NULL), ERR_INPUT);
    assert_int_equal(decode_listed(STR("{\"Id\":\"-x\"}"), id, NULL), ERR_INPUT);
}

static void test_a_service(void **state)
{
    static const char text[] =
        "{\"ID\":\"s1\",\"CreatedAt\":\"2026-11-22T10:00:00Z\",\"Spec\":{\"Name\":\"shop_web\",\"Labels\":{"
        "\"a\":\"outer\","
        "\"com.docker.stack.namespace\":\"shop\"},\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"nginx:1\","
        "\"Labels\":{\"a\":\"inner\",\"b\":\"inner\"},\"Env\":[\"X=1\"]},"
        "\"Networks\":[{\"Target\":\"net2\"},{\"Target\":\"net1\",\"Aliases\":[\"web\"]}]}}}";
    static const struct pair networks[] = {{"net1", "front"}, {"net3", "other"}};
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c;
    const char *unknown = NULL;
    assert_int_equal(decode_service(STR(text), "docker", networks, 2, a, &c, &unknown, NULL), 0);
    assert_true(c.service);
    assert_string_equal(c.name, "shop_web");
    assert_string_equal(c.project, "shop");
    assert_string_equal(c.service_name, "web");
    assert_string_equal(c.state, "running");
    assert_string_equal(container_label(&c, "a"), "outer");
    assert_string_equal(container_label(&c, "b"), "inner");
    assert_string_equal(container_env(&c, "X"), "1");
    assert_int_equal(c.network_n, 2);
    assert_string_equal(c.networks[0].name, "front");
    assert_string_equal(c.networks[0].aliases[0], "web");
    assert_string_equal(c.networks[1].name, "net2");
    assert_string_equal(unknown, "net2");
    assert_int_equal(
        decode_service(STR("{\"ID\":\"s\",\"Spec\":7}"), "d", NULL, 0, a, &c, &unknown, NULL), 0);
    assert_null(unknown);
    assert_string_equal(c.name, "");
    assert_int_equal(decode_service(STR("{\"Spec\":{}}"), "d", NULL, 0, a, &c, &unknown, NULL), ERR_INPUT);
}

static void test_events(void **state)
{
    static const struct {
        const char *type, *action;
        bool matters, died;
    } rows[] = {
        {"container", "create", true, false},
        {"container", "start", true, false},
        {"container", "die", true, true},
        {"container", "died", true, true},
        {"container", "destroy", true, false},
        {"container", "rename", true, false},
        {"container", "health_status: healthy", true, false},
        {"container", "update", true, false},
        {"container", "exec_create: sh -c x", false, false},
        {"container", "exec_start: sh", false, false},
        {"container", "exec_die", false, false},
        {"container", "exec", false, false},
        {"container", "attach", false, false},
        {"container", "top", false, false},
        {"service", "update", true, false},
        {"service", "die", true, false},
        {"image", "pull", false, false},
        {"network", "connect", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct docker_event e;
        char text[256];
        snprintf(text, sizeof text,
            "{\"Type\":\"%s\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"abc\"},\"timeNano\":1700000000000000001}",
            rows[i].type, rows[i].action);
        assert_int_equal(decode_event(str_c(text), &e, NULL), 0);
        assert_int_equal(e.matters, rows[i].matters);
        assert_int_equal(e.died, rows[i].died);
        assert_int_equal(e.nano, 1700000000000000001);
        if (e.matters)
            assert_string_equal(e.id, "abc");
    }
    static const struct {
        const char *signal;
        bool ended;
    } kills[] = {
        {"15", true}, {"9", true}, {"3", true}, {"37", true}, {"1", false}, {"10", false}, {"28", false}};
    for (size_t i = 0; i < ARRAY_LEN(kills); i++) {
        struct docker_event e;
        char text[256];
        snprintf(text, sizeof text,
            "{\"Type\":\"container\",\"Action\":\"kill\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{"
            "\"signal\":\"%s\"}}}",
            kills[i].signal);
        assert_int_equal(decode_event(str_c(text), &e, NULL), 0);
        assert_int_equal(e.ended, kills[i].ended);
        assert_false(e.died);
    }
    struct docker_event e;
    assert_int_equal(
        decode_event(STR("{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":7}"), &e, NULL), 0);
    assert_false(e.matters);
    assert_int_equal(decode_event(STR("{\"Type\":"), &e, NULL), ERR_INPUT);
}

static void test_versions(void **state)
{
    static const struct {
        const char *text, *shown;
        int code;
        unsigned minor;
    } rows[] = {
        {"{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}",
            "Docker 20.10.24, API 1.41", 0, 41},
        {"{\"Version\":\"29.0.0\",\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}",
            "Docker 29.0.0, API 1.51", 0, 51},
        {"{\"Version\":\"4.3.1\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.24\","
         "\"Components\":[{\"Name\":\"Podman Engine\"}]}",
            "podman 4.3.1, API 1.41", 0, 41},
        {"{\"Version\":\"1.12\",\"ApiVersion\":\"1.24\"}", "Docker 1.12, API 1.24", 0, 24},
        {"{\"Version\":\"a\\u001bb\",\"ApiVersion\":\"1.40\"}", "Docker a?b, API 1.40", 0, 40},
        {"{\"ApiVersion\":\"1.23\"}", NULL, ERR_REFUSED, 0},
        {"{\"ApiVersion\":\"1.90\",\"MinAPIVersion\":\"1.60\"}", NULL, ERR_REFUSED, 0},
        {"{\"ApiVersion\":\"2.0\"}", NULL, ERR_INPUT, 0},
        {"{\"ApiVersion\":\"1.-1\"}", NULL, ERR_INPUT, 0},
        {"{\"ApiVersion\":1.41}", NULL, ERR_INPUT, 0},
        {"{}", NULL, ERR_INPUT, 0},
        {"<html>", NULL, ERR_INPUT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct docker_version v = {.minor = 0};
        struct err err = ERR_INIT;
        assert_int_equal(decode_version(str_c(rows[i].text), &v, &err), rows[i].code);
        assert_int_equal(v.minor, rows[i].minor);
        if (rows[i].shown != NULL)
            assert_string_equal(v.text, rows[i].shown);
        else
            assert_true(err.text[0] != '\0');
    }
}

static void test_networks(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *name = NULL;
    assert_int_equal(decode_network(STR("{\"Id\":\"x\",\"Name\":\"front\\n\"}"), a, &name, NULL), 0);
    assert_string_equal(name, "front ");
    assert_int_equal(decode_network(STR("{\"Id\":\"x\"}"), a, &name, NULL), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_of_lists),
        cmocka_unit_test(test_a_service),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
