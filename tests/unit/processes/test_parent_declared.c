#include "processes/parent/declared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char yaml[] =
    "certificates:\n"
    "  - {name: x, domains: [x.example, y.example], key-type: [ecdsa-p256, rsa-2048],\n"
    "     publish: [{format: fullchain, path: '/srv/{name}.pem'}]}\n"
    "  - {name: x-a, domains: a.example, challenge: tls-alpn-01}\n"
    "  - {name: b, domains: b.example, webroot: /srv/www}\n";

/* What it was read from is gone when this returns. */
static struct declared *declare(const char *text, int state, struct settings *s, struct arena *a)
{
    struct arena *certificates ATTR_CLEANUP(arena_freep) = arena_new();
    struct config_problems problems = {.n = 0};
    struct declared *d = NULL;
    struct err err = ERR_INIT;
    if (settings_parse("f.yaml", str_c(text), certificates, s, &problems, &err) < 0)
        fail_msg("%s", err.text);
    if (declared_new(state, s, &d, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(settings_parse("none", STR(""), a, s, &problems, &err), 0);
    s->kept = declared_kept(d);
    return d;
}

static void test_rows_come_by_name(void **state)
{
    static const struct {
        const char *name;
        uint32_t variant;
    } rows[] = {{"b", 0}, {"x", 0}, {"x-a", 0}, {"x-rsa", 1}};
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct settings s;
    struct declared *d = declare(yaml, AT_FDCWD, &s, a);
    struct declared_cursor c = declared_first(d);
    struct declared_row row;
    assert_int_equal(declared_count(d), 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(declared_next(&c, &row, NULL), 1);
        assert_string_equal(row.name, rows[i].name);
        assert_int_equal(row.variant, rows[i].variant);
        struct wish w;
        assert_int_equal(wish_decode(str_c(row.wish), a, &w, NULL), 0);
        assert_string_equal(wish_variant_name(&w, row.variant, a), row.name);
    }
    assert_int_equal(declared_next(&c, &row, NULL), 0);
    assert_int_equal(declared_find(&c, "x-rsa", &row, NULL), 1);
    assert_int_equal(row.owned.name_n, 2);
    assert_string_equal(row.owned.domains[1], "y.example");
    assert_string_equal(row.owned.paths[1], "/srv/x-rsa.pem");
    assert_int_equal(declared_find(&c, "x-r", &row, NULL), 0);
    declared_end(&c);
    declared_free(d);
}

static void test_settings_ask_it(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct settings s;
    struct declared *d = declare(yaml, AT_FDCWD, &s, a);
    const struct wish_option taken[] = {{"domain", "z.example"}, {"publish", "fullchain:/srv/x-rsa.pem"}};
    struct wish w;
    struct err err = ERR_INIT;
    assert_true(settings_has_certificate(&s, "x-rsa"));
    assert_false(settings_has_certificate(&s, "x-ecdsa"));
    assert_int_equal(settings_wish(&s, taken, ARRAY_LEN(taken), a, &w, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "/srv/x-rsa.pem is a copy of x already"));
    declared_free(d);
}

static void test_what_is_answered_how(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct settings s;
    struct declared *d = declare(yaml, AT_FDCWD, &s, a);
    int failed[CHALLENGE_END_] = {0};
    enum acme_challenge kind = CHALLENGE_END_;
    assert_true(declared_asks(d, CHALLENGE_HTTP_01));
    assert_true(declared_asks(d, CHALLENGE_TLS_ALPN_01));
    assert_false(declared_asks(d, CHALLENGE_DNS_01));
    assert_null(declared_stranded(d, failed, &kind));
    failed[CHALLENGE_TLS_ALPN_01] = ERR_EXISTS;
    assert_string_equal(declared_stranded(d, failed, &kind), "x-a");
    assert_int_equal(kind, CHALLENGE_TLS_ALPN_01);
    declared_free(d);
    d = declare("certificates: [{domains: b.example, webroot: /srv/www}]\n", AT_FDCWD, &s, a);
    assert_false(declared_asks(d, CHALLENGE_HTTP_01)); /* a web server does */
    declared_free(d);
}

/* More than what is read or written in one go; and a place that takes no file without a name. */
static void test_many(void **state)
{
    enum { MANY = 3000 };
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct settings s;
    char name[32];
    buf_put_c(&text, "certificates:\n");
    for (int i = MANY; i-- > 0;)
        buf_printf(&text, "- domains: n%05d.example\n", i);
    const int places[] = {AT_FDCWD, open("/proc", O_RDONLY | O_DIRECTORY)};
    for (size_t k = 0; k < ARRAY_LEN(places); k++) {
        struct declared *d = declare(buf_c(&text), places[k], &s, a);
        struct declared_cursor c = declared_first(d);
        struct declared_row row;
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "n%05d.example", i);
            assert_int_equal(declared_next(&c, &row, NULL), 1);
            assert_string_equal(row.name, name);
        }
        assert_int_equal(declared_next(&c, &row, NULL), 0);
        declared_end(&c);
        declared_free(d);
    }
    close(places[1]);
}

static void test_none(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct settings s;
    struct declared *d = declare("", AT_FDCWD, &s, a);
    struct declared_cursor c = declared_first(d);
    struct declared_row row;
    assert_int_equal(declared_count(d), 0);
    assert_int_equal(declared_next(&c, &row, NULL), 0);
    assert_int_equal(declared_find(&c, "a", &row, NULL), 0);
    declared_end(&c);
    declared_free(d);
    declared_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_by_name),
        cmocka_unit_test(test_settings_ask_it),
        cmocka_unit_test(test_what_is_answered_how),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
