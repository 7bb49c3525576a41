/* Rendering: tags, lines, escapes by kind, and what a template may not do. */
#include "lua/template.h"
#include "template_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "/etc/evercert/sites.conf.tmpl"

static const char world[] =
    "{'containers': ["
    "  {'name': 'web-1', 'id': 'aa', 'project': 'shop', 'service': 'web', 'labels': {'web.host': 'a.example',"
    "   'z': '1', 'a': '$x'}, 'env': {'SECRET': 'hunter22', 'VIRTUAL_PORT': '8081'}, 'networks': [{'name': "
    "'back', 'ip': '10.0.0.2'}], 'ports': [{'port': 80}, {'port': 443}]},"
    "  {'name': 'db', 'id': 'bb', 'state': 'exited', 'ports': [{'port': 5432}]}],"
    " 'settings': {'host': {'name': 'h1'}}}";

struct fixture {
    struct arena *a;
    struct template_model model;
    struct buf out, lines;
    struct err err;
};

/* JSON with ' for ". */
static struct template_model model_of(const char *text, struct arena *a)
{
    char *json = arena_dup_c(a, text);
    for (char *p = json; (p = strchr(p, '\'')) != NULL;)
        *p = '"';
    json_error_t why;
    json_t *root = json_loads(json, 0, &why);
    if (root == NULL)
        fail_msg("%s", why.text);
    struct template_model m = template_world(root, a);
    json_decref(root);
    return m;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->a = arena_new();
    f->model = model_of(world, f->a);
    f->out = buf_new(TEMPLATE_OUTPUT_MAX);
    f->lines = buf_new(4 * TEMPLATE_OUTPUT_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_free(&f->out);
    buf_free(&f->lines);
    arena_free(f->a);
    free(f);
    return 0;
}

static int render(struct fixture *f, const char *text, enum template_kind kind)
{
    f->err = (struct err)ERR_INIT;
    return template_render(FILE_NAME, str_c(text), kind, &f->model, &f->out, &f->lines, &f->err);
}

static void gives_as(struct fixture *f, enum template_kind kind, const char *text, const char *wanted)
{
    if (render(f, text, kind) < 0)
        fail_msg("%s\n  failed: %s", text, f->err.text);
    if (strcmp(buf_c(&f->out), wanted) != 0)
        fail_msg("%s\n  gave '%s' instead of '%s'", text, buf_c(&f->out), wanted);
}

static void gives(struct fixture *f, const char *text, const char *wanted)
{
    gives_as(f, TEMPLATE_NGINX, text, wanted);
}

static void fails(struct fixture *f, const char *text, int code, const char *words)
{
    int r = render(f, text, TEMPLATE_NGINX);
    if (r != code || strstr(f->err.text, words) == NULL)
        fail_msg(
            "%s\n  gave %s '%s' instead of %s '%s'", text, err_name(r), f->err.text, err_name(code), words);
    assert_int_equal(f->err.code, code);
    assert_int_equal(f->out.n, 0);
    assert_int_equal(f->lines.n, 0);
}

static void tags_do_what_they_say(void **state)
{
    struct fixture *f = *state;
    gives(f, "", "");
    gives(f, "plain\ntext", "plain\ntext");
    gives(f, "a <%= 'b c' %> d", "a \"b c\" d");
    gives(f, "a <%- 'b c' %> d", "a b c d");
    gives(f, "a <%= raw('b c') %> d", "a b c d");
    gives(f, "a <%= raw('b') .. ' c' %> d", "a \"b c\" d");
    gives(f, "a<%# whatever <% ' \" %>b", "ab");
    gives(f, "<%% x %> <%%= y %>", "<% x %> <%= y %>");
    gives(f, "<%= 1 %> <%= 10 / 2 %> <%= 1.5 %> <%= true %> <%= 1 == 2 %>", "1 5 1.5 true false");
    gives(f, "<%= 'x' -- a comment %>y", "xy");
    gives(f, "<%= 'a--b' %><%= [[c--d]] %><%= \"e\\\"--f\" %>", "a--bc--d\"e\\\"--f\"");
    gives(f, "<% local function li(x) %>[<%= x %>]<% end %><% li(1) li(2) %>", "[1][2]");
    gives(f, "<% --[[ %>never<% ]] %>x", "x");
    gives(f, "<%=\n'x'\n%>y", "xy");
}

static void lines_without_output_leave_none(void **state)
{
    struct fixture *f = *state;
    gives(f, "<% if true then %>\nx\n<% end %>\n", "x\n");
    gives(f, "a\n  <% if true then %>  \n  x\n\t<% end %>", "a\n  x\n");
    gives(f, "a\r\n<% local x %>\r\nb\r\n", "a\r\nb\r\n");
    gives(f, "a\n <% local x %> <%# y %>\t\nb", "a\nb");
    gives(f, "a\n<% local x\nlocal y %>\nb", "a\nb");
    gives(f, "a <% local x %>\nb", "a \nb");
    gives(f, "<% local x %> b\nc", " b\nc");
    gives(f, "<%= 1 %>\n<% local x %>\n<%= 2 %>\n", "1\n2\n");
    gives(f, "<%= 1 -%>\n<%= 2 -%>\n\nx<% local x -%>\ny", "12\nxy");
    gives(f, "<% local x %><%= 1 %>\n", "1\n");
}

static void lines_are_known(void **state)
{
    struct fixture *f = *state;
    static const uint32_t wanted[] = {1, 3, 3, 3, 3, 5, 6, 7};
    gives(f, "one\n<% for i = 1, 2 do %>\n<%= i %> <%- 'x\\ny' %>\n<% end %>\n\nlast -<%- '\\n'\n %>",
        "one\n1 x\ny\n2 x\ny\n\nlast -\n");
    assert_int_equal(f->lines.n, 7 * sizeof wanted[0]);
    assert_memory_equal(f->lines.p, wanted, f->lines.n);
    gives(f, "a\nb", "a\nb");
    assert_int_equal(f->lines.n, 2 * sizeof wanted[0]);
}

static void mistakes_name_their_line(void **state)
{
    struct fixture *f = *state;
    fails(f, "\n\n<%= nope %>", ERR_INPUT, FILE_NAME ":3: the value is nil");
    fails(f, "\n<%= containers %>", ERR_INPUT, ":2: the value is a table");
    fails(f, "\n<%= pairs %>", ERR_INPUT, ":2: the value is a function");
    fails(f, "\n<%= 1 / 0 %>", ERR_INPUT, ":2: the value is no finite number");
    fails(f, "<% x = %>", ERR_INPUT, FILE_NAME ":1:");
    fails(f, "\n<%= a) b( %>", ERR_INPUT, FILE_NAME ":2: no expression");
    fails(f, "\n<%= %>", ERR_INPUT, FILE_NAME ":2: no expression");
    fails(f, "\n<%= 'a', 'b' %>", ERR_INPUT, FILE_NAME ":2: no expression");
    fails(f, "\n<%=\n\n'a' 'b' %>", ERR_INPUT, FILE_NAME ":4: no expression");
    fails(f, "\n<% if x %>\n", ERR_INPUT, FILE_NAME ":2: 'then' expected near '%>'");
    fails(f, "\n<% if x then %>\ny", ERR_INPUT, "'end' expected (to close 'if' at line 2)");
    fails(f, "\nx <% x", ERR_INPUT, FILE_NAME ":2: this tag has no end");
    fails(f, "\n<% local x = nil + 1 %>", ERR_INPUT, FILE_NAME ":2: attempt to perform arithmetic");
    fails(f, "\n<% where(nil, 'a', 1) %>", ERR_INPUT, FILE_NAME ":2: where: a list is needed");
    fails(f, "\n<% sort_by({{}}, 'a')[1].b.c = 1 %>", ERR_INPUT, FILE_NAME ":2: attempt to index");
    fails(f, "\n<% error('mine') %>", ERR_INPUT, FILE_NAME ":2: mine");
    fails(f, "\n<% error({}) %>", ERR_INPUT, FILE_NAME);
    fails(f, "\n<% parse_json('{') %>", ERR_INPUT, FILE_NAME ":2: parse_json: that is no JSON");
}

static void limits_hold(void **state)
{
    struct fixture *f = *state;
    fails(f, "\n<% while true do end %>", ERR_LIMIT, FILE_NAME ":2: it works without an end");
    fails(f, "\n<% while true do pcall(function() while true do end end) end %>", ERR_LIMIT, ":2: it works");
    fails(
        f, "\n<% local s = 'x'\nwhile true do s = s .. s end %>", ERR_LIMIT, ":3: it takes more than 256 MB");
    fails(f, "\n<% local t = {} while true do t[#t + 1] = {} end %>", ERR_LIMIT, ":2: it ");
    fails(f, "\n<% string.rep('x', 1 << 40) %>", ERR_LIMIT, ":2: string.rep makes more than");
    fails(f, "\n<% local function f() return 1 + f() end f() %>", ERR_INPUT, ":2: stack overflow");
    fails(f, "\n<% while true do %>xxxxxxxxxxxxxxxxxxxxxxxxx\n<% end %>", ERR_LIMIT,
        ":2: the output has more than 2 MB");
    fails(f, "\n<%- string.rep('x', 3000000) %>", ERR_LIMIT, ":2: the output has more than 2 MB");
    fails(f, "\n<% while true do pcall(where, containers, function() error('x') end) end %>", ERR_LIMIT,
        ":2: ");
    fails(f, "\n<% string.find(string.rep('a', 3000), '.-.-.-.-.-.-b') %>", ERR_LIMIT, ":2: it works");
    fails(f, "\n<% local s = string.rep('x', 50000000) while true do s:upper() end %>", ERR_LIMIT,
        ":2: it works");
    fails(f, "\n<% local s = string.rep('x', 50000000) while true do utf8.len(s) end %>", ERR_LIMIT,
        ":2: it works");
    fails(f, "\n<% setmetatable({}, {__gc = function() end}) %>", ERR_INPUT, ":2: ");
    struct buf large ATTR_CLEANUP(buf_free) = buf_new(2 * TEMPLATE_FILE_MAX);
    for (int i = 0; i <= TEMPLATE_FILE_MAX; i++)
        buf_put_char(&large, 'x');
    fails(f, buf_c(&large), ERR_LIMIT, FILE_NAME ": more than 256 kB");
}

static void nothing_leads_out(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"os", "io", "require", "load", "loadstring", "dofile", "debug",
        "package", "collectgarbage", "coroutine", "string.dump", "print", "rawget", "math.random", "http",
        "dns", "time", "random", "cache", "sign", "xml", "xpcall", "loadfile"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[128];
        snprintf(text, sizeof text, "<%%= tostring(%s) %%>", names[i]);
        gives(f, text, "nil");
    }
    gives(f, "<%= getmetatable(containers[1].labels) %>", "pairs");
    fails(f, "<% setmetatable(containers[1].labels, {}) %>", ERR_INPUT, "protected metatable");
    fails(f, "<% setmetatable(certificates, {}) %>", ERR_INPUT, "protected metatable");
    fails(f, "<% __text(99) %>", ERR_INPUT, "no piece");
}

static void errors_keep_variables_to_themselves(void **state)
{
    struct fixture *f = *state;
    fails(f, "<% error('it is ' .. containers[1].env.SECRET .. '!') %>", ERR_INPUT, ":1: it is ***!");
    fails(f, "<% string.format('%5' .. containers[1].env.SECRET, 1) %>", ERR_INPUT,
        ":1: an invalid conversion");
    fails(f, "<% string.format('%d', containers[1].env.SECRET) %>", ERR_INPUT,
        "#2 to 'format' (number expected, got string)");
    fails(f, "<% parse_json(containers[1].env.SECRET) %>", ERR_INPUT, "parse_json");
    assert_null(strstr(f->err.text, "hunter"));
}

static void the_order_is_always_the_same(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        gives(f,
            "<% local t = {} for i = 1, 50 do t['k' .. i] = i end t[2] = 0 t[1] = 0 t[1.5] = 0 t[true] = 0 "
            "for k, v in pairs(t) do %><%- tostring(k) %> <% end %><%= join(keys({b = 1, a = 2, c = 3})) %> "
            "<% local k, v = next({b = 1, a = 2}) %><%= k %><%= v %> <%= tostring(next({})) %>",
            "1 1.5 2 k1 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k2 k20 k21 k22 k23 k24 k25 k26 k27 k28 k29 "
            "k3 "
            "k30 k31 k32 k33 k34 k35 k36 k37 k38 k39 k4 k40 k41 k42 k43 k44 k45 k46 k47 k48 k49 k5 k50 k6 k7 "
            "k8 k9 true a,b,c a2 nil");
    fails(f, "<% for k in pairs({[{}] = 1}) do end %>", ERR_INPUT, "has no order");
    gives(f,
        "<% for k in pairs(containers[1].labels) do %><%= k %> <% end %><%= next(containers[2].env) == nil "
        "%>",
        "a web.host z true");
    gives(f, "<% local t = {a = 1, b = 2, c = 3} for k in pairs(t) do t.b = nil %><%= k %><% end %>", "ac");
    gives(f, "<%- tostring({}) .. tostring(print) .. tostring(pairs) .. tostring(1) %>", "tablenilfunction1");
    gives(f, "<%- ('%s %d %s'):format({}, 1, 'x') %>", "table 1 x");
}

static void kinds_escape(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum template_kind kind;
        const char *value, *wanted;
    } rows[] = {
        {TEMPLATE_NONE, "a 'b'; $c", "a 'b'; $c"},
        {TEMPLATE_NGINX, "10.0.0.1:80", "10.0.0.1:80"},
        {TEMPLATE_NGINX, "", "\"\""},
        {TEMPLATE_NGINX, "a;b", "\"a;b\""},
        {TEMPLATE_NGINX, "a\"b\\c$d", "\"a\\\"b\\\\c_d\""},
        {TEMPLATE_NGINX, "a\nb\x01", "\"a_b_\""},
        {TEMPLATE_NGINX, "\xc2\x9b", "\"_\""},
        {TEMPLATE_NGINX, "#x", "\"#x\""},
        {TEMPLATE_SHELL, "", "''"},
        {TEMPLATE_SHELL, "if", "'if'"},
        {TEMPLATE_SHELL, "a'b $c `d`\n", "'a'\\''b $c `d`\n'"},
        {TEMPLATE_HTML, "<a b=\"c\">&'\x01", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;_"},
        {TEMPLATE_JSON, "a\"b\\c\n\t\x01\x7f/", "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f/\""},
        {TEMPLATE_JSON, "\xe2\x80\xa8\xc3\xa4\xf0\x9f\x98\x80", "\"\\u2028\xc3\xa4\xf0\x9f\x98\x80\""},
        {TEMPLATE_JSON, "\xff\xed\xa0\x80\xc0\x80",
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out ATTR_CLEANUP(buf_free) = buf_new(1000);
        template_escape(rows[i].kind, str_c(rows[i].value), &out);
        assert_string_equal(buf_c(&out), rows[i].wanted);
    }
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(100000);
    static char large[8000];
    memset(large, 'x', sizeof large - 1);
    template_escape(TEMPLATE_NGINX, str_c(large), &out);
    assert_int_equal(out.n, 4001); /* nginx has room for 4095 */
    gives_as(f, TEMPLATE_SHELL, "<%= \"it's\" %> <%= 1 %> <%= true %>", "'it'\\''s' 1 true");
    gives_as(f, TEMPLATE_JSON, "[<%= 'a' %>, <%- json({1, 'x'}) %>]", "[\"a\", [1,\"x\"]]");
    gives_as(
        f, TEMPLATE_NONE, "<%- shell('a b') %> <%- nginx('a b') %> <%- html('<') %>", "'a b' \"a b\" &lt;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_do_what_they_say),
        cmocka_unit_test(lines_without_output_leave_none),
        cmocka_unit_test(lines_are_known),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(errors_keep_variables_to_themselves),
        cmocka_unit_test(the_order_is_always_the_same),
        cmocka_unit_test(kinds_escape),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
