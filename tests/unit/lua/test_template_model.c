/* What templates see and may call: functions.tmpl says what is right. And that much of it takes neither long
 * nor all memory. */
#include "lua/template.h"
#include "template_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char world[] =
    "{'containers': ["
    "  {'name': 'web', 'id': 'aa01', 'image': 'example/web:1', 'hostname': 'web', 'project': 'shop', "
    "'service': 'web',"
    "   'health': 'healthy', 'created': 1700000000, 'started': 1700000005, 'restarts': 2,"
    "   'labels': {'web.host': 'a.example,b.example', 'a': '1'}, 'env': {'COLOUR': 'red', 'VIRTUAL_PORT': "
    "'99999'},"
    "   'networks': [{'name': 'back', 'ip': '10.0.0.2', 'gateway': '10.0.0.1', 'aliases': ['web', 'www']},"
    "                {'name': 'front', 'ip': '10.1.0.2'}],"
    "   'ports': [{'port': 80, 'host_address': '0.0.0.0', 'host_port': 8080}, {'port': 443}],"
    "   'mounts': [{'type': 'volume', 'name': 'data', 'destination': '/data', 'writable': true}]},"
    "  {'name': 'api', 'project': 'shop', 'labels': {'web.host': 'b.example', 'tier': '2'},"
    "   'env': {'COLOUR': 'blue', 'VIRTUAL_PORT': '9000'}, 'networks': [{'name': 'front', 'ip6': "
    "'fd00::3'}]},"
    "  {'name': 'db', 'project': 'other', 'state': 'exited', 'networks': [],"
    "   'ports': [{'port': 5432}, {'port': 5432, 'host_port': 1, 'host_address': '::'}, {'port': 53, "
    "'protocol': 'udp'}]},"
    "  {'name': 'hosted', 'network_mode': 'host', 'labels': {'web.port': '3000'}, 'ports': [{'port': 1}]},"
    "  {'name': 'swarm', 'is_service': true}],"
    " 'certificates': ["
    "  {'name': 'a.example', 'domains': ['a.example', 'www.a.example'], 'source': 'config', 'state': 'valid',"
    "   'live': '/live/a.example', 'not_after': '2027-01-01T00:00:00Z', 'key_type': 'ecdsa-p256', 'issuer': "
    "null,"
    "   'variants': [{'name': 'a.example', 'key_type': 'ecdsa-p256', 'fingerprint': 'ab', 'state': 'valid'},"
    "                {'name': 'a.example-rsa', 'key_type': 'rsa-2048', 'fingerprint': 'cd', 'state': 'valid',"
    "                 'not_after': '2027-01-01T00:00:01Z'}, {'name': 'third', 'fingerprint': null}]},"
    "  {'name': 'exact', 'domains': ['exact.wild.example', 'both.example'], 'state': 'valid', 'live': "
    "'/live/exact',"
    "   'not_after': '2026-12-01T00:00:00Z'},"
    "  {'name': 'expired', 'domains': ['old.wild.example'], 'state': 'expired', 'live': '/live/expired',"
    "   'not_after': '2020-01-01T00:00:00Z'},"
    "  {'name': 'pending', 'domains': ['new.example'], 'state': 'pending', 'live': null, 'not_after': null},"
    "  {'name': 'wild', 'domains': ['*.wild.example', 'both.example'], 'state': 'valid', 'live': "
    "'/live/wild',"
    "   'not_after': '2027-02-01T00:00:00Z'}],"
    " 'settings': {'host': {'name': 'h1'}, 'challenge': {'kind': ['http-01'], 'http_listen': "
    "['127.0.0.1:8402']}}}";

/* JSON with ' for ". */
static struct template_model model_of(const char *text, struct arena *a)
{
    char *json = arena_dup_c(a, text);
    for (char *p = json; (p = strchr(p, '\'')) != NULL;)
        *p = '"';
    json_error_t why;
    json_t *root = json_loads(json, 0, &why);
    if (root == NULL)
        fail_msg("%s (column %d)", why.text, why.position);
    struct template_model m = template_world(root, a);
    json_decref(root);
    return m;
}

static int render(const char *text, const struct template_model *m, struct buf *out, struct err *err)
{
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(4 * TEMPLATE_OUTPUT_MAX);
    return template_render("functions.tmpl", str_c(text), TEMPLATE_NONE, m, out, &lines, err);
}

static void functions_keep_their_word(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct template_model m = model_of(world, a);
    struct err err = ERR_INIT;
    static char text[TEMPLATE_FILE_MAX];
    FILE *f = fopen(getenv("LUA_TEMPLATE"), "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    if (render(text, &m, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(strtoul(buf_c(&out), NULL, 10) > 150);
    assert_non_null(strstr(buf_c(&out), " checks\n"));
}

static void a_model_may_be_empty(void **state)
{
    static const struct template_model none = {.settings = ""};
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct err err = ERR_INIT;
    assert_int_equal(render("<%= #containers + #certificates %><%= challenge.path %><%= host.name %><%= "
                            "#challenge.kind %><%= "
                            "tostring(certificate_for('a')) %><%= json(containers) %>",
                         &none, &out, &err),
        0);
    assert_string_equal(buf_c(&out), "0/.well-known/acme-challenge/0nil[]");
}

static void bad_rows_are_refused(void **state)
{
    const char *rows[] = {"[1]"};
    struct template_model m = {.certificates = rows, .certificate_n = 1};
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct err err = ERR_INIT;
    assert_int_equal(render("x", &m, &out, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "functions.tmpl: no object of JSON"));
    rows[0] = "{";
    assert_int_equal(render("x", &m, &out, &err), ERR_INPUT);
}

/* Also where the error has it cleaned, and where the error is cut in the middle of it. */
static void errors_hold_no_variables(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct template_model m =
        model_of("{'containers': [{'name': 'a', 'id': 'a', 'env': {'KEY': '\\nBEGIN\\nsecret', 'TOKEN': "
                 "'sesame-open-sesame'}}]}",
            a);
    struct err err = ERR_INIT;
    assert_int_equal(render("<% error('<' .. containers[1].env.KEY .. '>') %>", &m, &out, &err), ERR_INPUT);
    assert_null(strstr(err.text, "secret"));
    assert_non_null(strstr(err.text, "***>"));
    for (int n = ERR_TEXT_MAX - 60; n < ERR_TEXT_MAX; n++) {
        char *text = arena_printf(a, "<%% error(('y'):rep(%d) .. containers[1].env.TOKEN) %%>", n);
        assert_int_equal(render(text, &m, &out, &err), ERR_INPUT);
        assert_null(strstr(err.text, "sesa"));
    }
}

/* A thousand variables of 16 kB each are in no way of a template that does not want them, and one that wants
 * them one by one gets them. */
static void what_is_not_used_takes_no_memory(void **state)
{
    enum { CONTAINERS = 200, VARIABLES = 500, OCTETS = 16 * 1024 };
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct err err = ERR_INIT;
    char *large = arena_alloc(a, OCTETS + 1);
    struct pair *env = arena_array(a, VARIABLES, sizeof *env);
    const struct container *list[CONTAINERS];
    memset(large, 'x', OCTETS);
    for (int i = 0; i < VARIABLES; i++)
        env[i] = (struct pair){arena_printf(a, "V%03d", i), large};
    struct container c = {.engine = "docker",
        .id = "a",
        .name = "large",
        .image = "",
        .hostname = "",
        .project = "",
        .service_name = "",
        .state = "running",
        .health = "",
        .network_mode = "",
        .env = env,
        .env_n = VARIABLES,
        .labels = env,
        .label_n = VARIABLES};
    for (int i = 0; i < CONTAINERS; i++)
        list[i] = &c;
    struct template_model m = {.containers = list, .container_n = CONTAINERS};
    if (render("<% local n = 0 for _, c in ipairs(containers) do n = n + #c.env.V007 + #c.labels.V499 "
               "assert(c.env.V500 == nil) end %><%= n %>",
            &m, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_c(&out), "6553600");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_keep_their_word),
        cmocka_unit_test(a_model_may_be_empty),
        cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(errors_hold_no_variables),
        cmocka_unit_test(what_is_not_used_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
