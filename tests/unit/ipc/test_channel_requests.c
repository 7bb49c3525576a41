#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"

/* Those who wait for answers, and the order in which they heard. */
struct waiter {
    struct ends *e;
    struct waiting *all;
    unsigned calls, place;
    int code;
    char text[64];
    enum { THEN_NOTHING, THEN_FREE, THEN_ASK, THEN_FORGET } then;
};

struct waiting {
    struct waiter w[8];
    unsigned heard;
};

static void ask(struct waiter *w);

static void on_done(const void *msg, const struct err *err, void *arg)
{
    struct waiter *w = arg;
    const struct msg_done *m = msg;
    assert_true((msg == NULL) == (err != NULL));
    w->calls++;
    w->place = ++w->all->heard;
    w->code = err != NULL ? err->code : m->error.code;
    snprintf(w->text, sizeof w->text, "%.60s", err != NULL ? err->text : m->error.text);
    if (w->then == THEN_FREE) {
        channel_free(w->e->near);
        w->e->near = NULL;
    } else if (w->then == THEN_ASK) {
        w->then = THEN_NOTHING;
        ask(w);
    } else if (w->then == THEN_FORGET) {
        channel_forget(w->e->near, w + 1);
    }
}

static void ask(struct waiter *w)
{
    unsigned calls = w->calls;
    int r = channel_request(
        w->e->near, MSG_files_forget, &(struct msg_files_forget){"name"}, MSG_done, on_done, w, NULL);
    assert_int_equal(r, w->e->closed > 0 || w->code == ERR_IPC ? ERR_IPC : 0);
    assert_int_equal(w->calls, calls); /* never from inside the call */
}

static void open_waiting(struct ends *e, struct waiting *all)
{
    ends_open(e);
    memset(all, 0, sizeof *all);
    for (size_t i = 0; i < ARRAY_LEN(all->w); i++)
        all->w[i] = (struct waiter){.e = e, .all = all};
}

static void answer(struct ends *e, uint32_t id, int32_t code, const char *text)
{
    struct buf b = buf_new(1000);
    put_message(&b, MSG_done, id, &(struct msg_done){{code, text, "", 0}});
    far_write(e, &b);
}

static void test_answer(void **state)
{
    struct ends e;
    struct waiting all;
    char request[100];
    open_waiting(&e, &all);
    ask(&all.w[0]);
    assert_int_equal(channel_pending(e.near), 1);
    assert_int_equal(far_read(&e, request, sizeof request), 4 + 6 + 8);
    assert_int_equal(request[4], MSG_files_forget);
    assert_int_equal(request[6], 1);
    answer(&e, 1, ERR_NOT_FOUND, "no such name");
    assert_int_equal(all.w[0].calls, 0);
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(all.w[0].code, ERR_NOT_FOUND);
    assert_string_equal(all.w[0].text, "no such name");
    assert_int_equal(channel_pending(e.near), 0);
    assert_int_equal(e.messages, 0);
    ends_close(&e);
}

/* Answers may come in any order; each goes to who asked. */
static void test_any_order(void **state)
{
    static const uint32_t order[] = {3, 1, 8, 2, 7, 5, 6, 4};
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    for (size_t i = 0; i < 8; i++)
        ask(&all.w[i]);
    assert_int_equal(channel_pending(e.near), 8);
    for (size_t i = 0; i < 8; i++) {
        char text[20];
        snprintf(text, sizeof text, "to %u", (unsigned)order[i]);
        answer(&e, order[i], 0, text);
    }
    ends_run(&e);
    for (size_t i = 0; i < 8; i++) {
        struct waiter *w = &all.w[order[i] - 1];
        char text[20];
        snprintf(text, sizeof text, "to %u", (unsigned)order[i]);
        assert_int_equal(w->calls, 1);
        assert_int_equal(w->place, i + 1);
        assert_string_equal(w->text, text);
    }
    /* The list is in order after all that: the next one is asked and answered. */
    ask(&all.w[0]);
    answer(&e, 9, 0, "again");
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 2);
    assert_int_equal(e.closed, 0);
    ends_close(&e);
}

/* A message of a rule may have the number of a pending request: it is no answer, since its type is another.
 */
static void test_request_of_the_same_number(void **state)
{
    struct ends e;
    struct waiting all;
    struct buf b = buf_new(1000);
    open_waiting(&e, &all);
    ask(&all.w[0]);
    put_message(&b, MSG_session_gone, 1, &(struct msg_session_gone){5});
    far_write(&e, &b);
    ends_run(&e);
    assert_int_equal(e.messages, 1);
    assert_int_equal(all.w[0].calls, 0);
    answer(&e, 1, 0, "");
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    ends_close(&e);
}

static void test_peer_goes(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    for (size_t i = 0; i < 8; i++)
        ask(&all.w[i]);
    answer(&e, 4, 0, "");
    close(e.far);
    e.far = -1;
    ends_run(&e);
    /* The fourth had its answer before; the others hear in the order they asked, and then the owner. */
    assert_int_equal(all.w[3].place, 1);
    assert_int_equal(all.w[3].code, 0);
    for (size_t i = 0, place = 2; i < 8; i++) {
        assert_int_equal(all.w[i].calls, 1);
        if (i == 3)
            continue;
        assert_int_equal(all.w[i].place, place++);
        assert_int_equal(all.w[i].code, ERR_IPC);
        assert_non_null(strstr(all.w[i].text, "the other end went"));
    }
    assert_int_equal(e.closed, 1);
    assert_int_equal(channel_pending(e.near), 0);
    ends_close(&e);
}

/* The peer goes while we write: who just asked hears of it, from the loop. */
static void test_peer_went_before(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    close(e.far);
    e.far = -1;
    ask(&all.w[0]);
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(all.w[0].code, ERR_IPC);
    assert_int_equal(e.closed, 1);
    ask(&all.w[1]); /* fails at once, so nobody is called */
    ends_run(&e);
    assert_int_equal(all.w[1].calls, 0);
    ends_close(&e);
}

static void test_free_forgets(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    ask(&all.w[0]);
    ask(&all.w[1]);
    channel_free(e.near);
    e.near = NULL;
    ends_run(&e);
    assert_int_equal(all.heard, 0);
    ends_close(&e);
}

static void test_free_in_reply(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    ask(&all.w[0]);
    ask(&all.w[1]);
    all.w[0].then = THEN_FREE;
    answer(&e, 1, 0, "");
    answer(&e, 2, 0, "");
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(all.w[1].calls, 0);
    assert_int_equal(e.closed, 0);
    ends_close(&e);
}

static void test_free_in_failed_reply(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    for (size_t i = 0; i < 3; i++)
        ask(&all.w[i]);
    all.w[1].then = THEN_FREE;
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(all.w[1].calls, 1);
    assert_int_equal(all.w[2].calls, 0); /* forgotten, as by any channel_free */
    assert_int_equal(e.closed, 0);
    ends_close(&e);
}

static void test_ask_in_reply(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    ask(&all.w[0]);
    all.w[0].then = THEN_ASK;
    answer(&e, 1, 0, "");
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(channel_pending(e.near), 1);
    answer(&e, 2, 0, "");
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 2);
    /* One that asks again when told of the end is refused, not called for ever. */
    ask(&all.w[1]);
    all.w[1].then = THEN_ASK;
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(all.w[1].calls, 1);
    assert_int_equal(e.closed, 1);
    ends_close(&e);
}

static void test_forget(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    for (size_t i = 0; i < 4; i++)
        ask(&all.w[i]);
    ask(&all.w[0]);
    channel_forget(e.near, &all.w[0]);
    channel_forget(e.near, &all); /* nobody */
    assert_int_equal(channel_pending(e.near), 5);
    for (uint32_t id = 1; id <= 3; id++)
        answer(&e, id, 0, "");
    answer(&e, 5, 0, "");
    ends_run(&e);
    /* Both of the forgotten one were dropped silently; they were answers all the same. */
    assert_int_equal(all.w[0].calls, 0);
    assert_int_equal(all.w[1].calls, 1);
    assert_int_equal(all.w[2].calls, 1);
    assert_int_equal(channel_pending(e.near), 1);
    assert_int_equal(e.closed, 0);
    channel_forget(e.near, &all.w[3]);
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(all.w[3].calls, 0);
    assert_int_equal(e.closed, 1);
    ends_close(&e);
}

/* One who hears of the end takes the next with him. */
static void test_forget_in_failed_reply(void **state)
{
    struct ends e;
    struct waiting all;
    open_waiting(&e, &all);
    for (size_t i = 0; i < 3; i++)
        ask(&all.w[i]);
    all.w[0].then = THEN_FORGET;
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(all.w[0].calls, 1);
    assert_int_equal(all.w[1].calls, 0);
    assert_int_equal(all.w[2].calls, 1);
    ends_close(&e);
}

static void test_limit(void **state)
{
    struct ends e;
    struct waiting all;
    struct err err = ERR_INIT;
    const struct msg_files_forget m = {""};
    open_waiting(&e, &all);
    for (size_t i = 0; i < CHANNEL_REQUESTS_MAX; i++)
        assert_int_equal(
            channel_request(e.near, MSG_files_forget, &m, MSG_done, on_done, &all.w[0], NULL), 0);
    assert_int_equal(
        channel_request(e.near, MSG_files_forget, &m, MSG_done, on_done, &all.w[1], &err), ERR_IPC);
    assert_non_null(strstr(err.text, "too many requests"));
    assert_int_equal(channel_pending(e.near), CHANNEL_REQUESTS_MAX);
    answer(&e, 1, 0, "");
    ends_run(&e);
    ask(&all.w[1]);
    close(e.far);
    e.far = -1;
    ends_run(&e);
    assert_int_equal(all.w[0].calls, CHANNEL_REQUESTS_MAX);
    assert_int_equal(all.w[1].calls, 1);
    assert_int_equal(e.closed, 1);
    ends_close(&e);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_request_of_the_same_number),
        cmocka_unit_test(test_peer_goes),
        cmocka_unit_test(test_peer_went_before),
        cmocka_unit_test(test_free_forgets),
        cmocka_unit_test(test_free_in_reply),
        cmocka_unit_test(test_free_in_failed_reply),
        cmocka_unit_test(test_ask_in_reply),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_forget_in_failed_reply),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
