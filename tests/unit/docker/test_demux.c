#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "docker/demux.h"

#define FRAMES "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\4 two\1\0\0\0\0\0\0\6 three"

static void test_frames_in_any_pieces(void **state)
{
    for (size_t step = 1; step < sizeof FRAMES; step++) {
        struct demux d;
        demux_init(&d, 100);
        for (size_t at = 0; at < sizeof FRAMES - 1; at += step)
            demux_feed(
                &d, (struct str){FRAMES + at, step < sizeof FRAMES - 1 - at ? step : sizeof FRAMES - 1 - at});
        assert_string_equal(buf_c(&d.out), "one two three");
        demux_free(&d);
    }
}

static void test_what_is_too_much_is_dropped(void **state)
{
    struct demux d;
    demux_init(&d, 5);
    demux_feed(&d, STR(FRAMES));
    assert_string_equal(buf_c(&d.out), "one t");
    assert_int_equal(d.left, 0);
    demux_free(&d);
}

static void test_a_length_that_lies(void **state)
{
    struct demux d;
    demux_init(&d, 100);
    demux_feed(&d, STR("\1\0\0\0\xff\xff\xff\xff-"));
    demux_feed(&d, STR("abc"));
    assert_string_equal(buf_c(&d.out), "-abc");
    demux_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_in_any_pieces),
        cmocka_unit_test(test_what_is_too_much_is_dropped),
        cmocka_unit_test(test_a_length_that_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
