#include "os/socket.h"

#include "temp.h"

#include <netinet/in.h>
#include <sys/socket.h>

static void assert_flags(int fd)
{
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

static void test_listen_and_connect(void **state)
{
    int fd = -1;
    struct err err = ERR_INIT;
    assert_int_equal(socket_listen_tcp("127.0.0.1:0", &fd, &err), 0);
    assert_flags(fd);
    int port = socket_port(fd);
    assert_true(port > 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
    /* Not a Unix socket: there is no peer to tell. */
    assert_int_equal(socket_peer(client, NULL, NULL, NULL, &err), ERR_INPUT);
    close(client);
    fd_close(&fd);
}

static void test_port_in_use(void **state)
{
    int a = -1, b = -1;
    char address[64], number[16];
    struct err err = ERR_INIT;
    assert_int_equal(socket_listen_tcp(":0", &a, NULL), 0);
    snprintf(number, sizeof number, ":%d", socket_port(a));
    snprintf(address, sizeof address, "127.0.0.1%s", number);
    assert_int_equal(socket_listen_tcp(address, &b, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, address));
    assert_non_null(strstr(err.text, "webroot"));
    assert_int_equal(b, -1);
    fd_close(&a);
    /* At once again after a close. */
    assert_int_equal(socket_listen_tcp(number, &b, NULL), 0);
    fd_close(&b);
}

/* UDP and TCP have ports of their own, and one of UDP is nobody else's while it is bound. */
static void test_bind_udp(void **state)
{
    int udp = -1, again = -1, tcp = -1;
    char address[64], octet = 0;
    struct err err = ERR_INIT;
    assert_int_equal(socket_bind_udp("127.0.0.1:0", &udp, &err), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", socket_port(udp));
    assert_int_equal(socket_bind_udp(address, &again, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, address));
    assert_int_equal(socket_listen_tcp(address, &tcp, NULL), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)socket_port(udp)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    assert_int_equal(read(udp, &octet, 1), 1);
    assert_int_equal(octet, 'x');
    assert_int_equal(socket_bind_udp("nonsense", &again, NULL), ERR_USAGE);
    close(client);
    fd_close(&udp);
    fd_close(&tcp);
}

static void test_both_families_side_by_side(void **state)
{
    int v6 = -1, v4 = -1;
    char address[64];
    struct err err = ERR_INIT;
    int r = socket_listen_tcp("[::]:0", &v6, &err);
    if (r == 0) {
        snprintf(address, sizeof address, "0.0.0.0:%d", socket_port(v6));
        assert_int_equal(socket_listen_tcp(address, &v4, NULL), 0);
        assert_int_equal(socket_port(v4), socket_port(v6));
        fd_close(&v6);
        fd_close(&v4);
    } else {
        /* A machine without IPv6. */
        assert_int_equal(r, ERR_NOT_FOUND);
        assert_non_null(strstr(err.text, "IPv6"));
    }
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = {"", "80", "localhost:80", "[::1]", "[::1]80", "::1:80", "1.2.3.4",
        "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+80", "[1.2.3.4]:80", "[]:80", "1.2.3:x",
        "1.2.3.4:80 ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = -1;
        struct err err = ERR_INIT;
        assert_int_equal(socket_listen_tcp(bad[i], &fd, &err), ERR_USAGE);
        assert_int_equal(fd, -1);
    }
}

static void test_address_of_another_machine(void **state)
{
    int fd = -1;
    struct err err = ERR_INIT;
    assert_int_equal(socket_listen_tcp("192.0.2.1:0", &fd, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "does not have"));
}

static int unprivileged_listen(void *arg)
{
    if (geteuid() == 0 && (setgid(12345) < 0 || setuid(12345) < 0))
        return 1;
    int fd = -1;
    struct err err = ERR_INIT;
    int r = socket_listen_tcp("127.0.0.1:1", &fd, &err);
    /* Where the kernel leaves low ports to everyone (a container's network), it just works. */
    if (r == 0)
        return 2;
    return r == ERR_PERMISSION && strstr(err.text, "CAP_NET_BIND_SERVICE") != NULL ? 0 : 3;
}

static void test_low_port_without_privilege(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(64);
    uint64_t first = 0;
    assert_int_equal(file_read(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", 64, &b, NULL), 0);
    assert_true(str_to_u64(str_trim(buf_str(&b)), 65536, &first));
    assert_exited(in_child(unprivileged_listen, NULL), first > 1 ? 0 : 2);
}

static void test_pair_and_peer(void **state)
{
    int pair[2] = {-1, -1};
    uid_t uid = 7;
    gid_t gid = 7;
    pid_t pid = 7;
    char c = 0;
    struct err err = ERR_INIT;
    assert_int_equal(socket_pair(pair, NULL), 0);
    assert_flags(pair[0]);
    assert_flags(pair[1]);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(read(pair[1], &c, 1), 1);
    assert_int_equal(socket_peer(pair[0], &uid, &gid, &pid, NULL), 0);
    assert_int_equal(uid, geteuid());
    assert_int_equal(gid, getegid());
    assert_int_equal(pid, getpid());
    assert_int_equal(socket_peer(pair[0], NULL, NULL, NULL, NULL), 0);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    assert_int_equal(socket_peer(-1, &uid, NULL, NULL, &err), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen_and_connect),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_bind_udp),
        cmocka_unit_test(test_both_families_side_by_side),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_address_of_another_machine),
        cmocka_unit_test(test_low_port_without_privilege),
        cmocka_unit_test(test_pair_and_peer),
    };
    return cmocka_run_group_tests_name("os/socket", tests, NULL, NULL);
}
