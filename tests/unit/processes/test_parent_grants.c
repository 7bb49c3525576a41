/* What the watcher hands over, as the parent keeps it: bounded, and asked for what was granted. */
#include "processes/parent/parent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { DOMAINS = 1000 };

/* The rest of the parent. */

struct channel *member_channel(const struct parent *p, enum member_id id)
{
    (void)p, (void)id;
    return NULL;
}

void consumers_known(struct parent *p)
{
    (void)p;
}

static struct parent *parent_new(void)
{
    static const char yaml[] =
        "authority: https://ca.example/directory\n"
        "challenge: dns-01\n"
        "dns: {corp: {provider: rfc2136}}\n"
        "docker: {socket: unix:///run/docker.sock, policy: [{allow: [good.example]}]}\n";
    struct parent *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->arena = arena_new();
    assert_int_equal(settings_parse("f.yaml", str_c(yaml), p->arena, &p->settings, NULL, NULL), 0);
    return p;
}

static void claim(struct parent *p, const char *const *domains, size_t n)
{
    static const char *const options[] = {"dns=corp"};
    const struct msg_claim m = {.engine = "docker",
        .id = "id",
        .container = "web",
        .image = "",
        .project = "",
        .service_name = "",
        .key = "evercert.domains",
        .domains = {domains, n},
        .options = {options, 1}};
    grants_claim(p, &m);
}

static void count(const char *json, void *arg)
{
    assert_non_null(strstr(json, "claim"));
    ++*(size_t *)arg;
}

/* A parent ends with its process, and so does what it holds. */
static struct parent *volatile kept[2];

/* A hand-over that does not end is cut, and what is cut is no sign that somebody went. */
static void test_a_hand_over_is_bounded(void **state)
{
    struct parent *p = kept[0] = parent_new();
    char name[250];
    const char *domains[DOMAINS];
    const size_t said = 1000; /* 250 MB */
    size_t rows = 0;
    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < DOMAINS; i++)
        domains[i] = name;
    grants_begin(p);
    for (size_t i = 0; i < said; i++)
        claim(p, domains, DOMAINS);
    grants_end(p, &(struct msg_claims_end){true});
    grants_rows(p, count, &rows);
    assert_true(rows > 0 && rows < said / 2);
    /* The next one is whole again. */
    const char *const good[] = {"a.good.example"};
    grants_begin(p);
    claim(p, good, 1);
    grants_end(p, &(struct msg_claims_end){true});
    rows = 0;
    grants_rows(p, count, &rows);
    assert_int_equal(rows, 1);
}

static void test_which_hosts_were_granted(void **state)
{
    struct parent *p = kept[1] = parent_new();
    const char *const good[] = {"a.good.example", "*.w.good.example"}, *const bad[] = {"a.bad.example"};
    static const struct {
        const char *name, *host;
        bool has;
    } table[] = {
        {"a.good.example", "a.good.example", true},
        {"a.good.example", "A.Good.Example", true},
        {"a.good.example", "x.w.good.example", true},
        {"a.good.example", "x.y.w.good.example", false},
        {"a.good.example", "w.good.example", false},
        {"a.good.example", "other.example", false},
        {"a.good.example", "", false},
        {"a.bad.example", "a.bad.example", false},
        {"", "a.good.example", false},
    };
    (void)state;
    assert_false(grants_have(p, "a.good.example", STR("a.good.example")));
    grants_begin(p);
    claim(p, good, 2);
    claim(p, bad, 1);
    grants_end(p, &(struct msg_claims_end){true});
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (grants_have(p, table[i].name, str_c(table[i].host)) != table[i].has)
            fail_msg("%s at %s", table[i].name, table[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hand_over_is_bounded),
        cmocka_unit_test(test_which_hosts_were_granted),
    };
    return cmocka_run_group_tests_name("parent grants", tests, NULL, NULL);
}
