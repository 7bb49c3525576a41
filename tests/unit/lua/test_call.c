/* Calls on the event loop: results, errors, waiting, pace, what is kept, and the way of sets of values. */
#include "base/time.h"
#include "loop.h"
#include "lua/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

struct outcome {
    bool done;
    char handle[LUA_HANDLE_MAX + 1], zone[256];
    struct err err;
};

struct fixture {
    struct event_base *base;
    struct lua_host *host;
    struct lua_entry *entry;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err = ERR_INIT;
    f->base = event_base_new();
    f->host = lua_host_new(f->base, NULL, &err);
    *state = f;
    return f->host != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lua_entry_free(f->entry);
    lua_host_free(f->host);
    event_base_free(f->base);
    free(f);
    return 0;
}

/* The entry of a provider with these members of its table. */
static void enter(struct fixture *f, const char *members)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    const char *text = arena_printf(a,
        "return {title = 'X', settings = {{name = 'token', type = 'secret', required = true, help = 'A "
        "token.'},\n"
        "{name = 'ttl', type = 'number', default = 120, help = 'Seconds.'}}, %s}",
        members);
    lua_entry_free(f->entry);
    f->entry = NULL;
    if (lua_entry_new(f->host, "mine", "/etc/evercert/providers/x.lua", str_c(text),
            STR("{\"token\": \"top/secret\"}"), &f->entry, &err) < 0)
        fail_msg("%s", err.text);
    arena_free(a);
}

static void on_done(const struct lua_outcome *o, const struct err *err, void *arg)
{
    struct outcome *out = arg;
    out->done = true;
    snprintf(out->handle, sizeof out->handle, "%s", o->handle);
    snprintf(out->zone, sizeof out->zone, "%s", o->zone);
    if (err != NULL)
        out->err = *err;
}

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

static struct lua_call *start(
    struct fixture *f, enum lua_action action, const char *name, struct outcome *out)
{
    struct lua_request r = {.action = action, .name = name, .value = "value", .handle = "", .token = "t"};
    *out = (struct outcome){.done = false};
    return lua_call_start(f->entry, &r, on_done, out);
}

static struct outcome present(struct fixture *f, const char *name)
{
    struct outcome out;
    start(f, LUA_PRESENT, name, &out);
    assert_false(out.done);
    loop_until(f->base, is_done, &out);
    return out;
}

static void expect_error(struct fixture *f, const char *members, int code, const char *text)
{
    enter(f, members);
    struct outcome out = present(f, "_acme-challenge.a.example");
    if (out.err.code != code || strcmp(out.err.text, text) != 0)
        fail_msg("%s '%s' instead of %s '%s'", err_name(out.err.code), out.err.text, err_name(code), text);
}

#define NOTHING "cleanup = function() end"

static void results_are_texts(void **state)
{
    struct fixture *f = *state;
    enter(f, "present = function(r) return r.name .. r.value .. r.settings.ttl .. r.handle .. r.token "
             "end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "a.examplevalue120t");
    enter(f, "present = function() return 7 end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "7");
    enter(f, "present = function() end, " NOTHING);
    struct outcome out = present(f, "a.example");
    assert_string_equal(out.handle, "");
    assert_string_equal(out.zone, "");
    expect_error(f, "present = function() return {} end, " NOTHING, ERR_FAILED,
        "x: present() gave a table; a handle is a text");
    expect_error(f, "present = function() return ('x'):rep(5000) end, " NOTHING, ERR_LIMIT,
        "x: present() gave a handle of 5000 octets; 4096 are kept");
}

static void errors_are_told(void **state)
{
    struct fixture *f = *state;
    expect_error(
        f, "present = function() fail('no such thing') end, " NOTHING, ERR_FAILED, "x: no such thing");
    expect_error(f, "present = function() refused('bad token') end, " NOTHING, ERR_REFUSED, "x: bad token");
    expect_error(f, "\n\npresent = function() local x = nil .. 'a' end, " NOTHING, ERR_FAILED,
        "x.lua:4: attempt to concatenate a nil value");
    expect_error(
        f, "\n\npresent = function() error({1}) end, " NOTHING, ERR_FAILED, "x.lua:4: error: a table");
    expect_error(f, "\n\npresent = function() while true do end end, " NOTHING, ERR_LIMIT,
        "x.lua:4: it works without an end; an endless loop?");
    expect_error(f,
        "present = function(r) wait(0) pcall(function() wait(0) while true do end end) end, " NOTHING,
        ERR_LIMIT, "x.lua:2: it works without an end; an endless loop?");
    expect_error(f, "present = function() table.sort({1, 2}, function() wait(1) end) end, " NOTHING,
        ERR_FAILED, "x.lua:2: this cannot be done within table.sort, string.gsub and problem()");
    enter(f, "present = function() later('not now', 30) end, " NOTHING);
    struct outcome out = present(f, "a.example");
    assert_int_equal(out.err.code, ERR_WAIT);
    int64_t in = out.err.retry_at_s - clock_wall(&system_clock).s;
    assert_true(in > 20 && in <= 31);
}

static void secrets_are_not_told(void **state)
{
    struct fixture *f = *state;
    expect_error(f,
        "present = function(r) fail('with ' .. r.settings.token .. ' and top%2Fsecret') end, " NOTHING,
        ERR_FAILED, "x: with *** and ***");
    expect_error(f, "present = function(r) error({}, 0 .. r.settings.token) end, " NOTHING, ERR_FAILED,
        "x.lua:2: bad argument #2 to 'error' (number expected, got string)");
    expect_error(f,
        "present = function() cache.put('k', 'session-7', 60) fail('session-7 is over') end, " NOTHING,
        ERR_FAILED, "x: *** is over");
    expect_error(f, "present = function() cache.put('k', '123456', 60) fail('123456 of 7') end, " NOTHING,
        ERR_FAILED, "x: 123456 of 7");
    expect_error(f,
        "present = function() cache.put('k', 'pin 17', 60, true) fail('pin 17 is bad') end, " NOTHING,
        ERR_FAILED, "x: *** is bad");
    expect_error(f,
        "present = function() cache.put('k', '203.0.113.7', 60, false) fail('not for 203.0.113.7') "
        "end, " NOTHING,
        ERR_FAILED, "x: not for 203.0.113.7");
    expect_error(
        f, "present = function() fail('one\\nline \\27[31m') end, " NOTHING, ERR_FAILED, "x: one line ?[31m");
}

static void options_may_be_made_when_they_are_read(void **state)
{
    struct fixture *f = *state;
    expect_error(f,
        "present = function(r) dns.update(setmetatable({}, {__index = function(t, key)\n"
        "if key == 'ttl' then for i = 1, 2000 do local s = ('g'):rep(1000) .. i end return 60 end\n"
        "if key == 'add' or key == 'remove' then return {('v'):rep(100) .. key} end\n"
        "return ('x'):rep(50) .. key end})) end, " NOTHING,
        ERR_INPUT,
        "x: the server \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxserver\" is no address: it has "
        "the "
        "form 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53");
}

#define NOWHERE "endpoints = {endpoint = 'https://127.0.0.1:1'}, "

static void globals_may_be_overwritten(void **state)
{
    struct fixture *f = *state;
    lua_host_set_times(f->host, &(struct lua_times){.retry_ms = 1});
    enter(f, NOWHERE "present = function(r) base64 = {encode = function() end} http.get(r.endpoint, {basic = "
                     "{'u', 'password'}}) end, " NOTHING);
    assert_int_equal(present(f, "a.example").err.code, ERR_NETWORK);
}

static void a_token_is_hidden_once(void **state)
{
    struct fixture *f = *state;
    expect_error(f,
        NOWHERE "present = function(r) for i = 1, 50 do pcall(http.get, r.endpoint, {bearer = 'first-token', "
                "basic = 7}) end\n"
                "pcall(http.get, r.endpoint, {bearer = 'second-token', basic = 7}) fail('no second-token') "
                "end, " NOTHING,
        ERR_FAILED, "x: no ***");
}

/* A text is cut where it is too long, which must not leave the first half of a secret. */
static void halves_of_secrets_are_not_told(void **state)
{
    struct fixture *f = *state;
    static const char *const ends[] = {"fail", "refused", "later", "error", "pcall(error) error"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct arena *a = arena_new();
        enter(f, arena_printf(a,
                     "present = function(r) %s(('y'):rep(2020) .. ('z'):rep(18) .. r.settings.token) "
                     "end, " NOTHING,
                     ends[i]));
        struct outcome out = present(f, "a.example");
        assert_non_null(strstr(out.err.text, "yyyy"));
        if (strstr(out.err.text, "top") != NULL)
            fail_msg("%s tells '%s'", ends[i], out.err.text + 2000);
        arena_free(a);
    }
}

static void pcall_goes_across_waits(void **state)
{
    struct fixture *f = *state;
    enter(f,
        "present = function() local ok, a, b = pcall(function(x) wait(0.001) return x, 'two' end, 'one')\n"
        "local bad, e = pcall(function() wait(0) fail('inside') end)\n"
        "return tostring(ok) .. a .. b .. tostring(bad) .. e.text .. e.code end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "trueonetwofalseinsideERR_FAILED");
}

static void a_call_ends_in_time(void **state)
{
    struct fixture *f = *state;
    lua_host_set_times(f->host, &(struct lua_times){.call_ms = 50});
    expect_error(f, "present = function() wait(300) end, " NOTHING, ERR_TIMEOUT,
        "x: no end after 0 s, in a wait of 300 s");
    expect_error(f, "present = function() while true do pcall(wait, 0) end end, " NOTHING, ERR_TIMEOUT,
        "x: no end after 0 s, in a wait of 0 s");
}

static void the_cache_is_the_entrys(void **state)
{
    struct fixture *f = *state;
    enter(f,
        "present = function() local n = tonumber(cache.get('n') or 0) + 1 cache.put('n', tostring(n), 60)\n"
        "return n end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "1");
    assert_string_equal(present(f, "a.example").handle, "2");
    enter(f, "present = function() for i = 1, 100 do cache.put('k' .. i, 'v', 60) end\n"
             "return (cache.get('k36') or 'gone') .. cache.get('k37') end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "gonev");
    enter(f, "present = function() cache.put('k', 'v', 60) cache.put('k', nil) return "
             "tostring(cache.get('k')) end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "nil");
    enter(
        f, "present = function() return tostring(pcall(cache.put, ('k'):rep(20000), 'v', 1)) end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "false");
    enter(
        f, "present = function() return tostring(pcall(cache.put, 'k', ('x'):rep(20000), 1)) end, " NOTHING);
    assert_string_equal(present(f, "a.example").handle, "false");
}

static void zones_are_found(void **state)
{
    struct fixture *f = *state;
    enter(f, "zone = function(candidate, r) cache.put('asked', (cache.get('asked') or '') .. candidate .. ' "
             "', 60)\n"
             "return candidate == 'b.example' and {id = 7} or nil end,\n"
             "present = function(r) return r.zone .. ',' .. r.zone_id.id .. ',' .. r.relative .. ',' .. "
             "cache.get('asked') end, " NOTHING);
    struct outcome out = present(f, "_acme-challenge.a.b.example");
    assert_string_equal(out.zone, "b.example");
    assert_string_equal(
        out.handle, "b.example,7,_acme-challenge.a,_acme-challenge.a.b.example a.b.example b.example ");
    out = present(f, "b.example"); /* from memory */
    assert_string_equal(out.handle, "b.example,7,@,_acme-challenge.a.b.example a.b.example b.example ");
    out = present(f, "_acme-challenge.c.example");
    assert_int_equal(out.err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(out.err.text, "no zone for _acme-challenge.c.example"));

    enter(f,
        "zones = function(r) cache.put('n', tostring((cache.get('n') or 0) + 1), 60)\n"
        "return {{name = 'example', id = 1}, {name = 'A.Example.', id = 2}, {name = 'xa.example', id = 3}} "
        "end,\n"
        "present = function(r) return r.zone .. r.zone_id .. r.relative .. cache.get('n') end, " NOTHING);
    assert_string_equal(present(f, "_acme-challenge.a.example").handle, "a.example2_acme-challenge1");
    assert_string_equal(present(f, "b.example").handle, "example1b1");
    assert_int_equal(present(f, "b.test").err.code, ERR_NOT_FOUND);
    expect_error(f, "zones = function() return {'example'} end, present = function() end, " NOTHING,
        ERR_FAILED, "x: zones() has to give a list of {name = ..., id = ...}");
}

static const char whole_sets[] =
    "values = function(r) wait(0) local t = {} for v in (cache.get(r.name) or ''):gmatch('[^,]+') do t[#t + "
    "1] = v end\n"
    "cache.put('log', (cache.get('log') or '') .. 'r', 60) return t end,\n"
    "replace = function(r, values) wait(0) cache.put('log', (cache.get('log') or '') .. 'w', 60)\n"
    "cache.put(r.name, table.concat(values, ','), 60) end";

static const char *kept(struct fixture *f, const char *key)
{
    size_t n;
    const char *value = cached_get(&f->entry->cache, key, &n);
    return value != NULL ? value : "";
}

static void start_value(struct fixture *f, enum lua_action action, const char *value, struct outcome *out)
{
    struct lua_request r = {.action = action, .name = "a.example", .value = value};
    *out = (struct outcome){.done = false};
    lua_call_start(f->entry, &r, on_done, out);
}

static void sets_of_values_are_merged(void **state)
{
    struct fixture *f = *state;
    struct outcome all[4];
    enter(f, whole_sets);
    cached_put(&f->entry->cache, 64, "a.example", STR("theirs"), 60);
    static const char *const values[] = {"one", "two", "one", "three"};
    for (size_t i = 0; i < 4; i++) /* together: none is lost */
        start_value(f, LUA_PRESENT, values[i], &all[i]);
    for (size_t i = 0; i < 4; i++) {
        loop_until(f->base, is_done, &all[i]);
        assert_int_equal(all[i].err.code, 0);
    }
    assert_string_equal(kept(f, "a.example"), "theirs,one,two,three");
    assert_string_equal(kept(f, "log"), "rwrwrrw"); /* one was there already: nothing is written */
    start_value(f, LUA_CLEANUP, "two", &all[0]);
    start_value(f, LUA_CLEANUP, "other", &all[1]);
    loop_until(f->base, is_done, &all[1]);
    assert_string_equal(kept(f, "a.example"), "theirs,one,three");
    assert_string_equal(kept(f, "log"), "rwrwrrwrwr");
    expect_error(
        f, "values = function() end, replace = function() end", ERR_FAILED, "x: values() has to give a list");
}

static void few_calls_run_at_once(void **state)
{
    struct fixture *f = *state;
    struct outcome all[6];
    enter(f, "limits = {concurrency = 2}, present = function(r) local n = (cache.get('n') or 0) + 1\n"
             "cache.put('n', tostring(n), 60) cache.put('most', tostring(math.max(n, tonumber("
             "cache.get('most') or 0))), 60)\n"
             "while tonumber(cache.get('most')) < 2 do wait(0.001) end wait(0) cache.put('n', "
             "tostring(cache.get('n') - 1), 60) end, " NOTHING);
    for (size_t i = 0; i < 6; i++)
        start(f, LUA_PRESENT, "a.example", &all[i]);
    for (size_t i = 0; i < 6; i++)
        loop_until(f->base, is_done, &all[i]);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(all[i].err.text, "");
    assert_string_equal(kept(f, "most"), "2");
}

static void calls_are_cancelled(void **state)
{
    struct fixture *f = *state;
    struct outcome a, b, c;
    enter(f, "limits = {concurrency = 1}, present = function(r) if r.name == 'slow' then wait(300) end "
             "end, " NOTHING);
    struct lua_call *slow = start(f, LUA_PRESENT, "slow", &a);
    start(f, LUA_PRESENT, "quick", &b);
    loop_rounds(f->base);
    assert_false(b.done); /* behind the slow one */
    lua_call_cancel(slow);
    loop_until(f->base, is_done, &b);
    assert_false(a.done);
    start(f, LUA_PRESENT, "slow", &a);
    start(f, LUA_PRESENT, "slow", &c);
    loop_rounds(f->base);
    lua_entry_free(f->entry);
    f->entry = NULL;
    assert_int_equal(a.err.code, ERR_CANCELLED);
    assert_int_equal(c.err.code, ERR_CANCELLED);
}

/* An entry whose endpoint listens and never answers. */
static int enter_silent(struct fixture *f)
{
    struct err err = ERR_INIT;
    char settings[64];
    int port, fd = loop_listen(&port);
    struct str text = STR("return {title = 'X', endpoints = {endpoint = false}, cleanup = function() end,\n"
                          "present = function(r) http.get(r.endpoint .. '/x') end}");
    snprintf(settings, sizeof settings, "{\"endpoint\": \"http://127.0.0.1:%d\"}", port);
    assert_int_equal(lua_entry_new(f->host, "mine", "x.lua", text, str_c(settings), &f->entry, &err), 0);
    return fd;
}

static void requests_are_cancelled(void **state)
{
    struct fixture *f = *state;
    struct outcome a, b;
    int fd = enter_silent(f);
    struct lua_call *call = start(f, LUA_PRESENT, "a.example", &a);
    start(f, LUA_PRESENT, "a.example", &b);
    for (int i = 0; i < 5; i++) /* until libcurl has its connections */
        loop_rounds(f->base);
    lua_call_cancel(call);
    loop_rounds(f->base);
    lua_entry_free(f->entry);
    f->entry = NULL;
    loop_rounds(f->base);
    assert_false(a.done);
    assert_int_equal(b.err.code, ERR_CANCELLED);
    close(fd);
}

static void requests_end_in_time(void **state)
{
    struct fixture *f = *state;
    lua_host_set_times(f->host, &(struct lua_times){.call_ms = 200});
    int fd = enter_silent(f);
    struct outcome out = present(f, "a.example");
    assert_int_equal(out.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(out.err.text, "x: no end after 0 s, in GET 127.0.0.1:"));
    close(fd);
}

static void bad_entries_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct str text = STR("return {title = 'X', endpoints = {endpoint = false}, settings = {{name = 'token',"
                          " type = 'secret', required = true, help = 'A token.'}}, present = function() end,"
                          " cleanup = function() end}");
    static const struct {
        const char *settings, *words;
    } cases[] = {
        {"{}", "setting token is missing"},
        {"[]", "no JSON object"},
        {"{\"token\": \"x\"}", "setting endpoint is missing"},
        {"{\"token\": \"x\", \"endpoint\": \"ftp://a.example\"}", "setting endpoint is no URL"},
        {"{\"token\": \"x\", \"endpoint\": \"https://a:b@a.example\"}", "setting endpoint is no URL"},
        {"{\"token\": \"x\", \"endpoint\": \"https://a.example\", \"ca-file\": \"/nowhere.pem\"}", "ca-file"},
        {"{\"token\": \"x\", \"endpoint\": \"https://a.example\", \"ca-file\": \"-----BEGIN nothing\"}",
            "ca-file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = lua_entry_new(f->host, "mine", "x.lua", text, str_c(cases[i].settings), &f->entry, &err);
        if (r == 0 || strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s gave '%s'", cases[i].settings, err.text);
    }
    assert_int_equal(lua_entry_new(f->host, "mine", "x.lua", STR("return {title = 'X', kind = 'program'}"),
                         STR("{}"), &f->entry, &err),
        ERR_INPUT);
    assert_null(f->entry);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(results_are_texts),
        TEST(errors_are_told),
        TEST(secrets_are_not_told),
        TEST(options_may_be_made_when_they_are_read),
        TEST(globals_may_be_overwritten),
        TEST(a_token_is_hidden_once),
        TEST(halves_of_secrets_are_not_told),
        TEST(pcall_goes_across_waits),
        TEST(a_call_ends_in_time),
        TEST(the_cache_is_the_entrys),
        TEST(zones_are_found),
        TEST(sets_of_values_are_merged),
        TEST(few_calls_run_at_once),
        TEST(calls_are_cancelled),
        TEST(requests_are_cancelled),
        TEST(requests_end_in_time),
        TEST(bad_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
