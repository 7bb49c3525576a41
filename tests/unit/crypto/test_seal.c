#include "crypto/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct secret key_of(unsigned char first)
{
    struct secret k = {.n = SEAL_KEY_LEN};
    for (size_t i = 0; i < k.n; i++)
        k.bytes[i] = (unsigned char)(first + i);
    return k;
}

static void opens_what_it_sealed(void **state)
{
    (void)state;
    static const struct str plains[] = {
        {"", 0}, {"x", 1}, {"a\0b", 3}, {"sixteen octets..and seventeen more", 34}};
    struct secret k = key_of(1);
    for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
        struct buf sealed = buf_new(1000), plain = buf_new_sensitive(1000);
        buf_put_c(&sealed, "before");
        buf_put_c(&plain, "kept ");
        assert_int_equal(seal(&k, STR("key\nexample.com\n7"), plains[i], &sealed, NULL), 0);
        assert_int_equal(sealed.n, 6 + plains[i].n + SEAL_OVERHEAD);
        assert_int_equal(sealed.p[6], 1);
        struct str blob = {sealed.p + 6, sealed.n - 6};
        assert_int_equal(unseal(&k, STR("key\nexample.com\n7"), blob, &plain, NULL), 0);
        assert_int_equal(plain.n, 5 + plains[i].n);
        assert_memory_equal(plain.p + 5, plains[i].p, plains[i].n);
        buf_free(&sealed);
        buf_free(&plain);
    }
}

static void same_plain_text_never_looks_the_same(void **state)
{
    (void)state;
    struct secret k = key_of(1);
    struct buf one = buf_new(1000), two = buf_new(1000);
    assert_int_equal(seal(&k, STR("c"), STR("plain"), &one, NULL), 0);
    assert_int_equal(seal(&k, STR("c"), STR("plain"), &two, NULL), 0);
    assert_memory_not_equal(one.p + 1, two.p + 1, 12);
    assert_memory_not_equal(one.p + 13, two.p + 13, 5);
    buf_free(&one);
    buf_free(&two);
}

static void expect_refusal(const struct secret *k, struct str context, struct str blob)
{
    struct buf plain = buf_new_sensitive(1000);
    struct err err = ERR_INIT;
    buf_put_c(&plain, "kept");
    assert_int_equal(unseal(k, context, blob, &plain, &err), ERR_CRYPTO);
    assert_int_equal(err.code, ERR_CRYPTO);
    assert_string_equal(buf_c(&plain), "kept");
    buf_free(&plain);
}

static void another_key_or_context_does_not_open(void **state)
{
    (void)state;
    struct secret k = key_of(1), other = key_of(2), short_key = key_of(1);
    struct buf sealed = buf_new(1000);
    assert_int_equal(seal(&k, STR("a\nb"), STR("secret"), &sealed, NULL), 0);
    expect_refusal(&k, STR("a\nc"), buf_str(&sealed));
    expect_refusal(&k, STR("a\nb\n"), buf_str(&sealed));
    expect_refusal(&k, STR(""), buf_str(&sealed));
    expect_refusal(&other, STR("a\nb"), buf_str(&sealed));
    short_key.n = 16;
    expect_refusal(&short_key, STR("a\nb"), buf_str(&sealed));
    buf_free(&sealed);
}

static void every_bit_counts(void **state)
{
    (void)state;
    struct secret k = key_of(1);
    struct buf sealed = buf_new(1000);
    assert_int_equal(seal(&k, STR("c"), STR("secret"), &sealed, NULL), 0);
    for (size_t bit = 0; bit < sealed.n * 8; bit++) {
        sealed.p[bit / 8] = (char)(sealed.p[bit / 8] ^ 1 << bit % 8);
        expect_refusal(&k, STR("c"), buf_str(&sealed));
        sealed.p[bit / 8] = (char)(sealed.p[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t n = 0; n < sealed.n; n++)
        expect_refusal(&k, STR("c"), (struct str){sealed.p, n});
    buf_put_char(&sealed, 'x');
    expect_refusal(&k, STR("c"), buf_str(&sealed));
    buf_free(&sealed);
}

static void limits_hold(void **state)
{
    (void)state;
    struct secret k = key_of(1), empty = {.n = 0};
    struct buf small = buf_new(SEAL_OVERHEAD + 4), sealed = buf_new(SEAL_OVERHEAD + 5), plain = buf_new(4);
    assert_int_equal(seal(&k, STR("c"), STR("12345"), &small, NULL), ERR_LIMIT);
    assert_int_equal(small.n, 0);
    assert_int_equal(seal(&empty, STR("c"), STR("12345"), &sealed, NULL), ERR_CRYPTO);
    assert_int_equal(sealed.n, 0);
    assert_int_equal(seal(&k, STR("c"), STR("12345"), &sealed, NULL), 0);
    assert_int_equal(unseal(&k, STR("c"), buf_str(&sealed), &plain, NULL), ERR_LIMIT);
    assert_int_equal(plain.n, 0);

    struct buf large = buf_new(SEAL_PLAIN_MAX + 1), out = buf_new(2 * SEAL_PLAIN_MAX);
    char *room = buf_room(&large, SEAL_PLAIN_MAX + 1);
    assert_non_null(room);
    memset(room, 'x', SEAL_PLAIN_MAX + 1);
    buf_added(&large, SEAL_PLAIN_MAX + 1);
    assert_int_equal(seal(&k, STR("c"), buf_str(&large), &out, NULL), ERR_LIMIT);
    assert_int_equal(seal(&k, STR("c"), (struct str){large.p, SEAL_PLAIN_MAX}, &out, NULL), 0);
    buf_free(&small);
    buf_free(&sealed);
    buf_free(&plain);
    buf_free(&large);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(same_plain_text_never_looks_the_same),
        cmocka_unit_test(another_key_or_context_does_not_open),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
