/* The patterns of the sandbox give what those of Lua give: both are asked the same. */
#include "lua/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lualib.h>
#include <string.h>

static const char ask[] = "local s, p, r = ...\n"
                          "local out = {}\n"
                          "local function note(...)\n"
                          "  local t = table.pack(...)\n"
                          "  if t[1] == false then t.n = 1 end\n" /* words of errors differ */
                          "  for i = 1, t.n do t[i] = tostring(t[i]) end\n"
                          "  out[#out + 1] = table.concat(t, ',', 1, t.n)\n"
                          "end\n"
                          "note(pcall(string.find, s, p))\n"
                          "note(pcall(string.find, s, p, 3))\n"
                          "note(pcall(string.find, s, p, -2))\n"
                          "note(pcall(string.find, s, p, 1, true))\n"
                          "note(pcall(string.match, s, p))\n"
                          "note(pcall(string.match, s, p, 2))\n"
                          "note(pcall(string.gsub, s, p, r))\n"
                          "note(pcall(string.gsub, s, p, r, 2))\n"
                          "note(pcall(string.gsub, s, p, {a = 'X', ab = false}))\n"
                          "note(pcall(string.gsub, s, p, function(...) return select('#', ...) end))\n"
                          "note(pcall(function() local n = 0 for a, b in string.gmatch(s, p) do n = n + 1 "
                          "note(a, b) end return n end))\n"
                          "return table.concat(out, '\\n')\n";

static const char *answer(lua_State *L, const char *s, const char *p, const char *r)
{
    lua_settop(L, 0);
    if (luaL_loadbufferx(L, ask, sizeof ask - 1, "=ask", "t") != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_pushstring(L, s);
    lua_pushstring(L, p);
    lua_pushstring(L, r);
    if (lua_pcall(L, 3, 1, 0) != LUA_OK)
        fail_msg("%s on '%s': %s", p, s, lua_tostring(L, -1));
    return lua_tostring(L, -1);
}

static void patterns_are_those_of_lua(void **state)
{
    static const char *const subjects[] = {"", "a", "abab", "hello world", "  trim me  ",
        "THE (quick) fox(()())x", "key = value; k2=v2", "aaa\nbbb", "%d-%d", "a.b.c", "\"a\" \"b\"",
        "abcabc123", "f(a(b)c)d)e", "^start$"};
    static const char *const patterns[] = {"", "a", "a*", "a-", "a+", "a?", "^a", "b$", "^$", ".", ".-", ".*",
        "(a)(b)", "()", "()a()", "%a+", "%A", "%d+", "[%w_]+", "[^%s]+", "[a-c]+", "[]]", "[^]]", "[a-]",
        "[%]a]", "%b()", "%f[%w]%w+", "(%w+) = (%w+)", "^%s*(.-)%s*$", "(a)%1", "(.)%1", "((a)(b))", "%(",
        "%%", "a-b", "[", "[a", "%", "(", ")", "(a", "%1", "%b", "%bx", "%f", "a**", "a*?", "^^", "$$", "x$y",
        "[^%d%s]", "%g+", "%x%x", "%p", "%c", "%u+", "%l", "(%a)(%a)(%a)", "(a*(.)%w(%s*))", "[%a-z]",
        "[a-%%]", "\"(.-)\"", "%.", ".-%.", "[%", "%z", "(()())"};
    static const char *const replacements[] = {"x", "%0%0", "<%1>", "%%", "", "%2", "%", "%a"};
    struct sandbox s;
    struct err err = ERR_INIT;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    assert_int_equal(sandbox_open(&s, &lua_provider_use, NULL, "x.lua", STR(""), &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
        for (size_t j = 0; j < ARRAY_LEN(patterns); j++)
            for (size_t k = 0; k < ARRAY_LEN(replacements); k++) {
                sandbox_rearm(&s);
                const char *theirs = answer(L, subjects[i], patterns[j], replacements[k]);
                const char *ours = answer(s.L, subjects[i], patterns[j], replacements[k]);
                if (strcmp(theirs, ours) != 0)
                    fail_msg("'%s' on '%s', with '%s':\n%s\nand not\n%s", patterns[j], subjects[i],
                        replacements[k], ours, theirs);
            }
    sandbox_close(&s);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns_are_those_of_lua)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
