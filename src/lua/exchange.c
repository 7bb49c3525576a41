/* HTTP exchanges: to the endpoints of the entry and nowhere else, tried again where that is safe. */
#include "base/text.h"
#include "base/time.h"
#include "http/failure.h"
#include "http/trust.h"
#include "lua/http.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

enum { STALL_S = 30 /* under one octet a second for this long */, FIELD_MAX = 8 * 1024 };

/* --- where it may go --- */

struct origin {
    char *scheme, *host, *port;
};

static void origin_free(struct origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
}

static bool origin_read(CURLU *url, const char *text, struct origin *o)
{
    return curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

static bool origin_is_allowed(const struct lua_entry *e, const struct origin *o)
{
    bool allowed = false;
    for (size_t i = 0; i < e->info.endpoint_n && !allowed; i++) {
        struct origin mine = {NULL, NULL, NULL};
        CURLU *url = curl_url();
        allowed = url != NULL && origin_read(url, e->urls[i], &mine) &&
                  strcasecmp(mine.scheme, o->scheme) == 0 && strcasecmp(mine.host, o->host) == 0 &&
                  strcmp(mine.port, o->port) == 0;
        origin_free(&mine);
        curl_url_cleanup(url);
    }
    return allowed;
}

/* "POST host/path" without a query, which may hold secrets. */
static void set_shown(struct lua_exchange *x, CURLU *url, const struct origin *o)
{
    char *path = NULL, *port = NULL;
    struct buf text = buf_new(sizeof x->shown - 1), line = buf_new_sensitive(3 * EXCHANGE_URL_MAX);
    struct buf plain = buf_new_sensitive(2 * EXCHANGE_URL_MAX);
    (void)curl_url_get(url, CURLUPART_PATH, &path, 0);
    (void)curl_url_get(url, CURLUPART_PORT, &port, 0);
    buf_printf(&plain, "%s %s%s%s%s", x->method, o->host, port != NULL ? ":" : "", port != NULL ? port : "",
        path != NULL ? path : "");
    lua_call_redact(x->call, buf_str(&plain), &line);
    text_clean(&text, buf_str(&line), sizeof x->shown - 8);
    snprintf(x->shown, sizeof x->shown, "%s", buf_c(&text));
    snprintf(x->op.what, sizeof x->op.what, "%s", x->shown);
    buf_free(&text);
    buf_free(&line);
    buf_free(&plain);
    curl_free(path);
    curl_free(port);
}

int lua_exchange_target(struct lua_exchange *x, const char *method, const char *url, struct err *err)
{
    struct origin o = {NULL, NULL, NULL};
    CURLU *parsed = curl_url();
    int r = 0;
    for (const char *p = method; *p != '\0'; p++)
        if (*p < 'A' || *p > 'Z')
            r = err_set(err, ERR_INPUT, "there is no such method of HTTP");
    x->method = strdup(method);
    x->url = strdup(url);
    if (parsed == NULL || x->method == NULL || x->url == NULL)
        abort();
    if (r == 0 && (strlen(url) > EXCHANGE_URL_MAX || !origin_read(parsed, url, &o)))
        r = err_set(err, ERR_INPUT, "a request to what is no URL that can be used");
    else if (r == 0 && !origin_is_allowed(x->call->entry, &o))
        r = err_set(err, ERR_REFUSED, "a request to %s://%s:%s, which is none of the endpoints, is not sent",
            o.scheme, o.host, o.port);
    else if (r == 0)
        set_shown(x, parsed, &o);
    origin_free(&o);
    curl_url_cleanup(parsed);
    return r;
}

int lua_exchange_field(struct lua_exchange *x, const char *name, const char *value, struct err *err)
{
    static const char *const ours[] = {"host", "content-length", "transfer-encoding", "connection", "expect"};
    struct buf line ATTR_CLEANUP(buf_free) = buf_new_sensitive(FIELD_MAX);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return err_set(err, ERR_INPUT, "the header %s is not the provider's to set", name);
    for (const char *p = name; *p != '\0' || p == name; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *p) != NULL)
            return err_set(err, ERR_INPUT, "a header's name is empty or holds what does not belong there");
    for (const char *p = value; *p != '\0'; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return err_set(err, ERR_INPUT, "the header %s holds a control character", name);
    /* libcurl's way of sending one without a value */
    buf_printf(&line, value[0] != '\0' ? "%s: %s" : "%s;", name, value);
    if (buf_failed(&line))
        return err_set(err, ERR_LIMIT, "the header %s is too long", name);
    struct curl_slist *fields = curl_slist_append(x->fields, buf_c(&line));
    if (fields == NULL)
        abort();
    x->fields = fields;
    x->typed = x->typed || strcasecmp(name, "content-type") == 0;
    return 0;
}

/* --- what arrives --- */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct lua_exchange *x = arg;
    struct str line = {p, n}, version, rest;
    uint64_t status = 0;
    (void)size;
    if (str_starts(line, STR("HTTP/")) && str_cut(line, ' ', &version, &rest) && rest.n >= 3 &&
        str_to_u64((struct str){rest.p, 3}, 999, &status)) {
        x->status = (unsigned)status;
        x->head_over = false;
        buf_clear(&x->head);
        buf_clear(&x->body);
    } else if (!x->head_over) {
        buf_put_str(&x->head, line);
    }
    x->head_n += n;
    if (str_trim(line).n == 0)
        x->head_over = true;
    x->too_large = x->too_large || buf_failed(&x->head) || x->head_n > EXCHANGE_HEAD_MAX;
    return x->too_large ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct lua_exchange *x = arg;
    (void)size;
    buf_put(&x->body, p, n);
    x->too_large = x->too_large || buf_failed(&x->body);
    return x->too_large ? 0 : n;
}

bool lua_exchange_header(const struct lua_exchange *x, const char *name, struct str *value)
{
    struct str rest = buf_str(&x->head), line, field;
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &field, value) && str_eq_nocase(str_trim(field), str_c(name))) {
            *value = str_trim(*value);
            return true;
        }
    }
    return false;
}

int64_t lua_exchange_retry_after(const struct lua_exchange *x)
{
    struct str value;
    struct wall at;
    uint64_t seconds;
    if (!lua_exchange_header(x, "Retry-After", &value))
        return -1;
    if (str_to_u64(value, 365 * 86400, &seconds))
        return (int64_t)seconds;
    if (wall_parse_http_date(value, &at) < 0)
        return -1;
    int64_t now = clock_wall(&system_clock).s;
    return at.s > now ? at.s - now : 0;
}

/* --- again? --- */

static bool is_repeatable(const struct lua_exchange *x)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(x->method, methods[i]) == 0)
            return true;
    return false;
}

static bool was_not_sent(const struct lua_exchange *x, CURLcode code)
{
    curl_off_t sent_at = 0;
    curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
    return sent_at == 0 && (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
                               code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
                               code == CURLE_SSL_CONNECT_ERROR);
}

static bool was_cut(CURLcode code)
{
    return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
           code == CURLE_PARTIAL_FILE || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

/* Milliseconds until the next try, or -1: there is none. */
static int64_t next_try_ms(const struct lua_exchange *x, CURLcode code)
{
    const struct lua_times *t = &x->call->entry->host->times;
    int64_t delay = (int64_t)t->retry_ms << (x->tries - 1), asked = -1;
    bool again;
    if (x->tries >= EXCHANGE_TRIES || x->too_large || x->call->requests >= LUA_REQUESTS_MAX)
        return -1;
    if (code != CURLE_OK) {
        again = was_not_sent(x, code) || (is_repeatable(x) && was_cut(code));
    } else {
        again = x->status == 429 || x->status == 503 || (x->status >= 500 && is_repeatable(x));
        asked = again ? lua_exchange_retry_after(x) : -1;
    }
    if (asked > EXCHANGE_RETRY_AFTER_MAX_S)
        return -1;
    if (asked >= 0)
        delay = asked * 1000;
    int64_t used = clock_mono(&system_clock).ms - x->call->started_ms;
    return again && used + delay < t->call_ms ? delay : -1;
}

/* --- one try --- */

static void close_easy(struct lua_exchange *x)
{
    if (x->easy == NULL)
        return;
    curl_multi_remove_handle(x->call->entry->loop.multi, x->easy);
    curl_easy_cleanup(x->easy);
    x->easy = NULL;
}

static void explain(struct lua_exchange *x, CURLcode code)
{
    if (x->too_large || code == CURLE_FILESIZE_EXCEEDED)
        err_set(&x->err, ERR_LIMIT, "the answer is larger than %d octets", (int)LUA_ANSWER_MAX);
    else if (code == CURLE_OK)
        err_set(&x->err, ERR_NETWORK, "the answer was cut short");
    else
        failure_explain(x->easy, code, x->error, &x->err);
    err_prefix(&x->err, "%s", x->shown);
}

static void wait_for_try(struct lua_exchange *x, int64_t ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    if (event_add(x->timer, &tv) < 0)
        abort();
}

static void on_end(struct lua_exchange *x, CURLcode code)
{
    int64_t ms = next_try_ms(x, code);
    if (code != CURLE_OK || !x->head_over)
        explain(x, code);
    close_easy(x);
    if (ms >= 0) {
        x->err = (struct err)ERR_INIT;
        wait_for_try(x, ms);
        return;
    }
    lua_call_wake(x->call);
}

/* Reads one message at a time: what it wakes may end the entry. */
static void pump(void *arg)
{
    struct lua_entry *e = arg;
    struct lua_exchange *x = NULL;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(e->loop.multi, &left)) != NULL && message->msg != CURLMSG_DONE)
        ;
    if (message == NULL)
        return;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
    x->ended = true;
    x->code = message->data.result;
    event_active(x->timer, EV_TIMEOUT, 0);
    if (left > 0)
        pump(e);
}

static struct trust *trust_of(const struct lua_entry *e)
{
    return e->trust != NULL ? e->trust : e->host->roots;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ctx, void *arg)
{
    struct lua_exchange *x = arg;
    (void)easy;
    SSL_CTX_set1_cert_store(ctx, trust_store(trust_of(x->call->entry)));
    return CURLE_OK;
}

static bool set_transport(struct lua_exchange *x, CURL *e)
{
    const struct lua_times *t = &x->call->entry->host->times;
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(e, CURLOPT_CAINFO, NULL); /* no roots but those of trust.h */
    bad |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    bad |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, x);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, t->connect_ms);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, t->total_ms);
    bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "evercert/" EVERCERT_VERSION);
    bad |= curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* libcurl sends a request again by itself where a connection that it kept has ended; not everything may
     * be sent twice. */
    if (!is_repeatable(x))
        bad |= curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    return bad == 0;
}

static bool set_exchange(struct lua_exchange *x, CURL *e)
{
    bool bare = strcmp(x->method, "GET") == 0 || strcmp(x->method, "DELETE") == 0;
    int bad = 0;
    bad |= curl_easy_setopt(e, CURLOPT_URL, x->url);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->fields);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->error);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    if (strcmp(x->method, "HEAD") == 0) {
        bad |= curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else {
        bad |= curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)LUA_ANSWER_MAX);
        if (!bare || x->send.n > 0) {
            bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->send.n);
            bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_c(&x->send));
        }
        bad |= curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
    }
    return bad == 0;
}

static int try(struct lua_exchange *x, struct err *err)
{
    struct lua_entry *e = x->call->entry;
    int r = trust_refresh(trust_of(e), err);
    if (r < 0)
        return r;
    if (!e->loop_open) {
        e->loop_open = true;
        if (!curl_loop_open(&e->loop, e->host->base, pump, e))
            return err_set(err, ERR_MEMORY, "out of memory for a request");
    }
    x->tries++;
    x->call->requests++;
    x->status = 0;
    x->head_n = 0;
    x->head_over = x->too_large = false;
    x->error[0] = '\0';
    buf_clear(&x->head);
    buf_clear(&x->body);
    x->easy = curl_easy_init();
    if (x->easy == NULL || !set_transport(x, x->easy) || !set_exchange(x, x->easy) ||
        curl_multi_add_handle(e->loop.multi, x->easy) != CURLM_OK)
        return err_set(err, ERR_MEMORY, "out of memory for a request");
    return 0;
}

/* The time of a try has come, or libcurl has ended one. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct lua_exchange *x = arg;
    (void)fd, (void)what;
    if (x->ended) {
        x->ended = false;
        on_end(x, x->code);
    } else if (try(x, &x->err) < 0) {
        err_prefix(&x->err, "%s", x->shown);
        lua_call_wake(x->call);
    }
}

/* --- the whole --- */

struct lua_exchange *lua_exchange_new(struct lua_call *c)
{
    struct lua_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        abort();
    x->op.drop = lua_exchange_drop;
    x->call = c;
    x->send = buf_new_sensitive(EXCHANGE_BODY_MAX);
    x->head = buf_new_sensitive(EXCHANGE_HEAD_MAX);
    x->body = buf_new_sensitive(LUA_ANSWER_MAX);
    x->timer = evtimer_new(c->entry->host->base, on_timer, x);
    if (x->timer == NULL)
        abort();
    return x;
}

int lua_exchange_start(struct lua_exchange *x, struct err *err)
{
    struct lua_entry *e = x->call->entry;
    int64_t now = clock_mono(&system_clock).ms, at = e->slot_ms > now ? e->slot_ms : now;
    if (buf_failed(&x->send))
        return err_set(err, ERR_LIMIT, "%s: a body of more than %d octets", x->shown, (int)EXCHANGE_BODY_MAX);
    if (!x->typed) { /* libcurl would send one of its own */
        struct curl_slist *fields = curl_slist_append(x->fields, "Content-Type:");
        if (fields == NULL)
            abort();
        x->fields = fields;
    }
    struct curl_slist *fields = curl_slist_append(x->fields, "Expect:");
    if (fields == NULL)
        abort();
    x->fields = fields;
    if (e->info.per_second > 0)
        e->slot_ms = at + (int64_t)(1000 / e->info.per_second);
    wait_for_try(x, at - now);
    return 0;
}

void lua_exchange_drop(struct lua_op *op)
{
    struct lua_exchange *x = (struct lua_exchange *)(void *)op; /* its first member */
    close_easy(x);
    event_free(x->timer);
    for (struct curl_slist *f = x->fields; f != NULL; f = f->next)
        OPENSSL_cleanse(f->data, strlen(f->data));
    curl_slist_free_all(x->fields);
    buf_free(&x->send);
    buf_free(&x->head);
    buf_free(&x->body);
    free(x->method);
    if (x->url != NULL)
        OPENSSL_cleanse(x->url, strlen(x->url));
    free(x->url);
    free(x);
}
