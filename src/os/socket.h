/* Sockets. All are CLOEXEC and non-blocking. Descriptors that are handed out belong to the caller. */
#ifndef EVERCERT_OS_SOCKET_H
#define EVERCERT_OS_SOCKET_H

#include "base/err.h"

#include <sys/types.h>

enum {
    SOCKET_BACKLOG = 1024,
    SOCKET_ADDRESS_MAX = 64 /* longest address text: "[" 45 "%" scope "]:" 5 */
};

/*
 * Listens on TCP `address`: "[::]:80", "0.0.0.0:80", "127.0.0.1:8402", "[fe80::1%eth0]:80" or ":80" (all
 * IPv4 addresses); numbers only, no names. IPv6 sockets take IPv6 only, so "[::]:80" and "0.0.0.0:80" go
 * together. Port 0 lets the kernel choose (socket_port). ERR_USAGE: not an address; ERR_EXISTS: taken;
 * ERR_PERMISSION: a port below 1024; each text says what to do. ERR_NOT_FOUND: this machine has no such
 * address, or no IPv6.
 */
int socket_listen_tcp(const char *address, int *out, struct err *err);

/* A UDP socket bound to `address`, as above, port 0 included; the same errors. */
int socket_bind_udp(const char *address, int *out, struct err *err);

/* The local port of a TCP or UDP socket, 0 where it has none. */
int socket_port(int fd);

/*
 * Listens on a Unix stream socket `name` (one component) in the open directory `dir`. It is made with exactly
 * `mode` under a temporary name and renamed into place while listening already, so a client never meets one
 * that refuses; a socket that a dead daemon left is replaced (the caller holds the state's lock, so nobody
 * else serves it), anything but a socket of that name is ERR_EXISTS. Paths of any length.
 */
int socket_listen_unix(int dir, const char *name, mode_t mode, int *out, struct err *err);

/* Connects to the Unix stream socket at `path` of any length. ERR_NOT_FOUND: nothing there, or nobody listens
 * (a leftover); ERR_PERMISSION; ERR_TIMEOUT: the listener's queue is full. */
int socket_connect_unix(const char *path, int *out, struct err *err);

/* A datagram socket connected to the Unix socket at `path` of at most 107 octets, for writing alone: a reader
 * that is slow makes write() fail with EAGAIN. ERR_NOT_FOUND, ERR_PERMISSION, ERR_LIMIT. */
int socket_connect_datagram(const char *path, int *out, struct err *err);

/* Who connected (SO_PEERCRED: as the peer was when it connected). Outputs may be NULL. */
int socket_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid, struct err *err);

/* Two connected Unix stream sockets. */
int socket_pair(int out[2], struct err *err);

#endif
