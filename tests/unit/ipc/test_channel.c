#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"

enum { MANY = 5000 };

static void send_session(struct ends *e, uint32_t session)
{
    assert_int_equal(
        channel_send(e->near, MSG_session_gone, 0, &(struct msg_session_gone){session}, -1, NULL), 0);
}

static void far_session(struct ends *e, uint32_t session)
{
    struct buf b = buf_new(100);
    put_message(&b, MSG_session_gone, 0, &(struct msg_session_gone){session});
    far_write(e, &b);
}

/* ---- a channel at the far end that counts the rows it gets ---- */

struct rows {
    unsigned n, closed;
    uint64_t bytes;
    bool in_order;
};

static void on_far_row(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_row *m = msg;
    struct rows *rows = arg;
    rows->in_order = rows->in_order && m->session == rows->n;
    rows->n++;
    rows->bytes += strlen(m->json);
}

static void on_far_closed(struct channel *c, const struct err *why, void *arg)
{
    struct rows *rows = arg;
    rows->closed++;
    assert_non_null(strstr(why->text, "the other end went"));
    assert_null(strstr(why->text, "middle"));
    channel_free(c);
}

static const struct channel_rule far_rules[] = {{MSG_row, CHANNEL_STATE_ANY, on_far_row}};

static struct channel *far_channel(struct ends *e, struct rows *rows)
{
    *rows = (struct rows){.in_order = true};
    struct channel *c = channel_new(e->base, e->far, "far", far_rules, 1, on_far_closed, rows);
    e->far = -1;
    return c;
}

/* ---- sending and receiving ---- */

static void test_bytes(void **state)
{
    struct ends e;
    char got[100];
    ends_open(&e);
    assert_int_equal(channel_send(e.near, MSG_row, 0x01020304, &(struct msg_row){7, "{}"}, -1, NULL), 0);
    static const char want[] = "\x10\0\0\0" /* 16 bytes follow */
                               "T\0"
                               "\4\3\2\1"
                               "\7\0\0\0\2\0\0\0{}";
    assert_int_equal(far_read(&e, got, sizeof got), sizeof want - 1);
    assert_int_equal(got[4], MSG_row);
    got[4] = 'T';
    assert_memory_equal(got, want, sizeof want - 1);
    assert_int_equal(channel_queued(e.near), 0);
    ends_close(&e);
}

static void test_byte_by_byte(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    put_message(&b, MSG_row, 77, &(struct msg_row){5, "slowly"});
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(e.messages, 0);
        assert_int_equal(write(e.far, b.p + i, 1), 1);
        ends_run(&e);
    }
    assert_int_equal(e.messages, 1);
    assert_int_equal(e.last_id, 77);
    assert_int_equal(e.last_number, 5);
    assert_string_equal(e.last_text, "slowly");
    buf_free(&b);
    ends_close(&e);
}

static void test_many_in_one_write(void **state)
{
    struct ends e;
    struct buf b = buf_new(MSG_MAX);
    ends_open(&e);
    for (uint32_t i = 0; i < MANY; i++)
        put_message(&b, MSG_session_gone, i, &(struct msg_session_gone){i * 3});
    far_write(&e, &b);
    ends_run(&e);
    assert_int_equal(e.messages, MANY);
    assert_int_equal(e.last_number, (MANY - 1) * 3);
    assert_int_equal(e.last_id, MANY - 1);
    assert_int_equal(e.closed, 0);
    ends_close(&e);
}

static void test_large_frame(void **state)
{
    struct ends e;
    struct rows rows;
    static char text[MSG_LARGE];
    size_t n = MSG_LARGE - 8;
    memset(text, 'a', n);
    ends_open(&e);
    struct channel *far = far_channel(&e, &rows);
    assert_int_equal(channel_send(e.near, MSG_row, 0, &(struct msg_row){0, text}, -1, NULL), 0);
    assert_true(channel_queued(e.near) > 0);
    for (int i = 0; i < 10000 && rows.n < 1; i++)
        event_base_loop(e.base, EVLOOP_NONBLOCK);
    assert_int_equal(rows.n, 1);
    assert_true(rows.bytes == n);
    assert_int_equal(channel_queued(e.near), 0);
    channel_free(far);
    ends_close(&e);
}

static void test_over_the_limit(void **state)
{
    struct ends e;
    struct err err = ERR_INIT;
    static char text[MSG_LARGE];
    memset(text, 'a', sizeof text - 1);
    ends_open(&e);
    assert_int_equal(channel_send(e.near, MSG_row, 0, &(struct msg_row){0, text}, -1, &err), ERR_LIMIT);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "row"));
    assert_int_equal(channel_queued(e.near), 0);
    /* Nothing of it was sent, and the channel goes on. */
    char got[100];
    assert_int_equal(far_read(&e, got, sizeof got), 0);
    send_session(&e, 1);
    assert_int_equal(far_read(&e, got, sizeof got), 14);
    ends_close(&e);
}

static void test_states(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    /* The handler of the first opens the state that the second needs. */
    e.act = ACT_TOKENS;
    put_message(&b, MSG_session_gone, 0, &(struct msg_session_gone){1});
    put_message(&b, MSG_token_put, 0, &(struct msg_token_put){"t", "v"});
    far_write(&e, &b);
    ends_run(&e);
    assert_int_equal(e.messages, 2);
    assert_int_equal(e.last_type, MSG_token_put);
    /* Back in the first state it is not allowed any more. */
    e.act = ACT_NOTHING;
    channel_set_state(e.near, STATE_OPEN);
    far_session(&e, 2);
    ends_run(&e);
    assert_int_equal(e.messages, 3);
    put_message(&b, MSG_token_put, 0, &(struct msg_token_put){"t", "v"});
    far_write(&e, &b);
    expect_closed(&e, ERR_IPC, "token_put", 3);
    ends_close(&e);
}

/* A handler may send on the channel that calls it. */
static void test_echo(void **state)
{
    struct ends e;
    struct rows rows;
    struct buf b = buf_new(MSG_MAX);
    ends_open(&e);
    e.act = ACT_ECHO;
    for (uint32_t i = 0; i < 100; i++)
        put_message(&b, MSG_row, 0, &(struct msg_row){i, "echo"});
    far_write(&e, &b);
    struct channel *far = far_channel(&e, &rows);
    ends_run(&e);
    assert_int_equal(e.messages, 100);
    assert_int_equal(rows.n, 100);
    assert_true(rows.in_order);
    channel_free(far);
    ends_close(&e);
}

/* ---- back pressure ---- */

static void test_peer_that_does_not_read(void **state)
{
    struct ends e;
    struct rows rows;
    struct err err = ERR_INIT;
    static char text[1024 * 1024];
    memset(text, 'a', sizeof text - 1);
    ends_open(&e);
    uint32_t sent = 0;
    while (channel_send(e.near, MSG_row, 0, &(struct msg_row){sent, text}, -1, &err) == 0) {
        sent++;
        assert_true(channel_queued(e.near) <= CHANNEL_QUEUE_MAX);
        assert_true(sent < 100);
    }
    assert_int_equal(err.code, ERR_IPC);
    assert_non_null(strstr(err.text, "does not read"));
    assert_true(channel_queued(e.near) > CHANNEL_QUEUE_MAX - sizeof text - 100);
    /* It is no end: what is small still fits, and all of it arrives once the peer reads. */
    assert_int_equal(channel_send(e.near, MSG_row, 0, &(struct msg_row){sent, "last"}, -1, NULL), 0);
    assert_int_equal(e.closed, 0);
    struct channel *far = far_channel(&e, &rows);
    for (int i = 0; i < 100000 && rows.n <= sent; i++)
        event_base_loop(e.base, EVLOOP_NONBLOCK);
    assert_int_equal(rows.n, sent + 1);
    assert_true(rows.in_order);
    assert_true(rows.bytes == (uint64_t)sent * (sizeof text - 1) + 4);
    assert_int_equal(channel_queued(e.near), 0);
    channel_free(far);
    ends_close(&e);
}

static void test_peer_that_went(void **state)
{
    struct ends e;
    ends_open(&e);
    close(e.far);
    e.far = -1;
    /* The first write finds out; that neither kills the process nor calls anyone from inside the call. */
    (void)channel_send(e.near, MSG_session_gone, 0, &(struct msg_session_gone){1}, -1, NULL);
    assert_int_equal(e.closed, 0);
    expect_closed(&e, ERR_IPC, "near", 0);
    assert_int_equal(
        channel_send(e.near, MSG_session_gone, 0, &(struct msg_session_gone){2}, -1, NULL), ERR_IPC);
    ends_run(&e);
    assert_int_equal(e.closed, 1);
    ends_close(&e);
}

/* What was queued before the end is written, as far as it can be without waiting. */
static void test_last_words(void **state)
{
    struct ends e;
    struct rows rows;
    ends_open(&e);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(channel_send(e.near, MSG_row, 0, &(struct msg_row){i, "x"}, -1, NULL), 0);
    channel_free(e.near);
    e.near = NULL;
    (void)far_channel(&e, &rows);
    ends_run(&e);
    assert_int_equal(rows.n, 100);
    assert_true(rows.in_order);
    assert_int_equal(rows.closed, 1);
    ends_close(&e);
}

/* ---- the end of a channel ---- */

static void test_free_in_handler(void **state)
{
    struct ends e;
    ends_open(&e);
    e.act = ACT_FREE;
    struct buf b = buf_new(1000);
    put_message(&b, MSG_session_gone, 0, &(struct msg_session_gone){1});
    put_message(&b, MSG_session_gone, 0, &(struct msg_session_gone){2});
    put_fields(&b, 0xffff, 0, STR("rubbish"));
    far_write(&e, &b);
    ends_run(&e);
    assert_int_equal(e.messages, 1);
    assert_int_equal(e.last_number, 1);
    assert_int_equal(e.closed, 0);
    char byte;
    assert_int_equal(read(e.far, &byte, 1) <= 0, 1);
    ends_close(&e);
}

static void test_free_when_closed(void **state)
{
    struct ends e;
    ends_open(&e);
    e.free_when_closed = true;
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(e.closed, 1);
    assert_null(e.near);
    ends_close(&e);
}

static void test_free_before_closed(void **state)
{
    struct ends e;
    ends_open(&e);
    close(e.far);
    e.far = -1;
    send_session(&e, 1); /* the end is known now, and about to be told */
    channel_free(e.near);
    e.near = NULL;
    ends_run(&e);
    assert_int_equal(e.closed, 0);
    channel_free(NULL);
    ends_close(&e);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_many_in_one_write),
        cmocka_unit_test(test_large_frame),
        cmocka_unit_test(test_over_the_limit),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_peer_that_does_not_read),
        cmocka_unit_test(test_peer_that_went),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_free_in_handler),
        cmocka_unit_test(test_free_when_closed),
        cmocka_unit_test(test_free_before_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
