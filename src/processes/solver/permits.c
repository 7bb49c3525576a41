/* Permits: the keeper opens each once, however many names of a certificate are at it. */
#include "processes/solver/solver.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { PERMIT_AGE_MS = 60 * 1000 };

struct permit {
    struct permit *next;
    struct solver *solver;
    unsigned char digest[SHA256_LEN];
    struct arena *arena;
    struct str bytes; /* until it was opened */
    struct permit_wait *waits;
    size_t users;
    bool open;
    struct wish wish;
    struct err err; /* code 0: it is good */
    int64_t until_ms;
};

static void permit_free(struct permit *p)
{
    arena_free(p->arena);
    free(p);
}

static void tell(const struct permit *p, struct permit_wait *w)
{
    w->then(p->err.code == 0 ? &p->wish : NULL, p->err.code == 0 ? NULL : &p->err, w->arg);
}

static void on_opened(const void *msg, const struct err *why, void *arg)
{
    struct permit *p = arg;
    const struct msg_permit_opened *m = msg;
    if (m == NULL) { /* the keeper went; the next one is asked */
        log_debug("%s", why->text);
        return;
    }
    if (msg_error_get(&m->error, &p->err) == 0)
        (void)wish_decode(str_c(arena_dup_c(p->arena, m->wish)), p->arena, &p->wish, &p->err);
    p->open = true;
    p->until_ms = clock_mono(&system_clock).ms + PERMIT_AGE_MS;
    /* Each may leave, and others come, while they are told: the list is taken as it is now. A permit with
     * users is not freed. */
    p->users++;
    for (struct permit_wait *w; (w = p->waits) != NULL;) {
        p->waits = w->next;
        w->next = NULL;
        tell(p, w);
    }
    p->users--;
}

static void ask(struct permit *p)
{
    struct err err = ERR_INIT;
    struct channel *keeper = p->solver->keeper;
    struct msg_permit_open m = {p->bytes};
    if (keeper != NULL &&
        channel_request(keeper, MSG_permit_open, &m, MSG_permit_opened, on_opened, p, &err) < 0)
        log_warning("%s", err.text); /* that one is about to be replaced */
}

void permits_ask_again(struct solver *s)
{
    for (struct permit *p = s->permits; p != NULL; p = p->next)
        if (!p->open)
            ask(p);
}

static struct permit *find(struct solver *s, struct str bytes)
{
    unsigned char digest[SHA256_LEN];
    struct err err = ERR_INIT;
    if (digest_sha256(bytes, digest, &err) < 0) /* as malloc: there is no going on without it */
        abort();
    int64_t now_ms = clock_mono(&system_clock).ms;
    for (struct permit *p = s->permits; p != NULL; p = p->next)
        if (memcmp(p->digest, digest, sizeof digest) == 0 && (!p->open || p->until_ms > now_ms))
            return p;
    struct permit *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->solver = s;
    p->arena = arena_new();
    p->bytes = arena_str(p->arena, bytes);
    memcpy(p->digest, digest, sizeof digest);
    p->next = s->permits;
    s->permits = p;
    ask(p);
    return p;
}

void permit_want(struct solver *s, struct str bytes, struct permit_wait *w)
{
    struct permit *p = find(s, bytes);
    w->permit = p;
    p->users++;
    if (p->open) {
        tell(p, w);
        return;
    }
    struct permit_wait **at = &p->waits;
    while (*at != NULL)
        at = &(*at)->next;
    w->next = NULL;
    *at = w;
}

void permit_leave(struct solver *s, struct permit_wait *w)
{
    struct permit *p = w->permit;
    (void)s;
    if (p == NULL)
        return;
    for (struct permit_wait **at = &p->waits; *at != NULL; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    w->permit = NULL;
    p->users--;
}

void permits_expire(struct solver *s, bool all)
{
    int64_t now_ms = clock_mono(&system_clock).ms;
    for (struct permit **at = &s->permits; *at != NULL;) {
        struct permit *p = *at;
        bool stays = p->users > 0 || (!all && (!p->open || p->until_ms > now_ms));
        if (stays) {
            at = &p->next;
            continue;
        }
        if (s->keeper != NULL)
            channel_forget(s->keeper, p);
        *at = p->next;
        permit_free(p);
    }
}
