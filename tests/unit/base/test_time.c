#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"

#define LAST_SECOND INT64_C(253402300799)

enum { ROUNDS = 50000 };

static void test_system_clock(void **state)
{
    struct wall wall = clock_wall(&system_clock);
    assert_true(wall.s > INT64_C(1700000000) && wall.s < LAST_SECOND);
    struct mono first = clock_mono(&system_clock), second = clock_mono(&system_clock);
    assert_true(first.ms >= 0 && second.ms >= first.ms);
}

static void test_format_as(void **state)
{
    char out[32];
    assert_int_equal(wall_format_as((struct wall){784111777}, "%a, %d %b %Y %T GMT", out, sizeof out), 29);
    assert_string_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(wall_format_as((struct wall){784111777}, "%Y", out, 4), 0);
}

static struct wall fixed_wall(void *arg)
{
    return *(struct wall *)arg;
}

static struct mono fixed_mono(void *arg)
{
    return (struct mono){((struct wall *)arg)->s * 1000};
}

static void test_clock_of_ours(void **state)
{
    struct wall now = {77};
    struct clock c = {fixed_wall, fixed_mono, &now};
    assert_int_equal(clock_wall(&c).s, 77);
    assert_int_equal(clock_mono(&c).ms, 77000);
}

static const struct {
    int64_t s;
    const char *text;
} known[] = {
    {1, "1970-01-01T00:00:01Z"},
    {86399, "1970-01-01T23:59:59Z"},
    {951782400, "2000-02-29T00:00:00Z"},
    {951868800, "2000-03-01T00:00:00Z"},
    {1000000000, "2001-09-09T01:46:40Z"},
    {1709164800, "2024-02-29T00:00:00Z"},
    {1735689599, "2024-12-31T23:59:59Z"},
    {2147483648, "2038-01-19T03:14:08Z"},
    {4107542399, "2100-02-28T23:59:59Z"},
    {4107542400, "2100-03-01T00:00:00Z"}, /* no leap year */
    {4294967296, "2106-02-07T06:28:16Z"},
    {13574563200, "2400-02-29T00:00:00Z"},
    {LAST_SECOND, "9999-12-31T23:59:59Z"},
};

static void test_format(void **state)
{
    char out[TIME_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        assert_string_equal(wall_format((struct wall){known[i].s}, out), known[i].text);
    assert_string_equal(wall_format((struct wall){0}, out), "-");
    assert_string_equal(wall_format((struct wall){-1}, out), "1969-12-31T23:59:59Z");
    assert_string_equal(wall_format((struct wall){INT64_C(-62135596800)}, out), "0001-01-01T00:00:00Z");
    /* Nonsense stays inside the buffer and returns. */
    assert_true(strlen(wall_format((struct wall){INT64_MAX}, out)) < TIME_TEXT_MAX);
    assert_true(strlen(wall_format((struct wall){INT64_MIN}, out)) < TIME_TEXT_MAX);
    assert_true(strlen(wall_format((struct wall){LAST_SECOND + 1}, out)) < TIME_TEXT_MAX);
}

static void test_rfc3339(void **state)
{
    struct wall t;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        assert_int_equal(wall_parse_rfc3339(str_c(known[i].text), &t), 0);
        assert_true(t.s == known[i].s);
    }
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"2001-09-09t01:46:40z", 1000000000},
        {"2001-09-09 01:46:40Z", 1000000000}, /* RFC 3339 5.6, note */
        {"2001-09-09T01:46:40.5Z", 1000000000},
        {"2001-09-09T01:46:40.999999999999999999999999Z", 1000000000},
        {"2001-09-09T03:46:40+02:00", 1000000000},
        {"2001-09-08T20:16:40-05:30", 1000000000},
        {"2001-09-09T01:46:40-00:00", 1000000000},
        {"2001-09-09T01:46:40.123+00:00", 1000000000},
        {"2001-09-10T01:45:40+23:59", 1000000000},
        {"2016-12-31T23:59:60Z", 1483228799}, /* a leap second that was */
        {"9999-12-31T23:59:59+00:01", LAST_SECOND - 60},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(wall_parse_rfc3339(str_c(rows[i].text), &t), 0);
        assert_true(t.s == rows[i].s);
    }
}

static void test_rfc3339_refused(void **state)
{
    static const char *const bad[] = {"", "-", "2001", "2001-09-09", "2001-09-09T01:46:40",
        "2001-09-09T01:46Z", "2001-9-9T01:46:40Z", "2001-09-09T1:46:40Z", "01-09-09T01:46:40Z",
        "12001-09-09T01:46:40Z", "+2001-09-09T01:46:40Z", "-001-09-09T01:46:40Z", " 2001-09-09T01:46:40Z",
        "2001-09-09T01:46:40Z ", "2001-09-09T01:46:40ZZ", "2001-09-09T01:46:40Zjunk", "2001-09-09  01:46:40Z",
        "2001/09/09T01:46:40Z", "2001-09-09T01.46.40Z", "2001-09-09T01:46:40.Z", "2001-09-09T01:46:40,5Z",
        "2001-09-09T01:46:40.5.5Z", "2001-09-09T01:46:40.-5Z", "2001-09-09T01:46:40+",
        "2001-09-09T01:46:40+1", "2001-09-09T01:46:40+01", "2001-09-09T01:46:40+0100",
        "2001-09-09T01:46:40+01:0", "2001-09-09T01:46:40+01:000", "2001-09-09T01:46:40+24:00",
        "2001-09-09T01:46:40+01:60", "2001-09-09T01:46:40+01:00Z", "2001-09-09T01:46:40Z+01:00",
        "2001-00-09T01:46:40Z", "2001-13-09T01:46:40Z", "2001-09-00T01:46:40Z", "2001-09-31T01:46:40Z",
        "2001-02-29T01:46:40Z", "2100-02-29T00:00:00Z", "1900-01-01T00:00:00Z", "2024-02-30T00:00:00Z",
        "2001-09-09T24:00:00Z", "2001-09-09T01:60:40Z", "2001-09-09T01:46:61Z", "2001-09-09T0a:46:40Z",
        "2001-09-09T+1:46:40Z", "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", "99999-12-31T23:59:59Z",
        "\xd9\xa2\060\060\061-09-09T01:46:40Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wall t = {4711};
        assert_int_equal(wall_parse_rfc3339(str_c(bad[i]), &t), ERR_INPUT);
        assert_int_equal(t.s, 4711);
    }
    struct wall t = {4711};
    assert_int_equal(wall_parse_rfc3339((struct str){NULL, 0}, &t), ERR_INPUT);
    assert_int_equal(wall_parse_rfc3339(STR("2001-09-09T01:46:40Z\0"), &t), ERR_INPUT);
    assert_int_equal(wall_parse_rfc3339(STR("2001-09-09T01:46:4\0Z"), &t), ERR_INPUT);
    assert_int_equal(t.s, 4711);
}

static void test_http_date(void **state)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* RFC 9110 5.6.7 */
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun Nov 16 08:49:37 1994", 784975777},
        {"  Sun, 06 Nov 1994 08:49:37 GMT\r\n", 784111777},
        {"sun, 06 nov 1994 08:49:37 gmt", 784111777},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Thursday, 29-Feb-24 00:00:00 GMT", 1709164800},
        {"Thu Feb 29 00:00:00 2024", 1709164800},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 23:59:59 GMT", INT64_C(3155759999)}, /* 2069 */
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
        {"Fri, 31 Dec 9999 23:59:59 GMT", LAST_SECOND},
        {"Fri Dec 31 23:59:59 9999", LAST_SECOND},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wall t = {4711};
        assert_int_equal(wall_parse_http_date(str_c(rows[i].text), &t), 0);
        assert_true(t.s == rows[i].s);
    }
}

static void test_http_date_months(void **state)
{
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int i = 0; i < 12; i++) {
        char http[64], rfc[64];
        struct wall a, b;
        snprintf(http, sizeof http, "Sun, 28 %s 2027 10:20:30 GMT", months[i]);
        snprintf(rfc, sizeof rfc, "2027-%02d-28T10:20:30Z", i + 1);
        assert_int_equal(wall_parse_http_date(str_c(http), &a), 0);
        assert_int_equal(wall_parse_rfc3339(str_c(rfc), &b), 0);
        assert_true(a.s == b.s);
    }
}

static void test_http_date_refused(void **state)
{
    static const char *const bad[] = {"", " ", ",", ", ", "Sun", "Sun,", "Sun, ", "Sun, 06",
        "Sun, 06 Nov 1994", "120", "-1", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37 GMT, ",
        "Sun, 06 Nov 1994 08:49:37 GMTx", "Sun, 06 Nov 1994  08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2023 00:00:00 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT", "Sunday, 06-Nov 94 08:49:37 GMT", "Sunday, 06-Nov-4 08:49:37 GMT",
        "Sun Nov 6 1994", "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov  6 08:49:37 94", "Sun Nov 06 08:49:37",
        "Sun Nov xx 08:49:37 1994", "Sun Nov   08:49:37 1994", "Nov  6 08:49:37 1994",
        "06 Nov 1994 08:49:37 GMT", "2001-09-09T01:46:40Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wall t = {4711};
        assert_int_equal(wall_parse_http_date(str_c(bad[i]), &t), ERR_INPUT);
        assert_int_equal(t.s, 4711);
    }
    struct wall t = {4711};
    assert_int_equal(wall_parse_http_date((struct str){NULL, 0}, &t), ERR_INPUT);
    assert_int_equal(wall_parse_http_date(STR("Sun, 06 Nov 1994 08:49:37 GM\0"), &t), ERR_INPUT);
    assert_int_equal(t.s, 4711);
}

/* No length of a good date reads beyond its end: each is a block of its own, which the sanitizer watches. */
static void test_truncated(void **state)
{
    static const char *const good[] = {"2001-09-09T01:46:40.123+02:00", "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t n = 0; n < strlen(good[i]); n++) {
            char *exact = malloc(n > 0 ? n : 1);
            assert_non_null(exact);
            memcpy(exact, good[i], n);
            struct wall t = {4711};
            assert_int_equal(wall_parse_rfc3339((struct str){exact, n}, &t), ERR_INPUT);
            assert_int_equal(wall_parse_http_date((struct str){exact, n}, &t), ERR_INPUT);
            assert_int_equal(t.s, 4711);
            free(exact);
        }
}

static uint64_t draw(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void test_round_trip(void **state)
{
    uint64_t x = 0x9e3779b97f4a7c15U;
    for (int i = 0; i < ROUNDS; i++) {
        struct wall t = {1 + (int64_t)(draw(&x) % (uint64_t)LAST_SECOND)}, back;
        char text[TIME_TEXT_MAX];
        assert_int_equal(wall_parse_rfc3339(str_c(wall_format(t, text)), &back), 0);
        assert_true(back.s == t.s);
    }
}

/* The C library counts days by another method. */
static void test_against_libc(void **state)
{
    uint64_t x = 0xdeadbeefcafef00dU;
    for (int i = 0; i < ROUNDS; i++) {
        time_t t = 1 + (time_t)(draw(&x) % (uint64_t)LAST_SECOND);
        struct tm tm;
        char text[TIME_TEXT_MAX], want[64], http[64];
        assert_non_null(gmtime_r(&t, &tm));
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
        assert_string_equal(wall_format((struct wall){t}, text), want);
        strftime(http, sizeof http, i % 2 == 0 ? "%a, %d %b %Y %H:%M:%S GMT" : "%a %b %e %H:%M:%S %Y", &tm);
        struct wall back;
        assert_int_equal(wall_parse_http_date(str_c(http), &back), 0);
        assert_true(back.s == t);
    }
}

/* Every day from 1970 to 2110 follows the one before it. */
static void test_every_day(void **state)
{
    char text[TIME_TEXT_MAX], before[TIME_TEXT_MAX] = "1970-01-01T12:00:00Z";
    for (int64_t day = 1; day < 140 * 366; day++) {
        wall_format((struct wall){day * 86400 + 43200}, text);
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof before);
    }
}

static void test_duration_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {{"0s", 0}, {"90s", 90}, {"5m", 300}, {"12h", 43200}, {"30d", 2592000}, {"030d", 2592000},
        {"3660d", INT64_C(316224000)}, {"316224000s", INT64_C(316224000)}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t s = 4711;
        assert_int_equal(duration_parse(str_c(rows[i].text), &s), 0);
        assert_true(s == rows[i].s);
    }
    static const char *const bad[] = {"", "s", "d", "5", "5 m", " 5m", "5m ", "-5m", "+5m", "5M", "5D", "5w",
        "5y", "1d12h", "1.5d", "5ms", "0x5m", "3661d", "316224001s", "5270401m", "87841h",
        "18446744073709551616s", "99999999999999999999d", "5\xc2\xb5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t s = 4711;
        assert_int_equal(duration_parse(str_c(bad[i]), &s), ERR_INPUT);
        assert_int_equal(s, 4711);
    }
    int64_t s = 4711;
    assert_int_equal(duration_parse((struct str){NULL, 0}, &s), ERR_INPUT);
}

static void test_duration_format(void **state)
{
    static const struct {
        int64_t s;
        const char *exact, *about;
    } rows[] = {
        {0, "0s", "0s"},
        {1, "1s", "1s"},
        {59, "59s", "59s"},
        {60, "1m", "1m"},
        {90, "90s", "1m 30s"},
        {600, "10m", "10m"},
        {3600, "1h", "1h"},
        {3661, "3661s", "1h 1m"},
        {86399, "86399s", "23h 59m"},
        {86400, "1d", "1d"},
        {90000, "25h", "1d 1h"},
        {5180400, "1439h", "59d 23h"},
        {5184000, "60d", "60d"},
        {86460, "1441m", "1d"},
        {-90, "-90s", "-1m 30s"},
        {-86400, "-1d", "-1d"},
    };
    char out[DURATION_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t back;
        assert_string_equal(duration_format(rows[i].s, out), rows[i].exact);
        if (rows[i].s >= 0) {
            assert_int_equal(duration_parse(str_c(out), &back), 0);
            assert_true(back == rows[i].s);
        }
        assert_string_equal(duration_about(rows[i].s, out), rows[i].about);
    }
    assert_string_equal(duration_about(INT64_MIN, out), "-106751991167300d 15h");
    assert_string_equal(duration_about(INT64_MAX, out), "106751991167300d 15h");
    assert_true(strlen(duration_format(INT64_MIN, out)) < DURATION_TEXT_MAX);
    assert_true(strlen(duration_format(INT64_MAX, out)) < DURATION_TEXT_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_clock),
        cmocka_unit_test(test_clock_of_ours),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_rfc3339_refused),
        cmocka_unit_test(test_http_date),
        cmocka_unit_test(test_http_date_months),
        cmocka_unit_test(test_http_date_refused),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_against_libc),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_format_as),
        cmocka_unit_test(test_duration_parse),
        cmocka_unit_test(test_duration_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
