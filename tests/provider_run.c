/* Runs one provider for a test: JSON on stdin (tests/lib/provider.py), one line of JSON for each call on
 * stdout.
 *
 *   {"file": PATH, "settings": {}, "action": "present" | "cleanup" | "register" | "describe", "name",
 * "value", "handle", "identifier", "token", "key_authorization", "resolvers": ["127.0.0.1:5353"], "times":
 * {"connect_ms", "total_ms", "retry_ms", "call_ms"}, "repeat": [{more calls of the same entry; "together":
 * true: without waiting for the one before}]}
 */
#include "base/secret.h"
#include "dns/client.h"
#include "lua/internal.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 4 * 1024 * 1024, CALLS_MAX = 256 };

struct one {
    const json_t *spec;
    json_t *answer;
    struct lua_entry *entry;
    struct one *next; /* that waits for this one; NULL: none */
};

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

static void start(struct one *o);

static void on_done(const struct lua_outcome *outcome, const struct err *err, void *arg)
{
    struct one *o = arg;
    json_t *error = err == NULL ? json_null()
                                : json_pack("{s:s, s:s, s:I}", "code", err_name(err->code), "text", err->text,
                                      "retry_at_s", (json_int_t)err->retry_at_s);
    o->answer =
        json_pack("{s:s, s:s, s:o}", "handle", outcome->handle, "zone", outcome->zone, "error", error);
    if (o->next != NULL)
        start(o->next);
}

static enum lua_action action_of(const char *word)
{
    return strcmp(word, "cleanup") == 0    ? LUA_CLEANUP
           : strcmp(word, "register") == 0 ? LUA_REGISTER
                                           : LUA_PRESENT;
}

static void start(struct one *o)
{
    struct lua_request r = {
        .action = action_of(text(o->spec, "action")),
        .name = text(o->spec, "name"),
        .value = text(o->spec, "value"),
        .handle = text(o->spec, "handle"),
        .identifier = text(o->spec, "identifier"),
        .token = text(o->spec, "token"),
        .key_authorization = text(o->spec, "key_authorization"),
    };
    lua_call_start(o->entry, &r, on_done, o);
}

static void print(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(value);
}

static void print_error(const struct err *err)
{
    print(json_pack("{s:s, s:s, s:{s:s, s:s}}", "handle", "", "zone", "", "error", "code",
        err_name(err->code), "text", err->text));
}

static int describe(const char *file, struct str content)
{
    json_t *providers = json_array(), *problems = json_array();
    const char *slash = strrchr(file, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : file);
    if (strlen(name) > 4)
        name[strlen(name) - 4] = '\0';
    lua_describe_one(file, name, content, providers, problems);
    print(json_pack("{s:o, s:o}", "providers", providers, "problems", problems));
    return 0;
}

static bool all_done(const struct one *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].answer == NULL)
            return false;
    return true;
}

static int run_calls(struct event_base *base, struct lua_entry *entry, const json_t *input)
{
    static struct one all[CALLS_MAX];
    const json_t *more;
    size_t n = 0, i;
    all[n++] = (struct one){.spec = input, .entry = entry};
    json_array_foreach(json_object_get(input, "repeat"), i, more)
    {
        if (n == CALLS_MAX)
            return 2;
        all[n] = (struct one){.spec = more, .entry = entry};
        if (!json_is_true(json_object_get(more, "together")))
            all[n - 1].next = &all[n];
        n++;
    }
    for (i = 0; i < n; i++)
        if (i == 0 || all[i - 1].next != &all[i])
            start(&all[i]);
    while (!all_done(all, n))
        event_base_loop(base, EVLOOP_ONCE);
    for (i = 0; i < n; i++)
        print(all[i].answer);
    return 0;
}

static int run(const json_t *input, const char *file, struct str content)
{
    const char *servers[8] = {NULL};
    size_t server_n = 0, i;
    const json_t *server, *times = json_object_get(input, "times");
    struct err err = ERR_INIT;
    struct event_base *base = event_base_new();
    json_array_foreach(json_object_get(input, "resolvers"), i, server) if (server_n < 8) servers[server_n++] =
        json_string_value(server);
    char *settings = json_dumps(json_object_get(input, "settings"), JSON_COMPACT);
    struct dns_client *dns = dns_client_new(base, servers, server_n, &err);
    struct lua_host *host = dns != NULL ? lua_host_new(base, dns, &err) : NULL;
    struct lua_entry *entry = NULL;
    int status = 0;
    if (host != NULL) {
        lua_host_set_times(
            host, &(struct lua_times){(long)json_integer_value(json_object_get(times, "connect_ms")),
                      (long)json_integer_value(json_object_get(times, "total_ms")),
                      (long)json_integer_value(json_object_get(times, "retry_ms")),
                      json_integer_value(json_object_get(times, "call_ms"))});
        lua_entry_new(host, "test", file, content, str_c(settings != NULL ? settings : "{}"), &entry, &err);
    }
    if (entry != NULL)
        status = run_calls(base, entry, input);
    else
        for (i = 0; i < 1 + json_array_size(json_object_get(input, "repeat")); i++)
            print_error(&err);
    free(settings);
    lua_entry_free(entry);
    lua_host_free(host);
    dns_client_free(dns);
    event_base_free(base);
    return status;
}

int main(void)
{
    struct buf in = buf_new(INPUT_MAX), content = buf_new(LUA_FILE_MAX);
    struct err err = ERR_INIT;
    char *room;
    ssize_t n = 0;
    while ((room = buf_room(&in, 4096)) != NULL && (n = read(STDIN_FILENO, room, 4096)) > 0)
        buf_added(&in, (size_t)n);
    buf_added(&in, 0);
    json_t *input = json_loadb(buf_c(&in), in.n, 0, NULL);
    const char *file = text(input, "file");
    int status = 2;
    if (input == NULL || n < 0)
        fprintf(stderr, "provider_run: no JSON on stdin\n");
    else if (file_read(AT_FDCWD, file, LUA_FILE_MAX, &content, &err) < 0)
        fprintf(stderr, "provider_run: %s\n", err.text);
    else if (strcmp(text(input, "action"), "describe") == 0)
        status = describe(file, buf_str(&content));
    else
        status = run(input, file, buf_str(&content));
    json_decref(input);
    buf_free(&content);
    buf_free(&in);
    return status;
}
