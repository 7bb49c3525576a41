/* What files say of themselves: as JSON, or what is wrong with them and in which line. */
#include "lua/internal.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUNCTIONS "present = function() end, cleanup = function() end"

static void wrong_files_are_told(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"", "/p/x.lua:1: the file returns a nil where a table is due"},
        {"\nreturn 7", "/p/x.lua:2: the file returns a number where a table is due"},
        {"\nreturn {}", "/p/x.lua:2: neither present and cleanup nor values and replace are there"},
        {"return {title = 'X',\npresent = function() end}",
            "/p/x.lua:1: 'present' and 'cleanup' are needed both"},
        {"return {title = 'X',\nvalues = function() end}",
            "/p/x.lua:1: 'values' and 'replace' are needed both"},
        {"return {title = 'X',\n" FUNCTIONS ", values = function() end, replace = function() end}",
            "/p/x.lua:2: there are both present/cleanup and values/replace"},
        {"return {" FUNCTIONS "}", "/p/x.lua:1: a provider needs 'title', a text of one line"},
        {"return {title = 'X',\n\npresent = 7, cleanup = 7}", "/p/x.lua:3: 'present' has to be a function"},
        {"return {title = 'X',\nsettngs = {}, " FUNCTIONS "}", "/p/x.lua:2: the unknown key 'settngs'"},
        {"return {title = 'X', kind = 'other'}", "/p/x.lua:1: 'kind' has to be lua, program or builtin"},
        {"return {title = 'X', zone = function() end,\nzones = function() end, " FUNCTIONS "}",
            "/p/x.lua:2: there are both 'zone' and 'zones'"},
        {"return {title = 'X', limits = {speed = 1}, " FUNCTIONS "}",
            "/p/x.lua:1: 'limits' has the unknown key 'speed'"},
        {"return {title = 'X', limits = {per_second = 0}, " FUNCTIONS "}",
            "/p/x.lua:1: 'per_second' has to be a number above 0"},
        {"return {title = 'X', endpoints = {endpoint = 'http://a.example'}, " FUNCTIONS "}",
            "/p/x.lua:1: endpoint 'endpoint' has to be a text that begins with https://, or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lua_info info;
        struct err err = ERR_INIT;
        assert_int_equal(lua_info_read("/p/x.lua", str_c(cases[i].text), &info, &err), ERR_INPUT);
        assert_string_equal(err.text, cases[i].problem);
    }
}

static void wrong_settings_are_told(void **state)
{
    static const char *const cases[][2] = {
        {"7", "a setting has to be a table"},
        {"{type = 'text', help = 'H.'}", "a setting needs 'name'"},
        {"{name = 'A_b', type = 'text', help = 'H.'}", "/p/x.lua:3: 'A_b' is no name of a setting"},
        {"{name = 'a', type = 'txt', help = 'H.'}", "/p/x.lua:3: setting 'a' has the unknown type 'txt'"},
        {"{name = 'a', help = 'H.'}", "/p/x.lua:3: setting 'a' has the unknown type 'nil'"},
        {"{name = 'a', type = 'text'}", "setting 'a' needs 'help'"},
        {"{name = 'a', type = 'text', help = 'H.', hint = 1}",
            "/p/x.lua:3: setting 'a' has the unknown key 'hint'"},
        {"{name = 'a', type = 'text', help = 'H.'}, {name = 'a', type = 'text', help = 'H.'}",
            "/p/x.lua:3: setting 'a' is there twice"},
        {"{name = 'a', type = 'choice', help = 'H.'}", "/p/x.lua:3: setting 'a' has no choices"},
        {"{name = 'a', type = 'choice', help = 'H.', choices = {'x'}, default = 'y'}",
            "is none of its choices"},
        {"{name = 'a', type = 'number', help = 'H.', default = '7'}", "has to be a number"},
        {"{name = 'a', type = 'number', help = 'H.', default = 1.5}", "has to be a whole number"},
        {"{name = 'a', type = 'number', help = 'H.', min = 2, default = 1}", "out of its range"},
        {"{name = 'a', type = 'number', help = 'H.', max = 2, default = 3}", "out of its range"},
        {"{name = 'a', type = 'flag', help = 'H.', default = 'yes'}", "has to be a boolean"},
        {"{name = 'a', type = 'text', help = 'H.', required = true, default = 'b'}",
            "is required and has a default"},
        {"{name = 'a', type = 'url', help = 'H.', default = 'http://b.example'}",
            "does not begin with https://"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lua_info info;
        struct err err = ERR_INIT;
        const char *text =
            arena_printf(a, "\nreturn {title = 'X', " FUNCTIONS ", settings = {\n%s}}", cases[i][0]);
        assert_int_equal(lua_info_read("/p/x.lua", str_c(text), &info, &err), ERR_INPUT);
        if (strstr(err.text, cases[i][1]) == NULL)
            fail_msg("%s gave '%s'", cases[i][0], err.text);
    }
    arena_free(a);
}

static void put_file(const char *directory, const char *name, const char *text, mode_t mode)
{
    int fd ATTR_CLEANUP(fd_close) = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err = ERR_INIT;
    if (file_replace(fd, name, mode, str_c(text), &err) < 0)
        fail_msg("%s", err.text);
}

static void directories_are_described(void **state)
{
    char shipped[] = "/tmp/evercert-shipped-XXXXXX", local[] = "/tmp/evercert-local-XXXXXX";
    assert_non_null(mkdtemp(shipped));
    assert_non_null(mkdtemp(local));
    put_file(shipped, "b.lua", "return {title = 'Shipped B', " FUNCTIONS "}", 0644);
    put_file(shipped, "a.lua",
        "return {title = 'A', documentation = 'https://a.example/', endpoints = {endpoint = "
        "'https://a.example',\n"
        "auth = false}, settings = {{name = 'key', type = 'secret', required = true, help = 'A key.'},\n"
        "{name = 'zone', type = 'choice', choices = {'x', 'y'}, default = 'x', help = 'Which.'}}, " FUNCTIONS
        "}",
        0644);
    put_file(shipped, "README", "nothing", 0644);
    put_file(local, "b.lua", "return {title = 'Local B', kind = 'program'}", 0644);
    put_file(local, "c.lua", "return 7", 0644);
    put_file(local, "open.lua", "return {title = 'Open', " FUNCTIONS "}", 0666);
    struct lua_directories d = {shipped, local};
    struct buf out = buf_new(65536);
    lua_describe(&d, &out);
    struct arena *a = arena_new();
    json_t *all = json_loadb(out.p, out.n, 0, NULL), *providers = json_object_get(all, "providers");
    assert_int_equal(json_array_size(providers), 2);
    json_t *first = json_array_get(providers, 0);
    char *text = json_dumps(first, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(text,
        arena_printf(a,
            "{\"documentation\":\"https://a.example/\",\"file\":\"%s/a.lua\",\"kind\":\"lua\",\"name\":\"a\","
            "\"settings\":[{\"help\":\"A key.\",\"name\":\"key\",\"required\":true,\"type\":\"secret\"},"
            "{\"choices\":[\"x\",\"y\"],\"default\":\"x\",\"help\":\"Which.\",\"name\":\"zone\",\"required\":"
            "false,"
            "\"type\":\"choice\"},{\"help\":\"Where the API "
            "is.\",\"name\":\"auth-endpoint\",\"required\":true,"
            "\"type\":\"url\"},{\"default\":\"https://a.example\",\"help\":\"Where the API is, if not in its "
            "usual "
            "place.\",\"name\":\"endpoint\",\"required\":false,\"type\":\"url\"},{\"help\":\"Certificates in "
            "PEM to "
            "trust for the API instead of the "
            "system's.\",\"name\":\"ca-file\",\"required\":false,\"type\":\"file\"}],"
            "\"title\":\"A\"}",
            shipped));
    free(text);
    const json_t *program = json_array_get(providers, 1), *settings = json_object_get(program, "settings");
    static const char *const common[] = {"user", "timeout", "env", "env-file"};
    assert_string_equal(json_string_value(json_object_get(program, "title")), "Local B");
    assert_int_equal(json_array_size(settings), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(settings, i), "name")), common[i]);
    json_t *problems = json_object_get(all, "problems");
    assert_int_equal(json_array_size(problems), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *problem = json_string_value(json_array_get(problems, i));
        assert_true(strstr(problem, "/c.lua:1: the file returns a number") != NULL ||
                    strstr(problem, "/open.lua may be changed by others (mode 0666): chmod go-w") != NULL);
    }
    json_decref(all);
    buf_free(&out);

    const char *file;
    struct str content;
    struct err err = ERR_INIT;
    assert_int_equal(lua_file_read(&d, "b", a, &file, &content, &err), 0);
    assert_string_equal(file, arena_printf(a, "%s/b.lua", local));
    assert_int_equal(lua_file_read(&d, "a", a, &file, &content, &err), 0);
    assert_true(str_starts(content, STR("return {title = 'A'")));
    assert_int_equal(lua_file_read(&d, "open", a, &file, &content, &err), ERR_REFUSED);
    assert_int_equal(lua_file_read(&d, "none", a, &file, &content, &err), ERR_NOT_FOUND);
    assert_int_equal(lua_file_read(&d, "../a", a, &file, &content, &err), ERR_INPUT);
    d.local = "/nonexistent/providers";
    assert_int_equal(lua_file_read(&d, "a", a, &file, &content, &err), 0);
    arena_free(a);
    int tmp ATTR_CLEANUP(fd_close) = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_remove(tmp, shipped + 5, &err), 0);
    assert_int_equal(dir_remove(tmp, local + 5, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_are_told),
        cmocka_unit_test(wrong_settings_are_told),
        cmocka_unit_test(directories_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
