/* What a provider may not do: each of these chunks ends with an error that says why. */
#include "lua/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* Loads `text` as a provider, and returns the error. */
static struct err load(const char *text)
{
    struct lua_info info;
    struct err err = ERR_INIT;
    if (lua_info_read("/etc/evercert/providers/x.lua", str_c(text), &info, &err) == 0)
        lua_info_free(&info);
    return err;
}

static void expect(const char *text, int code, const char *words)
{
    struct err err = load(text);
    if (err.code != code || strstr(err.text, words) == NULL)
        fail_msg("%s\n  gave %s '%s' instead of %s '%s'", text, err_name(err.code), err.text, err_name(code),
            words);
}

static void loops_end(void **state)
{
    static const char *const loops[] = {
        "\nwhile true do end",
        "\nfor i = 1, math.huge do local x = i end",
        "\nlocal function f() return f() end f()",
        "\npcall(function() while true do end end)",
        "\nwhile true do pcall(function() while true do end end) end",
        "\nlocal function f() pcall(f) return f() end f()",
        "\nlocal t <close> = setmetatable({}, {__close = function() while true do end end}) while true do "
        "end",
        "\nlocal t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
        "\ntable.sort({3, 2, 1}, function() while true do end end)",
        "\nstring.gsub('aaa', 'a', function() while true do end end)",
    };
    for (size_t i = 0; i < ARRAY_LEN(loops); i++)
        expect(loops[i], ERR_LIMIT,
            "/etc/evercert/providers/x.lua:2: it works without an end; an endless loop?");
}

static void what_c_does_is_counted(void **state)
{
    static const char *const works[] = {
        "string.find(string.rep('a', 2000), '.-.-.-.-.-.-b')",
        "string.match(string.rep('a', 3000), '(a*)(a*)a*a*a*b')",
        "pcall(string.gsub, string.rep('a', 3000), 'a-a-a-a-a-b', '')",
        "for x in string.gmatch(string.rep('a', 3000), 'a*a*a*a*b') do end",
        "string.find(string.rep('(', 5000), string.rep('%b()', 100) .. 'x')"
        " while true do string.find(string.rep('(', 5000), '%b()x') end",
        "table.move({}, 1, 1 << 60, 2)",
        "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 'x')",
        "table.concat(setmetatable({}, {__len = function() return 1 << 60 end,"
        "    __index = function() return 'x' end}))",
        "string.find(string.rep('a', 1000000), '[' .. string.rep('b', 1000000) .. ']')",
        "string.find(string.rep('a', 1000000), '%f[' .. string.rep('b', 1000000) .. ']')",
        "string.find(string.rep('a', 1000000), '[' .. string.rep('a', 1000000) .. ']-b')",
        "for x in string.gmatch(string.rep('a', 1000000), '[' .. string.rep('a', 1000000) .. ']-') do end",
        "local s, t = string.rep('a', 4000000), {} for i = 1, 100000 do t[i] = s end table.sort(t)",
    };
    for (size_t i = 0; i < ARRAY_LEN(works); i++)
        expect(works[i], ERR_LIMIT, "");
}

static void memory_is_bounded(void **state)
{
    static const char *const bombs[] = {
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "pcall(function() local s = 'x' while true do s = s .. s end end)",
        "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
        "string.rep('x', 1 << 40)",
        "string.rep('x', 1 << 40, 'y')",
        "pcall(string.rep, 'x', 1 << 62)",
        "local t = {} for i = 1, 1e7 do t[i] = string.rep('x', 1000) .. i end",
        "local s = string.rep('\"\\\\\"', 5e6) return json.encode({s, s, s})",
    };
    for (size_t i = 0; i < ARRAY_LEN(bombs); i++)
        expect(bombs[i], ERR_LIMIT, "MB");
}

static void nothing_at_all_is_quick(void **state)
{
    expect("string.rep('', 1 << 62) string.rep('x', -1) return 7", ERR_INPUT, "returns a number");
}

static void recursion_ends(void **state)
{
    expect("local function f() return 1 + f() end f()", ERR_LIMIT, "MB");
    expect("local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end "
           "return t.x",
        ERR_INPUT, "overflow");
    expect("return string.rep('{', 300) .. load", ERR_INPUT, "nil");
    expect("return " /* deep nesting is the parser's */ "((((((((1))))))))", ERR_INPUT, "returns a number");
    struct buf deep = buf_new(LUA_FILE_MAX);
    buf_put_c(&deep, "return ");
    for (int i = 0; i < 100000; i++)
        buf_put_char(&deep, '{');
    struct err err = load(buf_c(&deep));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.text, "overflow"));
    buf_free(&deep);
}

static void finalizers_are_refused(void **state)
{
    expect("setmetatable({}, {__gc = function() while true do end end})", ERR_INPUT, "__gc is not there");
    expect(
        "local m = {} local t = setmetatable({}, m) m.__gc = function() while true do end end t = nil m = nil"
        " local x for i = 1, 100000 do x = {} end return 1",
        ERR_INPUT, "returns a number");
    expect("getmetatable(json.array()).__gc = function() while true do end end json.array()", ERR_INPUT,
        "attempt to index");
    expect("getmetatable(json.decode('[]')).__gc = function() while true do end end json.decode('[]')",
        ERR_INPUT, "attempt to index");
}

static void xml_of_an_answer_is_bounded(void **state)
{
    expect("local t = {'<a'} for i = 1, 100001 do t[#t + 1] = ' a' .. i .. '=\"\"' end"
           " xml.decode(table.concat(t) .. '/>')",
        ERR_INPUT, "too many elements");
    expect("xml.decode(string.rep('<a>', 64) .. '<b/>')", ERR_INPUT, "too many levels");
}

static void only_text_is_loaded(void **state)
{
    expect("\x1bLua", ERR_INPUT, "attempt to load a binary chunk");
    expect("return load('return 1')", ERR_INPUT, "nil value (global 'load')");
    struct buf large = buf_new(2 * LUA_FILE_MAX);
    for (int i = 0; i <= LUA_FILE_MAX; i++)
        buf_put_char(&large, ' ');
    struct err err = load(buf_c(&large));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&large);
}

static void errors_name_their_place(void **state)
{
    expect("x = = 1", ERR_INPUT, "/etc/evercert/providers/x.lua:1: unexpected symbol near '='");
    expect(
        "\n\nlocal x = nil + 1", ERR_INPUT, "/etc/evercert/providers/x.lua:3: attempt to perform arithmetic");
    expect("\nerror('mine')", ERR_INPUT, "/etc/evercert/providers/x.lua:2: mine");
    expect("error({})", ERR_INPUT, "error: a table");
    expect("error(setmetatable({}, {__tostring = function() return 'told' end}))", ERR_INPUT, "told");
    expect("error(setmetatable({}, {__tostring = function() while true do end end}))", ERR_LIMIT,
        "endless loop");
    expect("error(setmetatable({}, {__tostring = function() return {} end}))", ERR_INPUT, "no text");
    expect("error()", ERR_INPUT, "nil");
    expect("fail('on purpose')", ERR_INPUT, "on purpose");
    expect("\n\naws.sign({})", ERR_INPUT, "x.lua:3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_end),
        cmocka_unit_test(what_c_does_is_counted),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(nothing_at_all_is_quick),
        cmocka_unit_test(recursion_ends),
        cmocka_unit_test(finalizers_are_refused),
        cmocka_unit_test(xml_of_an_answer_is_bounded),
        cmocka_unit_test(only_text_is_loaded),
        cmocka_unit_test(errors_name_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
