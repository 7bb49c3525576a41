#include "docker/wire.h"

#include "base/text.h"
#include "docker/pem_check.h"
#include "docker/wire_priv.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *must(void *p)
{
    if (p == NULL)
        abort(); /* small and internal, as an arena's */
    return p;
}

/* --- lists --- */

static void link_into(struct wire_request **list, struct wire_request *r)
{
    r->next = *list;
    r->link = list;
    if (r->next != NULL)
        r->next->link = &r->next;
    *list = r;
}

static void link_at_end(struct wire_request **list, struct wire_request *r)
{
    while (*list != NULL)
        list = &(*list)->next;
    link_into(list, r);
}

static void unlink_request(struct wire_request *r)
{
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
}

size_t wire_running(const struct wire *w)
{
    size_t n = 0;
    for (size_t i = 0; i < WIRE_CLASSES; i++)
        n += w->running_n[i];
    return n;
}

static void wake(struct wire *w)
{
    event_active(w->turn, EV_TIMEOUT, 0);
}

/* --- the end of a request --- */

/* Takes the easy handle off the request and keeps it for the next one. */
static void give_back(struct wire_request *r)
{
    struct wire *w = r->wire;
    CURL *easy = r->easy;
    if (easy == NULL)
        return;
    r->easy = NULL;
    w->running_n[r->ask.class]--;
    curl_multi_remove_handle(w->loop.multi, easy);
    if (w->pool_n >= WIRE_POOL_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    w->pool[w->pool_n++] = easy;
}

static void free_request(struct wire_request *r)
{
    curl_slist_free_all(r->fields);
    buf_free(&r->send);
    buf_free(&r->body);
    free(r->url);
    free(r);
}

/* Takes it out of everything, tells, and frees it. */
static void end_request(struct wire_request *r, struct err *err)
{
    struct wire_answer answer = {r->status, buf_str(&r->body), r->date_s};
    wire_done_fn *done = r->done;
    unlink_request(r);
    give_back(r);
    wake(r->wire);
    if (err->code != 0) {
        err_prefix(err, "%s", r->shown);
        done(NULL, err, r->arg);
    } else {
        done(&answer, NULL, r->arg);
    }
    free_request(r);
}

/* The connection that it was to take was gone, and there was no other: it waits for one. */
static void wait_again(struct wire_request *r)
{
    struct wire *w = r->wire;
    unlink_request(r);
    give_back(r);
    r->starved = false;
    r->head_n = r->sent = 0;
    link_into(&w->waiting[r->ask.class], r);
    wake(w);
}

static void judge(struct wire_request *r, CURLcode code)
{
    struct err err = ERR_INIT;
    if (r->starved && !r->lost && r->status == 0) {
        wait_again(r);
        return;
    }
    if (r->err.code != 0)
        err = r->err;
    else if (code != CURLE_OK)
        wire_explain(r, code, &err);
    else if (!r->head_over) /* libcurl takes the end of the connection for the end of the head */
        err_set(&err, ERR_NETWORK, "the answer was cut short");
    end_request(r, &err);
}

static void pump(void *arg)
{
    struct wire *w = arg;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(w->loop.multi, &left)) != NULL) {
        struct wire_request *r = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        judge(r, code);
    }
}

/* --- starting --- */

static bool class_has_room(const struct wire *w, enum wire_class class)
{
    static const size_t most[WIRE_CLASSES] = {WIRE_CONNECTIONS_MAX, DOCKER_INSPECTS, WIRE_ACTIONS_MAX};
    return w->running_n[class] < most[class] && wire_running(w) < WIRE_CONNECTIONS_MAX;
}

static void start(struct wire_request *r)
{
    struct wire *w = r->wire;
    unlink_request(r);
    link_into(&w->running, r);
    r->easy = w->pool_n > 0 ? w->pool[--w->pool_n] : must(curl_easy_init());
    w->running_n[r->ask.class]++;
    if (!wire_prepare(r) || curl_multi_add_handle(w->loop.multi, r->easy) != CURLM_OK)
        abort(); /* it fails for want of memory alone */
}

/* Returns how many wait all the same. */
static size_t start_what_can(struct wire *w)
{
    size_t waiting = 0;
    for (size_t class = 0; class < WIRE_CLASSES; class ++)
        for (struct wire_request *r = w->waiting[class], *next; r != NULL; r = next) {
            next = r->next;
            if (class_has_room(w, (enum wire_class) class) &&
                (!w->unix_socket || w->open + w->fd_n > wire_running(w)))
                start(r);
            else
                waiting++;
        }
    return waiting;
}

/* One of those that cannot have a connection; the others in later turns, for whoever is told of the first may
 * cancel them. */
static void refuse_one(struct wire *w)
{
    struct err why = w->why;
    w->refused--;
    for (size_t class = 0; class < WIRE_CLASSES; class ++)
        if (w->waiting[class] != NULL) {
            end_request(w->waiting[class], &why);
            return;
        }
    w->refused = 0;
}

static size_t count_waiting(const struct wire *w)
{
    size_t n = 0;
    for (size_t class = 0; class < WIRE_CLASSES; class ++)
        for (const struct wire_request *r = w->waiting[class]; r != NULL; r = r->next)
            n++;
    return n;
}

static bool open_loop(struct wire *w)
{
    return curl_loop_open(&w->loop, w->base, pump, w) &&
           curl_multi_setopt(w->loop.multi, CURLMOPT_MAXCONNECTS, (long)WIRE_CONNECTIONS_MAX) == CURLM_OK;
}

static void forget_now(struct wire *w)
{
    w->forget = false;
    while (w->fd_n > 0)
        close(w->fds[--w->fd_n]);
    if (wire_running(w) > 0)
        return; /* an exec goes on */
    curl_loop_close(&w->loop);
    if (!open_loop(w))
        abort();
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct wire *w = arg;
    (void)fd, (void)what;
    if (w->forget)
        forget_now(w);
    if (w->refused > 0) {
        refuse_one(w);
        wake(w);
        return;
    }
    size_t waiting = start_what_can(w), want = 0;
    if (!w->unix_socket)
        return;
    for (size_t have = w->open + w->fd_n + w->asked; w->asked + want < waiting; want++)
        if (have + want >= WIRE_CONNECTIONS_MAX)
            break;
    w->asked += want;
    while (want-- > 0)
        w->want_socket(w->arg);
}

struct wire_request *wire_ask(struct wire *w, const struct wire_ask *ask, wire_done_fn *done, void *arg)
{
    struct wire_request *r = must(calloc(1, sizeof *r));
    struct buf shown = buf_new(sizeof r->shown - 1);
    const char *path = ask->path, *query = strchr(path, '?');
    size_t n = strlen(w->origin) + strlen(path) + 1;
    r->wire = w;
    r->ask = *ask;
    r->done = done;
    r->arg = arg;
    r->url = must(malloc(n));
    snprintf(r->url, n, "%s%s", w->origin, path);
    r->send = buf_new(ask->body.n);
    buf_put_str(&r->send, ask->body);
    r->body = buf_new(ask->answer_max > WIRE_ERROR_MAX ? ask->answer_max : WIRE_ERROR_MAX);
    if (strncmp(path, "/v1.", 4) == 0 && strchr(path + 1, '/') != NULL)
        path = strchr(path + 1, '/');
    buf_put_c(&shown, ask->post ? "POST " : "GET ");
    text_clean(&shown, query == NULL ? str_c(path) : (struct str){path, (size_t)(query - path)},
        sizeof r->shown - 16);
    snprintf(r->shown, sizeof r->shown, "%s", buf_c(&shown));
    buf_free(&shown);
    r->ask.path = NULL;
    r->ask.body = (struct str){NULL, 0};
    link_at_end(&w->waiting[ask->class], r);
    wake(w);
    return r;
}

void wire_cancel(struct wire_request *r)
{
    if (r == NULL)
        return;
    unlink_request(r);
    give_back(r);
    wake(r->wire);
    free_request(r);
}

const char *wire_shown(const struct wire_request *r)
{
    return r->shown;
}

void wire_connected(struct wire *w, int fd, const struct err *why)
{
    if (w->asked > 0)
        w->asked--;
    if (fd >= 0 && w->unix_socket && w->fd_n < WIRE_CONNECTIONS_MAX) {
        w->fds[w->fd_n++] = fd;
    } else if (fd >= 0) {
        close(fd);
    } else {
        w->refused = count_waiting(w);
        w->why = *why;
    }
    wake(w);
}

void wire_forget_connections(struct wire *w)
{
    w->forget = true;
    wake(w);
}

/* --- the whole --- */

static struct str copied(struct str s)
{
    char *p = must(malloc(s.n + 1));
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

static void wipe(struct str *s)
{
    void *p = (void *)(uintptr_t)s->p;
    if (p != NULL)
        OPENSSL_cleanse(p, s->n);
    free(p);
    *s = (struct str){NULL, 0};
}

static int read_spec(struct wire *w, const struct docker_spec *spec, struct err *err)
{
    struct str socket = str_c(spec->socket), path = STR("unix://"), host = STR("tcp://");
    const char *rest = spec->socket + (str_starts(socket, path) ? path.n : host.n);
    w->unix_socket = str_starts(socket, path);
    w->insecure = spec->insecure;
    if (!w->unix_socket && !str_starts(socket, host))
        return err_set(err, ERR_INPUT, "%s is neither unix:///PATH nor tcp://HOST:PORT", spec->socket);
    if (w->unix_socket ? *rest != '/' : *rest == '\0' || strpbrk(rest, "/?#@\\ ") != NULL)
        return err_set(err, ERR_INPUT, "%s is neither unix:///PATH nor tcp://HOST:PORT", spec->socket);
    size_t n = strlen(rest) + sizeof "https://";
    w->origin = must(malloc(n > 32 ? n : 32));
    if (w->unix_socket)
        snprintf(w->origin, 32, "http://engine");
    else
        snprintf(w->origin, n, "%s%s", spec->insecure ? "http://" : "https://", rest);
    return w->unix_socket || spec->insecure ? 0 : pem_check(spec->ca, spec->cert, spec->key, err);
}

int wire_new(struct event_base *base, const struct docker_spec *spec, void (*want_socket)(void *arg),
    void *arg, struct wire **out, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_FAILED, "libcurl does not start");
    struct wire *w = must(calloc(1, sizeof *w));
    w->base = base;
    w->want_socket = want_socket;
    w->arg = arg;
    int r = read_spec(w, spec, err);
    w->ca = copied(spec->ca);
    w->cert = copied(spec->cert);
    w->key = copied(spec->key);
    if (!open_loop(w) && r == 0)
        r = err_set(err, ERR_MEMORY, "out of memory for an engine");
    w->turn = must(event_new(base, -1, 0, on_turn, w));
    if (r < 0)
        wire_free(w);
    else
        *out = w;
    return r;
}

static void cancel_list(struct wire_request *r)
{
    for (struct wire_request *next; r != NULL; r = next) {
        next = r->next;
        wire_cancel(r);
    }
}

void wire_free(struct wire *w)
{
    if (w == NULL)
        return;
    cancel_list(w->running);
    for (size_t class = 0; class < WIRE_CLASSES; class ++)
        cancel_list(w->waiting[class]);
    while (w->pool_n > 0)
        curl_easy_cleanup(w->pool[--w->pool_n]);
    event_free(w->turn);
    w->turn = NULL;
    curl_loop_close(&w->loop);
    while (w->fd_n > 0)
        close(w->fds[--w->fd_n]);
    wipe(&w->ca);
    wipe(&w->cert);
    wipe(&w->key);
    free(w->origin);
    free(w);
    curl_global_cleanup();
}
