/* One exchange: what libcurl is told, and what it tells. */
#include "base/text.h"
#include "base/time.h"
#include "docker/wire_priv.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEEPALIVE_S = 30 /* below the idle time of common NATs */ };

/* --- what arrives --- */

static void on_status(struct wire_request *r, struct str line)
{
    struct str version, code;
    uint64_t status = 0;
    if (!str_starts(line, STR("HTTP/")) || !str_cut(line, ' ', &version, &code) || code.n < 3 ||
        !str_to_u64((struct str){code.p, 3}, 999, &status))
        return;
    r->status = (unsigned)status;
    r->head_over = false;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct wire_request *r = arg;
    struct str line = {p, n}, name, value;
    struct wall date = {0};
    (void)size;
    if (n > WIRE_HEAD_MAX - r->head_n) {
        err_set(&r->err, ERR_LIMIT, "the head of the answer has more than %d octets", (int)WIRE_HEAD_MAX);
        return 0;
    }
    r->head_n += n;
    if (!str_cut(line, ':', &name, &value) || str_starts(line, STR("HTTP/")))
        on_status(r, line);
    else if (str_eq_nocase(name, STR("date")) && wall_parse_http_date(str_trim(value), &date) == 0)
        r->date_s = date.s;
    if (str_trim(line).n == 0 && !r->head_over && r->status >= 200) {
        r->head_over = true;
        if (r->status == 200 && r->ask.begun != NULL)
            r->ask.begun(r->arg);
    }
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct wire_request *r = arg;
    struct str octets = {p, n};
    (void)size;
    if (r->status == 200 && r->ask.data != NULL)
        return r->ask.data(octets, r->arg, &r->err) < 0 ? 0 : n;
    if (r->status < 200 || r->status > 299) { /* for its message; the rest is read and dropped */
        size_t room = WIRE_ERROR_MAX - (r->body.n < WIRE_ERROR_MAX ? r->body.n : WIRE_ERROR_MAX);
        octets.n = octets.n < room ? octets.n : room;
    }
    buf_put_str(&r->body, octets);
    if (buf_failed(&r->body))
        err_set(&r->err, ERR_LIMIT, "the answer has more than %zu octets", r->body.max);
    return buf_failed(&r->body) ? 0 : n;
}

/* --- what is sent --- */

static size_t on_send(char *p, size_t size, size_t n, void *arg)
{
    struct wire_request *r = arg;
    size_t left = r->send.n - r->sent;
    (void)size;
    n = n < left ? n : left;
    if (n > 0)
        memcpy(p, r->send.p + r->sent, n);
    r->sent += n;
    return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    const struct wire_request *r = arg;
    return r->sent == 0 && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* --- connections --- */

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct wire_request *r = arg;
    struct wire *w = r->wire;
    long sent = 0;
    (void)purpose;
    /* libcurl asks again by itself where a connection that was kept ends without an answer. What was asked
     * by a post may have happened. */
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent);
    r->lost = r->ask.post && sent > 0;
    if (r->lost)
        return CURL_SOCKET_BAD;
    int fd = -1;
    if (!w->unix_socket)
        fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    else if (w->fd_n > 0)
        fd = w->fds[--w->fd_n];
    else
        r->starved = true;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    w->open++;
    return fd;
}

static int on_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    const struct wire *w = arg;
    (void)fd, (void)purpose;
    return w->unix_socket ? CURL_SOCKOPT_ALREADY_CONNECTED : CURL_SOCKOPT_OK;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct wire *w = arg;
    w->open--;
    if (w->turn != NULL)
        event_active(w->turn, EV_TIMEOUT, 0);
    return close(fd);
}

/*
 * libcurl 7.88 (Debian 12) calls connect(2) for a socket that it has been told is connected already; 8.0 does
 * not. This one stands before the system's for all of the program, libcurl included, and differs for a Unix
 * socket that has its peer alone: there is nothing to be done for it then.
 */
int wire_connect(int fd, const struct sockaddr *address, socklen_t n) __asm__("connect");

int wire_connect(int fd, const struct sockaddr *address, socklen_t n)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t peer_n = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_n) == 0 && peer.ss_family == AF_UNIX)
        return 0;
    return (int)syscall(SYS_connect, fd, address, n);
}

/* --- setting up --- */

/* CURLcodes are positive, so or-ing them keeps the fact that one was not 0. */
static int set_blob(CURL *e, CURLoption option, struct str pem)
{
    struct curl_blob blob = {(void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_NOCOPY};
    return pem.n == 0 ? 0 : (int)curl_easy_setopt(e, option, &blob);
}

static int set_tls(const struct wire *w, CURL *e)
{
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (w->ca.n > 0) { /* that root and no others */
        bad |= curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
        bad |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
        bad |= set_blob(e, CURLOPT_CAINFO_BLOB, w->ca);
    }
    bad |= curl_easy_setopt(e, CURLOPT_SSLCERTTYPE, "PEM");
    bad |= set_blob(e, CURLOPT_SSLCERT_BLOB, w->cert);
    bad |= curl_easy_setopt(e, CURLOPT_SSLKEYTYPE, "PEM");
    bad |= set_blob(e, CURLOPT_SSLKEY_BLOB, w->key);
    return bad;
}

static int set_transport(struct wire_request *r)
{
    struct wire *w = r->wire;
    CURL *e = r->easy;
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, w->unix_socket || w->insecure ? "http" : "https");
    bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* exec is no HTTP/2 */
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    if (w->unix_socket) /* no name is looked up then; the path is never used */
        bad |= curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, "/engine");
    else
        bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, DOCKER_CONNECT_S * 1000L);
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
    bad |= curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_opened);
    bad |= curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, w);
    bad |= curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    bad |= curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, w);
    return w->unix_socket || w->insecure ? bad : bad | set_tls(w, e);
}

static bool add_field(struct wire_request *r, const char *line)
{
    struct curl_slist *fields = curl_slist_append(r->fields, line);
    if (fields != NULL)
        r->fields = fields;
    return fields != NULL;
}

bool wire_prepare(struct wire_request *r)
{
    CURL *e = r->easy;
    int bad = set_transport(r);
    bad |= curl_easy_setopt(e, CURLOPT_URL, r->url);
    bad |= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->ask.limit_ms);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "evercert/" EVERCERT_VERSION);
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    if (r->ask.post) {
        bad |= curl_easy_setopt(e, CURLOPT_POST, 1L);
        bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->send.n);
        bad |= curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
        bad |= curl_easy_setopt(e, CURLOPT_READDATA, r);
        bad |= curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        bad |= curl_easy_setopt(e, CURLOPT_SEEKDATA, r);
        if (r->fields == NULL && !(add_field(r, "Content-Type: application/json") && add_field(r, "Expect:")))
            return false;
        bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->fields);
    }
    return bad == 0;
}

/* --- what went wrong --- */

/* curl's code, ours, what to say, whether curl's own words follow */
static const struct {
    CURLcode curl;
    int code;
    const char *what;
    bool detail;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERR_NETWORK, "the name of the engine's host cannot be looked up", false},
    {CURLE_COULDNT_CONNECT, ERR_NETWORK, "cannot connect", true},
    {CURLE_GOT_NOTHING, ERR_NETWORK, "the connection was closed without an answer", false},
    {CURLE_SEND_FAIL_REWIND, ERR_NETWORK, "the connection was closed without an answer", false},
    {CURLE_PARTIAL_FILE, ERR_NETWORK, "the answer was cut short", false},
    {CURLE_RECV_ERROR, ERR_NETWORK, "the connection was lost", true},
    {CURLE_SEND_ERROR, ERR_NETWORK, "the connection was lost", true},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_INPUT, "the answer is not HTTP", false}, /* or HTTP/0.9 */
    {CURLE_WEIRD_SERVER_REPLY, ERR_INPUT, "the answer is not HTTP", true},
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time", false},
    {CURLE_SSL_CONNECT_ERROR, ERR_TLS, "the TLS handshake failed", true},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS, "the engine's certificate is not trusted (check ca-file)",
        true},
    {CURLE_SSL_CERTPROBLEM, ERR_TLS, "the certificate for the engine cannot be used", true},
    {CURLE_SSL_CACERT_BADFILE, ERR_TLS, "the root to trust cannot be used", true},
    {CURLE_OUT_OF_MEMORY, ERR_MEMORY, "out of memory", false},
};

void wire_explain(struct wire_request *r, CURLcode code, struct err *err)
{
    size_t i = 0;
    long os_errno = 0;
    while (i < ARRAY_LEN(failures) && failures[i].curl != code)
        i++;
    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &os_errno);
    const char *detail = code == CURLE_COULDNT_CONNECT && os_errno != 0 ? strerror((int)os_errno)
                         : r->error[0] != '\0'                          ? r->error
                                                                        : curl_easy_strerror(code);
    /* A fatal alert of the other side comes when it has read our certificate, which may be later. */
    bool alert = strstr(r->error, "alert") != NULL;
    if (alert)
        err_set(
            err, ERR_TLS, "the engine refused the TLS connection (check cert-file and key-file): %s", detail);
    else if (r->lost)
        err_set(err, ERR_NETWORK, "the connection was closed without an answer");
    else if (i == ARRAY_LEN(failures))
        err_set(err, ERR_NETWORK, "the exchange failed: %s", detail);
    else if (failures[i].detail)
        err_set(err, failures[i].code, "%s: %s", failures[i].what, detail);
    else
        err_set(err, failures[i].code, "%s", failures[i].what);
}
