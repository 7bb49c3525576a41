#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/err.h"

struct vector {
    struct str plain, encoded;
};

#define VECTOR(plain, encoded)           \
    {                                    \
        {plain, sizeof(plain) - 1},      \
        {                                \
            encoded, sizeof(encoded) - 1 \
        }                                \
    }

static const struct vector vectors[] = {
    /* RFC 4648 10, without the padding */
    VECTOR("", ""),
    VECTOR("f", "Zg"),
    VECTOR("fo", "Zm8"),
    VECTOR("foo", "Zm9v"),
    VECTOR("foob", "Zm9vYg"),
    VECTOR("fooba", "Zm9vYmE"),
    VECTOR("foobar", "Zm9vYmFy"),
    /* RFC 7515 appendix C and A.1.1 */
    VECTOR("\x03\xec\xff\xe0\xc1", "A-z_4ME"),
    VECTOR("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"),
    /* both letters that differ from plain base64 */
    VECTOR("\xfb\xff\xbf", "-_-_"),
    VECTOR("\0", "AA"),
    VECTOR("\0\0\0", "AAAA"),
    VECTOR("\xff\xff\xff", "____"),
};

static void test_vectors(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct buf out = buf_new(1000);
        buf_put_c(&out, "before:");
        b64url_encode(&out, vectors[i].plain);
        assert_false(buf_failed(&out));
        buf_consume(&out, 7);
        assert_true(str_eq(buf_str(&out), vectors[i].encoded));
        buf_clear(&out);
        buf_put_c(&out, "before:");
        assert_int_equal(b64url_decode(&out, vectors[i].encoded), 0);
        buf_consume(&out, 7);
        assert_true(str_eq(buf_str(&out), vectors[i].plain));
        assert_int_equal(buf_c(&out)[out.n], '\0');
        buf_free(&out);
    }
}

static void test_empty_views(void **state)
{
    struct buf out = buf_new(0);
    b64url_encode(&out, (struct str){NULL, 0});
    assert_int_equal(b64url_decode(&out, (struct str){NULL, 0}), 0);
    assert_false(buf_failed(&out));
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

static void test_refused(void **state)
{
    static const struct str bad[] = {
        {"Zg==", 4},
        {"Zm8=", 4},
        {"Zm9v=", 5},
        {"=", 1},
        {"Z", 1},
        {"Zm9vY", 5},
        {"Zm9v\n", 5},
        {"Zm9v\r\n", 6},
        {" Zm9v", 5},
        {"Zm 9v", 5},
        {"+w", 2}, /* plain base64 */
        {"/w", 2},
        {"Zh", 2}, /* bits left over */
        {"Zm9vYh", 6},
        {"Zm9", 3},
        {"Zm9vYmF", 7},
        {"AB", 2},
        {"AAB", 3},
        {"Z\0g", 3},
        {"\0\0", 2},
        {"\xff\xff", 2},
        {"Zm\xc3\xa4", 4},
        {"Zm9vYm@y", 8}, /* neighbours of the letters and digits */
        {"Zm9vYm[y", 8},
        {"Zm9vYm`y", 8},
        {"Zm9vYm{y", 8},
        {"Zm9vYm:y", 8},
        {"Zm9vYm.y", 8},
        {"Zm9vYm,y", 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf out = buf_new(1000);
        buf_put_c(&out, "kept");
        assert_int_equal(b64url_decode(&out, bad[i]), ERR_INPUT);
        assert_false(buf_failed(&out));
        /* What was decoded before the fault is gone, and the text ends where it ended. */
        assert_string_equal(buf_c(&out), "kept");
        assert_int_equal(out.n, 4);
        buf_free(&out);
    }
}

/* Every octet outside the alphabet, at every place of a group. */
static void test_alphabet(void **state)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 4; at++) {
            char text[4] = {'A', 'A', 'A', 'A'};
            text[at] = (char)c;
            struct buf out = buf_new(10);
            int r = b64url_decode(&out, (struct str){text, 4});
            assert_int_equal(r, memchr(good, c, 64) != NULL ? 0 : ERR_INPUT);
            buf_free(&out);
        }
}

static void test_round_trip(void **state)
{
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct buf text = buf_new(1000), back = buf_new(1000);
        b64url_encode(&text, (struct str){(const char *)bytes, n});
        assert_int_equal(text.n, (n * 4 + 2) / 3);
        assert_int_equal(b64url_decode(&back, buf_str(&text)), 0);
        assert_int_equal(back.n, n);
        assert_memory_equal(buf_c(&back), bytes, n);
        buf_free(&text);
        buf_free(&back);
    }
}

static void test_limits(void **state)
{
    struct buf out = buf_new(4);
    b64url_encode(&out, STR("foo"));
    assert_string_equal(buf_c(&out), "Zm9v");
    b64url_encode(&out, STR("f"));
    assert_true(buf_failed(&out));
    assert_string_equal(buf_c(&out), "Zm9v");
    buf_free(&out);
    out = buf_new(2);
    assert_int_equal(b64url_decode(&out, STR("Zm9v")), ERR_LIMIT);
    assert_true(buf_failed(&out));
    assert_int_equal(out.n, 0);
    buf_clear(&out);
    assert_int_equal(b64url_decode(&out, STR("Zm8")), 0);
    assert_string_equal(buf_c(&out), "fo");
    buf_free(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_empty_views),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
