#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct terminal terminal;
    struct clock clock;
    int64_t now_ms;
    char *out, *errors;
    size_t out_n, errors_n;
    FILE *out_file, *errors_file;
    struct progress *progress;
};

static struct mono mono_now(void *arg)
{
    const struct fixture *f = arg;
    return (struct mono){f->now_ms};
}

static struct wall wall_now(void *arg)
{
    (void)arg;
    return (struct wall){1000000};
}

static void begin(struct fixture *f, enum progress_form form)
{
    *f = (struct fixture){.terminal = {form == PROGRESS_DRAWN, false, 40, 8}};
    f->clock = (struct clock){wall_now, mono_now, f};
    f->out_file = open_memstream(&f->out, &f->out_n);
    f->errors_file = open_memstream(&f->errors, &f->errors_n);
    f->progress = progress_new(form, &f->terminal, &f->clock, f->out_file, f->errors_file);
}

static const char *output(struct fixture *f)
{
    fflush(f->out_file);
    return f->out;
}

/* Ends the display and compares all it wrote. */
static void end(struct fixture *f, const char *out, const char *errors)
{
    progress_end(f->progress);
    fclose(f->out_file);
    fclose(f->errors_file);
    assert_string_equal(f->out, out);
    assert_string_equal(f->errors, errors);
    free(f->out);
    free(f->errors);
}

static struct err refused(void)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_ACME, "the CA refused it");
    snprintf(e.problem, sizeof e.problem, "rateLimited");
    e.retry_at_s = 86400;
    return e;
}

static void test_plain(void **state)
{
    struct fixture f;
    struct err e = refused();
    (void)state;
    begin(&f, PROGRESS_PLAIN);
    progress_step(f.progress, "a.example", "order");
    f.now_ms = 2100;
    progress_tick(f.progress);
    progress_step(f.progress, "b.example", "order");
    progress_final(f.progress, "a.example", "issued", NULL);
    progress_final(f.progress, "b.example", "order", &e);
    assert_int_equal(progress_done(f.progress), 2);
    assert_int_equal(progress_failed(f.progress), 1);
    end(&f, "a.example  issued  2.1s\n", "evercert: error: b.example: the CA refused it\n");
}

static void test_name_once(void **state)
{
    struct fixture f;
    struct err e = ERR_INIT;
    (void)state;
    begin(&f, PROGRESS_QUIET);
    err_set(&e, ERR_ACME, "a.example: no");
    progress_final(f.progress, "a.example", "order", &e);
    err_set(&e, ERR_ACME, "a.example.org answered no");
    progress_final(f.progress, "a.example", "order", &e);
    progress_final(f.progress, "b.example", "issued", NULL);
    end(&f, "",
        "evercert: error: a.example: no\n"
        "evercert: error: a.example: a.example.org answered no\n");
}

static void test_json(void **state)
{
    struct fixture f;
    struct err e = refused();
    (void)state;
    begin(&f, PROGRESS_JSON);
    progress_step(f.progress, "a.example", "order");
    f.now_ms = 2500;
    progress_final(f.progress, "a.example", "issued", NULL);
    progress_final(f.progress, "b.example", "order", &e);
    end(&f,
        "{\"name\":\"a.example\",\"ok\":true,\"step\":\"issued\",\"seconds\":2.5,\"error\":null,"
        "\"problem\":null,\"retry_at\":null}\n"
        "{\"name\":\"b.example\",\"ok\":false,\"step\":\"order\",\"seconds\":0.0,\"error\":\"the CA refused "
        "it\","
        "\"problem\":\"rateLimited\",\"retry_at\":\"1970-01-02T00:00:00Z\"}\n",
        "evercert: error: b.example: the CA refused it\n");
}

static void test_drawn_lines(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, PROGRESS_DRAWN);
    progress_step(f.progress, "a.example", "order");
    progress_step(f.progress, "bb.example", "order");
    progress_tick(f.progress);
    progress_tick(f.progress); /* nothing changed: nothing is drawn */
    f.now_ms = 3000;
    progress_tick(f.progress);
    progress_final(f.progress, "a.example", "issued", NULL);
    end(&f,
        "a.example   order  0s\nbb.example  order  0s\n"
        "\033[2A\r\033[J"
        "a.example   order  3s\nbb.example  order  3s\n"
        "\033[2A\r\033[J"
        "a.example   issued  3.0s\n",
        "");
}

/* No line may be longer than the terminal is wide, or the redraw would count lines wrongly. */
static void test_drawn_cut(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, PROGRESS_DRAWN);
    progress_step(f.progress, "a.example", "waiting for the CA to have looked at everything");
    progress_tick(f.progress);
    assert_string_equal(output(&f), "a.example  waiting for the CA to hav...\n");
    end(&f, "a.example  waiting for the CA to hav...\n\033[1A\r\033[J", "");
}

/* More than half the rows: one bar, and results are counted. */
static void test_bar(void **state)
{
    struct fixture f;
    struct err e = refused();
    (void)state;
    begin(&f, PROGRESS_DRAWN);
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        progress_step(f.progress, name, "order");
    }
    progress_tick(f.progress);
    progress_final(f.progress, "n0", "issued", NULL);
    progress_final(f.progress, "n1", "order", &e);
    f.now_ms = 1500;
    progress_tick(f.progress);
    end(&f,
        "0/6  0s\n"
        "\033[1A\r\033[J"
        "2/6  1 failed  1s\n"
        "\033[1A\r\033[J"
        "2/6  1 failed  1s\n",
        "evercert: error: n1: the CA refused it\n");
}

/* What comes over the channel was written by others. */
static void test_clean(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, PROGRESS_PLAIN);
    progress_final(f.progress, "a\033[31m.example", "iss\x9bued", NULL);
    end(&f, "a?[31m.example  iss?ued  0.0s\n", "");
}

static void test_thousands(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, PROGRESS_QUIET);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", (i * 7919) % 5000);
            if (round == 0)
                progress_step(f.progress, name, "order");
            else
                progress_final(f.progress, name, "issued", NULL);
        }
    assert_int_equal(progress_done(f.progress), 5000);
    end(&f, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_name_once),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_drawn_lines),
        cmocka_unit_test(test_drawn_cut),
        cmocka_unit_test(test_bar),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_thousands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
