#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"

/* Everything that closes a channel on its own: the frame, and why. Each is sent between a good frame, which
 * must come through, and another, which must not. */
static const struct {
    const char *what;
    uint32_t length; /* 0: what the fields take */
    unsigned type;
    uint32_t id;
    struct str fields;
    int code;
    const char *says;
} bad[] = {
    {"unknown type", 0, MSG_END_, 0, {"", 0}, ERR_IPC, "not allowed"},
    {"unknown type with a length", 0xffffffff, MSG_END_, 0, {"", 0}, ERR_IPC, "not allowed"},
    {"the highest type", 0, 0xffff, 0, {"", 0}, ERR_IPC, "not allowed"},
    {"type 0", 0, MSG_none, 0, {"", 0}, ERR_IPC, "not allowed"},
    {"wrong direction", 0, MSG_stop, 0, {"\0", 1}, ERR_IPC, "not allowed"},
    {"wrong direction, large", MSG_LARGE, MSG_publish, 0, {"", 0}, ERR_IPC, "not allowed"},
    {"wrong state", 0, MSG_token_put, 0, {"\1\0\0\0a\1\0\0\0b", 10}, ERR_IPC, "not allowed"},
    {"answer without a request", 0, MSG_done, 1, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}, ERR_IPC,
        "not allowed"},
    {"shorter than its head", 5, MSG_session_gone, 0, {"", 0}, ERR_INPUT, "less than a head"},
    {"too long by one", MSG_SMALL + 7, MSG_session_gone, 0, {"", 0}, ERR_LIMIT, "more than its limit"},
    {"the longest", 0xffffffff, MSG_session_gone, 0, {"", 0}, ERR_LIMIT, "more than its limit"},
    {"the longest that is positive", 0x7fffffff, MSG_row, 0, {"", 0}, ERR_LIMIT, "more than its limit"},
    {"no fields", 6, MSG_session_gone, 0, {"", 0}, ERR_INPUT, "does not decode"},
    {"fields end early", 0, MSG_session_gone, 0, {"\0\0\0", 3}, ERR_INPUT, "does not decode"},
    {"a byte left over", 0, MSG_session_gone, 0, {"\0\0\0\0\0", 5}, ERR_INPUT, "1 bytes too many"},
    {"flag 2", 0, MSG_wishes_end, 0, {"\2", 1}, ERR_INPUT, "does not decode"},
    {"text with NUL", 0, MSG_row, 0, {"\0\0\0\0\3\0\0\0a\0b", 11}, ERR_INPUT, "does not decode"},
    {"text longer than the frame", 0, MSG_row, 0, {"\0\0\0\0\4\0\0\0abc", 11}, ERR_INPUT, "does not decode"},
    {"text of 4 GB", 0, MSG_row, 0,
        {"\0\0\0\0\xff\xff\xff\xff"
         "abc",
            11},
        ERR_INPUT, "does not decode"},
    {"list longer than the frame", 0, MSG_command, 0, {"\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0", 16}, ERR_INPUT,
        "does not decode"},
    {"list of 4 G", 0, MSG_command, 0, {"\0\0\0\0\xff\xff\xff\xff\0\0\0\0", 12}, ERR_LIMIT,
        "does not decode"},
};

static void put_good(struct buf *b, uint32_t session)
{
    put_message(b, MSG_session_gone, 0, &(struct msg_session_gone){session});
}

static void put_bad(struct buf *b, size_t i)
{
    put_raw(b, bad[i].length != 0 ? bad[i].length : (uint32_t)bad[i].fields.n + 6, bad[i].type, bad[i].id,
        bad[i].fields);
}

static void test_bad_frames(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ends e;
        struct buf b = buf_new(MSG_MAX);
        ends_open(&e);
        put_good(&b, 1);
        put_bad(&b, i);
        put_good(&b, 2);
        far_write(&e, &b);
        expect_closed(&e, bad[i].code, bad[i].says, 1);
        assert_int_equal(e.last_number, 1);
        /* It is over: nothing more is read, nothing can be sent. */
        struct err err = ERR_INIT;
        assert_int_equal(channel_send(e.near, MSG_stop, 0, &(struct msg_stop){false}, -1, &err), ERR_IPC);
        assert_non_null(strstr(err.text, "near is closed"));
        ends_close(&e);
    }
}

/* The same, byte by byte: a frame is refused as soon as its head says enough. */
static void test_bad_frames_slowly(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ends e;
        struct buf b = buf_new(MSG_MAX);
        ends_open(&e);
        put_bad(&b, i);
        bool by_head = strstr(bad[i].says, "decode") == NULL && strstr(bad[i].says, "too many") == NULL &&
                       strcmp(bad[i].what, "wrong state") != 0;
        for (size_t k = 0; k < b.n; k++) {
            assert_int_equal(e.closed, by_head && k >= 10 ? 1 : 0);
            (void)!write(e.far, b.p + k, e.closed == 0 ? 1 : 0);
            ends_run(&e);
        }
        buf_free(&b);
        expect_closed(&e, bad[i].code, bad[i].says, 0);
        ends_close(&e);
    }
}

static void count_closed(struct channel *c, const struct err *why, void *arg)
{
    unsigned *closed = arg;
    assert_int_equal(why->code, ERR_IPC);
    ++*closed;
    channel_free(c);
}

/* Without rules and requests there is nothing that may come. */
static void test_no_rules(void **state)
{
    struct event_base *base = event_base_new();
    size_t before = open_fds();
    for (unsigned t = 0; t <= MSG_END_ + 1U; t++) {
        struct buf b = buf_new(100);
        int pair[2];
        unsigned closed = 0;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        assert_non_null(channel_new(base, pair[0], "none", NULL, 0, count_closed, &closed));
        put_fields(&b, t, t % 3, STR(""));
        assert_int_equal(write(pair[1], b.p, b.n), b.n);
        for (int i = 0; i < 3; i++)
            event_base_loop(base, EVLOOP_NONBLOCK);
        assert_int_equal(closed, 1);
        close(pair[1]);
        buf_free(&b);
    }
    assert_int_equal(open_fds(), before);
    event_base_free(base);
}

static void test_end_between_frames(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    put_good(&b, 7);
    far_write(&e, &b);
    close(e.far);
    e.far = -1;
    expect_closed(&e, ERR_IPC, "near: the other end went", 1);
    assert_null(strstr(e.why.text, "middle"));
    ends_close(&e);
}

static void test_end_inside_a_frame(void **state)
{
    struct buf whole = buf_new(1000);
    put_good(&whole, 7);
    for (size_t n = 1; n < whole.n; n++) {
        struct ends e;
        struct buf b = buf_new(1000);
        ends_open(&e);
        buf_put(&b, whole.p, n);
        far_write(&e, &b);
        close(e.far);
        e.far = -1;
        expect_closed(&e, ERR_IPC, "in the middle of a frame", 0);
        ends_close(&e);
    }
    buf_free(&whole);
}

/* A list may be as long as its limit, and no longer, however small its texts. */
static void test_list_limit(void **state)
{
    for (uint32_t n = MSG_LIST_MAX; n <= MSG_LIST_MAX + 1; n++) {
        struct ends e;
        struct buf fields = buf_new(MSG_WISH), b = buf_new(MSG_WISH);
        ends_open(&e);
        buf_put(&fields, "\0\0\0\0", 4);
        buf_put(&fields, (const char[]){(char)(n & 0xff), (char)(n >> 8), 0, 0}, 4);
        for (uint32_t i = 0; i < n + 1; i++) /* and the empty list of options */
            buf_put(&fields, "\0\0\0\0", 4);
        put_fields(&b, MSG_command, 0, buf_str(&fields));
        far_write(&e, &b);
        buf_free(&fields);
        if (n > MSG_LIST_MAX) {
            expect_closed(&e, ERR_LIMIT, "does not decode", 0);
        } else {
            ends_run(&e);
            assert_int_equal(e.messages, 1);
            assert_int_equal(e.closed, 0);
        }
        ends_close(&e);
    }
}

/* A frame as large as its type allows is taken. */
static void test_largest(void **state)
{
    struct ends e;
    struct buf fields = buf_new(MSG_LARGE), b = buf_new(MSG_MAX);
    uint32_t n = MSG_LARGE - 8;
    ends_open(&e);
    buf_put(&fields, "\0\0\0\0", 4);
    buf_put(&fields, (const char[]){(char)(n & 0xff), (char)(n >> 8 & 0xff), (char)(n >> 16 & 0xff), 0}, 4);
    char *text = buf_room(&fields, n);
    memset(text, 'x', n);
    buf_added(&fields, n);
    put_fields(&b, MSG_row, 5, buf_str(&fields));
    put_good(&b, 9);
    buf_free(&fields);
    far_write(&e, &b);
    ends_run(&e);
    assert_int_equal(e.closed, 0);
    assert_int_equal(e.messages, 2);
    assert_int_equal(e.last_number, 9);
    ends_close(&e);
}

struct answer {
    unsigned calls;
    int code;
};

static void on_answer(const void *msg, const struct err *err, void *arg)
{
    struct answer *a = arg;
    a->calls++;
    a->code = err != NULL ? err->code : 0;
    assert_true((msg == NULL) == (err != NULL));
}

/* Frames that would be good answers, but for one thing. */
static void test_bad_answers(void **state)
{
    static const struct {
        unsigned type;
        uint32_t id;
        struct str fields;
        int code;
    } rows[] = {
        {MSG_signed, 1, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24},
            ERR_IPC},                                                                  /* of the wrong type */
        {MSG_done, 2, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}, ERR_IPC},      /* to no request */
        {MSG_done, 0, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}, ERR_IPC},      /* to none at all */
        {MSG_done, 1, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19}, ERR_INPUT},      /* cut short */
        {MSG_done, 1, {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21}, ERR_INPUT},  /* a byte too many */
        {MSG_done, 1, {"\0\0\0\0\2\0\0\0\0a\0\0\0\0\0\0\0\0\0\0\0\0", 22}, ERR_INPUT}, /* NUL in its text */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ends e;
        struct buf b = buf_new(1000);
        struct answer answers[2] = {{0, 0}, {0, 0}};
        ends_open(&e);
        /* The second expects no answer of type done, so number 2 is nothing to answer with one. */
        assert_int_equal(channel_request(e.near, MSG_files_forget, &(struct msg_files_forget){"a"}, MSG_done,
                             on_answer, &answers[0], NULL),
            0);
        assert_int_equal(channel_request(e.near, MSG_account_open, &(struct msg_account_open){"b", false},
                             MSG_account_opened, on_answer, &answers[1], NULL),
            0);
        assert_int_equal(channel_pending(e.near), 2);
        put_fields(&b, rows[i].type, rows[i].id, rows[i].fields);
        far_write(&e, &b);
        expect_closed(&e, rows[i].code, "near", 0);
        /* Who waits hears of it all the same, once. */
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(answers[k].calls, 1);
            assert_int_equal(answers[k].code, rows[i].code);
        }
        ends_close(&e);
    }
}

/* An answer may come once. */
static void test_second_answer(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    struct answer a = {0, 0};
    ends_open(&e);
    assert_int_equal(channel_request(e.near, MSG_files_forget, &(struct msg_files_forget){"a"}, MSG_done,
                         on_answer, &a, NULL),
        0);
    put_message(&b, MSG_done, 1, &(struct msg_done){{0}});
    put_message(&b, MSG_done, 1, &(struct msg_done){{0}});
    far_write(&e, &b);
    expect_closed(&e, ERR_IPC, "done", 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.code, 0);
    ends_close(&e);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_bad_frames_slowly),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_end_between_frames),
        cmocka_unit_test(test_end_inside_a_frame),
        cmocka_unit_test(test_list_limit),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_second_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
