#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "docker/decode.h"

#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char whole[] =
    "{\"Id\":\"" ID "\",\"Created\":\"2026-11-22T10:00:00.5Z\",\"Name\":\"/web-1\",\"RestartCount\":3,"
    "\"State\":{\"Status\":\"running\",\"StartedAt\":\"2026-11-22T10:00:01Z\",\"Health\":{\"Status\":"
    "\"healthy\"}},"
    "\"HostConfig\":{\"NetworkMode\":\"shop_default\"},"
    "\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"data\",\"Source\":\"/v/data\",\"Destination\":\"/"
    "data\",\"RW\":true},"
    "{\"Type\":\"bind\",\"Source\":\"/etc\",\"Destination\":\"/host\",\"RW\":false}],"
    "\"Config\":{\"Hostname\":\"web\",\"Image\":\"nginx:1\",\"Env\":[\"B=2\",\"A=1\",\"B=3\",\"NONE\",\"E=\","
    "\"=x\"],"
    "\"Labels\":{\"z\":\"last\",\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":"
    "\"web\","
    "\"a\":\"line\\r\\nnext\\ttab\\u001b[31m\\u0000\\u0085end\"},"
    "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}},"
    "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"},"
    "{\"HostIp\":\"::\",\"HostPort\":\"8080\"}],\"443/tcp\":null},"
    "\"Networks\":{\"shop_default\":{\"IPAddress\":\"172.18.0.2\",\"GlobalIPv6Address\":\"fd00::2\","
    "\"Gateway\":"
    "\"172.18.0.1\",\"Aliases\":[\"web\",\"web-1\"]},\"back\":{\"IPAddress\":\"\",\"Aliases\":null}}}}";

static struct container decoded(struct arena *a, const char *text)
{
    struct container c;
    struct err err = ERR_INIT;
    assert_int_equal(decode_container(str_c(text), "docker", a, &c, &err), 0);
    return c;
}

static void test_a_whole_container(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c = decoded(a, whole);
    assert_string_equal(c.engine, "docker");
    assert_string_equal(c.id, ID);
    assert_string_equal(c.name, "web-1");
    assert_string_equal(c.image, "nginx:1");
    assert_string_equal(c.hostname, "web");
    assert_string_equal(c.project, "shop");
    assert_string_equal(c.service_name, "web");
    assert_string_equal(c.state, "running");
    assert_string_equal(c.health, "healthy");
    assert_string_equal(c.network_mode, "shop_default");
    assert_int_equal(c.created_s, 1795341600);
    assert_int_equal(c.started_s, 1795341601);
    assert_int_equal(c.restarts, 3);
    assert_false(c.service);
    assert_int_equal(c.left_out, 0);
}

static void test_labels_and_variables(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c = decoded(a, whole);
    assert_int_equal(c.label_n, 4);
    assert_string_equal(container_label(&c, "z"), "last");
    assert_string_equal(container_label(&c, "a"), "line\nnext\ttab?[31m??end");
    assert_null(container_label(&c, "b"));
    assert_int_equal(c.env_n, 3);
    assert_string_equal(container_env(&c, "A"), "1");
    assert_string_equal(container_env(&c, "B"), "3");
    assert_string_equal(container_env(&c, "E"), "");
    assert_null(container_env(&c, "NONE"));
}

static void test_networks_ports_and_mounts(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c = decoded(a, whole);
    assert_int_equal(c.network_n, 2);
    assert_string_equal(c.networks[0].name, "back");
    assert_string_equal(c.networks[0].ip, "");
    assert_string_equal(c.networks[1].name, "shop_default");
    assert_string_equal(c.networks[1].ip, "172.18.0.2");
    assert_string_equal(c.networks[1].ip6, "fd00::2");
    assert_string_equal(c.networks[1].gateway, "172.18.0.1");
    assert_int_equal(c.networks[1].alias_n, 2);
    assert_int_equal(c.port_n, 4);
    assert_int_equal(c.ports[0].port, 80);
    assert_int_equal(c.ports[0].host_port, 8080);
    assert_string_equal(c.ports[0].host_address, "0.0.0.0");
    assert_string_equal(c.ports[1].host_address, "::");
    assert_int_equal(c.ports[2].port, 443);
    assert_int_equal(c.ports[2].host_port, 0);
    assert_int_equal(c.ports[3].port, 53); /* exposed, and of no network */
    assert_string_equal(c.ports[3].protocol, "udp");
    assert_int_equal(c.mount_n, 2);
    assert_string_equal(c.mounts[0].name, "data");
    assert_true(c.mounts[0].writable);
    assert_string_equal(c.mounts[1].source, "/etc");
    assert_false(c.mounts[1].writable);
}

static void test_what_is_missing_or_of_another_type(void **state)
{
    static const char *const texts[] = {
        "{\"Id\":\"a\"}",
        "{\"Id\":\"a\",\"Name\":7,\"Created\":-1,\"State\":\"x\",\"Config\":[],\"Mounts\":{},"
        "\"NetworkSettings\":null,"
        "\"HostConfig\":true,\"RestartCount\":-5}",
        "{\"Id\":\"a\",\"Config\":{\"Labels\":{\"n\":null,\"i\":1},\"Env\":[1,null,[],\"\"],\"ExposedPorts\":"
        "[]},"
        "\"State\":{\"Health\":{\"Status\":\"odd\"}},\"Mounts\":[1,null,{}],"
        "\"NetworkSettings\":{\"Ports\":{\"0/tcp\":null,\"99999/tcp\":null,\"80/what\":null,\"-1/tcp\":null,"
        "\"x\":null,\"\":null},\"Networks\":{\"n\":7}}}",
        "{\"Id\":\"a\",\"NetworkSettings\":{\"Ports\":{\"1/udp\":[7,{\"HostPort\":-1,\"HostIp\":\"evil; "
        "rm\"}]}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        struct container c = decoded(a, texts[i]);
        assert_string_equal(c.id, "a");
        assert_string_equal(c.name, "");
        assert_string_equal(c.health, "");
        assert_string_equal(c.project, "");
        assert_int_equal(c.created_s, 0);
        assert_int_equal(c.restarts, 0);
        assert_int_equal(c.mount_n, 0);
        assert_int_equal(c.env_n, 0);
        for (size_t k = 0; k < c.port_n; k++)
            assert_string_equal(c.ports[k].host_address, "");
        for (size_t k = 0; k < c.network_n; k++)
            assert_string_equal(c.networks[k].ip, "");
    }
}

static void test_what_is_no_container(void **state)
{
    static const char *const texts[] = {"", "null", "[]", "7", "{", "{\"Id\":\"a\"} x", "{}", "{\"Id\":7}",
        "{\"Id\":\"\"}", "{\"Id\":\"..\"}", "{\"Id\":\"a/../b\"}", "{\"Id\":\"a\\u0000b\"}",
        "{\"Id\":\"a b\"}", "{\"Id\":\"\xff\"}", "{\"Id\":\"a\",\"Id\":\"b\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        struct container c;
        struct err err = ERR_INIT;
        assert_int_equal(decode_container(str_c(texts[i]), "docker", a, &c, &err), ERR_INPUT);
        assert_true(err.text[0] != '\0');
    }
}

static void test_what_nests_too_deep(void **state)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(300000);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c;
    buf_put_c(&text, "{\"Id\":\"a\",\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_put_char(&text, '[');
    assert_int_equal(decode_container(buf_str(&text), "docker", a, &c, NULL), ERR_LIMIT);
}

static void test_labels_that_are_too_long_or_too_many(void **state)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(300000);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    buf_put_c(&text, "{\"Id\":\"a\",\"Config\":{\"Labels\":{\"fits\":\"");
    for (int i = 0; i < CONTAINER_TEXT_MAX - 4; i++)
        buf_put_char(&text, 'x');
    buf_put_c(&text, "\",\"long\":\"");
    for (int i = 0; i < CONTAINER_TEXT_MAX - 3; i++)
        buf_put_char(&text, 'x');
    buf_put_char(&text, '"');
    for (int i = 0; i < CONTAINER_PAIRS_MAX; i++)
        buf_printf(&text, ",\"label%d\":\"\"", i);
    buf_put_c(&text, "}}}");
    struct container c = decoded(a, buf_c(&text));
    assert_int_equal(c.label_n, CONTAINER_PAIRS_MAX);
    assert_int_equal(c.left_out, 2);
    assert_int_equal(strlen(container_label(&c, "fits")), CONTAINER_TEXT_MAX - 4);
    assert_null(container_label(&c, "long"));
}

static void test_long_names_are_cut(void **state)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(3000);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    buf_put_c(&text, "{\"Id\":\"a\",\"Name\":\"/");
    for (int i = 0; i < 400; i++)
        buf_put_c(&text, "\xc3\xa4");
    buf_put_c(&text, "\"}");
    struct container c = decoded(a, buf_c(&text));
    assert_in_range(strlen(c.name), CONTAINER_NAME_MAX - 3, CONTAINER_NAME_MAX);
    assert_true(str_ends(str_c(c.name), STR("\xc3\xa4...")));
}

static void test_projects_of_others(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container c = decoded(a, "{\"Id\":\"a\",\"Config\":{\"Labels\":{\"io.podman.compose.project\":"
                                    "\"p\",\"io.podman.compose.service\":\"s\"}}}");
    assert_string_equal(c.project, "p");
    assert_string_equal(c.service_name, "s");
    c = decoded(a, "{\"Id\":\"a\",\"Config\":{\"Labels\":{\"com.docker.stack.namespace\":\"st\","
                   "\"com.docker.swarm.service.name\":\"st_web\"}}}");
    assert_string_equal(c.project, "st");
    assert_string_equal(c.service_name, "st_web");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_container),
        cmocka_unit_test(test_labels_and_variables),
        cmocka_unit_test(test_networks_ports_and_mounts),
        cmocka_unit_test(test_what_is_missing_or_of_another_type),
        cmocka_unit_test(test_what_is_no_container),
        cmocka_unit_test(test_what_nests_too_deep),
        cmocka_unit_test(test_labels_that_are_too_long_or_too_many),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_projects_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
