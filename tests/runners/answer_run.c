/* The answerer on its own, for tests: answer_run ADDRESS ZONE NAMESERVER... listens on UDP and TCP, says
 * "ready", and then does what comes by standard input, line by line: "put NAME VALUE", "remove NAME VALUE";
 * each is answered by "done" or the error. Ends with the input. */
#include "dns/answerer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct answerer *answerer;
static struct event_base *base;

static int bound(const char *address, int type)
{
    struct sockaddr_storage at;
    int n = sizeof at, on = 1;
    if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&at, &n) != 0)
        return -1;
    int fd = socket(at.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, (socklen_t)n) != 0 || (type == SOCK_STREAM && listen(fd, 64) != 0)) {
        perror(address);
        return -1;
    }
    return fd;
}

static void do_line(char *line)
{
    struct err err = ERR_INIT;
    char *name = strchr(line, ' '), *value = name == NULL ? NULL : strchr(name + 1, ' ');
    if (value == NULL) {
        puts("what?");
        return;
    }
    *name++ = *value++ = '\0';
    if (strcmp(line, "remove") == 0)
        answerer_remove(answerer, name, value);
    if (strcmp(line, "put") == 0 && answerer_put(answerer, name, value, &err) < 0)
        puts(err.text);
    else
        puts("done");
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    static char line[4096];
    static size_t n;
    char c;
    ssize_t got = read(fd, &c, 1);
    if (got <= 0) {
        event_base_loopbreak(base);
    } else if (c != '\n' && n < sizeof line - 1) {
        line[n++] = c;
    } else {
        line[n] = '\0';
        n = 0;
        do_line(line);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    if (argc < 4)
        return 2;
    base = event_base_new();
    answerer = answerer_new(base);
    struct answerer_zone zone = {argv[2], (const char *const *)argv + 3, (size_t)argc - 3, ""};
    if (answerer_zone(answerer, &zone, &err) < 0) {
        puts(err.text);
        return 1;
    }
    int udp = bound(argv[1], SOCK_DGRAM), tcp = bound(argv[1], SOCK_STREAM);
    if (udp < 0 || tcp < 0 || answerer_listen(answerer, udp, true, &err) < 0 ||
        answerer_listen(answerer, tcp, false, &err) < 0)
        return 1;
    struct event *input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
    event_add(input, NULL);
    puts("ready");
    fflush(stdout);
    event_base_dispatch(base);
    event_free(input);
    answerer_free(answerer);
    event_base_free(base);
    return 0;
}
