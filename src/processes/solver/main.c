/* The solver's channels, its sandbox and its start. */
#include "processes/solver/solver.h"

#include "base/log.h"
#include "processes/provider_directories.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void solver_answer(struct solver *s, unsigned life, enum msg_type t, uint32_t id, const void *msg)
{
    struct err err = ERR_INIT;
    if (s->engine != NULL && life == s->engine_life && channel_send(s->engine, t, id, msg, -1, &err) < 0)
        log_warning("%s", err.text);
}

/* --- from the engine --- */

static void on_present(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    work_present(arg, id, msg);
}

static void on_withdraw(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    work_withdraw(arg, id, msg);
}

static void on_look(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    persist_look(arg, id, msg);
}

static const struct channel_rule engine_rules[] = {
    {MSG_dns_present, CHANNEL_STATE_ANY, on_present},
    {MSG_dns_withdraw, CHANNEL_STATE_ANY, on_withdraw},
    {MSG_persist_look, CHANNEL_STATE_ANY, on_look},
};

/* The next engine says anew what it wants; what this one had written is known to it by its notes. */
static void forget_engine(struct solver *s)
{
    if (s->engine == NULL)
        return;
    channel_free(s->engine);
    s->engine = NULL;
    s->engine_life++;
    works_engine_gone(s);
    looks_engine_gone(s);
}

static void peer_gone(struct channel *c, const struct err *why, void *arg)
{
    struct solver *s = arg;
    log_debug("%s", why->text);
    if (s->engine == c) {
        forget_engine(s);
        return;
    }
    if (s->keeper == c)
        s->keeper = NULL;
    channel_free(c);
}

/* --- from the parent --- */

static void on_peer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct solver *s = arg;
    const struct msg_peer *m = msg;
    (void)c, (void)id;
    if (strcmp(m->process, "keeper") == 0) {
        channel_free(s->keeper);
        s->keeper = channel_new(s->process.base, fd, "solver-keeper", NULL, 0, peer_gone, s);
        permits_ask_again(s);
        return;
    }
    forget_engine(s);
    s->engine = channel_new(
        s->process.base, fd, "solver-engine", engine_rules, ARRAY_LEN(engine_rules), peer_gone, s);
}

static void on_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct solver *s = arg;
    (void)c, (void)id, (void)fd;
    entries_begin(s, msg);
}

static void on_entry(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    entries_put(arg, msg);
}

static void on_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct solver *s = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    entries_end(s);
    answerer_unlisten(s->answerer); /* its sockets follow */
}

static void on_listen(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_dns_listen *m = msg;
    struct solver *s = arg;
    struct err err = ERR_INIT;
    (void)c, (void)id;
    if (answerer_listen(s->answerer, fd, m->udp, &err) < 0)
        log_error("%s: %s", m->address, err.text);
    else
        log_info("answering DNS questions on %s (%s)", m->address, m->udp ? "UDP" : "TCP");
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct solver *s = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    process_stop(&s->process);
}

static const struct channel_rule parent_rules[] = {
    {MSG_dns_begin, CHANNEL_STATE_ANY, on_begin},
    {MSG_dns_entry, CHANNEL_STATE_ANY, on_entry},
    {MSG_dns_end, CHANNEL_STATE_ANY, on_end},
    {MSG_dns_listen, CHANNEL_STATE_ANY, on_listen},
    {MSG_peer, CHANNEL_STATE_ANY, on_peer},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
    PROCESS_PING_RULE,
};

/* --- start and end --- */

size_t solver_paths(const struct lua_directories *dirs, struct sandbox_path out[SOLVER_PATHS_MAX])
{
    size_t n = process_network_paths(out);
    out[n++] = (struct sandbox_path){.path = dirs->shipped, .access = SANDBOX_READ, .optional = true};
    out[n++] = (struct sandbox_path){.path = dirs->local, .access = SANDBOX_READ, .optional = true};
    return n;
}

/* Files are read anew after a reload. */
static int confine(struct solver *s, struct err *err)
{
    struct sandbox_path paths[SOLVER_PATHS_MAX];
    struct sandbox sandbox = {.kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = solver_paths(&s->directories, paths),
        .permit = SANDBOX_TCP_CONNECT};
    return process_confine(&s->process, &sandbox, err);
}

static int start(struct solver *s, struct err *err)
{
    int r = process_become(&s->process, err);
    close(PROCESS_STATE_FD);
    return r < 0 ? r : confine(s, err);
}

/* What is over is freed here, where none of the libraries is in the middle of something. */
static void turn(void *arg)
{
    static int64_t last_ms;
    struct solver *s = arg;
    int64_t now_ms = clock_mono(&system_clock).ms;
    works_sweep(s, false);
    looks_sweep(s, false);
    if (now_ms - last_ms >= 1000) {
        permits_expire(s, false);
        last_ms = now_ms;
    }
}

static void end(struct solver *s)
{
    works_sweep(s, true);
    looks_sweep(s, true);
    permits_expire(s, true);
    book_unref(s->draft);
    book_unref(s->book);
    held_clear(s);
    answerer_free(s->answerer);
    channel_free(s->engine);
    channel_free(s->keeper);
    channel_free(s->parent);
    event_base_free(s->process.base);
}

/* A mode in which it answers one question and ends. */
typedef int mode_fn(const struct lua_directories *dirs, bool sandbox_log);

static mode_fn *mode_of(const char *word)
{
    return strcmp(word, "--describe") == 0   ? describe
           : strcmp(word, "--register") == 0 ? register_account
                                             : NULL;
}

int main(int argc, char **argv)
{
    struct solver s = {.parent = NULL};
    struct err err = ERR_INIT;
    const struct provider_directories where = provider_directories();
    mode_fn *mode = argc > 1 ? mode_of(argv[1]) : NULL;
    if (mode != NULL) {
        argv[1] = argv[0];
        process_arguments(&s.process, "solver", argc - 1, argv + 1);
    } else {
        process_init(&s.process, "solver", argc, argv);
    }
    s.directories = (struct lua_directories){where.shipped, where.local};
    if (mode != NULL)
        _exit(
            mode(&s.directories, s.process.sandbox_log)); /* what runs at exit has no place in the sandbox */
    if (start(&s, &err) < 0)
        return process_unable(&s.process, &err);
    s.answerer = answerer_new(s.process.base);
    s.parent = channel_new(s.process.base, PROCESS_PARENT_FD, "solver-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &s);
    process_run(&s.process, turn, &s);
    end(&s);
    return 0;
}
