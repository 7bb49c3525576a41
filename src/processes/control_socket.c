#include "processes/control_socket.h"

#include "base/attr.h"
#include "os/file.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_system(const char *state)
{
    return strcmp(state, CONTROL_STATE_DEFAULT) == 0;
}

int control_socket_path(const char *state, char *out, size_t n, struct err *err)
{
    int length = snprintf(out, n, "%s/%s", is_system(state) ? CONTROL_RUN_DIR : state, CONTROL_NAME);
    return length < 0 || (size_t)length >= n
               ? err_set(err, ERR_LIMIT, "the path of the state directory is too long")
               : 0;
}

/* The directory the socket stands in; /run/evercert is made where no systemd did. */
static int open_dir(const char *state, int state_fd, int *out, struct err *err)
{
    if (!is_system(state)) {
        *out = fcntl(state_fd, F_DUPFD_CLOEXEC, 0);
        return *out < 0 ? err_errno(err, errno, "%s", state) : 0;
    }
    if (mkdir(CONTROL_RUN_DIR, 0755) != 0 && errno != EEXIST)
        return err_errno(err, errno, CONTROL_RUN_DIR);
    return dir_open(AT_FDCWD, CONTROL_RUN_DIR, out, err);
}

int control_socket_listen(const char *state, int state_fd, int *out, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    int r = open_dir(state, state_fd, &dir, err);
    return r < 0 ? r : socket_listen_unix(dir, CONTROL_NAME, 0600, out, err);
}

void control_socket_remove(const char *state, int state_fd)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    if (open_dir(state, state_fd, &dir, NULL) == 0)
        (void)unlinkat(dir, CONTROL_NAME, 0);
}
