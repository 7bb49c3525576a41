/* A new account at a provider that makes them itself, for `dns register`, which runs no Lua. */
#include "processes/solver/solver.h"

#include "base/attr.h"
#include "config/registration.h"
#include "os/user.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct registering {
    struct arena *arena;
    struct event_base *base;
    struct dns_client *dns;
    struct lua_host *lua;
    struct lua_entry *entry;
    json_t *answer; /* NULL until the call is over */
};

/* With the rights of whoever asks, root's among them: so with none of them, and with the network and what it
 * takes in reach. */
static int confine(const struct lua_directories *dirs, bool sandbox_log, struct err *err)
{
    struct sandbox_path paths[SOLVER_PATHS_MAX];
    const struct sandbox sandbox = {
        .process = "solver",
        .kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = solver_paths(dirs, paths),
        .permit = SANDBOX_TCP_CONNECT,
        .log_only = sandbox_log,
    };
    int r = geteuid() == 0 ? caps_drop_all(err) : 0;
    return r < 0 ? r : sandbox_enter(&sandbox, NULL, err);
}

static int read_question(json_t **out, struct err *err)
{
    struct buf in ATTR_CLEANUP(buf_free) = buf_new_sensitive(REGISTRATION_INPUT_MAX);
    char *room;
    ssize_t n = 0;
    while ((room = buf_room(&in, 4096)) != NULL && (n = read(STDIN_FILENO, room, 4096)) > 0)
        buf_added(&in, (size_t)n);
    buf_added(&in, 0);
    if (n < 0)
        return err_errno(err, errno, "standard input");
    *out = json_loadb(buf_c(&in), in.n, JSON_REJECT_DUPLICATES, NULL);
    return *out != NULL ? 0 : err_set(err, ERR_INPUT, "standard input is no question of evercert's");
}

static const char *text_of(const json_t *question, const char *name)
{
    const char *text = json_string_value(json_object_get(question, name));
    return text != NULL ? text : "";
}

/* The same parts as an entry of the solver has (entries.c), for one call. */
static int prepare(
    struct registering *g, const struct lua_directories *dirs, const json_t *question, struct err *err)
{
    struct propagation how;
    struct str text = STR("");
    const char *file = "";
    int r = propagation_decode(str_c(text_of(question, "propagation")), g->arena, &how, err);
    if (r == 0)
        r = lua_file_read(dirs, text_of(question, "provider"), g->arena, &file, &text, err);
    if (r < 0)
        return r;
    g->base = event_base_new();
    if (g->base == NULL)
        return err_set(err, ERR_MEMORY, "no memory for an event loop");
    g->dns = dns_client_new(g->base, how.resolvers, how.resolver_n, err);
    if (g->dns != NULL)
        g->lua = lua_host_new(g->base, g->dns, err);
    if (g->lua == NULL)
        return err->code;
    return lua_entry_new(
        g->lua, text_of(question, "entry"), file, text, str_c(text_of(question, "settings")), &g->entry, err);
}

static void on_done(const struct lua_outcome *o, const struct err *why, void *arg)
{
    struct registering *g = arg;
    g->answer = why != NULL ? json_pack("{ss}", "error", why->text) : json_loads(o->handle, 0, NULL);
    if (g->answer == NULL)
        g->answer = json_pack("{ss}", "error", "what the provider says is no text");
}

static int ask(struct registering *g, struct err *err)
{
    const struct lua_request request = {.action = LUA_REGISTER, .name = ""};
    lua_call_start(g->entry, &request, on_done, g);
    while (g->answer == NULL)
        if (event_base_loop(g->base, EVLOOP_ONCE) != 0)
            return err_set(err, ERR_FAILED, "the event loop came to an end");
    if (json_dumpf(g->answer, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0 || fflush(stdout) != 0)
        return err_errno(err, errno, "standard output");
    return 0;
}

int register_account(const struct lua_directories *dirs, bool sandbox_log)
{
    struct registering g = {.arena = arena_new()};
    struct err err = ERR_INIT;
    json_t *question = NULL;
    int r = confine(dirs, sandbox_log, &err);
    if (r == 0)
        r = read_question(&question, &err);
    if (r == 0)
        r = prepare(&g, dirs, question, &err);
    if (r == 0)
        r = ask(&g, &err);
    json_decref(question);
    json_decref(g.answer);
    lua_entry_free(g.entry);
    lua_host_free(g.lua);
    dns_client_free(g.dns);
    if (g.base != NULL)
        event_base_free(g.base);
    arena_free(g.arena);
    if (r == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
