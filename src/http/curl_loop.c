#include "http/curl_loop.h"

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct curl_loop *l = arg;
    int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0), running;
    curl_multi_socket_action(l->multi, fd, mask, &running);
    l->pump(l->arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct curl_loop *l = arg;
    int running;
    (void)fd, (void)what;
    curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    l->pump(l->arg);
}

/* CURLMOPT_SOCKETFUNCTION: the event of a socket is its `assigned` pointer. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct curl_loop *l = arg;
    struct event *event = assigned;
    (void)easy;
    if (event != NULL)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        short wanted = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
        event = event_new(l->base, fd, (short)(wanted | EV_PERSIST), on_socket, l);
        if (event == NULL || event_add(event, NULL) < 0) {
            if (event != NULL)
                event_free(event);
            return -1;
        }
    }
    curl_multi_assign(l->multi, fd, event);
    return 0;
}

/* CURLMOPT_TIMERFUNCTION. It runs inside other calls of libcurl, so even "now" goes through the event loop;
 * that is why no transfer ends inside the call that starts it. */
static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_loop *l = arg;
    (void)multi;
    if (timeout_ms < 0)
        return event_del(l->timer);
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    return event_add(l->timer, &tv);
}

bool curl_loop_open(struct curl_loop *l, struct event_base *base, void (*pump)(void *arg), void *arg)
{
    int bad = 0;
    *l = (struct curl_loop){.base = base, .pump = pump, .arg = arg};
    l->timer = evtimer_new(base, on_timer, l);
    l->multi = curl_multi_init();
    if (l->timer == NULL || l->multi == NULL)
        return false;
    bad |= curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    bad |= curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    bad |= curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    bad |= curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    return bad == 0;
}

void curl_loop_close(struct curl_loop *l)
{
    curl_multi_cleanup(l->multi);
    if (l->timer != NULL)
        event_free(l->timer);
    l->multi = NULL;
    l->timer = NULL;
}
