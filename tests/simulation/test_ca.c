/* The simulated CA does refuse: it is not for want of limits that a simulation has no refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca.h"

/* Certificates of the wave are the ones that the CA has not seen. */
static uint32_t find_cert(const struct world *w, enum ca_kind kind, bool is_new, uint32_t from)
{
    for (uint32_t i = from; i < w->cert_n; i++)
        if (w->accounts[w->certs[i].account[0]].ca == kind && (w->certs[i].not_after == 0) == is_new)
            return i;
    fail_msg("no such certificate");
    return 0;
}

static void orders_are_limited(void **state)
{
    struct world *w = world_new(scenario_find("limits"), 2000, 1);
    struct ca *ca = ca_new(w);
    double at = SIMULATION_START;
    uint32_t cert = 0;
    for (int i = 0; i < 10; i++) {
        cert = find_cert(w, CA_STRICT, true, i == 0 ? 0 : cert + 1);
        const struct ca_order order = {cert, w->certs[cert].account[0], false};
        assert_int_equal(ca_take_order(ca, &order, at), 0);
    }
    cert = find_cert(w, CA_STRICT, true, cert + 1);
    struct ca_order order = {cert, w->certs[cert].account[0], false};
    uint32_t retry_at = ca_take_order(ca, &order, at + 0.5);
    assert_in_range(retry_at, SIMULATION_START + 1080, SIMULATION_START + 1082); /* ten in three hours */
    assert_int_not_equal(ca_take_order(ca, &order, at + 1079), 0);
    assert_int_equal(ca_take_order(ca, &order, retry_at), 0);
    /* what it knows does not count, unless its names have changed */
    order.cert = find_cert(w, CA_STRICT, false, 0);
    assert_int_equal(ca_take_order(ca, &order, retry_at), 0);
    w->certs[order.cert].flags |= CERT_RENAMED;
    assert_int_not_equal(ca_take_order(ca, &order, retry_at), 0);
    ca_free(ca);
    world_free(w);
}

static void sets_and_windows_are_judged(void **state)
{
    struct world *w = world_new(scenario_find("limits"), 2000, 1);
    struct ca *ca = ca_new(w);
    uint32_t cert = find_cert(w, CA_MAIN, false, 0), now = SIMULATION_START;
    struct ca_order order = {cert, w->certs[cert].account[0], false};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ca_take_order(ca, &order, now), 0);
        ca_issue(ca, &order, now);
    }
    assert_int_not_equal(ca_take_order(ca, &order, now), 0);
    order.replaces = true; /* too early, so it is not free */
    w->certs[cert].not_before = now;
    w->certs[cert].not_after = now + 90 * DAY;
    assert_int_not_equal(ca_take_order(ca, &order, now), 0);
    assert_int_equal(ca_take_order(ca, &order, now + 60 * DAY), 0);
    struct renewal_window window = ca_window(ca, &w->certs[cert]);
    assert_int_equal(window.start.s, now + 60 * DAY - 90 * DAY / 100);
    assert_true(renewal_window_is_valid(window));
    ca_free(ca);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_limited),
        cmocka_unit_test(sets_and_windows_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
