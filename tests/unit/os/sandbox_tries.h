/* What the sandbox's tests try inside a sandbox: each try is one thing a process may or may not do. */
#ifndef EVERCERT_TESTS_OS_SANDBOX_TRIES_H
#define EVERCERT_TESTS_OS_SANDBOX_TRIES_H

#include "temp.h"

#include <sys/socket.h>
#include <sys/un.h>

/* 0: it worked; an errno value: it was refused; -1: it misbehaved. */
typedef int try_fn(const struct temp *t);

/* Prepared outside the sandbox for the tries that need it. */
struct tries {
    int pair[2];                 /* connected sockets, for try_messages */
    int listener;                /* for try_accept, with a client waiting */
    int port;                    /* its port, for try_connect */
    struct sockaddr_un abstract; /* somebody listens there, for try_abstract */
    socklen_t abstract_n;
};
extern struct tries tries;

try_fn try_nothing, try_base, try_open, try_open_for_writing, try_open_inside, try_open_beside,
    try_list_beside, try_open_by_link, try_create_beside, try_truncate_beside, try_socket, try_unix_socket,
    try_exec, try_fork, try_ptrace, try_kill_parent, try_tgkill_parent, try_abort, try_executable_memory,
    try_make_executable, try_type_into_terminal, try_own_signals, try_fcntl, try_rlimit, try_priority,
    try_events, try_messages, try_accept, try_connect, try_bind, try_abstract, try_file_work,
    try_rename_across, try_set_id, try_set_id_by_name, try_birth_with_set_id, try_thread, try_clone3,
    try_mount, try_chroot, try_unshare, try_clone_namespace, try_io_uring, try_keyctl, try_mknod, try_handle,
    try_packet_socket, try_packet_socket_dodging, try_raw_socket, try_alg_socket, try_vsock_socket,
    try_audit_socket, try_route_socket, try_stream_pair, try_datagram_pair, try_raw_pair,
    try_unix_socket_dodging, try_reconnect_pair, try_marks, try_dumpable, try_enter_again;

#endif
