#include "keeper_ca.h"

#include "crypto/key_priv.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WISH "{\"name\":\"shop\",\"domains\":[\"a.example\"]}"

struct shop {
    struct keeper *k;
    struct arena *a;
    struct ca ca;
    struct str permit;
    struct str sealed; /* the key of the last generation */
};

static struct shop shop_make(void **state)
{
    struct shop s = {.k = *state, .a = arena_new(), .ca = ca_make(), .sealed = STR("")};
    s.permit = keeper_permit(s.k, s.a, WISH);
    return s;
}

static void shop_free(struct shop *s)
{
    ca_free(&s->ca);
    arena_free(s->a);
}

/* Publishes that generation; returns its fingerprint. */
static const char *generation(struct shop *s, int64_t number)
{
    struct chain c = {.n = 0};
    struct err err = ERR_INIT;
    struct msg_publish m = prepared(s->k, s->a, &s->ca, s->permit, number, s->sealed, "DNS:a.example");
    if (publish(s->k, s->a, &m, &c, &err) != 0)
        fail_msg("%s", err.text);
    s->sealed = m.sealed_key;
    return arena_dup_c(s->a, c.fingerprint);
}

static int switch_to(struct shop *s, int64_t number, bool before, struct live *out, struct err *err)
{
    const struct msg_live_switch m = {.permit = s->permit, .generation = number, .before = before};
    struct wish w;
    assert_int_equal(permit_wish(s->k, s->permit, 0, s->a, &w, NULL), 0);
    return live_switch(s->k, &w, &m, s->a, out, err);
}

static void becomes(struct shop *s, int64_t number, bool before, int64_t want, const char *fingerprint)
{
    struct live live = {.generation = -1};
    struct chain c = {.n = 0};
    struct err err = ERR_INIT;
    if (switch_to(s, number, before, &live, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(live.generation, want);
    assert_string_equal(live.chain.fingerprint, fingerprint);
    assert_true(live.chain.not_after.s > time(NULL));
    assert_int_equal(publish_live(s->k, "shop", s->a, &c, NULL), 0);
    assert_string_equal(c.fingerprint, fingerprint);
}

static void stays(struct shop *s, int64_t number, bool before, const char *words)
{
    struct live live = {.generation = -1};
    struct err err = ERR_INIT;
    struct chain was = {.n = 0}, is = {.n = 0};
    int there = publish_live(s->k, "shop", s->a, &was, NULL);
    int r = switch_to(s, number, before, &live, &err);
    if (r != ERR_NOT_FOUND || strstr(err.text, words) == NULL)
        fail_msg("%d \"%s\" instead of \"%s\"", r, err.text, words);
    assert_int_equal(publish_live(s->k, "shop", s->a, &is, NULL), there);
    assert_string_equal(was.fingerprint, is.fingerprint);
}

static int folder(struct shop *s, int at, const char *path)
{
    int fd = -1;
    (void)s;
    assert_int_equal(dir_open(at, path, &fd, NULL), 0);
    return fd;
}

static void back_and_forth(void **state)
{
    struct shop s = shop_make(state);
    stays(&s, 1, true, "no generation before 1");
    const char *first = generation(&s, 1);
    stays(&s, 1, true, "no generation before 1");
    const char *second = generation(&s, 2);
    becomes(&s, 2, true, 1, first);
    becomes(&s, 2, false, 2, second);
    becomes(&s, 2, false, 2, second);
    stays(&s, 3, false, "generation 3 cannot be made live again");
    becomes(&s, 9, true, 2, second);
    /* what comes next is published as ever, and the way back is still there */
    becomes(&s, 2, true, 1, first);
    const char *third = generation(&s, 3);
    becomes(&s, 3, true, 2, second);
    becomes(&s, 3, false, 3, third);
    shop_free(&s);
}

/* After some failures the number before is none of a certificate, and the one before lies in the archive. */
static void out_of_the_archive(void **state)
{
    struct shop s = shop_make(state);
    const char *first = generation(&s, 1);
    const char *fifth = generation(&s, 5);
    assert_true(keeper_has("archive/shop/1"));
    becomes(&s, 5, true, 1, first);
    assert_false(keeper_has("archive/shop/1"));
    assert_true(keeper_has("live/shop/privkey.pem"));
    becomes(&s, 5, false, 5, fifth);
    shop_free(&s);
}

/* The newest that can be served: those between that cannot are passed over. */
static void what_cannot_be_served_is_passed_over(void **state)
{
    struct shop s = shop_make(state);
    const char *first = generation(&s, 1);
    generation(&s, 2);
    const char *third = generation(&s, 3);
    int dir = folder(&s, s.k->live, ".generations/shop/2");
    /* the key of another */
    struct key *other = test_key();
    struct buf pem = buf_new_sensitive(KEY_PEM_MAX);
    assert_int_equal(key_to_pem(other, &pem, NULL), 0);
    assert_int_equal(file_replace(dir, "privkey.pem", 0600, buf_str(&pem), NULL), 0);
    stays(&s, 2, false, "generation 2 cannot be made live again");
    becomes(&s, 3, true, 1, first);
    /* none at all */
    assert_int_equal(dir_remove(dir, "privkey.pem", NULL), 0);
    becomes(&s, 3, true, 1, first);
    /* half of it */
    assert_int_equal(dir_remove(dir, "fullchain.pem", NULL), 0);
    becomes(&s, 3, true, 1, first);
    becomes(&s, 3, false, 3, third);
    close(dir);
    /* burnt */
    struct chain c = {.n = 0};
    becomes(&s, 3, true, 1, first);
    assert_int_equal(publish_live(s.k, "shop", s.a, &c, NULL), 0);
    becomes(&s, 3, false, 3, third);
    assert_int_equal(burnt_add(s.k, c.key_hash, NULL), 0);
    stays(&s, 3, true, "none that could be served");
    buf_free(&pem);
    key_free(other);
    shop_free(&s);
}

static void what_has_expired_stays_away(void **state)
{
    struct shop s = shop_make(state);
    struct key *key = NULL;
    generation(&s, 1);
    generation(&s, 2);
    int dir = folder(&s, s.k->live, ".generations/shop/1");
    int64_t now = time(NULL) - TEST_NOW_S;
    const char *pem = keeper_file(s.a, "live/.generations/shop/1/privkey.pem");
    assert_int_equal(key_from_pem(str_c(pem), &key, NULL), 0);
    const struct cert_spec spec = {
        .san = "DNS:a.example", .from_s = now - 9 * TEST_DAY_S, .to_s = now - TEST_DAY_S};
    struct test_cert leaf = test_cert_make(&spec, key, &s.ca.cert);
    assert_int_equal(file_replace(dir, "fullchain.pem", 0644, str_c(test_cert_pem(s.a, leaf.x)), NULL), 0);
    stays(&s, 2, true, "what there is has expired");
    stays(&s, 1, false, "it has expired");
    X509_free(leaf.x);
    key_free(key);
    close(dir);
    shop_free(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, keeper_set_up, keeper_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(back_and_forth),
        TEST(out_of_the_archive),
        TEST(what_cannot_be_served_is_passed_over),
        TEST(what_has_expired_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
