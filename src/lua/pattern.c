/*
 * string.find, match, gmatch and gsub with the patterns of Lua 5.4. Lua's own have no bound: a pattern with
 * several `.-` takes a time that grows with a power of the subject, in C, where no hook is called. Each step
 * of these counts as an instruction.
 */
#include "lua/sandbox.h"

#include <ctype.h>
#include <string.h>

enum { CAPTURES_MAX = 32, DEPTH_MAX = 200, STEPS = 1024 /* between two looks at the limits */ };
enum { SET_SHARE = 8 /* octets of a set that take the time of an instruction */ };
enum { OPEN = -1, POSITION = -2 }; /* as lengths of captures */

struct capture {
    const char *from;
    ptrdiff_t n;
};

struct matching {
    lua_State *L;
    const char *subject, *subject_end, *pattern_end;
    size_t steps;
    unsigned depth;
    int level; /* captures that are open or closed */
    struct capture captures[CAPTURES_MAX];
};

static const char *run(struct matching *m, const char *s, const char *p);

static void steps(struct matching *m, size_t n)
{
    m->steps += n;
    if (m->steps >= STEPS) {
        sandbox_charge(m->L, m->steps);
        m->steps = 0;
    }
}

static void step(struct matching *m)
{
    steps(m, 1);
}

/* For a look through [p, end): a set may be as long as all memory. */
static void step_set(struct matching *m, const char *p, const char *end)
{
    steps(m, (size_t)(end - p) / SET_SHARE);
}

/* --- one octet --- */

/* Where the item that begins at p ends: an octet, a class, or a set. */
static const char *item_end(const struct matching *m, const char *p)
{
    if (*p == '%') {
        if (p + 1 >= m->pattern_end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p++ != '[')
        return p;
    p += p < m->pattern_end && *p == '^';
    bool first = true; /* a ] in the first place is one of the set */
    while (p < m->pattern_end && (first || *p != ']')) {
        first = false;
        p += *p == '%' && p + 1 < m->pattern_end ? 2 : 1;
    }
    if (p >= m->pattern_end)
        luaL_error(m->L, "malformed pattern (missing ']')");
    return p + 1;
}

static bool in_class(unsigned char c, char letter)
{
    static const struct {
        char letter;
        int (*is)(int c);
    } classes[] = {{'a', isalpha}, {'c', iscntrl}, {'d', isdigit}, {'g', isgraph}, {'l', islower},
        {'p', ispunct}, {'s', isspace}, {'u', isupper}, {'w', isalnum}, {'x', isxdigit}};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].letter == tolower((unsigned char)letter))
            return (classes[i].is(c) != 0) == (islower((unsigned char)letter) != 0);
    return (unsigned char)letter == c;
}

/* p is behind the [, end at the ]. */
static bool in_set(unsigned char c, const char *p, const char *end)
{
    bool wanted = *p != '^';
    p += !wanted;
    while (p < end) {
        if (*p == '%') {
            if (in_class(c, p[1]))
                return wanted;
            p += 2;
        } else if (p + 2 < end && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return wanted;
            p += 3;
        } else {
            if ((unsigned char)*p == c)
                return wanted;
            p++;
        }
    }
    return !wanted;
}

static bool fits(unsigned char c, const char *p, const char *end)
{
    switch (*p) {
    case '.':
        return true;
    case '%':
        return in_class(c, p[1]);
    case '[':
        return in_set(c, p + 1, end - 1);
    default:
        return (unsigned char)*p == c;
    }
}

static bool one(struct matching *m, const char *s, const char *p, const char *end)
{
    step(m);
    step_set(m, p, end);
    return s < m->subject_end && fits((unsigned char)*s, p, end);
}

/* --- repetitions: [p, end) is what repeats, behind end stands its mark --- */

static const char *longest(struct matching *m, const char *s, const char *p, const char *end)
{
    ptrdiff_t n = 0;
    while (one(m, s + n, p, end))
        n++;
    for (; n >= 0; n--) {
        const char *rest = run(m, s + n, end + 1);
        if (rest != NULL)
            return rest;
    }
    return NULL;
}

static const char *shortest(struct matching *m, const char *s, const char *p, const char *end)
{
    for (;; s++) {
        const char *rest = run(m, s, end + 1);
        if (rest != NULL)
            return rest;
        if (!one(m, s, p, end))
            return NULL;
    }
}

/* --- captures --- */

static const char *open_capture(struct matching *m, const char *s, const char *p, ptrdiff_t what)
{
    if (m->level >= CAPTURES_MAX)
        luaL_error(m->L, "too many captures");
    m->captures[m->level++] = (struct capture){s, what};
    const char *rest = run(m, s, p);
    if (rest == NULL)
        m->level--;
    return rest;
}

static const char *close_capture(struct matching *m, const char *s, const char *p)
{
    int i = m->level - 1;
    while (i >= 0 && m->captures[i].n != OPEN)
        i--;
    if (i < 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[i].n = s - m->captures[i].from;
    const char *rest = run(m, s, p);
    if (rest == NULL)
        m->captures[i].n = OPEN;
    return rest;
}

/* %1: the text of a capture once more. */
static const char *again(struct matching *m, const char *s, char digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->level || m->captures[i].n == OPEN || m->captures[i].from == NULL) {
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
        return NULL;
    }
    ptrdiff_t n = m->captures[i].n > 0 ? m->captures[i].n : 0;
    sandbox_charge(m->L, (size_t)n / 16);
    return m->subject_end - s >= n && memcmp(s, m->captures[i].from, (size_t)n) == 0 ? s + n : NULL;
}

/* --- what begins with % and is no class --- */

/* %b(): from an opening octet to the closing one that belongs to it. p is at the first of the two. */
static const char *balanced(struct matching *m, const char *s, const char *p)
{
    unsigned deep = 1;
    if (p + 1 >= m->pattern_end)
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->subject_end || *s != p[0])
        return NULL;
    while (++s < m->subject_end) {
        step(m);
        if (*s == p[1]) {
            if (--deep == 0)
                return s + 1;
        } else if (*s == p[0]) {
            deep++;
        }
    }
    return NULL;
}

/* %f[set]: between an octet that is not in the set and one that is. p is at the [. */
static bool at_frontier(struct matching *m, const char *s, const char *p, const char **end)
{
    if (p >= m->pattern_end || *p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    *end = item_end(m, p);
    step_set(m, p, *end);
    unsigned char before = s == m->subject ? 0 : (unsigned char)s[-1];
    unsigned char here = s < m->subject_end ? (unsigned char)*s : 0;
    return !fits(before, p, *end) && fits(here, p, *end);
}

/* Takes %b, %f or %1 at p: true, and s and p are behind it (s NULL: it does not fit); false for a class. */
static bool special(struct matching *m, const char **s, const char **p)
{
    const char *end;
    char what = *p + 1 < m->pattern_end ? (*p)[1] : '\0';
    if (what == 'b') {
        *s = balanced(m, *s, *p + 2);
        *p += 4;
    } else if (what == 'f') {
        if (!at_frontier(m, *s, *p + 2, &end))
            *s = NULL;
        *p = end;
    } else if (isdigit((unsigned char)what)) {
        *s = again(m, *s, what);
        *p += 2;
    } else {
        return false;
    }
    return true;
}

/* --- the whole --- */

/* An item and its mark. True: *result is the end. False: on from *s and *p. */
static bool item(struct matching *m, const char **s, const char **p, const char **result)
{
    const char *end = item_end(m, *p);
    step_set(m, *p, end);
    char mark = end < m->pattern_end ? *end : '\0';
    if (mark == '*' || mark == '+') {
        *result = mark == '*'           ? longest(m, *s, *p, end)
                  : one(m, *s, *p, end) ? longest(m, *s + 1, *p, end)
                                        : NULL;
        return true;
    }
    if (mark == '-') {
        *result = shortest(m, *s, *p, end);
        return true;
    }
    bool here = one(m, *s, *p, end);
    if (mark == '?') {
        if (here && (*result = run(m, *s + 1, end + 1)) != NULL)
            return true;
        *p = end + 1;
        return false;
    }
    *result = NULL;
    *s += 1;
    *p = end;
    return !here;
}

/* Where the match of the pattern from p on ends, NULL where there is none. */
static const char *run(struct matching *m, const char *s, const char *p)
{
    const char *result = NULL;
    if (++m->depth > DEPTH_MAX)
        luaL_error(m->L, "pattern too complex");
    for (bool over = false; !over;) {
        step(m);
        if (p == m->pattern_end) {
            result = s;
            break;
        }
        if (*p == '(') {
            bool position = p + 1 < m->pattern_end && p[1] == ')';
            result = open_capture(m, s, position ? p + 2 : p + 1, position ? POSITION : OPEN);
            break;
        }
        if (*p == ')') {
            result = close_capture(m, s, p + 1);
            break;
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            result = s == m->subject_end ? s : NULL;
            break;
        }
        if (*p == '%' && special(m, &s, &p))
            over = s == NULL;
        else
            over = item(m, &s, &p, &result);
    }
    m->depth--;
    return result;
}

static const char *match_at(struct matching *m, const char *s, const char *p)
{
    m->level = 0;
    m->depth = 0;
    return run(m, s, p);
}

/* --- results --- */

static void push_capture(struct matching *m, int i, const char *from, const char *to)
{
    if (i >= m->level) {
        if (i > 0)
            luaL_error(m->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(m->L, from, (size_t)(to - from));
    } else if (m->captures[i].n == POSITION) {
        lua_pushinteger(m->L, m->captures[i].from - m->subject + 1);
    } else if (m->captures[i].n == OPEN) {
        luaL_error(m->L, "unfinished capture");
    } else {
        lua_pushlstring(m->L, m->captures[i].from, (size_t)m->captures[i].n);
    }
}

/* All captures, or the whole match where there are none and `from` is given. */
static int push_captures(struct matching *m, const char *from, const char *to)
{
    int n = m->level == 0 && from != NULL ? 1 : m->level;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(m, i, from, to);
    return n;
}

/* A text argument; Lua never gives NULL for one, which the static analyzer does not know. */
static struct str text_at(lua_State *L, int arg)
{
    struct str s = lua_check_str(L, arg);
    if (s.p == NULL)
        s.p = "";
    return s;
}

static struct matching matching(lua_State *L, struct str s, struct str p)
{
    return (struct matching){.L = L, .subject = s.p, .subject_end = s.p + s.n, .pattern_end = p.p + p.n};
}

/* Argument 3 as an offset: from 1, or from the end where negative. */
static size_t start_of(lua_State *L, size_t n)
{
    lua_Integer at = luaL_optinteger(L, 3, 1);
    if (at > 0)
        return (uint64_t)at - 1 > n ? n + 1 : (size_t)at - 1;
    return at == 0 || (uint64_t)-at > n ? 0 : n - (size_t)-at;
}

static bool is_plain(struct str p)
{
    for (size_t i = 0; i < p.n; i++)
        if (p.p[i] != '\0' && strchr("^$*+?.([%-", p.p[i]) != NULL)
            return false;
    return true;
}

static int find_plain(lua_State *L, struct str s, struct str p, size_t at)
{
    sandbox_charge(L, (s.n - at) / 16);
    const char *found = p.n == 0 ? s.p + at : memmem(s.p + at, s.n - at, p.p, p.n);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - s.p + 1);
    lua_pushinteger(L, found - s.p + (lua_Integer)p.n);
    return 2;
}

static int search(lua_State *L, bool find)
{
    struct str s = text_at(L, 1), p = text_at(L, 2);
    size_t at = start_of(L, s.n);
    if (at > s.n) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || is_plain(p)))
        return find_plain(L, s, p, at);
    struct matching m = matching(L, s, p);
    bool anchored = p.n > 0 && p.p[0] == '^';
    for (const char *from = s.p + at; from <= m.subject_end; from++) {
        const char *to = match_at(&m, from, p.p + anchored);
        if (to != NULL && !find)
            return push_captures(&m, from, to);
        if (to != NULL) {
            lua_pushinteger(L, from - s.p + 1);
            lua_pushinteger(L, to - s.p);
            return 2 + push_captures(&m, NULL, NULL);
        }
        if (anchored)
            break;
    }
    lua_pushnil(L);
    return 1;
}

static int find(lua_State *L)
{
    return search(L, true);
}

static int match(lua_State *L)
{
    return search(L, false);
}

/* Upvalues: subject, pattern, where to go on, where the last match ended (-1: there was none). */
static int gmatch_next(lua_State *L)
{
    struct str s = text_at(L, lua_upvalueindex(1)), p = text_at(L, lua_upvalueindex(2));
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
    struct matching m = matching(L, s, p);
    for (const char *from = s.p + at; from <= m.subject_end; from++) {
        const char *to = match_at(&m, from, p.p);
        if (to == NULL || to - s.p == last)
            continue;
        lua_pushinteger(L, to - s.p);
        lua_pushvalue(L, -1);
        lua_replace(L, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&m, from, to);
    }
    return 0;
}

static int gmatch(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    luaL_checkstring(L, 2);
    size_t at = start_of(L, s.n);
    lua_settop(L, 2);
    lua_pushinteger(L, at > s.n ? (lua_Integer)s.n + 1 : (lua_Integer)at);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_next, 4);
    return 1;
}

/* A text that replaces: %0 to %9 are captures, %% is %. */
static void add_text(struct matching *m, luaL_Buffer *out, const char *from, const char *to)
{
    struct str r;
    r.p = lua_tolstring(m->L, 3, &r.n);
    for (size_t i = 0; i < r.n; i++) {
        if (r.p[i] != '%') {
            luaL_addchar(out, r.p[i]);
            continue;
        }
        char c = ++i < r.n ? r.p[i] : '\0';
        if (c == '%') {
            luaL_addchar(out, c);
        } else if (c == '0') {
            luaL_addlstring(out, from, (size_t)(to - from));
        } else if (isdigit((unsigned char)c)) {
            push_capture(m, c - '1', from, to);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

/* By a table or a function; false or nil keeps what is there. */
static void add_value(struct matching *m, luaL_Buffer *out, const char *from, const char *to)
{
    int type = lua_type(m->L, 3);
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(m->L, 3);
        lua_call(m->L, push_captures(m, from, to), 1);
    } else if (type == LUA_TTABLE) {
        push_capture(m, 0, from, to);
        lua_gettable(m->L, 3);
    } else {
        add_text(m, out, from, to);
        return;
    }
    if (!lua_toboolean(m->L, -1)) {
        lua_pop(m->L, 1);
        luaL_addlstring(out, from, (size_t)(to - from));
    } else if (!lua_isstring(m->L, -1)) {
        luaL_error(m->L, "invalid replacement value (a %s)", luaL_typename(m->L, -1));
    } else {
        luaL_addvalue(out);
    }
}

static int gsub(lua_State *L)
{
    struct str s = text_at(L, 1), p = text_at(L, 2);
    int type = lua_type(L, 3);
    luaL_argexpected(L,
        type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
        "string/function/table");
    if (type == LUA_TNUMBER)
        luaL_checkstring(L, 3); /* becomes one in its place */
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)s.n + 1), n = 0;
    bool anchored = p.n > 0 && p.p[0] == '^';
    const char *from = s.p, *last = NULL;
    struct matching m = matching(L, s, p);
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    while (n < most) {
        const char *to = match_at(&m, from, p.p + anchored);
        if (to != NULL && to != last) {
            n++;
            add_value(&m, &out, from, to);
            from = last = to;
        } else if (from < m.subject_end) {
            luaL_addchar(&out, *from);
            from++;
        } else {
            break;
        }
        if (anchored)
            break;
    }
    luaL_addlstring(&out, from, (size_t)(m.subject_end - from));
    luaL_pushresult(&out);
    lua_pushinteger(L, n);
    return 2;
}

void lua_open_pattern(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};
    lua_getglobal(L, "string");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
