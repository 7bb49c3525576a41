#include "dns/authority.h"
#include "dns/client.h"

#include <stdlib.h>

/* A place, and what is there. */
struct there {
    struct dns_question q;
    struct arena *arena;
    const char *name;
    enum dns_type type;
    dns_answer_fn *fn;
    void *arg;
    struct dns_question *asking;
};

static void there_free(struct there *t)
{
    dns_cancel(t->asking);
    arena_free(t->arena);
    free(t);
}

static void there_drop(struct dns_question *q)
{
    question_end(q);
    there_free((struct there *)q);
}

static void deliver(struct there *t, const struct dns_answer *a)
{
    question_end(&t->q);
    t->fn(a, t->arg);
    there_free(t);
}

static void on_resolved(const struct dns_answer *a, void *arg)
{
    struct there *t = arg;
    t->asking = NULL;
    deliver(t, a);
}

static void on_told(const struct dns_told *told, void *arg)
{
    struct there *t = arg;
    t->asking = NULL;
    if (told->answer.state == DNS_FAILED)
        t->asking = dns_ask(t->q.owner, t->name, t->type, on_resolved, t);
    else
        deliver(t, &told->answer);
}

static void on_place(const struct dns_place *p, const struct err *err, void *arg)
{
    struct there *t = arg;
    t->asking = NULL;
    if (p != NULL) {
        t->asking = authority_ask(t->q.owner, p->zone, p->name, t->type, on_told, t);
        return;
    }
    deliver(
        t, &(struct dns_answer){
               .state = err->code == ERR_REFUSED ? DNS_BOGUS : DNS_FAILED, .owner = t->name, .err = *err});
}

struct dns_question *dns_ask_there(
    struct dns_client *c, const char *name, enum dns_type type, dns_answer_fn *fn, void *arg)
{
    struct there *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort(); /* small and internal */
    t->arena = arena_new();
    t->name = arena_dup_c(t->arena, name);
    t->type = type;
    t->fn = fn;
    t->arg = arg;
    question_begin(c, &t->q, there_drop);
    t->asking = dns_locate(c, name, on_place, t);
    return &t->q;
}
