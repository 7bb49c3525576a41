/* TCP listeners, UDP sockets and what all sockets share; Unix sockets by name are in socket_unix.c. */
#include "os/socket.h"

#include "base/str.h"
#include "os/file.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { PORT_MAX = 65535, PORT_PRIVILEGED = 1024 };

struct endpoint {
    struct sockaddr_storage address;
    socklen_t n;
    unsigned port;
};

static int bad_address(const char *address, struct err *err)
{
    return err_set(err, ERR_USAGE,
        "\"%s\" is not an address to listen on: write \"0.0.0.0:80\", \"[::]:80\" or \"127.0.0.1:8402\"",
        address);
}

/* Splits at the last colon; an IPv6 address must stand in brackets, an IPv4 address must not. */
static bool split(const char *address, char host[SOCKET_ADDRESS_MAX], int *family, uint64_t *port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strlen(address) >= SOCKET_ADDRESS_MAX ||
        !str_to_u64(str_c(colon + 1), PORT_MAX, port))
        return false;
    struct str s = {address, (size_t)(colon - address)};
    bool v6 = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    if (v6)
        s = (struct str){s.p + 1, s.n - 2};
    else if (s.n == 0)
        s = STR("0.0.0.0");
    *family = v6 ? AF_INET6 : AF_INET;
    snprintf(host, SOCKET_ADDRESS_MAX, "%.*s", STR_ARG(s));
    return true;
}

static int parse(const char *address, struct endpoint *out, struct err *err)
{
    char host[SOCKET_ADDRESS_MAX], service[8];
    uint64_t port;
    int family;
    if (!split(address, host, &family, &port))
        return bad_address(address, err);
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &found) != 0 || found == NULL)
        return bad_address(address, err);
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    out->n = found->ai_addrlen;
    out->port = (unsigned)port;
    freeaddrinfo(found);
    return 0;
}

/* In words that help whoever installed this on a machine with a web server. */
static int explain(const char *address, unsigned port, int errno_value, struct err *err)
{
    switch (errno_value) {
    case EADDRINUSE:
        return err_set(err, ERR_EXISTS,
            "cannot listen on %s: the port is in use, most likely by a web server (ss -ltnp \"sport = :%u\" "
            "shows "
            "which). Either let that server answer (webroot), or have it pass the requests on to another "
            "address "
            "and set that one here (http-01.listen, tls-alpn-01.listen)",
            address, port);
    case EACCES:
    case EPERM:
        if (port < PORT_PRIVILEGED)
            return err_set(err, ERR_PERMISSION,
                "cannot listen on %s: ports below %d need root or CAP_NET_BIND_SERVICE (systemd: "
                "AmbientCapabilities=CAP_NET_BIND_SERVICE)",
                address, PORT_PRIVILEGED);
        return err_errno(err, errno_value, "cannot listen on %s", address);
    case EADDRNOTAVAIL:
        return err_set(
            err, ERR_NOT_FOUND, "cannot listen on %s: this machine does not have that address", address);
    case EAFNOSUPPORT:
        return err_set(
            err, ERR_NOT_FOUND, "cannot listen on %s: this machine has no IPv6; use 0.0.0.0", address);
    default:
        return err_errno(err, errno_value, "cannot listen on %s", address);
    }
}

static int open_bound(const struct endpoint *e, int type, int *out)
{
    int one = 1;
    int fd = socket(e->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = type == SOCK_STREAM;
    if (fd < 0)
        return errno;
    /* Of UDP it would let two processes have the same port. */
    if ((listens && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) ||
        (e->address.ss_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
        bind(fd, (const struct sockaddr *)&e->address, e->n) < 0 ||
        (listens && listen(fd, SOCKET_BACKLOG) < 0)) {
        int saved = errno;
        fd_close(&fd);
        return saved;
    }
    *out = fd;
    return 0;
}

static int open_at(const char *address, int type, int *out, struct err *err)
{
    struct endpoint e = {.n = 0};
    int r = parse(address, &e, err);
    if (r < 0)
        return r;
    int errno_value = open_bound(&e, type, out);
    return errno_value != 0 ? explain(address, e.port, errno_value, err) : 0;
}

int socket_listen_tcp(const char *address, int *out, struct err *err)
{
    return open_at(address, SOCK_STREAM, out, err);
}

int socket_bind_udp(const char *address, int *out, struct err *err)
{
    return open_at(address, SOCK_DGRAM, out, err);
}

int socket_port(int fd)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return 0;
    if (a.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a)->sin6_port);
    return 0;
}

int socket_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid, struct err *err)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return err_errno(err, errno, "cannot tell who connected");
    /* The kernel's words for a socket without a peer process: TCP, or not connected. */
    if (n != sizeof peer || peer.uid == (uid_t)-1)
        return err_set(err, ERR_INPUT, "cannot tell who connected: not a connected Unix socket");
    if (uid != NULL)
        *uid = peer.uid;
    if (gid != NULL)
        *gid = peer.gid;
    if (pid != NULL)
        *pid = peer.pid;
    return 0;
}

int socket_pair(int out[2], struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_errno(err, errno, "cannot make a socket pair");
    out[0] = pair[0];
    out[1] = pair[1];
    return 0;
}
