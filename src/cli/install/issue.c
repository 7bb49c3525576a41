/* The certificate of an installation: got in the usual way, and seen to be served at the end. */
#include "cli/install/run.h"

#include "cli/request.h"
#include "cli/session.h"

#include <poll.h>
#include <string.h>

enum {
    LOOKS_MAX = 60, /* how often a daemon that looks by itself is asked what it saw */
    LOOKS_PAUSE_MS = 500,
};

static const char *const own_options[] = {
    "dry-run", "no-redirect", "server-command", "server-config", "http-port", "tls-port", NULL};
/* Nobody speaks TLS yet when the certificate is issued. */
static const char *const own_options_first[] = {
    "dry-run", "no-redirect", "server-command", "server-config", "http-port", "tls-port", "verify", NULL};

/* Where the site speaks TLS, as it is seen from here: for the first name, which is asked for. NULL: nowhere.
 */
static const char *place(const struct install *in)
{
    const struct install_end *e = in->end_n > 0 ? &in->ends[0] : NULL;
    for (size_t i = 0; i < in->end_n; i++)
        if (strcmp(in->ends[i].host, in->names[0]) == 0)
            e = &in->ends[i];
    if (e == NULL)
        return NULL;
    bool v6 = strchr(e->address, ':') != NULL;
    return arena_printf(in->a, "%s%s%s:%u", v6 ? "[" : "", e->address, v6 ? "]" : "", in->site.tls_port);
}

/* The operator's options, and what the site needs. */
static struct msg_list options_of(const struct install *in, bool looks)
{
    const struct options *o = in->i->options;
    struct msg_list given = request_options(in->i, looks ? own_options : own_options_first);
    const char **all = arena_array(in->a, given.n + 4, sizeof *all), *at = place(in);
    struct buf line = buf_new(64 * 1024);
    size_t n = 0;
    program_line(in->reload, &line);
    all[n++] = arena_printf(in->a, "deploy=%s", buf_c(&line));
    buf_free(&line);
    if (looks && !options_has(o, "verify") && at != NULL)
        all[n++] = arena_printf(in->a, "verify=%s", at);
    if (!options_has(o, "challenge"))
        all[n++] = "challenge=http-01";
    if (!options_has(o, "webroot") && in->site.webroot[0] != '\0')
        all[n++] = arena_printf(in->a, "webroot=%s", in->site.webroot);
    if (given.n > 0)
        memcpy(&all[n], given.p, given.n * sizeof *all);
    return (struct msg_list){all, n + given.n};
}

static int ask(const struct install *in, const struct session_request *q, bool quiet)
{
    struct globals g = *in->i->globals;
    g.quiet = g.quiet || quiet;
    g.json = g.json && !quiet;
    int status = session_run(&g, q, in->a);
    install_catch_signals(); /* the loop has put back what was there before */
    return status;
}

static int wish(const struct install *in, bool looks, bool quiet)
{
    const struct session_request q = {
        .verb = VERB_ISSUE,
        .options = options_of(in, looks),
        .acts = true,
        .sink = sink_results(false, in->a, stdout),
    };
    return ask(in, &q, quiet);
}

int install_issue(const struct install *in)
{
    return wish(in, false, false);
}

/* ---- whether it is served ---- */

struct seen {
    struct sink sink;
    struct arena *a;
    const char *state, *error; /* of "served"; "" : nobody looks */
};

static void on_row(struct sink *s, const json_t *row)
{
    struct seen *seen = (struct seen *)s;
    const json_t *served = json_object_get(row, "served");
    const char *state = json_string_value(json_object_get(served, "state"));
    const char *error = json_string_value(json_object_get(served, "error"));
    seen->state = arena_dup_c(seen->a, state);
    seen->error = arena_dup_c(seen->a, error);
}

static int ask_certificate(const struct install *in, enum command_verb verb, struct sink *sink)
{
    const char *const names[] = {in->site.certificate};
    const struct session_request q = {
        .verb = verb, .names = {names, 1}, .acts = verb == VERB_RENEW, .sink = sink};
    return ask(in, &q, true);
}

/* A pass looks now; a daemon may be at it by itself already, and then is asked until it knows. */
static int look(const struct install *in, struct err *err)
{
    struct seen seen = {.sink = {.row = on_row, .out = stdout}, .a = in->a, .state = "", .error = ""};
    if (ask_certificate(in, VERB_RENEW, sink_results(false, in->a, stdout)) != EXIT_DONE)
        return err_set(err, ERR_VERIFY, "%s does not serve the certificate", in->kind->word);
    for (size_t i = 0; i < LOOKS_MAX && install_stopped() == 0; i++) {
        if (ask_certificate(in, VERB_SHOW, &seen.sink) != EXIT_DONE)
            return err_set(
                err, ERR_FAILED, "it cannot be known whether %s serves the certificate", in->kind->word);
        if (seen.state[0] == '\0' || strcmp(seen.state, "yes") == 0)
            return 0;
        if (strcmp(seen.state, "no") == 0)
            return err_set(err, ERR_VERIFY, "%s", seen.error);
        (void)poll(NULL, 0, LOOKS_PAUSE_MS);
    }
    return err_set(err, install_stopped() != 0 ? ERR_CANCELLED : ERR_TIMEOUT,
        "nobody saw whether %s serves the certificate", in->kind->word);
}

int install_verify(const struct install *in, struct err *err)
{
    if (place(in) == NULL && !options_has(in->i->options, "verify"))
        return 0;
    if (wish(in, true, true) != EXIT_DONE)
        return err_set(err, ERR_FAILED,
            "the look at what %s serves could not be made part of the certificate", in->kind->word);
    int r = look(in, err);
    if (r < 0)
        (void)wish(in, false, true); /* nothing is there to be looked at any more */
    return r;
}

int install_forget(const struct install *in, const char *certificate)
{
    const char *const names[] = {certificate};
    const struct session_request q = {
        .verb = VERB_FORGET,
        .names = {names, 1},
        .acts = true,
        .sink = sink_results(false, in->a, stdout),
    };
    return ask(in, &q, false);
}
