#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"

static const struct msg_listen where = {.address = "[::]:80"};

static int some_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void put_listen(struct buf *b)
{
    put_message(b, MSG_listen, 0, &where);
}

/* A second channel at the far end that sends to the near one. */
static void on_far_closed(struct channel *c, const struct err *why, void *arg)
{
    channel_free(c);
}

static struct channel *far_channel(struct ends *e)
{
    struct channel *c = channel_new(e->base, e->far, "far", NULL, 0, on_far_closed, NULL);
    e->far = -1;
    return c;
}

static void test_pass(void **state)
{
    struct ends e;
    int ends[2];
    char c = 0;
    ends_open(&e);
    struct channel *far = far_channel(&e);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(channel_send(far, MSG_listen, 3, &where, ends[1], NULL), 0);
    /* The sender keeps its own, and may close it at once. */
    assert_true(fcntl(ends[1], F_GETFD) >= 0);
    close(ends[1]);
    ends_run(&e);
    assert_int_equal(e.messages, 1);
    assert_int_equal(e.last_id, 3);
    assert_string_equal(e.last_text, "[::]:80");
    /* It is the same pipe, and does not leak into children. */
    assert_int_equal(fcntl(e.fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(e.fd, "x", 1), 1);
    assert_int_equal(read(ends[0], &c, 1), 1);
    assert_int_equal(c, 'x');
    /* Nobody else holds it open. */
    close(e.fd);
    e.fd = -1;
    assert_int_equal(read(ends[0], &c, 1), 0);
    close(ends[0]);
    channel_free(far);
    ends_close(&e);
}

/* Messages with and without, in one go: each gets its own. */
static void test_order(void **state)
{
    struct ends e;
    ends_open(&e);
    struct channel *far = far_channel(&e);
    for (uint32_t i = 0; i < 50; i++) {
        int ends[2];
        char c = 0;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(channel_send(far, MSG_session_gone, 0, &(struct msg_session_gone){i}, -1, NULL), 0);
        assert_int_equal(channel_send(far, MSG_listen, i, &where, ends[1], NULL), 0);
        assert_int_equal(channel_send(far, MSG_session_gone, 0, &(struct msg_session_gone){i}, -1, NULL), 0);
        close(ends[1]);
        ends_run(&e);
        assert_int_equal(e.messages, 3 * (i + 1));
        assert_int_equal(write(e.fd, "y", 1), 1);
        assert_int_equal(read(ends[0], &c, 1), 1);
        close(ends[0]);
    }
    /* Many sent before one is read. */
    int null_fd = some_fd();
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(channel_send(far, MSG_listen, i, &where, null_fd, NULL), 0);
    close(null_fd);
    ends_run(&e);
    assert_int_equal(e.messages, 200);
    assert_int_equal(e.closed, 0);
    channel_free(far);
    ends_close(&e);
}

/* The descriptor comes with the first byte, the rest of the frame later. */
static void test_slow_frame(void **state)
{
    struct ends e;
    struct buf whole = buf_new(1000);
    ends_open(&e);
    int fd = some_fd();
    put_listen(&whole);
    for (size_t i = 0; i < whole.n; i++) {
        struct buf b = buf_new(1);
        buf_put(&b, whole.p + i, 1);
        if (i == 0)
            far_write_fds(&e, &b, &fd, 1);
        else
            far_write(&e, &b);
        ends_run(&e);
        assert_int_equal(e.closed, 0);
        assert_int_equal(e.messages, i + 1 == whole.n ? 1 : 0);
    }
    assert_true(e.fd >= 0);
    close(fd);
    buf_free(&whole);
    ends_close(&e);
}

static void test_missing(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    put_listen(&b);
    far_write(&e, &b);
    expect_closed(&e, ERR_IPC, "listen came without its descriptor", 0);
    ends_close(&e);
}

/* One descriptor for two messages: the kernel may hand over both with it at once, but there is never a
 * second. */
static void test_one_for_two(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    int fd = some_fd();
    put_listen(&b);
    far_write(&e, &b);
    put_listen(&b);
    far_write_fds(&e, &b, &fd, 1);
    close(fd);
    ends_run(&e);
    assert_true(e.messages <= 1);
    expect_closed(&e, ERR_IPC, "listen came without its descriptor", e.messages);
    ends_close(&e);
}

static void test_unasked(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    int fd = some_fd();
    put_message(&b, MSG_session_gone, 0, &(struct msg_session_gone){1});
    far_write_fds(&e, &b, &fd, 1);
    close(fd);
    expect_closed(&e, ERR_IPC, "a descriptor came with a message that has none", 1);
    ends_close(&e);
}

static void test_too_many(void **state)
{
    enum { MORE = CHANNEL_FDS_MAX + 4 };
    for (size_t n = 2; n <= MORE; n++) {
        struct ends e;
        struct buf b = buf_new(1000);
        int fds[MORE];
        ends_open(&e);
        for (size_t i = 0; i < n; i++)
            fds[i] = some_fd();
        put_listen(&b);
        far_write_fds(&e, &b, fds, n);
        for (size_t i = 0; i < n; i++)
            close(fds[i]);
        ends_run(&e);
        assert_int_equal(e.closed, 1);
        assert_int_equal(e.why.code, ERR_IPC);
        assert_non_null(strstr(e.why.text, "descriptor"));
        ends_close(&e);
    }
}

/* Descriptors of frames that are never completed, each with one more. */
static void test_hoarding(void **state)
{
    struct ends e;
    struct buf whole = buf_new(1000);
    ends_open(&e);
    int fd = some_fd();
    put_listen(&whole);
    for (size_t i = 0; i < 2; i++) {
        struct buf b = buf_new(1);
        assert_int_equal(e.closed, 0);
        buf_put(&b, whole.p + i, 1);
        far_write_fds(&e, &b, &fd, 1);
        ends_run(&e);
    }
    buf_free(&whole);
    close(fd);
    expect_closed(&e, ERR_IPC, "a descriptor came", 0);
    ends_close(&e);
}

/* It came with a frame that is no good: closed with the channel, not handed to anyone. */
static void test_bad_frame(void **state)
{
    static const struct str fields[] = {{"", 0}, {"\1\0\0\0", 4}, {"\1\0\0\0a!", 6}, {"\1\0\0\0\0", 5}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct ends e;
        struct buf b = buf_new(1000);
        ends_open(&e);
        int fd = some_fd();
        put_fields(&b, MSG_listen, 0, fields[i]);
        far_write_fds(&e, &b, &fd, 1);
        close(fd);
        expect_closed(&e, ERR_INPUT, "listen", 0);
        assert_int_equal(e.fd, -1);
        ends_close(&e);
    }
}

static void test_freed_by_handler(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    e.act = ACT_FREE;
    int fd = some_fd();
    put_listen(&b);
    far_write_fds(&e, &b, &fd, 1);
    close(fd);
    ends_run(&e);
    assert_int_equal(e.messages, 1);
    assert_true(e.fd >= 0); /* the handler's, who outlives the channel */
    assert_true(fcntl(e.fd, F_GETFD) >= 0);
    ends_close(&e);
}

/* Received and not yet handed on when the channel is freed. */
static void test_freed_before_the_rest(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    ends_open(&e);
    int fd = some_fd();
    put_listen(&b);
    b.n = 5;
    far_write_fds(&e, &b, &fd, 1);
    close(fd);
    ends_run(&e);
    channel_free(e.near);
    e.near = NULL;
    ends_close(&e);
}

/* Queued and not yet sent when the channel is freed: the peer gets what fits, and nothing stays open here. */
static void test_freed_with_a_queue(void **state)
{
    struct ends e;
    ends_open(&e);
    int fd = some_fd();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(channel_send(e.near, MSG_listen, 0, &where, fd, NULL), 0);
    close(fd);
    channel_free(e.near);
    e.near = NULL;
    ends_close(&e);
}

static void test_send_checks(void **state)
{
    struct ends e;
    struct err err = ERR_INIT;
    char byte;
    ends_open(&e);
    int fd = some_fd();
    assert_int_equal(channel_send(e.near, MSG_listen, 0, &where, -1, &err), ERR_IPC);
    assert_non_null(strstr(err.text, "listen message needs a descriptor"));
    assert_int_equal(
        channel_send(e.near, MSG_session_gone, 0, &(struct msg_session_gone){1}, fd, &err), ERR_IPC);
    assert_non_null(strstr(err.text, "never carries a descriptor"));
    close(fd);
    assert_int_not_equal(channel_send(e.near, MSG_listen, 0, &where, fd, &err), 0); /* closed already */
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(channel_queued(e.near), 0);
    assert_int_equal(far_read(&e, &byte, 1), 0);
    ends_close(&e);
}

static void never(const void *msg, const struct err *err, void *arg)
{
    fail();
}

/* Requests cannot carry one either way: nobody could take it. */
static void test_no_requests(void **state)
{
    struct ends e;
    ends_open(&e);
    assert_int_equal(channel_request(e.near, MSG_listen, &where, MSG_done, never, NULL, NULL), ERR_IPC);
    assert_int_equal(
        channel_request(e.near, MSG_stop, &(struct msg_stop){false}, MSG_listen, never, NULL, NULL), ERR_IPC);
    assert_int_equal(channel_pending(e.near), 0);
    ends_close(&e);
}

/* Where this process may not open any more, the kernel drops the descriptor and says so. */
static void test_no_room_for_it(void **state)
{
    struct ends e;
    struct buf b = buf_new(1000);
    struct rlimit before, tight;
    ends_open(&e);
    int fd = some_fd();
    put_listen(&b);
    far_write_fds(&e, &b, &fd, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)fd;
    close(fd); /* the lowest free one is now at the limit */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    ends_run(&e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_closed(&e, ERR_IPC, "descriptors were lost", 0);
    ends_close(&e);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_slow_frame),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_one_for_two),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_hoarding),
        cmocka_unit_test(test_bad_frame),
        cmocka_unit_test(test_freed_by_handler),
        cmocka_unit_test(test_freed_before_the_rest),
        cmocka_unit_test(test_freed_with_a_queue),
        cmocka_unit_test(test_send_checks),
        cmocka_unit_test(test_no_requests),
        cmocka_unit_test(test_no_room_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
