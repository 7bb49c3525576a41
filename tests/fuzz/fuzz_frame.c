/*
 * Frames as a broken or hostile process sends them. The first octet says how the rest reaches the channel:
 * the low seven bits are the size of each write (0: all at once), the high bit sends a descriptor along with
 * the first.
 *
 *   1. What follows the first head is decoded as the fields of every type; what decodes must encode to the
 * same octets again.
 *   2. All of it goes to a channel that takes every type and waits for two answers.
 */
#include "ipc/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEAD = 10,
    INPUT_MAX = 64 * 1024, /* fits into the socket's buffer */
    WRITES_MAX = 256,
    ROUNDS = 64,
};

struct seen {
    struct channel *channel;
    unsigned closed, answered[2];
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What was decoded is what was said: the encoding has one form only. */
static void check_same(enum msg_type t, const void *msg, struct str fields)
{
    struct buf again ATTR_CLEANUP(buf_free) = buf_new(MSG_MAX);
    check(msg_encode(t, msg, &again, NULL) == 0);
    check(str_eq(buf_str(&again), fields));
}

static void decode_as_every_type(struct str fields)
{
    for (enum msg_type t = MSG_none; t <= MSG_END_; t++) {
        struct err err = ERR_INIT;
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        void *msg = arena_alloc(a, msg_size(t));
        int r = msg_decode(t, fields, a, msg, &err);
        check(r == err.code);
        if (r == 0 && fields.n <= msg_max(t))
            check_same(t, msg, fields);
    }
}

static void on_message(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct seen *s = arg;
    check(c == s->channel && s->closed == 0 && msg != NULL);
    if (fd >= 0)
        close(fd);
}

static void on_answer(const void *msg, const struct err *err, void *arg)
{
    unsigned *answered = arg;
    check((msg == NULL) != (err == NULL));
    check(++*answered == 1);
}

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct seen *s = arg;
    check(c == s->channel && why->code < 0 && ++s->closed == 1);
    check(s->answered[0] == 1 && s->answered[1] == 1 && channel_pending(c) == 0);
}

static struct channel *new_channel(struct event_base *base, int fd, struct seen *s)
{
    static struct channel_rule rules[MSG_END_ - 1];
    for (unsigned t = 1; t < MSG_END_; t++)
        rules[t - 1] = (struct channel_rule){(enum msg_type)t, CHANNEL_STATE_ANY, on_message};
    s->channel = channel_new(base, fd, "fuzz", rules, ARRAY_LEN(rules), on_closed, s);
    const struct msg_files_forget forget = {"name"};
    const struct msg_key_make key = {.permit = STR("permit"), .generation = 1};
    check(channel_request(
              s->channel, MSG_files_forget, &forget, MSG_done, on_answer, &s->answered[0], NULL) == 0);
    check(
        channel_request(s->channel, MSG_key_make, &key, MSG_key_made, on_answer, &s->answered[1], NULL) == 0);
    return s->channel;
}

static void write_some(int fd, const uint8_t *p, size_t n, bool with_fd)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    if (with_fd) {
        /* Not the socket itself: whoever keeps that would keep the connection open. */
        memcpy(CMSG_DATA(&control.head), &(int){STDERR_FILENO}, sizeof(int));
        mh.msg_control = control.bytes;
        mh.msg_controllen = sizeof control.bytes;
    }
    /* A channel that has seen enough hangs up: what fails then is no matter. */
    (void)sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void feed_channel(const uint8_t *data, size_t size, uint8_t how)
{
    static struct event_base *base;
    int pair[2];
    struct seen s = {0};
    if (base == NULL)
        base = event_base_new();
    check(base != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    struct channel *c = new_channel(base, pair[0], &s);
    size_t step = how % 128 != 0 ? how % 128 : size;
    if (step < size / WRITES_MAX)
        step = size / WRITES_MAX;
    for (size_t pos = 0; pos < size && s.closed == 0; pos += step) {
        write_some(pair[1], data + pos, size - pos < step ? size - pos : step, how >= 128 && pos == 0);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    close(pair[1]);
    for (int i = 0; i < ROUNDS && s.closed == 0; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    check(s.closed == 1);
    channel_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    const uint8_t *rest = data + 1;
    size_t n = size - 1, skip = n < HEAD ? 0 : HEAD;
    decode_as_every_type((struct str){(const char *)rest + skip, n - skip});
    if (n > 0)
        feed_channel(rest, n, data[0]);
    return 0;
}
