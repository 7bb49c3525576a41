#include "os/notify.h"

#include "base/time.h"
#include "os/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const assignments[] = {
#define NOTIFY_ROW(state, text) [state] = text,
    NOTIFY_STATES(NOTIFY_ROW)
#undef NOTIFY_ROW
};

static const char *socket_name(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    return name != NULL && name[0] != '\0' ? name : NULL;
}

bool notify_wanted(void)
{
    return socket_name() != NULL;
}

/* A file's path, or "@" for the abstract name space, whose names begin with a zero byte and end with the
 * address. */
static int make_address(const char *name, struct sockaddr_un *out, socklen_t *out_n, struct err *err)
{
    size_t n = strlen(name);
    if (name[0] != '/' && name[0] != '@')
        return err_set(err, ERR_USAGE, "$NOTIFY_SOCKET (%s) is neither a path nor an abstract socket", name);
    if (n >= sizeof out->sun_path)
        return err_set(err, ERR_LIMIT, "$NOTIFY_SOCKET is too long");
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, name, n);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    *out_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/' ? 1 : 0));
    return 0;
}

static int deliver(struct str message, struct err *err)
{
    struct sockaddr_un address;
    socklen_t address_n = 0;
    int r = make_address(socket_name(), &address, &address_n, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        sendto(fd, message.p, message.n, MSG_NOSIGNAL, (const struct sockaddr *)&address, address_n) < 0)
        return err_errno(err, errno, "cannot tell the service manager");
    return 0;
}

static void put_status(struct buf *b, const char *status)
{
    size_t n = strnlen(status, NOTIFY_STATUS_MAX);
    buf_put_c(b, "STATUS=");
    for (size_t i = 0; i < n; i++)
        buf_put_char(b, status[i] == '\n' || status[i] == '\r' ? ' ' : status[i]);
    buf_put_char(b, '\n');
}

/* Either part may be NULL. */
static int compose(const char *assignment, const char *status, struct err *err)
{
    if (!notify_wanted())
        return 0;
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(NOTIFY_STATUS_MAX + 128);
    if (assignment != NULL)
        buf_printf(&b, "%s\n", assignment);
    if (assignment == assignments[NOTIFY_RELOADING])
        buf_printf(&b, "MONOTONIC_USEC=%" PRId64 "\n", system_monotonic_us());
    if (status != NULL)
        put_status(&b, status);
    if (buf_failed(&b))
        return err_set(err, ERR_MEMORY, "out of memory");
    return deliver(buf_str(&b), err);
}

int notify_send(enum notify_state state, const char *status, struct err *err)
{
    return compose(assignments[state], status, err);
}

int notify_extend(int64_t seconds, struct err *err)
{
    char text[64];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64, seconds * 1000000);
    return compose(text, NULL, err);
}

int notify_status(const char *status, struct err *err)
{
    return compose(NULL, status, err);
}
