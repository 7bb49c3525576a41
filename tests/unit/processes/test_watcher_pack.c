#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "processes/watcher/pack.h"

#include <stdlib.h>
#include <string.h>

/* Equal, and another piece of memory. */
#define SAME(a, b, member)                                  \
    do {                                                    \
        assert_string_equal((a)->member, (b)->member);      \
        if ((a)->member[0] != '\0')                         \
            assert_ptr_not_equal((a)->member, (b)->member); \
    } while (0)

static void same_pairs(const struct pair *a, const struct pair *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        SAME(&a[i], &b[i], name);
        SAME(&a[i], &b[i], value);
    }
}

static void same(const struct container *a, const struct container *b)
{
    SAME(a, b, engine);
    SAME(a, b, id);
    SAME(a, b, name);
    SAME(a, b, image);
    SAME(a, b, hostname);
    SAME(a, b, project);
    SAME(a, b, service_name);
    SAME(a, b, state);
    SAME(a, b, health);
    SAME(a, b, network_mode);
    assert_int_equal(a->service, b->service);
    assert_int_equal(a->created_s, b->created_s);
    assert_int_equal(a->started_s, b->started_s);
    assert_int_equal(a->restarts, b->restarts);
    assert_int_equal(a->left_out, b->left_out);
    assert_int_equal(a->label_n, b->label_n);
    assert_int_equal(a->env_n, b->env_n);
    same_pairs(a->labels, b->labels, a->label_n);
    same_pairs(a->env, b->env, a->env_n);
    assert_int_equal(a->network_n, b->network_n);
    for (size_t i = 0; i < a->network_n; i++) {
        SAME(&a->networks[i], &b->networks[i], name);
        SAME(&a->networks[i], &b->networks[i], ip);
        SAME(&a->networks[i], &b->networks[i], ip6);
        SAME(&a->networks[i], &b->networks[i], gateway);
        assert_int_equal(a->networks[i].alias_n, b->networks[i].alias_n);
        for (size_t k = 0; k < a->networks[i].alias_n; k++)
            assert_string_equal(a->networks[i].aliases[k], b->networks[i].aliases[k]);
    }
    assert_int_equal(a->port_n, b->port_n);
    for (size_t i = 0; i < a->port_n; i++) {
        assert_int_equal(a->ports[i].port, b->ports[i].port);
        assert_int_equal(a->ports[i].host_port, b->ports[i].host_port);
        SAME(&a->ports[i], &b->ports[i], protocol);
        SAME(&a->ports[i], &b->ports[i], host_address);
    }
    assert_int_equal(a->mount_n, b->mount_n);
    for (size_t i = 0; i < a->mount_n; i++) {
        SAME(&a->mounts[i], &b->mounts[i], type);
        SAME(&a->mounts[i], &b->mounts[i], source);
        SAME(&a->mounts[i], &b->mounts[i], destination);
        SAME(&a->mounts[i], &b->mounts[i], name);
        assert_int_equal(a->mounts[i].writable, b->mounts[i].writable);
    }
}

static const struct container empty = {.engine = "",
    .id = "",
    .name = "",
    .image = "",
    .hostname = "",
    .project = "",
    .service_name = "",
    .state = "",
    .health = "",
    .network_mode = ""};

static void test_empty(void **state)
{
    struct container *c = container_pack(&empty);
    same(c, &empty);
    free(c);
}

static void test_full(void **state)
{
    static const char *const aliases[] = {"web", "", "shop_web_1"};
    static const struct pair labels[] = {{"a", "1"}, {"b", ""}, {"evercert.domains", "a.example"}};
    static const struct pair env[] = {{"PATH", "/bin"}, {"X", "y"}};
    static const struct container_network networks[] = {{.name = "back",
                                                            .ip = "10.0.0.2",
                                                            .ip6 = "",
                                                            .gateway = "10.0.0.1",
                                                            .aliases = aliases,
                                                            .alias_n = 3},
        {.name = "front", .ip = "", .ip6 = "fd00::2", .gateway = ""}};
    static const struct container_port ports[] = {
        {80, "tcp", "0.0.0.0", 8080}, {53, "udp", "", 0}, {443, "tcp", "::", 443}};
    static const struct container_mount mounts[] = {
        {"bind", "/srv", "/data", "", true}, {"volume", "/var/lib/v", "/v", "v", false}};
    struct container full = {.engine = "docker",
        .service = true,
        .id = "abcdef",
        .name = "web",
        .image = "nginx:1",
        .hostname = "h",
        .project = "shop",
        .service_name = "web",
        .state = "running",
        .health = "healthy",
        .network_mode = "bridge",
        .created_s = 1,
        .started_s = 2,
        .restarts = 3,
        .left_out = 4,
        .labels = labels,
        .label_n = ARRAY_LEN(labels),
        .env = env,
        .env_n = ARRAY_LEN(env),
        .networks = networks,
        .network_n = ARRAY_LEN(networks),
        .ports = ports,
        .port_n = ARRAY_LEN(ports),
        .mounts = mounts,
        .mount_n = ARRAY_LEN(mounts)};
    struct container *c = container_pack(&full), *again = container_pack(c);
    same(c, &full);
    /* A copy of a copy is one, too, and does not need the first. */
    same(again, c);
    free(c);
    same(again, &full);
    free(again);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
