#include "ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000000, FDS_MAX = 64 };

size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    size_t n = 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void remember(
    struct channel *c, enum msg_type t, uint32_t id, uint32_t number, struct str text, void *arg)
{
    struct ends *e = arg;
    assert_ptr_equal(c, e->near);
    e->messages++;
    e->last_type = t;
    e->last_id = id;
    e->last_number = number;
    e->last_length = text.n;
    snprintf(e->last_text, sizeof e->last_text, "%.*s", (int)(text.n < 60 ? text.n : 60), text.p);
    if (e->act == ACT_FREE) {
        channel_free(c);
        e->near = NULL;
    } else if (e->act == ACT_TOKENS) {
        channel_set_state(c, STATE_TOKENS);
    } else if (e->act == ACT_ECHO) {
        struct msg_row row = {number, text.n > 0 ? text.p : ""};
        assert_int_equal(channel_send(c, MSG_row, id, &row, -1, NULL), 0);
    }
}

static void on_session_gone(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_session_gone *m = msg;
    assert_int_equal(fd, -1);
    remember(c, MSG_session_gone, id, m->session, STR(""), arg);
}

static void on_row(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_row *m = msg;
    assert_int_equal(fd, -1);
    remember(c, MSG_row, id, m->session, str_c(m->json), arg);
}

static void on_listen(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_listen *m = msg;
    struct ends *e = arg;
    assert_true(fd >= 0);
    if (e->fd >= 0)
        close(e->fd);
    e->fd = fd;
    remember(c, MSG_listen, id, 0, str_c(m->address), arg);
}

static void on_command(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_command *m = msg;
    remember(c, MSG_command, id, m->verb, str_c(m->names.n > 0 ? m->names.p[0] : ""), arg);
}

static void on_wishes_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    remember(c, MSG_wishes_end, id, ((const struct msg_wishes_end *)msg)->schedule, STR(""), arg);
}

static void on_hit(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    remember(c, MSG_hit, id, 0, str_c(((const struct msg_hit *)msg)->token), arg);
}

static void on_token_put(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    remember(c, MSG_token_put, id, 0, str_c(((const struct msg_token_put *)msg)->token), arg);
}

static const struct channel_rule rules[] = {
    {MSG_session_gone, CHANNEL_STATE_ANY, on_session_gone},
    {MSG_listen, CHANNEL_STATE_ANY, on_listen},
    {MSG_row, CHANNEL_STATE_ANY, on_row},
    {MSG_command, CHANNEL_STATE_ANY, on_command},
    {MSG_wishes_end, CHANNEL_STATE_ANY, on_wishes_end},
    {MSG_hit, CHANNEL_STATE_ANY, on_hit},
    {MSG_token_put, STATE_TOKENS, on_token_put},
};

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct ends *e = arg;
    assert_ptr_equal(c, e->near);
    assert_int_equal(channel_pending(c), 0);
    e->closed++;
    e->why = *why;
    if (e->free_when_closed) {
        channel_free(c);
        e->near = NULL;
    }
}

void ends_open(struct ends *e)
{
    int pair[2];
    *e = (struct ends){.fds_before = open_fds(), .fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    e->base = event_base_new();
    assert_non_null(e->base);
    e->near = channel_new(e->base, pair[0], "near", rules, ARRAY_LEN(rules), on_closed, e);
    e->far = pair[1];
    assert_string_equal(channel_name(e->near), "near");
    assert_ptr_equal(channel_arg(e->near), e);
}

void ends_close(struct ends *e)
{
    channel_free(e->near);
    if (e->far >= 0)
        close(e->far);
    if (e->fd >= 0)
        close(e->fd);
    ends_run(e);
    event_base_free(e->base);
    assert_int_equal(open_fds(), e->fds_before);
}

void ends_run(struct ends *e)
{
    /* Everything happens on this thread: what is not ready now will not become so. A round may make the next.
     */
    for (int quiet = 0, rounds = 0; quiet < 3; rounds++) {
        unsigned messages = e->messages, closed = e->closed;
        assert_true(rounds < ROUNDS_MAX);
        event_base_loop(e->base, EVLOOP_NONBLOCK);
        quiet = messages == e->messages && closed == e->closed ? quiet + 1 : 0;
    }
}

static void put_le(struct buf *out, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_put_char(out, (char)(v >> (8 * i) & 0xff));
}

void put_raw(struct buf *out, uint32_t length, unsigned type, uint32_t id, struct str fields)
{
    put_le(out, length, 4);
    put_le(out, type, 2);
    put_le(out, id, 4);
    buf_put_str(out, fields);
    assert_false(buf_failed(out));
}

void put_fields(struct buf *out, unsigned type, uint32_t id, struct str fields)
{
    put_raw(out, (uint32_t)fields.n + 6, type, id, fields);
}

void put_message(struct buf *out, enum msg_type t, uint32_t id, const void *msg)
{
    struct buf fields = buf_new(MSG_MAX);
    assert_int_equal(msg_encode(t, msg, &fields, NULL), 0);
    put_fields(out, t, id, buf_str(&fields));
    buf_free(&fields);
}

void far_write(struct ends *e, struct buf *b)
{
    size_t n = b->n;
    while (b->n > 0) {
        ssize_t w = send(e->far, b->p, b->n, MSG_NOSIGNAL);
        if (w < 0 && errno == EPIPE)
            break; /* it hung up already, which the test will see */
        if (w < 0) {
            assert_int_equal(errno, EAGAIN);
            ends_run(e);
            continue;
        }
        buf_consume(b, (size_t)w);
    }
    assert_true(n > 0);
    buf_free(b);
}

void far_write_fds(struct ends *e, struct buf *b, const int *fds, size_t n)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    assert_true(n <= FDS_MAX);
    memset(&control, 0, sizeof control);
    struct iovec iov = {b->p, b->n};
    struct msghdr mh = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
    assert_int_equal(sendmsg(e->far, &mh, MSG_NOSIGNAL), b->n);
    buf_free(b);
}

size_t far_read(struct ends *e, char *to, size_t n)
{
    ssize_t r = recv(e->far, to, n, MSG_DONTWAIT);
    return r > 0 ? (size_t)r : 0;
}

void expect_closed(struct ends *e, int code, const char *text, unsigned messages)
{
    ends_run(e);
    assert_int_equal(e->closed, 1);
    assert_string_equal(err_name(e->why.code), err_name(code));
    if (strstr(e->why.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e->why.text, text);
    assert_int_equal(e->messages, messages);
}
