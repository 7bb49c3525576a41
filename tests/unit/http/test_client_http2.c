/* The client against a server that speaks HTTP/2 (nginx): many requests share few connections. */
#include "http/client.h"

#include "base/buf.h"
#include "http/internal.h"
#include "loop.h"
#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARALLEL = 200, CONNECTION_NAME_MAX = 32 };

static struct tls_identity identity;
static char dir[] = "/tmp/evercert-test-http2-XXXXXX";
static const char *const files[] = {"cert.pem", "key.pem", "nginx.conf", "pid", "behind"};
static pid_t nginx;
static int port;

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* POST goes through a server behind, so that nginx reads the body before it answers: it would otherwise reset
 * the stream early, which libcurl 7.88 takes for a failure now and then. */
static void write_conf(void)
{
    struct buf conf = buf_new(10000);
    buf_printf(&conf,
        "daemon off;\nworker_processes 1;\npid %s/pid;\nerror_log stderr crit;\n"
        "events { worker_connections 256; }\n"
        "http {\n access_log off;\n client_body_temp_path %s/body;\n proxy_temp_path %s/proxy;\n"
        " fastcgi_temp_path %s/fastcgi;\n uwsgi_temp_path %s/uwsgi;\n scgi_temp_path %s/scgi;\n",
        dir, dir, dir, dir, dir, dir);
    buf_printf(&conf,
        " server {\n  listen 127.0.0.1:%d ssl http2;\n  ssl_certificate %s/cert.pem;\n"
        "  ssl_certificate_key %s/key.pem;\n  add_header Replay-Nonce nonce;\n"
        "  location / { return 200 \"$server_protocol $connection\"; }\n"
        "  location /post {\n   proxy_set_header X-Connection \"$server_protocol $connection\";\n"
        "   proxy_pass http://unix:%s/behind;\n  }\n"
        "  location /big { return 200 \"%01000d\"; }\n }\n"
        " server {\n  listen unix:%s/behind;\n  return 200 $http_x_connection;\n }\n}\n",
        port, dir, dir, dir, 0, dir);
    assert_false(buf_failed(&conf));
    write_file("nginx.conf", buf_c(&conf));
    buf_free(&conf);
}

/* nginx inherits the listening socket of the test, so nobody can take the port in between and it answers from
 * the start: NGINX names descriptors to take over. */
static void run_nginx(int listening)
{
    char conf[256], inherit[32];
    const char *binary = getenv("NGINX_BINARY");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    snprintf(conf, sizeof conf, "%s/nginx.conf", dir);
    snprintf(inherit, sizeof inherit, "%d;", dup(listening)); /* without close-on-exec */
    setenv("NGINX", inherit, 1);
    execl(binary, binary, "-p", dir, "-c", conf, (char *)NULL);
    _exit(127);
}

static int start(void **state)
{
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    assert_non_null(getenv("NGINX_BINARY"));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0711), 0); /* started by root, its worker is another user */
    tls_identity_make(&identity, "IP:127.0.0.1", -86400, 86400);
    write_file("cert.pem", identity.cert);
    write_file("key.pem", identity.key);
    int listening = loop_listen(&port);
    write_conf();
    nginx = fork();
    assert_true(nginx >= 0);
    if (nginx == 0)
        run_nginx(listening);
    close(listening);
    return 0;
}

static int stop(void **state)
{
    kill(nginx, SIGTERM);
    waitpid(nginx, NULL, 0);
    static const char *const folders[] = {"body", "proxy", "fastcgi", "uwsgi", "scgi"};
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        rmdir(path);
    }
    return rmdir(dir);
}

struct tally {
    unsigned done, ok, limits, connections;
    char names[HTTP_CONNECTIONS_PER_HOST][CONNECTION_NAME_MAX]; /* "HTTP/2.0 7": the seventh connection */
    bool nonces;
};

static void note_connection(struct tally *t, struct str name)
{
    for (unsigned i = 0; i < t->connections; i++)
        if (str_eq_c(name, t->names[i]))
            return;
    assert_true(t->connections < HTTP_CONNECTIONS_PER_HOST);
    snprintf(t->names[t->connections++], CONNECTION_NAME_MAX, "%.*s", STR_ARG(name));
}

static void on_done(const struct http_response *response, const struct err *err, void *arg)
{
    struct tally *t = arg;
    t->done++;
    if (err != NULL) {
        print_message("%s\n", err->text);
        t->limits += err->code == ERR_LIMIT;
        return;
    }
    t->ok += response->status == 200;
    assert_true(str_starts(response->body, STR("HTTP/2.0 ")));
    note_connection(t, response->body);
    bool nonce = false;
    for (size_t i = 0; i < response->header_n; i++)
        nonce = nonce || (str_eq_nocase(response->headers[i].name, STR("replay-nonce")) &&
                             str_eq_c(response->headers[i].value, "nonce"));
    assert_true(nonce);
}

static bool all_done(void *arg)
{
    return ((struct tally *)arg)->done == PARALLEL;
}

static void test_parallel(void **state)
{
    struct event_base *base = event_base_new();
    struct http_client *client;
    struct tally t = {0};
    char url[64];
    assert_int_equal(http_client_new(base, str_c(identity.cert), "test", &client, NULL), 0);
    struct http_spec spec = {.method = HTTP_GET, .url = url, .headers_max = 4096, .body_max = 100};
    for (unsigned i = 0; i < PARALLEL; i++) {
        snprintf(url, sizeof url, "https://127.0.0.1:%d%s", port, i % 2 == 0 ? "/" : "/post");
        spec.method = i % 2 == 0 ? HTTP_GET : HTTP_POST;
        spec.body = i % 2 == 0 ? STR("") : STR("body");
        spec.content_type = "application/jose+json";
        assert_int_equal(http_request_start(client, &spec, on_done, &t, NULL, NULL), 0);
    }
    loop_until(base, all_done, &t);
    assert_int_equal(t.ok, PARALLEL);
    http_client_free(client);
    event_base_free(base);
}

static bool one_done(void *arg)
{
    return ((struct tally *)arg)->done > 0;
}

/* A limit breaks one stream and not the connection; a cancelled stream neither. */
static void test_limit_keeps_connection(void **state)
{
    struct event_base *base = event_base_new();
    struct http_client *client;
    struct tally t = {0}, never = {0};
    struct http_request *request;
    char url[64], big[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
    snprintf(big, sizeof big, "https://127.0.0.1:%d/big", port);
    assert_int_equal(http_client_new(base, str_c(identity.cert), "test", &client, NULL), 0);
    struct http_spec spec = {.method = HTTP_GET, .url = url, .headers_max = 4096, .body_max = 100};
    const char *urls[] = {url, big, url};
    for (size_t i = 0; i < 3; i++) {
        spec.url = urls[i];
        t.done = 0;
        assert_int_equal(http_request_start(client, &spec, on_done, &t, NULL, NULL), 0);
        assert_int_equal(http_request_start(client, &spec, on_done, &never, &request, NULL), 0);
        http_request_cancel(request);
        loop_until(base, one_done, &t);
    }
    assert_int_equal(t.ok, 2);
    assert_int_equal(t.limits, 1);
    assert_int_equal(t.connections, 1);
    assert_int_equal(never.done, 0);
    http_client_free(client);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_limit_keeps_connection),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
