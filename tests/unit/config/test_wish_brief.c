#include "config_test.h"

#include "base/json.h"
#include "config/wish_brief.h"

/* Both say the same of a text. */
static void expect_list(struct str array, const char *const *texts, size_t n)
{
    struct str rest = array, key, item, text = STR("");
    size_t i = 0;
    for (; json_next(&rest, &key, &item); i++) {
        assert_true(i < n && json_plain(item, &text));
        assert_true(str_eq_c(text, texts[i]));
    }
    assert_int_equal(i, n);
}

static void expect_same(struct str json, const struct wish *w)
{
    struct arena *a = arena_new();
    struct wish_brief b;
    struct err err = ERR_INIT;
    if (wish_brief_read(json, a, &b, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(str_eq_c(b.name, w->name));
    expect_list(b.domains, w->domains, w->domain_n);
    expect_list(b.authorities, w->authorities, w->authority_n);
    expect_list(b.challenges, w->challenges, w->challenge_n);
    assert_true(str_eq_c(wish_brief_first(b.authorities), w->authorities[0]));
    assert_int_equal(b.key_type_n, w->key_type_n);
    bool looks = false;
    for (size_t i = 0; i < w->deploy_n; i++)
        looks = looks || w->deploys[i].argc == 0;
    assert_int_equal(b.looks, looks);
    assert_int_equal(b.steps, w->deploy_n > 0 || w->publication_n > 0 || w->key_group[0] != '\0');
    for (uint32_t i = 0; i < WISH_KEY_TYPES_MAX; i++) {
        const char *name = wish_variant_name(w, i, a);
        assert_true(str_eq_c(wish_brief_variant(&b, i, a), name != NULL ? name : ""));
        if (i < w->key_type_n)
            assert_true(str_eq_c(b.key_types[i], w->key_types[i]));
    }
    arena_free(a);
}

static const char *const texts[] = {
    "{\"domains\":[\"a.example\"]}",
    "{\"domains\":[\"a.example\",\"b.example\",\"192.0.2.1\"],\"name\":\"n\",\"authority\":[\"own\","
    "\"letsencrypt\"],"
    "\"challenge\":[\"http-01\",\"tls-alpn-01\"]}",
    "{\"domains\":[\"a.example\"],\"authority\":\"own\",\"challenge\":\"http-01\",\"key-type\":\"rsa-2048\"}",
    "{\"domains\":[\"a.example\"],\"key-type\":[\"rsa-2048\",\"ecdsa-p384\"]}",
    "{\"domains\":[\"a.example\"],\"key-type\":[\"ecdsa-p256\",\"rsa-4096\"],\"key-group\":\"ssl\"}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"sh\",\"-c\",\"\\\"verify\\\":\\\"x\\\"]}\"]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a.example:443\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"true\"]},{\"verify\":\"a.example:443\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/srv/a\"}]}",
    "{ \"domains\" : [ \"a.example\" ] }",
};

/* As it was written by hand or by an earlier version, and as it is encoded now. */
static void brief_says_what_the_wish_says(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a = arena_new();
        struct wish w;
        struct err err = ERR_INIT;
        struct buf text = buf_new(WISH_TEXT_MAX);
        if (wish_decode(str_c(texts[i]), a, &w, &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
        expect_same(str_c(texts[i]), &w);
        wish_encode(&w, &text);
        expect_same(buf_str(&text), &w);
        buf_free(&text);
        arena_free(a);
    }
}

/* What is encoded is not decoded for it: its pieces stand in the text itself. */
static void what_was_encoded_is_cut_into_pieces(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *a = arena_new();
        struct wish w;
        struct wish_brief b;
        struct buf text = buf_new(WISH_TEXT_MAX);
        assert_int_equal(wish_decode(str_c(texts[i]), a, &w, NULL), 0);
        wish_encode(&w, &text);
        assert_int_equal(wish_brief_read(buf_str(&text), a, &b, NULL), 0);
        assert_true(b.domains.p > text.p && b.domains.p < text.p + text.n);
        buf_free(&text);
        arena_free(a);
    }
}

static void no_wish_is_an_error(void **state)
{
    static const char *const bad[] = {"", "{}", "no JSON", "{\"domains\":[]}", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new();
        struct wish_brief b;
        struct err err = ERR_INIT;
        assert_int_equal(wish_brief_read(str_c(bad[i]), a, &b, &err), ERR_INPUT);
        assert_true(err.text[0] != '\0');
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brief_says_what_the_wish_says),
        cmocka_unit_test(what_was_encoded_is_cut_into_pieces),
        cmocka_unit_test(no_wish_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
