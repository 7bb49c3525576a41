/* What the tests of this folder share: a container from a few texts, and what it says as lines of text. */
#ifndef EVERCERT_TESTS_CONTAINERS_TEST_H
#define EVERCERT_TESTS_CONTAINERS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "containers/claim.h"

#include <stdlib.h>
#include <string.h>

enum { ALL_READERS = (1 << READER_END_) - 1, PAIRS_MAX = 600, SAID_MAX = 1 << 20 };

/* A container at work: labels "name=value", variables "$name=value". */
struct subject {
    struct container c;
    struct pair labels[PAIRS_MAX], env[PAIRS_MAX];
    struct container_network networks[4];
};

static inline int pair_order(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static inline void subject_add(struct subject *s, struct arena *a, const char *text)
{
    struct str name, value;
    bool env = text[0] == '$';
    (void)str_cut(str_c(text + env), '=', &name, &value);
    size_t *n = env ? &s->c.env_n : &s->c.label_n;
    assert_true(*n < PAIRS_MAX);
    (env ? s->env : s->labels)[(*n)++] = (struct pair){arena_dup(a, name), arena_dup(a, value)};
}

static inline void subject_init(struct subject *s)
{
    *s = (struct subject){.c = {
                              .engine = "docker",
                              .id = "c0ffee",
                              .name = "web-1",
                              .image = "nginx:1",
                              .hostname = "c0ffee",
                              .project = "shop",
                              .service_name = "web",
                              .state = "running",
                              .health = "",
                              .network_mode = "bridge",
                              .created_s = 1000,
                              .network_n = 2,
                          }};
    s->networks[0] = (struct container_network){.name = "back", .ip = "", .ip6 = "", .gateway = ""};
    s->networks[1] =
        (struct container_network){.name = "front", .ip = "172.18.0.5", .ip6 = "fd00::5", .gateway = ""};
    s->c.networks = s->networks;
    s->c.labels = s->labels;
    s->c.env = s->env;
}

static inline void put_list(struct buf *b, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%s", i == 0 ? "" : ",", list[i]);
}

/* "reader key: domains option=value ... [staging]" */
static inline void put_claim(struct buf *b, const struct claim *c)
{
    buf_printf(b, "%s %s: ", claim_reader_text(c->reader), c->key);
    put_list(b, c->domains, c->domain_n);
    for (size_t i = 0; i < c->option_n; i++)
        buf_printf(b, " %s=%s", c->options[i].option, c->options[i].value);
    buf_put_c(b, c->staging ? " staging\n" : "\n");
}

static inline void put_consumer(struct buf *b, const struct consumer *c)
{
    static const char *const kinds[] = {"none", "signal", "restart", "action"};
    buf_printf(b, "consumer %s: ", c->key);
    put_list(b, c->uses, c->use_n);
    buf_printf(b, " %s %s", kinds[c->change], c->value);
    if (c->verify_n > 0)
        buf_put_c(b, " verify ");
    put_list(b, c->verify, c->verify_n);
    buf_put_c(b, "\n");
}

/* What it says, a line each: claims, consumer, problems ("! key: reason"). */
static inline const char *said(struct subject *s, unsigned readers, struct arena *a)
{
    struct buf b = buf_new(SAID_MAX);
    struct container_says says;
    if (s->c.label_n > 0)
        qsort(s->labels, s->c.label_n, sizeof *s->labels, pair_order);
    if (s->c.env_n > 0)
        qsort(s->env, s->c.env_n, sizeof *s->env, pair_order);
    container_read(&s->c, readers, NULL, 0, a, &says);
    for (size_t i = 0; i < says.claim_n; i++)
        put_claim(&b, &says.claims[i]);
    if (says.consumer != NULL)
        put_consumer(&b, says.consumer);
    for (size_t i = 0; i < says.problem_n; i++)
        buf_printf(&b, "! %s: %s\n", says.problems[i].key, says.problems[i].reason);
    const char *text = arena_dup(a, buf_str(&b));
    assert_false(buf_failed(&b));
    buf_free(&b);
    return text;
}

enum { CASE_PAIRS_MAX = 12 };

/* A line of a table: what the container has, and what it says then. */
struct reading_case {
    const char *pairs[CASE_PAIRS_MAX];
    const char *expected;
};

static inline void expect_said(const struct reading_case *cases, size_t n, unsigned readers)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct arena *a = arena_new();
        struct subject s;
        subject_init(&s);
        for (size_t j = 0; j < CASE_PAIRS_MAX && cases[i].pairs[j] != NULL; j++)
            subject_add(&s, a, cases[i].pairs[j]);
        const char *got = said(&s, readers, a);
        if (strcmp(got, cases[i].expected) != 0) {
            print_error("case %zu (%s):\n%s--- expected\n%s", i, cases[i].pairs[0], got, cases[i].expected);
            wrong++;
        }
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

#endif
