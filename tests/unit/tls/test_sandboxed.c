/* A look from where the engine is: under its deny-list, with its files and nothing else. */
#include "tls/probe.h"

#include "base/attr.h"
#include "dns_server.h"
#include "loop.h"
#include "os/sandbox.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_seen(const struct tls_seen *seen, size_t n, const struct err *why, void *arg)
{
    int *status = arg;
    *status = n == 2 && seen[0].err.code == 0 && seen[0].chain_n == 2 ? 0 : 1;
    if (*status != 0)
        fprintf(stderr, "%zu seen: %s\n", n, why != NULL ? why->text : n > 0 ? seen[0].err.text : "");
}

/* Of processes/engine/main.c, those that matter here. */
static int enter(struct err *err)
{
    static const struct sandbox_path paths[] = {
        {.path = "/etc/resolv.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/hosts", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/host.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/nsswitch.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/ssl/openssl.cnf", .access = SANDBOX_READ, .optional = true},
        {.path = "/dev/urandom", .access = SANDBOX_READ, .optional = true},
    };
    struct sandbox sandbox = {.process = "test",
        .kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = ARRAY_LEN(paths),
        .permit = SANDBOX_TCP_CONNECT};
    return sandbox_enter(&sandbox, NULL, err);
}

static _Noreturn void look_confined(const char *dns, int port)
{
    int status = 1;
    struct err err = ERR_INIT;
    struct event_base *base = event_base_new();
    struct lookup *lookup = NULL;
    if (enter(&err) == 0)
        lookup = lookup_new(base, NULL, 0, &err); /* resolv.conf can be read */
    lookup_free(lookup);
    if (lookup != NULL)
        lookup = lookup_new(base, &dns, 1, &err);
    if (lookup == NULL) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    struct tls_probe_spec spec = {
        .host = "here.example", .server_name = "www.example.org", .port = (uint16_t)port};
    tls_probe_start(base, lookup, &spec, on_seen, &status);
    event_base_dispatch(base);
    _exit(status);
}

struct child {
    pid_t pid;
    int status;
};

static bool has_ended(void *arg)
{
    struct child *c = arg;
    return waitpid(c->pid, &c->status, WNOHANG) == c->pid;
}

static void test_look(void **state)
{
    struct identity id;
    struct server server;
    struct dns_server dns;
    struct event_base *base = event_base_new();
    identity_make(&id);
    server_start(&server, serve_chain, &id);
    dns_server_start(&dns, base);
    struct child child = {.pid = fork()};
    assert_true(child.pid >= 0);
    if (child.pid == 0)
        look_confined(dns.address, server.port);
    loop_until(base, has_ended, &child);
    assert_int_equal(child.status, 0);
    dns_server_stop(&dns);
    server_stop(&server);
    identity_free(&id);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
