#include "containers_test.h"

#include "base/err.h"
#include "containers/internal.h"

/* The names, parted by commas, or "! " and the error. */
static const char *names_of(const char *rule, struct arena *a)
{
    struct rule_names names;
    struct err err = ERR_INIT;
    struct buf b = buf_new(SAID_MAX);
    if (traefik_rule_names(str_c(rule), a, &names, &err) < 0)
        buf_printf(&b, "! %s", err.text);
    else
        for (size_t i = 0; i < names.n; i++)
            buf_printf(&b, "%s%.*s", i == 0 ? "" : ",", STR_ARG(names.names[i]));
    const char *text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

struct rule_case {
    const char *rule, *names;
};

static void expect_names(const struct rule_case *cases, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct arena *a = arena_new();
        const char *got = names_of(cases[i].rule, a);
        if (strcmp(got, cases[i].names) != 0) {
            print_error("%s\n  gives    %s\n  expected %s\n", cases[i].rule, got, cases[i].names);
            wrong++;
        }
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

static void rules(void **state)
{
    static const struct rule_case cases[] = {
        {"Host(`a.b`)", "a.b"},
        {"  Host ( `a.b` ,\t\"c.d\" , )\n", "a.b,c.d"},
        {"host(`a`)||HOST(`b`)||hOST(`c`)||HostSNI(`d`)||hostsni(`e`)", "a,b,c,d,e"},
        {"Host(`a`) && PathPrefix(`/x`) || Host(`b`) && (Method(`GET`, `POST`) || Host(`c`))", "a,b,c"},
        {"((Host(`a`)))", "a"},
        {"Host()", ""},
        {"HostSNI(`*`)", ""},
        {"HostSNI(`*`) || HostSNI(`a`)", "a"},
        {"Host(`*`)", "*"},
        /* Below a negation nothing is asked for, above and beside it all. */
        {"!Host(`a`)", ""},
        {"!Host(`a`) && Host(`b`)", "b"},
        {"Host(`b`) || !(Host(`a`) || Host(`c`)) || Host(`d`)", "b,d"},
        {"!!Host(`a`)", ""},
        /* These match what they match; nobody can say which names that are. */
        {"HostRegexp(`{sub:[a-z]+}.a`) || HostSNIRegexp(`^.+$`) || HostHeader(`x`) || Port(`y`)", ""},
        {"Header(`Host`, `Host(\"a\")`) || Query(\"q\", \"Host(`b`)\")", ""},
        {"Host(\"a\\\"b\\\\c\")", "a\"b\\c"},
        {"Host(`a\\`)", "a\\"},
        {"Host(`a)`) || Host(`b || c`)", "a),b || c"},
    };
    expect_names(cases, ARRAY_LEN(cases));
}

static void no_rules(void **state)
{
    static const struct rule_case cases[] = {
        {"", "! no rule of Traefik: expected a matcher such as Host(`a.example`) at its end (column 1)"},
        {"Host", "! no rule of Traefik: expected '(' behind the name of a matcher at its end (column 5)"},
        {"Host(`a`", "! no rule of Traefik: expected ',' or ')' at its end (column 9)"},
        {"Host(`a", "! no rule of Traefik: a backtick without its end at column 6, at \"`a\""},
        {"Host(\"a", "! no rule of Traefik: a quote without its end at column 6, at \"\"a\""},
        {"Host(\"a\nb\")", "! no rule of Traefik: a quote without its end at column 6, at \"\"a b\")\""},
        {"Host(\"a\\", "! no rule of Traefik: a quote without its end at column 6, at \"\"a\\\""},
        {"Host(\"\\x61\")",
            "! no rule of Traefik: a backslash that is none of \\\" and \\\\ (write `...`) at "
            "column 7, at \"\\x61\")\""},
        {"Host('a')", "! no rule of Traefik: single quotes (write `...`) at column 6, at \"'a')\""},
        {"Host(a)", "! no rule of Traefik: expected a text in backticks, or ')', at column 6, at \"a)\""},
        {"Host(`a` `b`)", "! no rule of Traefik: expected ',' or ')' at column 10, at \"`b`)\""},
        {"Host(,)", "! no rule of Traefik: expected a text in backticks, or ')', at column 6, at \",)\""},
        {"Host(`a`) Host(`b`)", "! no rule of Traefik: expected '&&' or '||' at column 11, at \"Host(`b`)\""},
        {"Host(`a`) | Host(`b`)",
            "! no rule of Traefik: a character that has no meaning at column 11, at \"| Host(`b`)\""},
        {"Host(`a`) && ", "! no rule of Traefik: expected a matcher such as Host(`a.example`) at its end "
                          "(column 14)"},
        {"|| Host(`a`)", "! no rule of Traefik: expected a matcher such as Host(`a.example`) at column 1, at "
                         "\"|| Host(`a`)\""},
        {"(Host(`a`)", "! no rule of Traefik: expected ')', '&&' or '||' at its end (column 11)"},
        {"Host(`a`))", "! no rule of Traefik: expected '&&' or '||' at column 10, at \")\""},
        {"Host(`\xc3\xbc`) x", "! no rule of Traefik: expected '&&' or '||' at column 11, at \"x\""},
        {"PathPrefix(`/`) && hots(`a`)",
            "! no rule of Traefik: a matcher that is none (did you mean Host?) at column 20, at "
            "\"hots(`a`)\""},
        {"HostNSI(`a`)",
            "! no rule of Traefik: a matcher that is none (did you mean HostSNI?) at column 1, at "
            "\"HostNSI(`a`)\""},
        {"Host(`a`); rm -rf /",
            "! no rule of Traefik: a character that has no meaning at column 10, at \"; rm -rf /\""},
    };
    expect_names(cases, ARRAY_LEN(cases));
}

static void depth(void **state)
{
    enum { DEEP = 100 * 1000 };
    struct arena *a = arena_new();
    char *text = arena_alloc(a, DEEP + 1);
    memset(text, '(', DEEP);
    assert_non_null(
        strstr(names_of(text, a), "more parentheses in each other than evercert reads at column 33"));
    memset(text, '!', DEEP);
    assert_non_null(strstr(names_of(text, a), "more parentheses"));
    /* Side by side they are no matter. */
    struct buf b = buf_new(SAID_MAX);
    for (int i = 0; i < 1000; i++)
        buf_put_c(&b, "!(Method(`x`)) && ");
    buf_put_c(&b, "Host(`a`)");
    assert_string_equal(names_of(buf_c(&b), a), "a");
    buf_free(&b);
    arena_free(a);
}

/* Random rules, written beside the names that they must give. */
struct maker {
    uint64_t seed;
    struct buf rule, names;
    unsigned name_n;
    bool below; /* a negation */
};

static unsigned draw(struct maker *m, unsigned below)
{
    m->seed = m->seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(m->seed >> 33) % below;
}

static void blank(struct maker *m)
{
    static const char *const blanks[] = {"", "", "", " ", "  ", "\t", "\n"};
    buf_put_c(&m->rule, blanks[draw(m, ARRAY_LEN(blanks))]);
}

static void make_text(struct maker *m, bool name)
{
    bool raw = draw(m, 2) == 0;
    unsigned no = m->name_n++;
    blank(m);
    buf_printf(&m->rule, raw ? "`n%u.example`" : "\"n%u.example\"", no);
    if (name && !m->below)
        buf_printf(&m->names, "%sn%u.example", m->names.n == 0 ? "" : ",", no);
    blank(m);
}

static void make_call(struct maker *m)
{
    static const struct {
        const char *name;
        bool names;
    } matchers[] = {{"Host", true}, {"HostSNI", true}, {"host", true}, {"HOSTSNI", true},
        {"PathPrefix", false}, {"HostRegexp", false}, {"Header", false}, {"ClientIP", false}};
    size_t i = draw(m, ARRAY_LEN(matchers));
    unsigned n = draw(m, 4);
    buf_put_c(&m->rule, matchers[i].name);
    blank(m);
    buf_put_c(&m->rule, "(");
    for (unsigned j = 0; j < n; j++) {
        make_text(m, matchers[i].names);
        buf_put_c(&m->rule, j + 1 < n || draw(m, 8) == 0 ? "," : "");
    }
    blank(m);
    buf_put_c(&m->rule, ")");
}

static void make_any(struct maker *m, unsigned deep);

static void make_one(struct maker *m, unsigned deep)
{
    unsigned kind = draw(m, deep == 0 ? 1 : 4);
    bool below = m->below;
    blank(m);
    if (kind <= 1) {
        make_call(m);
    } else if (kind == 2) {
        buf_put_c(&m->rule, "!");
        m->below = true;
        make_one(m, deep - 1);
        m->below = below;
    } else {
        buf_put_c(&m->rule, "(");
        make_any(m, deep - 1);
        buf_put_c(&m->rule, ")");
    }
    blank(m);
}

static void make_any(struct maker *m, unsigned deep)
{
    make_one(m, deep);
    for (unsigned more = draw(m, 3); more > 0; more--) {
        buf_put_c(&m->rule, draw(m, 2) == 0 ? "&&" : "||");
        make_one(m, deep);
    }
}

static void random_rules(void **state)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct arena *a = arena_new();
        struct maker m = {.seed = seed, .rule = buf_new(SAID_MAX), .names = buf_new(SAID_MAX)};
        make_any(&m, 5);
        const char *got = names_of(buf_c(&m.rule), a);
        if (strcmp(got, buf_c(&m.names)) != 0)
            fail_msg("seed %u: %s\n  gives    %s\n  expected %s", (unsigned)seed, buf_c(&m.rule), got,
                buf_c(&m.names));
        /* Cut anywhere, it is a rule or it is not, and never a name that is not in it. */
        struct rule_names names;
        size_t cut = draw(&m, (unsigned)m.rule.n);
        if (traefik_rule_names((struct str){m.rule.p, cut}, a, &names, NULL) == 0)
            for (size_t i = 0; i < names.n; i++)
                assert_non_null(memmem(buf_c(&m.names), m.names.n, names.names[i].p, names.names[i].n));
        buf_free(&m.rule);
        buf_free(&m.names);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(no_rules),
        cmocka_unit_test(depth),
        cmocka_unit_test(random_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
