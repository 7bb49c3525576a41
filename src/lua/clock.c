/* Time and chance. */
#include "base/time.h"
#include "lua/internal.h"
#include "os/random.h"

enum { FORMATTED_MAX = 256, OCTETS_MAX = 1024 };

static int now(lua_State *L)
{
    lua_pushinteger(L, clock_wall(&system_clock).s);
    return 1;
}

static int format(lua_State *L)
{
    const char *pattern = luaL_checkstring(L, 1);
    struct wall t = {(int64_t)luaL_optnumber(L, 2, (lua_Number)clock_wall(&system_clock).s)};
    char out[FORMATTED_MAX];
    lua_pushlstring(L, out, wall_format_as(t, pattern, out, sizeof out));
    return 1;
}

static int parse(lua_State *L)
{
    struct str text = lua_check_str(L, 1);
    struct wall t;
    if (wall_parse_rfc3339(text, &t) < 0 && wall_parse_http_date(text, &t) < 0)
        return lua_raisef(L, ERR_INPUT, "%.*s is no time", (int)(text.n < 64 ? text.n : 64), text.p);
    lua_pushinteger(L, t.s);
    return 1;
}

static void put_hex(char *out, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static int random_hex(lua_State *L)
{
    unsigned char octets[OCTETS_MAX];
    char text[2 * OCTETS_MAX + 1];
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n > 0 && n <= OCTETS_MAX, 1, "1 to 1024 octets");
    random_bytes(octets, (size_t)n);
    put_hex(text, octets, (size_t)n);
    lua_pushlstring(L, text, 2 * (size_t)n);
    return 1;
}

/* RFC 9562 5.4 */
static int uuid(lua_State *L)
{
    unsigned char o[16];
    char t[33];
    random_bytes(o, sizeof o);
    o[6] = (unsigned char)((o[6] & 0x0f) | 0x40);
    o[8] = (unsigned char)((o[8] & 0x3f) | 0x80);
    put_hex(t, o, sizeof o);
    char text[37];
    snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", t, t + 8, t + 12, t + 16, t + 20);
    lua_pushstring(L, text);
    return 1;
}

/* 0 to 2^53 - 1: what JSON and JavaScript keep exactly. */
static int number(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)random_below((uint64_t)1 << 53));
    return 1;
}

void lua_open_clock(lua_State *L)
{
    static const luaL_Reg times[] = {{"now", now}, {"format", format}, {"parse", parse}, {NULL, NULL}};
    static const luaL_Reg randoms[] = {{"hex", random_hex}, {"uuid", uuid}, {"number", number}, {NULL, NULL}};
    luaL_newlib(L, times);
    lua_setglobal(L, "time");
    luaL_newlib(L, randoms);
    lua_setglobal(L, "random");
}
