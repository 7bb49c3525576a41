/* What providers find in their sandbox, and how their errors are told. */
#include "lua/internal.h"

#include <string.h>

/* Whether Lua stumbled over a value, in a text of its own behind FILE:LINE. A call of what is no function is
 * the file's own mistake. */
static bool is_of_values(const char *text)
{
    static const char *const kinds[] = {": attempt to ", ": bad argument #", ": invalid value (at index "};
    if (strstr(text, ": attempt to call ") != NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strstr(text, kinds[i]) != NULL)
            return true;
    return false;
}

/* An error in the provider's own code. Where it has to do with an answer, that is named: most often the other
 * side has sent something else than its documentation says. */
static void tell(const struct sandbox *s, const char *place, const char *words, bool own, struct err *err)
{
    const struct lua_call *call = s->owner;
    const struct lua_op *op = call != NULL ? call->op : NULL;
    struct err found;
    lua_call_err(call, &found, ERR_FAILED, place, words);
    if (!own && op != NULL && op->answered && is_of_values(words))
        err_set(err, ERR_FAILED, "%s was answered with something else than expected (%.1024s)", op->what,
            found.text);
    else
        *err = found;
}

static void (*const modules[])(lua_State *L) = {lua_open_pattern, lua_open_guards, lua_open_json,
    lua_open_xml, lua_open_codec, lua_open_url, lua_open_hash, lua_open_sign, lua_open_clock, lua_open_call,
    lua_open_http, lua_open_dns, NULL};

const struct sandbox_use lua_provider_use = {
    .text_max = LUA_FILE_MAX,
    .memory_max = LUA_MEMORY_MAX,
    .steps_max = LUA_INSTRUCTIONS_MAX,
    .run_ms = LUA_RUN_TIME_MS,
    .modules = modules,
    .prelude = lua_text_prelude,
    .prepared = lua_keep_query,
    .tell = tell,
};
