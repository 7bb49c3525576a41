#include "keeper_ca.h"

#include "os/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WISH "{\"name\":\"shop\",\"domains\":[\"a.example\"]}"

struct shop {
    struct keeper *k;
    struct arena *a;
    struct ca ca;
    struct str permit, sealed;
};

static struct shop shop_make(void **state)
{
    struct shop s = {.k = *state, .a = arena_new(), .ca = ca_make(), .sealed = STR("")};
    s.permit = keeper_permit(s.k, s.a, WISH);
    return s;
}

static void shop_free(struct shop *s)
{
    found_end(s->k);
    ca_free(&s->ca);
    arena_free(s->a);
}

static const char *generation(struct shop *s, int64_t number)
{
    struct chain c = {.n = 0};
    struct err err = ERR_INIT;
    struct msg_publish m = prepared(s->k, s->a, &s->ca, s->permit, number, s->sealed, "DNS:a.example");
    m.account = DIRECTORY "#shop";
    m.source = 1;
    if (publish(s->k, s->a, &m, &c, &err) != 0)
        fail_msg("%s", err.text);
    s->sealed = m.sealed_key;
    return arena_dup_c(s->a, c.fingerprint);
}

/* The first one, and that there is no other. */
static struct found only(struct shop *s)
{
    struct found f = {.name = ""}, next = {.name = ""};
    struct err err = ERR_INIT;
    if (found_next(s->k, true, s->a, &f, &err) != 0 || found_next(s->k, false, s->a, &next, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(next.name, "");
    assert_int_equal(found_next(s->k, false, s->a, &next, NULL), 0);
    assert_string_equal(next.name, "");
    return f;
}

static void nothing_is_found_in_a_new_state(void **state)
{
    struct shop s = shop_make(state);
    assert_string_equal(only(&s).name, "");
    shop_free(&s);
}

static void what_is_live_is_told_with_what_it_was_for(void **state)
{
    struct shop s = shop_make(state);
    struct buf text = buf_new(MSG_WISH);
    (void)generation(&s, 6);
    const char *fingerprint = generation(&s, 7);
    struct found f = only(&s);
    assert_string_equal(f.name, "shop");
    assert_int_equal(f.generation, 7);
    assert_int_equal(f.highest, 7);
    assert_int_equal(f.wrong.code, 0);
    assert_false(f.burnt);
    assert_string_equal(f.base, "");
    assert_string_equal(f.kept.wish, WISH);
    assert_string_equal(f.kept.account, DIRECTORY "#shop");
    assert_int_equal(f.kept.source, 1);
    assert_int_equal(f.kept.variant, 0);
    assert_string_equal(f.chain.fingerprint, fingerprint);
    assert_string_equal(f.chain.names[0], "a.example");
    assert_string_equal(f.pem.p, keeper_file(s.a, "live/shop/fullchain.pem"));
    /* a permit that the keeper takes again */
    assert_int_equal(permit_open(s.k, f.permit, &text, NULL), 0);
    assert_string_equal(buf_c(&text), WISH);
    buf_free(&text);
    shop_free(&s);
}

static void numbers_of_the_archive_count(void **state)
{
    struct shop s = shop_make(state);
    int dir ATTR_CLEANUP(fd_close) = -1, other ATTR_CLEANUP(fd_close) = -1;
    (void)generation(&s, 3);
    assert_int_equal(dir_make(s.k->archive, "shop", 0700, &dir, NULL), 0);
    assert_int_equal(dir_make(dir, "12", 0755, &other, NULL), 0);
    struct found f = only(&s);
    assert_int_equal(f.generation, 3);
    assert_int_equal(f.highest, 12);
    shop_free(&s);
}

static int open_folder(struct shop *s, const char *name)
{
    int dir = -1;
    assert_int_equal(dir_open(s->k->live, arena_printf(s->a, ".generations/%s", name), &dir, NULL), 0);
    return dir;
}

/* It would bring its own lines, and a wish among them. */
static void an_account_of_two_lines_is_refused(void **state)
{
    struct shop s = shop_make(state);
    struct kept kept;
    (void)generation(&s, 1);
    const struct msg_permit_keep m = {
        .permit = s.permit, .account = "x\n0 0\n{\"name\":\"shop\"}", .source = 1};
    int dir ATTR_CLEANUP(fd_close) = open_folder(&s, "shop");
    assert_int_equal(kept_again(s.k, &m, NULL), ERR_INPUT);
    assert_int_equal(kept_read(s.k, dir, "shop", s.a, &kept, NULL), 0);
    assert_string_equal(kept.wish, WISH);
    assert_string_equal(kept.account, DIRECTORY "#shop");
    shop_free(&s);
}

static void the_permit_beside_it_is_private_sealed_and_for_its_name(void **state)
{
    struct shop s = shop_make(state);
    struct kept kept;
    struct stat st;
    (void)generation(&s, 1);
    assert_int_equal(fstatat(s.k->live, ".generations/shop/.permit", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    const char *sealed = keeper_file(s.a, "live/.generations/shop/.permit");
    assert_null(memmem(sealed, (size_t)st.st_size, "a.example", 9));
    /* in the place of another's it says nothing */
    int dir ATTR_CLEANUP(fd_close) = open_folder(&s, "shop");
    assert_int_equal(kept_read(s.k, dir, "shop", s.a, &kept, NULL), 0);
    assert_int_equal(kept_read(s.k, dir, "bank", s.a, &kept, NULL), ERR_CRYPTO);
    /* nor when it is changed, and what is live is told all the same */
    int fd ATTR_CLEANUP(fd_close) = openat(dir, ".permit", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "xxxx", 4, 20), 4);
    struct found f = only(&s);
    assert_string_equal(f.name, "shop");
    assert_int_equal(f.permit.n, 0);
    assert_string_equal(f.chain.names[0], "a.example");
    shop_free(&s);
}

static void a_later_wish_takes_its_place_and_the_same_writes_nothing(void **state)
{
    struct shop s = shop_make(state);
    struct kept kept;
    (void)generation(&s, 1);
    int dir ATTR_CLEANUP(fd_close) = open_folder(&s, "shop");
    struct stat before, after;
    assert_int_equal(fstatat(dir, ".permit", &before, 0), 0);
    struct msg_permit_keep m = {keeper_permit(s.k, s.a, WISH), 0, DIRECTORY "#shop", 1};
    assert_int_equal(kept_again(s.k, &m, NULL), 0);
    assert_int_equal(fstatat(dir, ".permit", &after, 0), 0);
    assert_true(before.st_ino == after.st_ino);
    m.permit =
        keeper_permit(s.k, s.a, "{\"name\":\"shop\",\"domains\":[\"a.example\"],\"renew-before\":\"20d\"}");
    assert_int_equal(kept_again(s.k, &m, NULL), 0);
    assert_int_equal(kept_read(s.k, dir, "shop", s.a, &kept, NULL), 0);
    assert_non_null(strstr(kept.wish, "renew-before"));
    /* of what is not live nothing is kept */
    m.permit = keeper_permit(s.k, s.a, "{\"name\":\"bank\",\"domains\":[\"a.example\"]}");
    assert_int_equal(kept_again(s.k, &m, NULL), 0);
    assert_false(keeper_has("live/.generations/bank"));
    shop_free(&s);
}

static void what_is_not_whole_is_told_with_its_reason(void **state)
{
    struct shop s = shop_make(state);
    (void)generation(&s, 1);
    assert_int_equal(unlinkat(s.k->live, "shop/privkey.pem", 0), 0);
    assert_int_equal(file_replace(s.k->live, "foreign", 0600, STR("no link"), NULL), 0);
    assert_int_equal(symlinkat("/etc", s.k->live, "etc"), 0);
    int dir ATTR_CLEANUP(fd_close) = -1;
    assert_int_equal(dir_open(s.k->live, ".generations/shop/1", &dir, NULL), 0);
    assert_int_equal(file_write_new(dir, "privkey.pem", 0600, STR("nonsense"), NULL), 0);
    struct found f = only(&s);
    assert_string_equal(f.name, "shop");
    assert_true(f.wrong.code != 0);
    assert_non_null(strstr(f.wrong.text, "privkey.pem"));
    assert_true(f.permit.n > 0);
    shop_free(&s);
}

static void a_burnt_key_stays_burnt(void **state)
{
    struct shop s = shop_make(state);
    (void)generation(&s, 1);
    struct found f = only(&s);
    assert_int_equal(burnt_add(s.k, f.chain.key_hash, NULL), 0);
    assert_true(only(&s).burnt);
    shop_free(&s);
}

/* --- seal.key --- */

static void another_seal_key_is_known_by_the_word_it_did_not_seal(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    char other[32] = "another";
    const char *sealed = keeper_file(a, "archive/.sealed");
    assert_int_equal(keeper_restart(k, NULL), 0);
    assert_string_equal(keeper_file(a, "archive/.sealed"), sealed);
    assert_int_equal(unlinkat(PROCESS_STATE_FD, "seal.key", 0), 0);
    assert_int_equal(
        file_write_new(PROCESS_STATE_FD, "seal.key", 0600, (struct str){other, sizeof other}, NULL), 0);
    keeper_close(k);
    k->process.new_state = false;
    assert_int_equal(secrets_open(k, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "put the right one back from a backup"));
    assert_string_equal(keeper_file(a, "archive/.sealed"), sealed);
    /* with a new store it is meant, and known from then on */
    assert_int_equal(keeper_restart(k, NULL), 0);
    assert_string_not_equal(keeper_file(a, "archive/.sealed"), sealed);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_found_in_a_new_state, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_live_is_told_with_what_it_was_for, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_the_archive_count, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(an_account_of_two_lines_is_refused, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(
            the_permit_beside_it_is_private_sealed_and_for_its_name, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(
            a_later_wish_takes_its_place_and_the_same_writes_nothing, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_not_whole_is_told_with_its_reason, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(a_burnt_key_stays_burnt, keeper_set_up, keeper_tear_down),
        cmocka_unit_test_setup_teardown(
            another_seal_key_is_known_by_the_word_it_did_not_seal, keeper_set_up, keeper_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
