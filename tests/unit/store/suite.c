#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

static int visit(struct walk *w, const char *name)
{
    size_t n = strlen(w->seen);
    snprintf(w->seen + n, sizeof w->seen - n, "%s%s", n > 0 ? " " : "", name);
    if (w->act != NULL)
        w->act(w, name);
    return w->at == NULL || strcmp(w->at, name) == 0 ? w->answer : 0;
}

int visit_certificate(const struct certificate *c, void *arg)
{
    return visit(arg, c->name);
}

int visit_challenge(const struct challenge_record *c, void *arg)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", c->certificate, c->token);
    return visit(arg, name);
}

int visit_history(const struct history_record *h, void *arg)
{
    return visit(arg, h->text);
}

void assert_each(struct place *p, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_certificate_each(p->s, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

void assert_due(struct place *p, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_certificate_due(p->s, (struct wall){now}, limit, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

void assert_deploy_due(struct place *p, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_deploy_due(p->s, (struct wall){now}, limit, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

void assert_ari_due(struct place *p, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_ari_due(p->s, (struct wall){now}, limit, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

void assert_next_due(struct place *p, int64_t at)
{
    struct wall next = {-7};
    assert_int_equal(store_next_due(p->s, &next, NULL), 0);
    assert_int_equal(next.s, at);
}

void assert_challenges(struct place *p, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_challenge_each(p->s, visit_challenge, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

void assert_history(struct place *p, const char *name, int64_t after, size_t limit, const char *texts)
{
    struct walk w = {.p = p};
    assert_int_equal(store_history_each(p->s, str_c(name), after, limit, visit_history, &w, NULL), 0);
    assert_string_equal(w.seen, texts);
}
