#include "http/visit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "dns/lookup.h"
#include "http/curl_loop.h"
#include "http/failure.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct visit {
    struct event_base *base;
    struct lookup *lookup;
    struct lookup_query *query;
    struct curl_loop loop;
    struct arena *arena;
    CURL *easy;
    struct curl_slist *resolve;
    struct buf body;
    size_t head_n;
    char error[CURL_ERROR_SIZE];
    struct visit_hop hops[VISIT_REDIRECTS_MAX + 1];
    size_t hop_n;
    /* the place of the hop under way */
    char *host;
    long port;
    visit_fn *fn;
    void *arg;
    struct err bad_start;
};

static void visit_free(struct visit *v)
{
    lookup_cancel(v->query);
    if (v->easy != NULL) {
        curl_multi_remove_handle(v->loop.multi, v->easy);
        curl_easy_cleanup(v->easy);
    }
    curl_slist_free_all(v->resolve);
    curl_loop_close(&v->loop);
    curl_free(v->host);
    buf_free(&v->body);
    arena_free(v->arena);
    free(v);
    curl_global_cleanup();
}

static void finish(struct visit *v, const struct err *err)
{
    struct visit_result r = {.hops = v->hops, .hop_n = v->hop_n, .body = buf_str(&v->body)};
    if (err != NULL)
        r.err = *err;
    v->fn(&r, v->arg);
    visit_free(v);
}

/* --- one hop --- */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct visit *v = arg;
    (void)p, (void)size;
    v->head_n += n;
    return v->head_n > VISIT_HEAD_MAX ? 0 : n;
}

/* What does not fit is dropped: what counts stands at the beginning. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct visit *v = arg;
    size_t room = v->body.max - v->body.n;
    (void)size;
    buf_put(&v->body, p, n < room ? n : room);
    return n <= room ? n : 0;
}

static bool set_up(struct visit *v, const struct visit_hop *hop)
{
    int bad = 0;
    bool is_v6 = strchr(hop->address, ':') != NULL;
    const char *entry = arena_printf(
        v->arena, "%s:%ld:%s%s%s", v->host, v->port, is_v6 ? "[" : "", hop->address, is_v6 ? "]" : "");
    v->resolve = curl_slist_append(NULL, entry);
    v->easy = curl_easy_init();
    if (v->easy == NULL || v->resolve == NULL)
        return false;
    bad |= curl_easy_setopt(v->easy, CURLOPT_URL, hop->url);
    bad |= curl_easy_setopt(v->easy, CURLOPT_RESOLVE, v->resolve);
    bad |= curl_easy_setopt(v->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(v->easy, CURLOPT_PROXY, ""); /* a CA comes without */
    bad |= curl_easy_setopt(v->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    bad |= curl_easy_setopt(v->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    bad |= curl_easy_setopt(v->easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(v->easy, CURLOPT_TIMEOUT, (long)VISIT_HOP_TIMEOUT_S);
    bad |= curl_easy_setopt(v->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(v->easy, CURLOPT_USERAGENT, "evercert/" EVERCERT_VERSION " (check)");
    bad |= curl_easy_setopt(v->easy, CURLOPT_ERRORBUFFER, v->error);
    bad |= curl_easy_setopt(v->easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(v->easy, CURLOPT_HEADERDATA, v);
    bad |= curl_easy_setopt(v->easy, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(v->easy, CURLOPT_WRITEDATA, v);
    return bad == 0 && curl_multi_add_handle(v->loop.multi, v->easy) == CURLM_OK;
}

static int go(struct visit *v, const char *address, struct err *err)
{
    struct visit_hop *hop = &v->hops[v->hop_n - 1];
    hop->address = arena_dup_c(v->arena, address);
    v->head_n = 0;
    v->error[0] = '\0';
    buf_clear(&v->body);
    return set_up(v, hop) ? 0 : err_set(err, ERR_MEMORY, "out of memory for a request");
}

/* --- from hop to hop --- */

static void on_addresses(const struct lookup_result *r, void *arg)
{
    struct visit *v = arg;
    struct err err = ERR_INIT;
    v->query = NULL;
    int failed = r->n > 0 ? go(v, r->addresses[0].text, &err) : lookup_error(r, &err);
    if (failed < 0)
        finish(v, &err);
}

static char *part(CURLU *url, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, what, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Takes the URL apart and notes the hop. */
static int begin_hop(struct visit *v, CURLU *url, struct err *err)
{
    char *scheme = part(url, CURLUPART_SCHEME, 0), *host = part(url, CURLUPART_HOST, 0);
    char *port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT), *whole = part(url, CURLUPART_URL, 0);
    int r = 0;
    if (scheme == NULL || host == NULL || port == NULL || whole == NULL) {
        r = err_set(err, ERR_INPUT, "that is no URL a CA can follow");
    } else {
        struct buf shown = buf_new(2 * VISIT_URL_MAX);
        text_clean(&shown, str_c(whole), VISIT_URL_MAX);
        bool http = strcasecmp(scheme, "http") == 0, https = strcasecmp(scheme, "https") == 0;
        v->hops[v->hop_n++] = (struct visit_hop){arena_dup_c(v->arena, whole), "", 0, ""};
        uint64_t number = 0;
        (void)str_to_u64(str_c(port), UINT16_MAX, &number);
        v->port = (long)number;
        curl_free(v->host);
        v->host = host;
        host = NULL;
        if (!http && !https)
            r = err_set(err, ERR_REFUSED, "a CA does not follow a redirect to %s", buf_c(&shown));
        else if (v->port != 80 && v->port != 443)
            r = err_set(err, ERR_REFUSED, "a CA follows redirects to ports 80 and 443 only, not to %s",
                buf_c(&shown));
        buf_free(&shown);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(whole);
    return r;
}

static int follow(struct visit *v, const struct visit_hop *from, const char *location, struct err *err)
{
    int r = 0;
    if (v->hop_n > VISIT_REDIRECTS_MAX)
        return err_set(
            err, ERR_LIMIT, "more than %d redirects; a CA gives up there", (int)VISIT_REDIRECTS_MAX);
    CURLU *url = curl_url();
    if (url == NULL || curl_url_set(url, CURLUPART_URL, from->url, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        r = err_set(err, ERR_INPUT, "the redirect leads to no URL");
    else
        r = begin_hop(v, url, err);
    curl_url_cleanup(url);
    if (r == 0)
        v->query = lookup_addresses(v->lookup, v->host, on_addresses, v);
    return r;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void on_answer(struct visit *v)
{
    struct visit_hop *hop = &v->hops[v->hop_n - 1];
    struct err err = ERR_INIT;
    char *redirect = NULL, *location = NULL;
    long status = 0;
    curl_easy_getinfo(v->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(v->easy, CURLINFO_REDIRECT_URL, &redirect);
    hop->status = (int)status;
    if (redirect != NULL) {
        struct buf shown = buf_new(2 * VISIT_URL_MAX);
        text_clean(&shown, str_c(redirect), VISIT_URL_MAX);
        hop->location = arena_dup(v->arena, buf_str(&shown));
        buf_free(&shown);
        location = strdup(redirect);
    }
    curl_multi_remove_handle(v->loop.multi, v->easy);
    curl_easy_cleanup(v->easy);
    curl_slist_free_all(v->resolve);
    v->easy = NULL;
    v->resolve = NULL;
    if (is_redirect(status) && location != NULL && strlen(location) <= VISIT_URL_MAX) {
        if (follow(v, hop, location, &err) < 0)
            finish(v, &err);
    } else if (status == 200) {
        finish(v, NULL);
    } else {
        err_set(&err, ERR_FAILED, "answers with status %ld", status);
        finish(v, &err);
    }
    free(location);
}

static void pump(void *arg)
{
    struct visit *v = arg;
    CURLMsg *message;
    struct err err = ERR_INIT;
    int left;
    while ((message = curl_multi_info_read(v->loop.multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        /* A body that goes on behind what is kept. */
        if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && v->body.n == v->body.max)) {
            on_answer(v);
            return;
        }
        failure_explain(v->easy, code, v->error, &err);
        finish(v, &err);
        return;
    }
}

/* A visit never ends inside the call that starts it. */
static void on_bad_start(evutil_socket_t fd, short what, void *arg)
{
    struct visit *v = arg;
    struct err err = v->bad_start;
    (void)fd, (void)what;
    finish(v, &err);
}

struct visit *visit_start(struct event_base *base, struct lookup *lookup, const char *url,
    const char *address, visit_fn *fn, void *arg)
{
    struct visit *v = calloc(1, sizeof *v);
    if (v == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    v->base = base;
    v->lookup = lookup;
    v->arena = arena_new();
    v->body = buf_new(VISIT_BODY_MAX);
    v->fn = fn;
    v->arg = arg;
    CURLU *parsed = curl_url();
    if (!curl_loop_open(&v->loop, base, pump, v) || parsed == NULL)
        abort();
    int r = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK
                ? begin_hop(v, parsed, &v->bad_start)
                : err_set(&v->bad_start, ERR_INPUT, "there is no such URL");
    if (r == 0)
        r = go(v, address, &v->bad_start);
    if (r < 0)
        event_base_once(base, -1, EV_TIMEOUT, on_bad_start, v, NULL);
    curl_url_cleanup(parsed);
    return v;
}

void visit_cancel(struct visit *v)
{
    if (v != NULL)
        visit_free(v);
}
