/* The document, and the model behind it. */
#include "importer_fixture.h"

#include "../os/temp.h"

#include "processes/importer/document.h"

#include <jansson.h>

static json_t *written(struct state *s)
{
    struct buf out = buf_new_sensitive(DOCUMENT_MAX);
    assert_int_equal(document_write(&s->f, &out, NULL), 0);
    json_t *j = json_loadb(out.p, out.n, 0, NULL);
    assert_non_null(j);
    buf_free(&out);
    return j;
}

static void open_empty(struct state *s)
{
    assert_int_equal(tree_open(s->path, s->a, &s->tree, NULL), 0);
    found_init(&s->f, s->a, &s->tree, NULL);
}

static void test_empty(void **state)
{
    struct state *s = *state;
    open_empty(s);
    json_t *j = written(s);
    assert_int_equal(json_array_size(json_object_get(j, "accounts")), 0);
    assert_int_equal(json_array_size(json_object_get(j, "certificates")), 0);
    assert_string_equal(json_string_value(json_object_get(j, "path")), s->path);
    json_decref(j);
}

static void test_members(void **state)
{
    static const char *const members[] = {"name", "domains", "account", "directory", "key", "chain",
        "not_after", "key_type", "challenge", "webroot", "webroot_unknown", "webroot_map", "http_port",
        "dns_provider", "reuse_key", "must_staple", "profile", "preferred_profile", "preferred_chain",
        "renew_before_s", "hooks", "hook_directories", "publish", "warnings"};
    struct state *s = *state;
    open_empty(s);
    put(s, "file", "");
    struct buf key = buf_new_sensitive(100);
    buf_put_c(&key, "KEY");
    struct found_account *x =
        found_account_add(&s->f, "https://a.example/d", "https://a.example/1", "", &key);
    struct found_certificate *c = found_certificate_add(&s->f, "*.a/b\n");
    c->account = x;
    found_domain_add(&s->f, c,
        STR("B\xc3\xbc"
            "cher.example."));
    found_domain_add(&s->f, c, STR("xn--bcher-kva.example"));
    found_domain_add(&s->f, c, STR("not a name"));
    found_hook_add(&s->f, c, FOUND_ISSUED, STR(" do \"it\" "), "x");
    found_hook_add(&s->f, c, FOUND_ISSUED, STR("do\033it"), "x");
    found_webroot_add(&s->f, c, STR("b.example"), "/w\xff");
    found_file_add(&s->f, c, FOUND_KEY, "file");
    found_file_add(&s->f, c, FOUND_KEY, "file");
    found_file_add(&s->f, c, FOUND_CERT, "none");
    found_warn(&s->f, NULL, "a\nb");
    json_t *j = written(s), *o = json_array_get(json_object_get(j, "certificates"), 0);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        assert_non_null(json_object_get(o, members[i]));
    assert_string_equal(json_string_value(json_object_get(o, "name")), "a_b_");
    assert_string_equal(json_string_value(json_object_get(o, "account")), "a1");
    assert_string_equal(domains(s, c), "xn--bcher-kva.example");
    assert_int_equal(c->warnings.n, 2);
    assert_int_equal(json_array_size(json_object_get(o, "hooks")), 1);
    assert_int_equal(json_array_size(json_object_get(o, "publish")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(o, "webroot_map"), "b.example")), "/w?");
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "warnings"), 0)), "a b");
    o = json_array_get(json_object_get(j, "accounts"), 0);
    assert_string_equal(json_string_value(json_object_get(o, "key")), "KEY");
    assert_true(json_is_true(json_object_get(o, "agreed")));
    json_decref(j);
}

static void test_names(void **state)
{
    struct state *s = *state;
    open_empty(s);
    assert_string_equal(found_certificate_add(&s->f, "a.example")->name, "a.example");
    assert_string_equal(found_certificate_add(&s->f, "*.a.example")->name, "a.example-2");
    assert_string_equal(found_certificate_add(&s->f, "..")->name, "_.");
    assert_string_equal(found_certificate_add(&s->f, "")->name, "certificate");
}

static void test_directories(void **state)
{
    assert_string_equal(found_directory_of("https://acme-v02.api.letsencrypt.org/acme/acct/1"),
        "https://acme-v02.api.letsencrypt.org/directory");
    assert_string_equal(found_directory_of("https://acme.example/acct/1"), "");
    assert_string_equal(found_directory_of(""), "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STATE_TEST(test_empty),
        STATE_TEST(test_members),
        STATE_TEST(test_names),
        cmocka_unit_test(test_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
