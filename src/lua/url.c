/* url.host, which needs libcurl. */
#include "lua/internal.h"

/* url.host("https://a.example:1/x") -> "a.example" */
static int url_host(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    CURLU *url = curl_url();
    char *host = NULL;
    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        (void)curl_url_get(url, CURLUPART_HOST, &host, 0);
    curl_url_cleanup(url);
    if (host == NULL)
        return lua_raisef(L, ERR_INPUT, "%s is no URL", text);
    void **guard = lua_guard(L, curl_free);
    *guard = host;
    lua_pushstring(L, host);
    lua_guard_free(guard);
    return 1;
}

void lua_open_url(lua_State *L)
{
    lua_getglobal(L, "url");
    lua_pushcfunction(L, url_host);
    lua_setfield(L, -2, "host");
    lua_pop(L, 1);
}
