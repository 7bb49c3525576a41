/* libcurl's multi interface on a libevent base: its sockets and its timer, and nothing of what is
 * transferred. */
#ifndef EVERCERT_HTTP_CURL_LOOP_H
#define EVERCERT_HTTP_CURL_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>
#include <stdbool.h>

struct curl_loop {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    void (*pump)(
        void *arg); /* called from the loop when something may have ended: reads libcurl's messages */
    void *arg;
};

/* False where memory or libcurl fails; curl_loop_close is due all the same. `l` must not move afterwards. */
bool curl_loop_open(struct curl_loop *l, struct event_base *base, void (*pump)(void *arg), void *arg);
/* All easy handles have been taken out before. */
void curl_loop_close(struct curl_loop *l);

#endif
