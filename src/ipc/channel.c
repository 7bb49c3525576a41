#include "ipc/channel.h"

#include "base/arena.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 4 + 2 + 4, READ_CHUNK = 16 * 1024 };

struct request {
    struct request *next;
    uint32_t id;
    enum msg_type answer;
    channel_reply_fn *reply;
    void *arg;
};

/* A frame waiting to be written; the descriptor goes with its first byte. */
struct frame {
    struct frame *next;
    struct buf bytes;
    size_t written;
    int fd;
};

struct channel {
    int fd;
    const char *name;
    struct event *readable, *writable, *dying;
    const struct channel_rule *rules;
    size_t rule_n;
    unsigned state;
    channel_closed_fn *closed;
    void *arg;
    struct buf in;
    int fds[CHANNEL_FDS_MAX];
    size_t fd_n;
    struct frame *out, **out_last;
    size_t queued;
    struct request *requests, **requests_last;
    size_t pending;
    uint32_t last_id;
    bool dead, busy, freed;
    struct err why;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_dying(evutil_socket_t fd, short what, void *arg);

struct channel *channel_new(struct event_base *base, int fd, const char *name,
    const struct channel_rule *rules, size_t rule_n, channel_closed_fn *closed, void *arg)
{
    struct channel *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    *c = (struct channel){.fd = fd,
        .name = name,
        .rules = rules,
        .rule_n = rule_n,
        .state = 1,
        .closed = closed,
        .arg = arg,
        .in = buf_new_sensitive(MSG_MAX + HEAD + READ_CHUNK)};
    c->out_last = &c->out;
    c->requests_last = &c->requests;
    c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
    c->dying = event_new(base, -1, 0, on_dying, c);
    if (c->readable == NULL || c->writable == NULL || c->dying == NULL || event_add(c->readable, NULL) != 0)
        abort();
    return c;
}

static void frame_free(struct frame *f)
{
    if (f->fd >= 0)
        close(f->fd);
    buf_free(&f->bytes);
    free(f);
}

static void release(struct channel *c)
{
    for (struct frame *f = c->out, *next; f != NULL; f = next) {
        next = f->next;
        frame_free(f);
    }
    for (struct request *r = c->requests, *next; r != NULL; r = next) {
        next = r->next;
        free(r);
    }
    for (size_t i = 0; i < c->fd_n; i++)
        close(c->fds[i]);
    buf_free(&c->in);
    free(c);
}

static void flush(struct channel *c);

void channel_free(struct channel *c)
{
    if (c == NULL || c->freed)
        return;
    if (!c->dead)
        flush(c);
    event_free(c->readable);
    event_free(c->writable);
    event_free(c->dying);
    close(c->fd);
    c->freed = true;
    c->dead = true;
    /* Inside one of our own callbacks the struct is still in use: the outermost frame releases it. */
    if (!c->busy)
        release(c);
}

void channel_set_state(struct channel *c, unsigned state_bit)
{
    c->state = state_bit;
}

const char *channel_name(const struct channel *c)
{
    return c->name;
}

void *channel_arg(const struct channel *c)
{
    return c->arg;
}

size_t channel_pending(const struct channel *c)
{
    return c->pending;
}

size_t channel_queued(const struct channel *c)
{
    return c->queued;
}

/* The channel is over; the owner hears of it from the loop, so that no caller is surprised in mid-call. */
void channel_end(struct channel *c, const struct err *why)
{
    if (c->dead)
        return;
    c->dead = true;
    c->why = *why;
    event_del(c->readable);
    event_del(c->writable);
    event_active(c->dying, 0, 0);
}

static void on_dying(evutil_socket_t fd, short what, void *arg)
{
    struct channel *c = arg;
    (void)fd, (void)what;
    c->busy = true;
    while (c->requests != NULL && !c->freed) {
        struct request *r = c->requests;
        c->requests = r->next;
        c->pending--;
        if (c->requests == NULL)
            c->requests_last = &c->requests;
        if (r->reply != NULL)
            r->reply(NULL, &c->why, r->arg);
        free(r);
    }
    if (!c->freed)
        c->closed(c, &c->why, c->arg);
    c->busy = false;
    if (c->freed)
        release(c);
}

/* --- writing --- */

static ssize_t write_frame(struct channel *c, struct frame *f)
{
    struct iovec iov = {f->bytes.p + f->written, f->bytes.n - f->written};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    if (f->fd >= 0) {
        memset(&control, 0, sizeof control);
        mh.msg_control = control.bytes;
        mh.msg_controllen = sizeof control.bytes;
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &f->fd, sizeof(int));
    }
    return sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void flush(struct channel *c)
{
    while (c->out != NULL) {
        struct frame *f = c->out;
        ssize_t n = write_frame(c, f);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(c->writable, NULL);
            return;
        }
        if (n < 0) {
            struct err why = ERR_INIT;
            if (errno == EPIPE || errno == ECONNRESET)
                err_set(&why, ERR_IPC, "channel %s: the other end went", c->name);
            else
                err_set(&why, ERR_IPC, "channel %s: writing failed: %s", c->name, strerror(errno));
            channel_end(c, &why);
            return;
        }
        if (f->fd >= 0) {
            close(f->fd);
            f->fd = -1;
        }
        f->written += (size_t)n;
        c->queued -= (size_t)n;
        if (f->written == f->bytes.n) {
            c->out = f->next;
            if (c->out == NULL)
                c->out_last = &c->out;
            frame_free(f);
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static void put_le(char *to, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (char)(v >> (8 * i) & 0xff);
}

int channel_send(struct channel *c, enum msg_type t, uint32_t id, const void *msg, int fd, struct err *err)
{
    if (c->dead)
        return err_set(err, ERR_IPC, "channel %s is closed", c->name);
    if ((fd >= 0) != msg_has_fd(t))
        return err_set(err, ERR_IPC, "a %s message %s a descriptor", msg_name(t),
            msg_has_fd(t) ? "needs" : "never carries");
    struct frame *f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    f->fd = -1;
    f->bytes = buf_new_sensitive(MSG_MAX + HEAD);
    char head[HEAD] = {0};
    buf_put(&f->bytes, head, sizeof head);
    int r = msg_encode(t, msg, &f->bytes, err);
    if (r == 0 && f->bytes.n > CHANNEL_QUEUE_MAX - c->queued)
        r = err_set(err, ERR_IPC, "channel %s: the other end does not read", c->name);
    if (r == 0 && fd >= 0 && (f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
        r = err_errno(err, errno, "channel %s: cannot pass a descriptor", c->name);
    if (r < 0) {
        frame_free(f);
        return r;
    }
    put_le(f->bytes.p, (uint32_t)(f->bytes.n - 4), 4);
    put_le(f->bytes.p + 4, (uint32_t)t, 2);
    put_le(f->bytes.p + 6, id, 4);
    bool idle = c->out == NULL;
    *c->out_last = f;
    c->out_last = &f->next;
    c->queued += f->bytes.n;
    if (idle)
        flush(c);
    return 0;
}

int channel_request(struct channel *c, enum msg_type t, const void *msg, enum msg_type answer,
    channel_reply_fn *reply, void *arg, struct err *err)
{
    if (msg_has_fd(answer))
        return err_set(err, ERR_IPC, "%s carries a descriptor and cannot be an answer", msg_name(answer));
    if (c->pending >= CHANNEL_REQUESTS_MAX)
        return err_set(err, ERR_IPC, "channel %s: too many requests wait for an answer", c->name);
    uint32_t id = c->last_id == UINT32_MAX ? 1 : c->last_id + 1;
    int r = channel_send(c, t, id, msg, -1, err);
    if (r < 0)
        return r;
    struct request *q = calloc(1, sizeof *q);
    if (q == NULL)
        abort();
    *q = (struct request){.id = id, .answer = answer, .reply = reply, .arg = arg};
    *c->requests_last = q;
    c->requests_last = &q->next;
    c->pending++;
    c->last_id = id;
    return 0;
}

void channel_forget(struct channel *c, const void *arg)
{
    for (struct request *r = c->requests; r != NULL; r = r->next)
        if (r->arg == arg)
            r->reply = NULL;
}

/* --- reading --- */

static uint32_t get_le(const char *from, size_t bytes)
{
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint32_t)(unsigned char)from[i] << (8 * i);
    return v;
}

/* Where the pending request stands that this frame answers; NULL where there is none. */
static struct request **find_request(struct channel *c, uint32_t id, uint32_t type)
{
    if (id == 0)
        return NULL;
    for (struct request **at = &c->requests; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id && (uint32_t)(*at)->answer == type)
            return at;
    return NULL;
}

/* The same, taken out of the list. */
static struct request *take_request(struct channel *c, uint32_t id, uint32_t type)
{
    struct request **at = find_request(c, id, type);
    if (at == NULL)
        return NULL;
    struct request *r = *at;
    *at = r->next;
    if (*at == NULL)
        c->requests_last = at;
    c->pending--;
    return r;
}

static const struct channel_rule *find_rule(const struct channel *c, uint32_t type, unsigned states)
{
    for (size_t i = 0; i < c->rule_n; i++)
        if ((uint32_t)c->rules[i].type == type && (c->rules[i].states & states) != 0)
            return &c->rules[i];
    return NULL;
}

static int not_allowed(const struct channel *c, uint32_t type, struct err *err)
{
    return err_set(
        err, ERR_IPC, "channel %s: %s (%u) is not allowed here", c->name, msg_name(type), (unsigned)type);
}

/* What can be said of a frame by its head alone, before memory is spent on the rest: whether this end takes
 * such frames at all (the state counts when the frame is whole), and whether the length is within the type's
 * limit. */
static int check_head(struct channel *c, uint32_t length, uint32_t type, uint32_t id, struct err *err)
{
    if (find_rule(c, type, CHANNEL_STATE_ANY) == NULL && find_request(c, id, type) == NULL)
        return not_allowed(c, type, err);
    if (length < HEAD - 4)
        return err_set(err, ERR_INPUT, "channel %s: %s says it has %u bytes, less than a head", c->name,
            msg_name(type), (unsigned)length);
    if (length - (HEAD - 4) > msg_max(type))
        return err_set(err, ERR_LIMIT, "channel %s: %s says it has %u bytes, more than its limit", c->name,
            msg_name(type), (unsigned)length);
    return 0;
}

static int take_fd(struct channel *c)
{
    if (c->fd_n == 0)
        return -1;
    int fd = c->fds[0];
    c->fd_n--;
    memmove(c->fds, c->fds + 1, c->fd_n * sizeof c->fds[0]);
    return fd;
}

/* Hands one whole frame to whoever may have it. */
static int dispatch(struct channel *c, uint32_t type, uint32_t id, struct str fields, struct err *err)
{
    struct request *request = take_request(c, id, type);
    const struct channel_rule *rule = request != NULL ? NULL : find_rule(c, type, c->state);
    if (request == NULL && rule == NULL)
        return not_allowed(c, type, err);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    void *msg = arena_alloc(a, msg_size(type));
    int fd = -1, r = msg_decode(type, fields, a, msg, err);
    if (r == 0 && msg_has_fd(type) && (fd = take_fd(c)) < 0)
        r = err_set(err, ERR_IPC, "%s came without its descriptor", msg_name(type));
    if (r < 0) {
        (void)err_prefix(err, "channel %s", c->name);
        if (request != NULL) { /* still owed an answer: on_dying gives it */
            request->next = c->requests;
            if (c->requests == NULL)
                c->requests_last = &request->next;
            c->requests = request;
            c->pending++;
        }
        return r;
    }
    if (request == NULL) {
        rule->handler(c, id, msg, fd, c->arg);
    } else {
        if (request->reply != NULL)
            request->reply(msg, NULL, request->arg);
        free(request);
    }
    return 0;
}

/* Takes whole frames off the input until there is none; checks a length as soon as it is known. */
static int take_frames(struct channel *c, struct err *err)
{
    size_t pos = 0;
    int r = 0;
    while (!c->dead && c->in.n - pos >= HEAD) {
        const char *head = c->in.p + pos;
        uint32_t length = get_le(head, 4), type = get_le(head + 4, 2), id = get_le(head + 6, 4);
        if ((r = check_head(c, length, type, id, err)) < 0 || c->in.n - pos - 4 < length)
            break;
        if ((r = dispatch(c, type, id, (struct str){head + HEAD, length - (HEAD - 4)}, err)) < 0)
            break;
        pos += 4 + (size_t)length;
    }
    if (!c->freed)
        buf_consume(&c->in, pos);
    /* A descriptor comes with the first byte of its frame: none may be left but that of a frame still coming.
     */
    if (r == 0 && !c->dead && c->fd_n > (c->in.n > 0 ? 1 : 0))
        r = err_set(err, ERR_IPC, "channel %s: a descriptor came with a message that has none", c->name);
    /* One large frame must not keep its memory for ever. */
    if (!c->freed && c->in.n == 0 && c->in.cap > 4 * READ_CHUNK)
        buf_free(&c->in);
    return r;
}

static int keep_fds(struct channel *c, struct msghdr *mh, struct err *err)
{
    int r = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(mh); h != NULL; h = CMSG_NXTHDR(mh, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
            if (c->fd_n < CHANNEL_FDS_MAX) {
                c->fds[c->fd_n++] = fd;
            } else {
                close(fd);
                r = err_set(err, ERR_IPC, "channel %s: too many descriptors", c->name);
            }
        }
    }
    if (mh->msg_flags & MSG_CTRUNC)
        r = err_set(err, ERR_IPC, "channel %s: descriptors were lost", c->name);
    return r;
}

/* One read. 1: something came, 0: nothing more now, negative: over. */
static int read_some(struct channel *c, struct err *err)
{
    char *room = buf_room(&c->in, READ_CHUNK);
    if (room == NULL)
        return err_set(err, ERR_LIMIT, "channel %s: input is full", c->name);
    struct iovec iov = {room, READ_CHUNK};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
    } control;
    struct msghdr mh = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (n < 0 && errno != ECONNRESET) /* that is an end too: of a peer that had not read all */
        return err_set(err, ERR_IPC, "channel %s: reading failed: %s", c->name, strerror(errno));
    if (n <= 0)
        return err_set(err, ERR_IPC, "channel %s: the other end went%s", c->name,
            c->in.n > 0 ? " in the middle of a frame" : "");
    buf_added(&c->in, (size_t)n);
    int r = keep_fds(c, &mh, err);
    return r < 0 ? r : 1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *c = arg;
    (void)fd, (void)what;
    struct err why = ERR_INIT;
    c->busy = true;
    int r = read_some(c, &why);
    if (r > 0)
        r = take_frames(c, &why);
    c->busy = false;
    if (c->freed)
        release(c);
    else if (r < 0)
        channel_end(c, &why);
}
