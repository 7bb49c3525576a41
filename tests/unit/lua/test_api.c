/* The pure functions of providers: api.lua asserts. */
#include "lua/internal.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

static void api_keeps_its_word(void **state)
{
    char path[4096];
    struct buf text = buf_new(LUA_FILE_MAX);
    struct lua_info info;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/api.lua", getenv("LUA_TESTS"));
    assert_int_equal(file_read(AT_FDCWD, path, LUA_FILE_MAX, &text, &err), 0);
    int r = lua_info_read("api.lua", buf_str(&text), &info, &err);
    buf_free(&text);
    if (r < 0)
        fail_msg("%s", err.text);
    lua_info_free(&info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(api_keeps_its_word)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
