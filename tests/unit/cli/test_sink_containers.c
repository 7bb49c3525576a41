#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/sink.h"

#include <stdlib.h>
#include <string.h>

static const struct terminal file_terminal = {0}, colour_terminal = {true, true, 60, 24};

static char *text;
static size_t size;
static FILE *out;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    out = open_memstream(&text, &size);
    return out == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    fclose(out);
    free(text);
    arena_free(arena);
    return 0;
}

static void put(struct sink *s, const char *json)
{
    struct err err = ERR_INIT;
    assert_int_equal(sink_row(s, json, &err), 0);
}

static const char *output(void)
{
    fflush(out);
    return text;
}

#define ENGINE                                                                       \
    "{\"kind\":\"engine\",\"engine\":\"docker\",\"connected\":true,\"synced\":true," \
    "\"version\":\"Docker 20.10.24, API 1.41\",\"containers\":3,\"services\":0,\"error\":\"\"}"
#define GRANTED                                                                                       \
    "{\"kind\":\"claim\",\"engine\":\"docker\",\"container\":\"web-1\",\"key\":\"evercert.domains\"," \
    "\"domains\":[\"a.example\",\"b.example\"],\"state\":\"granted\",\"certificate\":\"a.example\","  \
    "\"reason\":null}"
#define REFUSED                                                                                       \
    "{\"kind\":\"claim\",\"engine\":\"docker\",\"container\":\"bad\\u001b[31m\",\"key\":\"VIRTUAL\"," \
    "\"domains\":[\"c.example\"],\"state\":\"refused\",\"certificate\":null,"                         \
    "\"reason\":\"docker.policy has no row for c.example\"}"

/* A table for each kind, what went wrong below them and whole, and nothing of a kind that is unknown. */
static void test_all(void **state)
{
    struct sink *s = sink_containers(arena, &file_terminal, out);
    (void)state;
    put(s, ENGINE);
    put(s, "{\"kind\":\"engine\",\"engine\":\"far\",\"connected\":false,\"synced\":false,\"version\":\"\","
           "\"containers\":0,\"services\":0,\"error\":\"no route\\nto host\"}");
    put(s, GRANTED);
    put(s, REFUSED);
    put(s,
        "{\"kind\":\"problem\",\"container\":\"web-2\",\"key\":\"evercert.domain\",\"reason\":\"unknown\"}");
    put(s, "{\"kind\":\"consumer\",\"container\":\"nginx\",\"uses\":[\"a.example\"],"
           "\"on_change\":\"signal:HUP\"}");
    put(s,
        "{\"kind\":\"consumer\",\"container\":\"idle\",\"uses\":[\"a.example\",\"z\"],\"on_change\":\"\"}");
    put(s, "{\"kind\":\"template\",\"output\":\"/etc/x.conf\",\"state\":\"current\",\"error\":\"\"}");
    put(s, "{\"kind\":\"template\",\"output\":\"/etc/y.conf\",\"state\":\"failing\",\"error\":\"y.tmpl:7: "
           "no\"}");
    put(s, "{\"kind\":\"omen\",\"container\":\"raven\"}");
    sink_end(s, true);
    assert_int_equal(s->rows, 10);
    assert_string_equal(output(), "ENGINE  STATE      CONTAINERS  VERSION\n"
                                  "docker  connected  3           Docker 20.10.24, API 1.41\n"
                                  "far     FAILS      0\n"
                                  "\n"
                                  "CONTAINER  STATE    CERTIFICATE  ASKED BY          NAMES\n"
                                  "web-1      granted  a.example    evercert.domains  a.example b.example\n"
                                  "bad?[31m   refused  -            VIRTUAL           c.example\n"
                                  "\n"
                                  "CONSUMER  ON CHANGE   USES\n"
                                  "nginx     signal:HUP  a.example\n"
                                  "idle      -           a.example z\n"
                                  "\n"
                                  "TEMPLATE     STATE\n"
                                  "/etc/x.conf  current\n"
                                  "/etc/y.conf  failing\n"
                                  "\n"
                                  "failed   far: no route to host\n"
                                  "refused  bad?[31m: c.example: docker.policy has no row for c.example\n"
                                  "problem  web-2: evercert.domain: unknown\n"
                                  "failed   /etc/y.conf: y.tmpl:7: no\n");
}

/* On a narrow terminal the table is cut, the reason of a refusal is not. */
static void test_terminal(void **state)
{
    struct sink *s = sink_containers(arena, &colour_terminal, out);
    (void)state;
    put(s, GRANTED);
    put(s, REFUSED);
    sink_end(s, true);
    assert_string_equal(output(),
        "CONTAINER  STATE    CERTIFICATE  ASKED BY\n"
        "web-1      \033[32mgranted\033[0m  a.example    evercert....\n"
        "bad?[31m   \033[31mrefused\033[0m  -            VIRTUAL\n"
        "\n"
        "\033[31mrefused\033[0m  bad?[31m: c.example: docker.policy has no row for c.example\n");
}

static void test_nothing(void **state)
{
    struct sink *s = sink_containers(arena, &file_terminal, out);
    (void)state;
    sink_end(s, true);
    assert_string_equal(output(), "");
}

/* However many are refused, what is kept of it has an end, and the rest is counted. */
static void test_too_many(void **state)
{
    enum { ROWS = 300, REASON = 100 * 1000 };
    struct sink *s = sink_containers(arena, &file_terminal, out);
    struct buf row = buf_new(REASON + 1000);
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        buf_clear(&row);
        buf_put_c(&row, "{\"kind\":\"problem\",\"container\":\"c\",\"key\":\"k\",\"reason\":\"");
        for (int n = 0; n < REASON; n++)
            buf_put_char(&row, 'x');
        buf_put_c(&row, "\"}");
        put(s, buf_c(&row));
    }
    buf_free(&row);
    sink_end(s, true);
    assert_true(strlen(output()) <= 16 * 1024 * 1024 + 100);
    assert_non_null(strstr(text, "\n... and 133 more, see --json\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_terminal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
