/* One request to an engine, for the files of wire. */
#ifndef EVERCERT_DOCKER_WIRE_PRIV_H
#define EVERCERT_DOCKER_WIRE_PRIV_H

#include "base/buf.h"
#include "docker/wire.h"
#include "http/curl_loop.h"

#include <curl/curl.h>

enum { WIRE_SHOWN_MAX = 200, WIRE_POOL_MAX = WIRE_CONNECTIONS_MAX };

struct wire {
    struct curl_loop loop;
    struct event_base *base;
    struct event *turn; /* what waits is looked at */
    void (*want_socket)(void *arg);
    void *arg;
    bool unix_socket, insecure;
    char *origin;             /* "https://host:port" */
    struct str ca, cert, key; /* owned */
    struct wire_request *waiting[WIRE_CLASSES], *running;
    size_t running_n[WIRE_CLASSES];
    int fds[WIRE_CONNECTIONS_MAX]; /* connected and not in use yet */
    size_t fd_n, asked, open;      /* open: libcurl has them */
    size_t refused;                /* requests that end with `why`: no socket is to be had */
    struct err why;
    bool forget; /* connections that are not in use are closed by the next turn */
    CURL *pool[WIRE_POOL_MAX];
    size_t pool_n;
};

struct wire_request {
    struct wire *wire;
    struct wire_request *next, **link;
    struct wire_ask ask; /* without its path and body */
    wire_done_fn *done;
    void *arg;
    CURL *easy; /* NULL while it waits */
    char *url;
    struct buf send, body;
    struct curl_slist *fields;
    size_t sent, head_n;
    unsigned status;
    int64_t date_s;
    bool head_over, starved, lost;
    struct err err; /* why one of our callbacks ended it */
    char shown[WIRE_SHOWN_MAX], error[CURL_ERROR_SIZE];
};

/* Sets up r->easy. False where memory fails. */
bool wire_prepare(struct wire_request *r);
/* What went wrong, with the method and the path in front. */
void wire_explain(struct wire_request *r, CURLcode code, struct err *err);
size_t wire_running(const struct wire *w);

#endif
