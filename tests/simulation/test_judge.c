/* The judge finds what is wrong, one thing at a time, and nothing where all is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "figures.h"

#include <string.h>

static struct figures figures;

/* Two years as they should be: ten renewals an hour. */
static void make_good(void)
{
    memset(&figures, 0, sizeof figures);
    figures.scenario = scenario_find("lifetimes");
    for (size_t i = 0; i < SIMULATION_HOURS; i++)
        figures.renewed[i] = 10;
    figures.renewed_n = figures.orders = SIMULATION_HOURS * 10;
    figures.in_flight_most = figures.places = 32;
    for (int i = 0; i < CLASSES; i++) {
        figures.closest_s[i] = DAY;
        figures.closest_ppm[i] = 300000;
    }
}

static void spoil_expiry(void)
{
    figures.expired = 1;
}

static void spoil_arrival(void)
{
    figures.wave_left = 1;
}

static void spoil_distance(void)
{
    figures.closest_ppm[CLASS_SHORT] = 10000;
}

static void spoil_refusals(void)
{
    figures.refused = 10;
}

static void spoil_places(void)
{
    figures.in_flight_most = 33;
}

static void spoil_hour(void)
{
    figures.renewed[5000] = 1000;
}

static void spoil_everything(void)
{
    figures.renewed_n = 0;
    memset(figures.renewed, 0, sizeof figures.renewed);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        void (*spoil)(void);
        const char *said;
    } rows[] = {{spoil_expiry, "expired needlessly"}, {spoil_arrival, "never issued"},
        {spoil_distance, "before its expiry"}, {spoil_refusals, "were refused"},
        {spoil_places, "33 orders were in flight"}, {spoil_hour, "the busiest hour"},
        {spoil_everything, "nothing was renewed"}};
    struct complaints c;
    make_good();
    judge(&figures, &c);
    assert_int_equal(c.n, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make_good();
        rows[i].spoil();
        judge(&figures, &c);
        if (c.n != 1 || strstr(c.texts[0], rows[i].said) == NULL)
            fail_msg("\"%s\": %zu complaints, the first is \"%s\"", rows[i].said, c.n, c.texts[0]);
    }
}

/* A handful of refusals is how the ledger learns, and the week after an outage is busy. */
static void what_has_a_reason_is_let_pass(void **state)
{
    struct complaints c;
    make_good();
    figures.scenario = scenario_find("outage");
    figures.refused = 5;
    figures.hopeless = 3;
    figures.renewed[(size_t)(figures.scenario->outage_day + figures.scenario->outage_days) * 24] = 1000;
    judge(&figures, &c);
    assert_int_equal(c.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_has_a_reason_is_let_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
