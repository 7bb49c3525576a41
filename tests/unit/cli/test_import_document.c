#include "cli/import/document.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ACCOUNT "{\"id\":\"a1\",\"directory\":\"https://ca.example/dir\",\"key\":\"PEM\",\"agreed\":true}"
#define HEAD    "{\"format\":\"certbot\",\"path\":\"/x\",\"accounts\":[" ACCOUNT "],\"certificates\":["

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static void a_whole_one(void **state)
{
    struct import_document d;
    struct err err = ERR_INIT;
    (void)state;
    int r = import_document_read(
        STR(HEAD "{\"name\":\"a\",\"domains\":[\"a.example\",\"b.example\"],\"account\":\"a1\",\"key\":\"K\","
                 "\"chain\":\"C\",\"not_after\":1800000000,\"webroot_map\":{\"a.example\":\"/a\"},"
                 "\"http_port\":8080,\"reuse_key\":true,\"later\":[1],\"hooks\":[{\"event\":\"issued\","
                 "\"command\":\"x\"}],\"hook_directories\":[\"/h\"],\"publish\":[{\"format\":\"key\","
                 "\"path\":\"/p\",\"mode\":\"0600\",\"owner\":\"root\",\"group\":\"ssl\"}],"
                 "\"warnings\":[\"w\"]},{\"name\":\"b\",\"domains\":[],\"account\":null}],"
                 "\"timers\":[\"t\"],\"warnings\":[]}"),
        a, &d, &err);
    if (r < 0)
        fail_msg("%s", err.text);
    const struct import_certificate *c = &d.certificates[0];
    assert_int_equal(d.certificate_n, 2);
    assert_ptr_equal(c->account, &d.accounts[0]);
    assert_true(d.accounts[0].agreed && c->reuse_key && !c->must_staple);
    assert_string_equal(d.accounts[0].email, "");
    assert_int_equal(c->domains.n, 2);
    assert_string_equal(c->domains.p[1], "b.example");
    assert_int_equal(c->not_after_s, 1800000000);
    assert_int_equal(c->http_port, 8080);
    assert_string_equal(c->webroots[0].path, "/a");
    assert_string_equal(c->hooks[0].command, "x");
    assert_string_equal(c->hooks[0].source, "");
    assert_string_equal(c->files[0].group, "ssl");
    assert_null(d.certificates[1].account);
    assert_string_equal(d.certificates[1].challenge, "");
    assert_int_equal(d.timers.n, 1);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"", "no JSON"},
        {"[]", "expected an object"},
        {"{}", "format: expected it to be there"},
        {"{\"format\":1}", "format: expected a text"},
        {"{\"format\":\"\\u0000\"}", "no JSON"},
        {"{\"format\":\"x\",\"path\":\"/\",\"accounts\":{}}", "accounts: expected a list of objects"},
        {"{\"format\":\"x\",\"path\":\"/\",\"accounts\":[1]}", "accounts[0].: expected an object"},
        {HEAD "{}]}", "certificates[0].name: expected it to be there"},
        {HEAD "{\"name\":\"a\",\"domains\":[1]}]}", "certificates[0].domains: expected a text"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"account\":\"a2\"}]}",
            "certificates[0].account: expected the id"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"http_port\":65536}]}", "http_port: expected a whole number"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"not_after\":-1}]}", "not_after: expected a whole number"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"reuse_key\":0}]}", "reuse_key: expected true or false"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"webroot_map\":[]}]}", "webroot_map: expected an object"},
        {HEAD "{\"name\":\"a\",\"domains\":[],\"hooks\":[{\"event\":\"issued\"}]}]}",
            "certificates[0].hooks[0].command: expected it to be there"},
        {HEAD "{\"name\":\"a\",\"name\":\"b\"}]}", "no JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct import_document d;
        struct err err = ERR_INIT;
        assert_int_equal(import_document_read(str_c(rows[i].json), a, &d, &err), ERR_INPUT);
        if (strstr(err.text, rows[i].text) == NULL)
            fail_msg("%s: %s", rows[i].json, err.text);
    }
}

static void no_more_than_can_be(void **state)
{
    struct buf text = buf_new(1 << 20);
    struct import_document d;
    struct err err = ERR_INIT;
    (void)state;
    buf_put_c(&text, HEAD "{\"name\":\"a\",\"domains\":[\"a\"");
    for (size_t i = 0; i < IMPORT_LIST_MAX; i++)
        buf_put_c(&text, ",\"a\"");
    buf_put_c(&text, "]}]}");
    assert_int_equal(import_document_read(buf_str(&text), a, &d, &err), ERR_LIMIT);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_than_can_be, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
