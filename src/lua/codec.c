/* Octets as text and back. */
#include "base/b64.h"
#include "lua/sandbox.h"

#include <ctype.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

/* For a text; more would not fit into Lua's memory anyway. */
static struct buf *guard_text(lua_State *L)
{
    return lua_guard_buf(L, sandbox_of(L)->memory_max / 2);
}

static bool is_unreserved(unsigned char c)
{
    return isascii(c) && (isalnum(c) || strchr("-._~", c) != NULL) && c != '\0';
}

void url_encode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(c))
            buf_put_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static int url_encode_text(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *out = guard_text(L);
    url_encode(out, s);
    return lua_push_buf(L, out);
}

static int hex_encode(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *out = guard_text(L);
    for (size_t i = 0; i < s.n; i++) {
        buf_put_char(out, hex_digits[(unsigned char)s.p[i] >> 4]);
        buf_put_char(out, hex_digits[(unsigned char)s.p[i] & 15]);
    }
    return lua_push_buf(L, out);
}

static int digit(char c)
{
    const char *at = c != '\0' ? strchr(hex_digits, tolower((unsigned char)c)) : NULL;
    return at != NULL ? (int)(at - hex_digits) : -1;
}

static int hex_decode(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *out = guard_text(L);
    for (size_t i = 0; i < s.n; i += 2) {
        int high = digit(s.p[i]), low = i + 1 < s.n ? digit(s.p[i + 1]) : -1;
        if (high < 0 || low < 0)
            return lua_raisef(L, ERR_INPUT, "that is not hexadecimal");
        buf_put_char(out, (char)(high << 4 | low));
    }
    return lua_push_buf(L, out);
}

/* base64 is base64url with two other letters and padding. */
static int b64(lua_State *L, bool plain)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *out = guard_text(L);
    b64url_encode(out, s);
    for (size_t i = 0; plain && i < out->n; i++)
        out->p[i] = (char)(out->p[i] == '-' ? '+' : out->p[i] == '_' ? '/' : out->p[i]);
    while (plain && out->n % 4 != 0 && !buf_failed(out))
        buf_put_char(out, '=');
    return lua_push_buf(L, out);
}

/* Both alphabets, with padding or without, and lines: what is read was written by somebody else. */
static int un_b64(lua_State *L)
{
    struct str s = lua_check_str(L, 1);
    sandbox_charge(L, s.n);
    struct buf *url = guard_text(L), *out = guard_text(L);
    while (s.n > 0 && (s.p[s.n - 1] == '=' || isspace((unsigned char)s.p[s.n - 1])))
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!isspace((unsigned char)c))
            buf_put_char(url, (char)(c == '+' ? '-' : c == '/' ? '_' : c));
    }
    if (url->n > 0 && b64url_decode(out, buf_str(url)) < 0)
        return lua_raisef(L, ERR_INPUT, "that is not base64");
    return lua_push_buf(L, out);
}

int lua_base64_encode(lua_State *L)
{
    return b64(L, true);
}

static int base64url_encode(lua_State *L)
{
    return b64(L, false);
}

static void library(lua_State *L, const char *name, const luaL_Reg *functions)
{
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    lua_setglobal(L, name);
}

void lua_open_codec(lua_State *L)
{
    library(L, "hex", (const luaL_Reg[]){{"encode", hex_encode}, {"decode", hex_decode}, {NULL, NULL}});
    library(L, "base64", (const luaL_Reg[]){{"encode", lua_base64_encode}, {"decode", un_b64}, {NULL, NULL}});
    library(
        L, "base64url", (const luaL_Reg[]){{"encode", base64url_encode}, {"decode", un_b64}, {NULL, NULL}});
    library(L, "url", (const luaL_Reg[]){{"encode", url_encode_text}, {NULL, NULL}});
}
