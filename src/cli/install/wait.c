/* Whether a change of the configuration is in force: a reload is told, not waited for, by servers. */
#include "base/b64.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/install/install.h"
#include "os/file.h"
#include "os/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 64 * 1024,
    ANSWER_MS = 5000, /* for one connection and its answer */
    PAUSE_MS = 100,
    /* For as long it has to be so without a break: a server that reloads has its old processes listen on for
     * a moment, beside the new ones. */
    STEADY_MS = 600,
    TOKEN_OCTETS = 16,
};

#define CHALLENGE "/.well-known/acme-challenge/"

static bool wait_fd(int fd, short what, struct mono deadline)
{
    int64_t left = deadline.ms - clock_mono(&system_clock).ms;
    struct pollfd p = {fd, what, 0};
    return left > 0 && poll(&p, 1, (int)left) == 1;
}

static int open_end(
    const struct install_end *e, unsigned port, struct mono deadline, int *out, struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is_v6 = strchr(e->address, ':') != NULL;
    int why = 0;
    socklen_t n = sizeof why;
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, e->address, is_v6 ? (void *)&v6.sin6_addr : &v4.sin_addr) != 1)
        return err_set(err, ERR_INPUT, "%s is no address", e->address);
    *out = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*out < 0)
        return err_errno(err, errno, "socket");
    const struct sockaddr *to = is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    if (connect(*out, to, is_v6 ? sizeof v6 : sizeof v4) < 0) {
        if (errno != EINPROGRESS)
            why = errno;
        else if (!wait_fd(*out, POLLOUT, deadline) || getsockopt(*out, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
            why = ETIMEDOUT;
    }
    return why == 0 ? 0 : err_errno(err, why, "connecting to %s port %u", e->address, port);
}

/* One request, the whole answer. */
static int ask(
    const struct install *in, const struct install_end *e, const char *path, struct buf *out, struct err *err)
{
    struct mono deadline = {clock_mono(&system_clock).ms + ANSWER_MS};
    int fd ATTR_CLEANUP(fd_close) = -1;
    char port[16] = "";
    if (in->site.http_port != 80)
        snprintf(port, sizeof port, ":%u", in->site.http_port);
    int r = open_end(e, in->site.http_port, deadline, &fd, err);
    if (r < 0)
        return r;
    const char *text = arena_printf(in->a,
        "GET %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: evercert/" EVERCERT_VERSION
        "\r\nConnection: close\r\n\r\n",
        path, e->host, port);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        return err_errno(err, errno, "asking %s", e->address);
    for (;;) {
        char *room = buf_room(out, 4096);
        if (room == NULL)
            return 0; /* more than anybody asked for: what is there will do */
        ssize_t n = wait_fd(fd, POLLIN, deadline) ? read(fd, room, 4096) : -1;
        buf_added(out, n > 0 ? (size_t)n : 0);
        if (n <= 0)
            return out->n > 0 ? 0 : err_set(err, ERR_TIMEOUT, "%s does not answer", e->address);
    }
}

/* "HTTP/1.1 200 ..." */
static unsigned status_of(struct str answer)
{
    uint64_t n = 0;
    bool good = answer.n > 12 && str_starts(answer, STR("HTTP/1.")) &&
                str_to_u64((struct str){answer.p + 9, 3}, 999, &n);
    return good ? (unsigned)n : 0;
}

/* The value of Location; n 0 where there is none. */
static struct str location_of(struct str answer)
{
    struct str line, name, value;
    while (str_cut(answer, '\n', &line, &answer) && str_trim(line).n > 0)
        if (str_cut(line, ':', &name, &value) && str_eq_nocase(name, STR("location")))
            return str_trim(value);
    return STR("");
}

/* What one end has to answer. */
struct wanted {
    const char *path, *body; /* body NULL: a redirect to https */
};

static int look(
    const struct install *in, const struct install_end *e, const struct wanted *w, struct err *err)
{
    struct buf answer ATTR_CLEANUP(buf_free) = buf_new(ANSWER_MAX);
    struct buf shown ATTR_CLEANUP(buf_free) = buf_new(1024);
    int r = ask(in, e, w->path, &answer, err);
    if (r < 0)
        return r;
    struct str all = buf_str(&answer), to = location_of(all);
    unsigned status = status_of(all);
    if (w->body == NULL && status / 100 == 3 && str_starts(to, STR("https://")))
        return 0;
    if (w->body != NULL && status == 200 && memmem(all.p, all.n, w->body, strlen(w->body)) != NULL)
        return 0;
    text_clean(&shown, to, 300);
    return err_set(err, ERR_FAILED, "http://%s%s was answered with status %u%s%s instead of %s", e->host,
        w->path, status, to.n > 0 ? " to " : "", buf_c(&shown),
        w->body == NULL ? "a redirect to https"
                        : arena_printf(in->a, "the file in %s (can the server's processes read there?)",
                              in->site.webroot));
}

/* Until it is so, or the time is up. */
static int until(
    const struct install *in, const struct install_end *e, const struct wanted *w, struct err *err)
{
    struct mono end = {clock_mono(&system_clock).ms + INSTALL_WAIT_S * 1000}, good_since = {0};
    for (;;) {
        struct mono soon = {clock_mono(&system_clock).ms + ANSWER_MS};
        int fd ATTR_CLEANUP(fd_close) = -1;
        int r = w != NULL ? look(in, e, w, err) : open_end(e, in->site.tls_port, soon, &fd, err);
        int64_t now_ms = clock_mono(&system_clock).ms;
        good_since.ms = r < 0 ? 0 : good_since.ms == 0 ? now_ms : good_since.ms;
        if (r == 0 && now_ms - good_since.ms >= STEADY_MS)
            return 0;
        if (install_stopped() != 0)
            return err_set(err, ERR_CANCELLED, "interrupted");
        if (r < 0 && now_ms >= end.ms)
            return err_prefix(err, "%s does not do what its new configuration says", in->kind->word);
        (void)poll(NULL, 0, PAUSE_MS);
    }
}

static int until_all(const struct install *in, const struct wanted *w, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < in->end_n && r == 0; i++)
        r = until(in, &in->ends[i], w, err);
    return r;
}

/* The folder that the parent puts answers in, too. */
static int open_challenges(const char *webroot, int *out, struct err *err)
{
    int root ATTR_CLEANUP(fd_close) = open(webroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int well_known ATTR_CLEANUP(fd_close) = -1;
    if (root < 0)
        return err_errno(err, errno, "webroot %s", webroot);
    int r = dir_make(root, ".well-known", 0755, &well_known, err);
    return r < 0 ? r : dir_make(well_known, "acme-challenge", 0755, out, err);
}

int install_wait_challenge(struct install *in, struct err *err)
{
    unsigned char octets[TOKEN_OCTETS];
    struct buf token ATTR_CLEANUP(buf_free) = buf_new(64);
    int dir ATTR_CLEANUP(fd_close) = -1;
    random_bytes(octets, sizeof octets);
    buf_put_c(&token, "evercert-");
    b64url_encode(&token, (struct str){(const char *)octets, sizeof octets});
    int r = open_challenges(in->site.webroot, &dir, err);
    if (r == 0)
        r = file_write_new(dir, buf_c(&token), 0644, buf_str(&token), err);
    if (r < 0)
        return err_prefix(err, "webroot %s", in->site.webroot);
    const struct wanted w = {arena_printf(in->a, CHALLENGE "%s", buf_c(&token)), buf_c(&token)};
    r = until_all(in, &w, err);
    unlinkat(dir, buf_c(&token), 0);
    return r;
}

int install_wait_redirect(struct install *in, struct err *err)
{
    const struct wanted w = {"/", NULL};
    return until_all(in, &w, err);
}

int install_wait_tls(struct install *in, struct err *err)
{
    return until_all(in, NULL, err);
}
