#include "http/client.h"

#include "base/buf.h"
#include "base/text.h"
#include "http/address.h"
#include "http/curl_loop.h"
#include "http/failure.h"
#include "http/internal.h"
#include "http/trust.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOL_MAX = 64,             /* easy handles kept for reuse, about 6 kB each */
    IDLE_CONNECTIONS_MAX = 16, /* over all hosts */
    KEEPALIVE_S = 30,          /* below the idle time of common NATs */
    URL_SHOWN_MAX = 256,       /* of a URL in an error text */
    FIELD_MAX = 1024,          /* one header line of a request: they are our own, and short */
};

struct times {
    long connect_ms, total_ms, stall_s;
};

struct http_client {
    struct curl_loop loop;
    struct trust *trust;
    char *user_agent;
    struct times times;
    enum address_home home;        /* where the first connection went */
    struct http_request *requests; /* in flight */
    CURL *pool[POOL_MAX];
    size_t pool_n;
    bool calling; /* done functions are being called */
    bool dead;    /* freed by one of them */
};

enum breach { BREACH_NONE, BREACH_HEADERS, BREACH_BODY, BREACH_MEMORY };

struct http_request {
    struct http_client *client;
    struct http_request *next, **link;
    CURL *easy;
    struct curl_slist *fields;
    http_done_fn *done;
    void *arg;
    struct buf send, head, body;
    size_t sent;        /* octets of `send` that libcurl has taken */
    size_t head_n;      /* octets of header lines counted against headers_max */
    unsigned status;    /* of the head that arrives or arrived last, 0 before */
    bool head_over;     /* further lines are trailers */
    enum breach breach; /* why a callback stopped the transfer */
    bool strayed;       /* it was to connect to an address that is not allowed */
    char error[CURL_ERROR_SIZE];
};

/* --- what arrives --- */

/* The status of a status line ("HTTP/2 200"), 0 for any other line. */
static unsigned status_of(struct str line)
{
    struct str version, code;
    uint64_t v = 0;
    if (!str_starts(line, STR("HTTP/")) || !str_cut(line, ' ', &version, &code) || code.n < 3 ||
        !str_to_u64((struct str){code.p, 3}, 999, &v))
        return 0;
    return (unsigned)v;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_request *r = arg;
    struct str line = {p, n};
    unsigned status = r->head_n == 0 || r->head_over ? status_of(line) : 0;
    if (status != 0) {
        /* Interim answers (1xx) count with the one they precede, so that they can't go on for ever. */
        if (r->status >= 200)
            r->head_n = 0;
        r->status = status;
        r->head_over = false;
        buf_clear(&r->head);
        buf_clear(&r->body);
    }
    if (n > r->head.max - r->head_n) {
        r->breach = BREACH_HEADERS;
        return 0;
    }
    r->head_n += n;
    if (!r->head_over && status == 0)
        buf_put_str(&r->head, line);
    if (str_trim(line).n == 0)
        r->head_over = true;
    if (buf_failed(&r->head))
        r->breach = BREACH_MEMORY;
    return buf_failed(&r->head) ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_request *r = arg;
    if (n > r->body.max - r->body.n)
        r->breach = BREACH_BODY;
    else
        buf_put(&r->body, p, n);
    if (buf_failed(&r->body))
        r->breach = BREACH_MEMORY;
    return r->breach != BREACH_NONE ? 0 : n;
}

/* --- what is sent --- */

static size_t on_send(char *p, size_t size, size_t n, void *arg)
{
    struct http_request *r = arg;
    size_t left = r->send.n - r->sent;
    n = n < left ? n : left;
    if (n > 0)
        memcpy(p, r->send.p + r->sent, n);
    r->sent += n;
    return n;
}

/*
 * Where a connection that was used before ends without an answer, libcurl sends a request again by itself.
 * For a POST that would be wrong: the server may have acted on the first one, and a signed request can't be
 * used twice (RFC 8555 6.5). So its body can't be had a second time, and whoever asked for it hears that it
 * was lost.
 */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    const struct http_request *r = arg;
    return r->sent == 0 && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* --- the end of a request --- */

static void unlink_request(struct http_request *r)
{
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
}

/* Takes the easy handle off the request and keeps it for the next one. */
static void give_back(struct http_client *c, struct http_request *r)
{
    CURL *easy = r->easy;
    r->easy = NULL;
    if (easy == NULL)
        return;
    curl_multi_remove_handle(c->loop.multi, easy);
    if (c->dead || c->pool_n >= POOL_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    c->pool[c->pool_n++] = easy;
}

static void free_request(struct http_request *r)
{
    curl_slist_free_all(r->fields);
    buf_free(&r->send);
    buf_free(&r->head);
    buf_free(&r->body);
    free(r);
}

/* Header lines into fields; at most `max`. Returns how many. Folded lines (obsolete) are passed over. */
static size_t split_fields(struct str head, struct http_header *out, size_t max)
{
    size_t n = 0;
    for (struct str line, name, value; n < max && head.n > 0;) {
        str_cut(head, '\n', &line, &head);
        if (line.n == 0 || line.p[0] == ' ' || line.p[0] == '\t' || !str_cut(line, ':', &name, &value))
            continue;
        out[n++] = (struct http_header){str_trim(name), str_trim(value)};
    }
    return n;
}

static size_t count_lines(struct str s)
{
    size_t n = 1;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void call_back(struct http_request *r, CURLcode code)
{
    struct err err = ERR_INIT;
    struct http_header *headers = NULL;
    struct http_response response = {.status = (int)r->status, .body = buf_str(&r->body)};
    char host[FAILURE_HOST_MAX];
    failure_host(r->easy, host);
    if (r->breach == BREACH_HEADERS) {
        err_set(&err, ERR_LIMIT, "%s: the header of the answer is larger than %zu bytes", host, r->head.max);
    } else if (r->breach == BREACH_BODY || code == CURLE_FILESIZE_EXCEEDED) {
        err_set(&err, ERR_LIMIT, "%s: the answer is larger than %zu bytes", host, r->body.max);
    } else if (r->breach == BREACH_MEMORY) {
        err_set(&err, ERR_MEMORY, "%s: out of memory for the answer", host);
    } else if (code != CURLE_OK && r->strayed) {
        err_set(&err, ERR_REFUSED,
            "%s leads to a private address, although the CA is on the public Internet; not followed", host);
    } else if (code != CURLE_OK) {
        failure_explain(r->easy, code, r->error, &err);
    } else if (!r->head_over) { /* no empty line: libcurl takes the end of the connection for it */
        err_set(&err, ERR_NETWORK, "%s: the answer was cut short", host);
    } else {
        size_t lines = count_lines(buf_str(&r->head));
        headers = calloc(lines, sizeof *headers);
        if (headers == NULL)
            err_set(&err, ERR_MEMORY, "%s: out of memory for the answer", host);
        else
            response.header_n = split_fields(buf_str(&r->head), headers, lines);
        response.headers = headers;
    }
    give_back(r->client, r);
    if (err.code != 0)
        r->done(NULL, &err, r->arg);
    else
        r->done(&response, NULL, r->arg);
    free(headers);
}

static void destroy(struct http_client *c)
{
    while (c->pool_n > 0)
        curl_easy_cleanup(c->pool[--c->pool_n]);
    curl_loop_close(&c->loop);
    trust_free(c->trust);
    free(c->user_agent);
    free(c);
    curl_global_cleanup();
}

/* Ends what has ended. Each request leaves libcurl and our list before its done function runs, so that
 * function may do as it likes. */
static void pump(void *arg)
{
    struct http_client *c = arg;
    CURLMsg *message;
    int left;
    c->calling = true;
    while (!c->dead && (message = curl_multi_info_read(c->loop.multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct http_request *r = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        unlink_request(r);
        call_back(r, code);
        free_request(r);
    }
    c->calling = false;
    if (c->dead)
        destroy(c);
}

/* --- starting --- */

static CURLcode on_ssl_ctx(CURL *easy, void *ctx, void *arg)
{
    struct http_client *c = arg;
    SSL_CTX_set1_cert_store(ctx, trust_store(c->trust));
    return CURLE_OK;
}

/* CURLOPT_OPENSOCKETFUNCTION. The address is that of a proxy where one is used, and then says nothing. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_request *r = arg;
    if (purpose == CURLSOCKTYPE_IPCXN && !address_is_allowed(&r->client->home, &address->addr)) {
        r->strayed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int check_url(const char *url, struct err *err)
{
    char *scheme = NULL;
    CURLU *parsed = curl_url();
    if (parsed == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a URL");
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    int r = 0;
    struct buf shown = buf_new(URL_SHOWN_MAX * 2);
    text_clean(&shown, str_c(url), URL_SHOWN_MAX);
    if (code != CURLUE_OK)
        r = err_set(
            err, ERR_INPUT, "%s is not a URL that can be used: %s", buf_c(&shown), curl_url_strerror(code));
    else if (strcasecmp(scheme, "https") != 0)
        r = err_set(
            err, ERR_INPUT, "%s does not begin with https://, and only https is spoken", buf_c(&shown));
    buf_free(&shown);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return r;
}

/* Adds "name: value", or "name:", which keeps libcurl from sending its own, where value is NULL. */
static int add_field(struct http_request *r, const char *name, const char *value, struct err *err)
{
    for (const char *p = value; p != NULL && *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(err, ERR_INPUT, "the %s of a request holds a control character", name);
    struct buf line = buf_new(FIELD_MAX);
    buf_printf(&line, value != NULL ? "%s: %s" : "%s:", name, value);
    struct curl_slist *fields = buf_failed(&line) ? NULL : curl_slist_append(r->fields, buf_c(&line));
    int result = 0;
    if (buf_failed(&line))
        result = err_set(err, ERR_LIMIT, "the %s of a request is too long", name);
    else if (fields == NULL)
        result = err_set(err, ERR_MEMORY, "out of memory for a request");
    else
        r->fields = fields;
    buf_free(&line);
    return result;
}

/* CURLcodes are positive, so or-ing them keeps the fact that one was not 0. */
static bool set_transport(struct http_client *c, CURL *e)
{
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    bad |= curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    /* No roots but those of trust.h. */
    bad |= curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
    bad |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    bad |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, c);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* A lookup that hangs must not hold the loop when its request is cancelled: its thread is left alone. */
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    /* CURLOPT_BUFFERSIZE stays at its default, 16 kB: a handle that has been used refuses to have it set. */
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->times.connect_ms);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, c->times.total_ms);
    bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, c->times.stall_s);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
    bad |= curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    return bad == 0;
}

static bool set_exchange(struct http_request *r, const struct http_spec *spec)
{
    CURL *e = r->easy;
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_URL, spec->url);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->fields);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    /* Judges Content-Length, which for HEAD is that of a body which does not come. */
    if (spec->method != HTTP_HEAD)
        bad |= curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(spec->body_max & INT64_MAX));
    switch (spec->method) {
    case HTTP_GET:
        bad |= curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
        bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
        bad |= curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)HTTP_GET_REDIRECTS_MAX);
        break;
    case HTTP_HEAD:
        bad |= curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        break;
    case HTTP_POST:
        bad |= curl_easy_setopt(e, CURLOPT_POST, 1L);
        bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->send.n);
        bad |= curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
        bad |= curl_easy_setopt(e, CURLOPT_READDATA, r);
        bad |= curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        bad |= curl_easy_setopt(e, CURLOPT_SEEKDATA, r);
        break;
    }
    return bad == 0;
}

static int set_fields(struct http_request *r, const struct http_spec *spec, struct err *err)
{
    int e = add_field(r, "Accept", spec->accept, err);
    if (e == 0 && spec->method == HTTP_POST)
        e = add_field(r, "Content-Type", spec->content_type, err);
    if (e == 0 && spec->method == HTTP_POST)
        e = add_field(r, "Expect", NULL, err);
    return e;
}

static int prepare(
    struct http_client *c, struct http_request *r, const struct http_spec *spec, struct err *err)
{
    int e = set_fields(r, spec, err);
    if (e < 0)
        return e;
    if (spec->body.n > 0)
        buf_put_str(&r->send, spec->body);
    r->easy = c->pool_n > 0 ? c->pool[--c->pool_n] : curl_easy_init();
    if (buf_failed(&r->send) || r->easy == NULL || !set_transport(c, r->easy) || !set_exchange(r, spec))
        return err_set(err, ERR_MEMORY, "out of memory for a request");
    if (curl_multi_add_handle(c->loop.multi, r->easy) != CURLM_OK)
        return err_set(err, ERR_FAILED, "libcurl does not take a request");
    return 0;
}

int http_request_start(struct http_client *c, const struct http_spec *spec, http_done_fn *done, void *arg,
    struct http_request **out, struct err *err)
{
    int e;
    if ((e = check_url(spec->url, err)) < 0 || (e = trust_refresh(c->trust, err)) < 0)
        return e;
    struct http_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a request");
    r->client = c;
    r->done = done;
    r->arg = arg;
    r->send = buf_new(spec->body.n);
    r->head = buf_new(spec->headers_max);
    r->body = buf_new(spec->body_max);
    if ((e = prepare(c, r, spec, err)) < 0) {
        give_back(c, r);
        free_request(r);
        return e;
    }
    r->next = c->requests;
    r->link = &c->requests;
    if (r->next != NULL)
        r->next->link = &r->next;
    c->requests = r;
    if (out != NULL)
        *out = r;
    return 0;
}

void http_request_cancel(struct http_request *r)
{
    unlink_request(r);
    give_back(r->client, r);
    free_request(r);
}

/* --- the client --- */

static bool set_multi(struct http_client *c)
{
    int bad = 0;
    bad |= curl_multi_setopt(c->loop.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    bad |= curl_multi_setopt(c->loop.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_CONNECTIONS_PER_HOST);
    bad |= curl_multi_setopt(c->loop.multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)HTTP_STREAMS_MAX);
    bad |= curl_multi_setopt(c->loop.multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return bad == 0;
}

/* trust.h needs an OpenSSL context to hang its store on. */
static bool curl_has_openssl(void)
{
    const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
    return name != NULL && strstr(name, "OpenSSL") != NULL;
}

int http_client_new(struct event_base *base, struct str ca_pem, const char *user_agent,
    struct http_client **out, struct err *err)
{
    if (!curl_has_openssl())
        return err_set(
            err, ERR_FAILED, "this libcurl was built without OpenSSL; install the OpenSSL flavour");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_FAILED, "libcurl does not start");
    struct http_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        curl_global_cleanup();
        return err_set(err, ERR_MEMORY, "out of memory for an HTTP client");
    }
    http_client_set_times(
        c, HTTP_CONNECT_TIMEOUT_S * 1000L, HTTP_TOTAL_TIMEOUT_S * 1000L, HTTP_STALL_TIMEOUT_S);
    c->user_agent = strdup(user_agent);
    int e = 0;
    if (!curl_loop_open(&c->loop, base, pump, c) || c->user_agent == NULL || !set_multi(c))
        e = err_set(err, ERR_MEMORY, "out of memory for an HTTP client");
    else
        e = trust_new(ca_pem, &c->trust, err);
    if (e < 0)
        destroy(c);
    else
        *out = c;
    return e;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL || c->dead)
        return;
    c->dead = true;
    for (struct http_request *r = c->requests, *next; r != NULL; r = next) {
        next = r->next;
        http_request_cancel(r);
    }
    if (!c->calling)
        destroy(c);
}

void http_client_set_times(struct http_client *c, long connect_ms, long total_ms, long stall_s)
{
    c->times = (struct times){connect_ms, total_ms, stall_s};
}

void http_client_set_home(struct http_client *c, enum address_home home)
{
    c->home = home;
}

bool http_client_busy(const struct http_client *c)
{
    return c->requests != NULL;
}
