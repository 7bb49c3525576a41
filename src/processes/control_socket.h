/* Where a daemon's control socket is, for the daemon that listens and the commands that look for it. */
#ifndef EVERCERT_PROCESSES_CONTROL_SOCKET_H
#define EVERCERT_PROCESSES_CONTROL_SOCKET_H

#include "base/err.h"

#include <stddef.h>

/* The system's daemon is found where systemd made its runtime directory; any other by its state directory. */
#define CONTROL_STATE_DEFAULT "/var/lib/evercert"
#define CONTROL_RUN_DIR       "/run/evercert"
#define CONTROL_NAME          "control.sock"

/* Writes the socket's path for that state directory. ERR_LIMIT where it does not fit. */
int control_socket_path(const char *state, char *out, size_t n, struct err *err);
/* Listens there (mode 0600); `state_fd` is the open state directory, whose lock the caller holds. */
int control_socket_listen(const char *state, int state_fd, int *out, struct err *err);
void control_socket_remove(const char *state, int state_fd);

#endif
