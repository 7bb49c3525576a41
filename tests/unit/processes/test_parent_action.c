#include "processes/parent/action.h"
#include "processes/parent/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

#include <jansson.h>
#include <string.h>

static const char *const reload[] = {"nginx", "-s", "reload"};
static const char *const other[] = {"nginx", "-s", "reopen"};

/* All different, each as people are told of it. */
static const struct {
    struct action action;
    const char *title;
} actions[] = {
    {{.container = "web", .signal = "HUP"}, "signal HUP to container web"},
    {{.container = "web", .signal = "USR1"}, "signal USR1 to container web"},
    {{.container = "db", .signal = "HUP"}, "signal HUP to container db"},
    {{.container = "db", .engine = "far", .signal = "HUP"}, "signal HUP to container db"},
    {{.container = "web", .restart = true}, "restart of container web"},
    {{.container = "web", .exec = reload, .exec_n = 3}, "exec nginx -s reload in container web"},
    {{.container = "web", .exec = other, .exec_n = 3}, "exec nginx -s reopen in container web"},
    {{.container = "web", .exec = reload, .exec_n = 2}, "exec nginx -s in container web"},
    {{.container = "web", .exec = reload, .exec_n = 3, .exec_user = "www"},
        "exec nginx -s reload in container web"},
    {{.run = reload, .run_n = 3}, "run nginx -s reload"},
    {{.run = reload, .run_n = 3, .user = "www"}, "run nginx -s reload"},
    {{.action = "poke"}, "action poke"},
    {{.reload = true}, "reload of evercert"},
};

static void test_the_same_is_told_once(void **state)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        for (size_t k = 0; k < ARRAY_LEN(actions); k++) {
            bool same = action_same(action_copy(&actions[i].action, a), action_copy(&actions[k].action, a));
            if (same != (i == k))
                fail_msg("%s (%zu), %s (%zu)", actions[i].title, i, actions[k].title, k);
        }
    arena_free(a);
}

static void test_titles(void **state)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        assert_string_equal(action_title(action_copy(&actions[i].action, a), a), actions[i].title);
    arena_free(a);
}

static void test_an_action_is_followed_to_its_entry(void **state)
{
    struct arena *a = arena_new();
    const struct action entries[] = {
        {.name = "poke", .container = "", .engine = "", .signal = "HUP"},
        {.name = "fixed", .container = "web", .engine = "", .restart = true},
    };
    const struct settings s = {.actions = entries, .action_n = ARRAY_LEN(entries)};
    const struct action poke = {.action = "poke", .container = "db", .engine = "far"};
    const struct action *to = action_follow(&s, &poke, a);
    assert_string_equal(to->name, "poke");
    assert_string_equal(to->signal, "HUP");
    assert_string_equal(to->container, "db");
    assert_string_equal(to->engine, "far");
    assert_true(action_is_fixed(to));
    const struct action fixed = {.action = "fixed", .container = "db"};
    assert_string_equal(action_follow(&s, &fixed, a)->container, "web");
    const struct action alone = {.action = "poke"};
    assert_false(action_is_fixed(action_follow(&s, &alone, a)));
    const struct action none = {.action = "gone"};
    assert_null(action_follow(&s, &none, a));
    assert_string_equal(action_follow(&s, &actions[0].action, a)->signal, "HUP");
    arena_free(a);
}

static void test_what_templates_are_told(void **state)
{
    const char *const kinds[] = {"http-01", "dns-01"}, *const listen[] = {"127.0.0.1:8402"};
    const struct settings s = {
        .defaults = {.challenges = kinds, .challenge_n = 2, .webroot = "/var/www \"x\""},
        .http01_listen = listen,
        .http01_listen_n = 1};
    struct buf out = buf_new(4096);
    model_settings(&s, "/var/lib/evercert", "host.example", &out);
    json_t *all = json_loads(buf_c(&out), 0, NULL), *challenge = json_object_get(all, "challenge");
    const json_t *host = json_object_get(all, "host");
    assert_string_equal(json_string_value(json_array_get(json_object_get(challenge, "kind"), 1)), "dns-01");
    assert_string_equal(json_string_value(json_object_get(challenge, "webroot")), "/var/www \"x\"");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(challenge, "http_listen"), 0)), "127.0.0.1:8402");
    assert_string_equal(
        json_string_value(json_object_get(challenge, "path")), "/.well-known/acme-challenge/");
    assert_string_equal(json_string_value(json_object_get(host, "name")), "host.example");
    assert_string_equal(json_string_value(json_object_get(host, "version")), EVERCERT_VERSION);
    assert_string_equal(json_string_value(json_object_get(host, "live")), "/var/lib/evercert/live");
    json_decref(all);
    buf_clear(&out);
    model_settings(&s, "/\xff", "h", &out); /* a directory that JSON cannot say */
    all = json_loads(buf_c(&out), 0, NULL);
    assert_null(json_object_get(json_object_get(all, "host"), "state"));
    assert_non_null(json_object_get(json_object_get(all, "host"), "name"));
    json_decref(all);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_is_told_once),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_an_action_is_followed_to_its_entry),
        cmocka_unit_test(test_what_templates_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
