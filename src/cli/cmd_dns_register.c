/* `dns register`: a new account for an entry of `dns:` whose provider makes them itself. */
#include "base/attr.h"
#include "base/buf.h"
#include "cli/command_table.h"
#include "cli/connect.h"
#include "config/certificate.h"
#include "config/deploy.h"
#include "config/registration.h"
#include "lua/host.h"
#include "os/capture.h"
#include "processes/catalogue.h"
#include "processes/command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The call's own time, and what it takes to start. */
enum { REGISTER_TIMEOUT_S = LUA_CALL_TIME_S + CATALOGUE_TIMEOUT_S };

static int append(const char *text, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, text, n);
    return buf_failed(out) ? -1 : 0;
}

/* What `solver --register` reads: on its standard input, as it holds secrets. */
static int put_question(
    const struct dns_entry *e, const struct propagation *how, struct buf *out, struct err *err)
{
    struct buf propagation ATTR_CLEANUP(buf_free) = buf_new(PROPAGATION_TEXT_MAX);
    propagation_encode(how, &propagation);
    json_t *o = json_pack("{ss ss ss ss}", "provider", e->provider, "entry", e->name, "settings", e->settings,
        "propagation", buf_c(&propagation));
    int r = o != NULL ? json_dump_callback(o, append, out, JSON_COMPACT) : -1;
    json_decref(o);
    return r < 0 ? err_set(err, ERR_LIMIT, "the settings of %s are too large", e->name) : 0;
}

static int run_solver(const struct invocation *i, struct str question, struct buf *answer, struct err *err)
{
    struct arena *a = i->arena;
    char *argv[] = {arena_dup_c(a, "solver"), arena_dup_c(a, "--register"),
        i->globals->sandbox_log ? arena_dup_c(a, "--sandbox=log") : NULL, NULL};
    const struct child_spec spec = {.path = connect_program("solver", a), .argv = argv, .envp = environ};
    return capture_output(&spec, question, REGISTER_TIMEOUT_S, answer, err);
}

static int ask(const struct invocation *i, const struct dns_entry *e, const struct propagation *how,
    const struct provider *p, struct registration *out, struct err *err)
{
    struct buf question ATTR_CLEANUP(buf_free) = buf_new_sensitive(REGISTRATION_INPUT_MAX),
                        answer ATTR_CLEANUP(buf_free) = buf_new_sensitive(REGISTRATION_MAX);
    int r = put_question(e, how, &question, err);
    if (r == 0)
        r = run_solver(i, buf_str(&question), &answer, err);
    if (r == 0)
        r = registration_parse(buf_str(&answer), p, i->arena, out, err);
    return r < 0 ? err_prefix(err, "%s", e->name) : 0;
}

static void print_json(const struct registration *r, const struct dns_entry *e)
{
    json_t *settings = json_object();
    for (size_t k = 0; k < r->n; k++)
        json_object_set_new(settings, r->settings[k].of->name, json_string(r->settings[k].value));
    json_t *o = json_pack("{ss ss so}", "entry", e->name, "provider", e->provider, "settings", settings);
    json_object_set_new(o, "cname", r->cname[0] != '\0' ? json_string(r->cname) : json_null());
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', stdout);
    json_decref(o);
}

static void print_text(const struct registration *r, const struct provider *p, const struct dns_entry *e)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(REGISTRATION_TEXT_MAX);
    registration_show(r, p, e, &text);
    fwrite(buf_c(&text), 1, text.n, stdout);
}

/* The first of them; the error where there is none. */
static int say_problem(const struct config_problems *problems, const struct err *err)
{
    say_error("%s", problems->n > 0 ? problems->list[0] : err->text);
    return EXIT_USAGE;
}

/* The entry that is meant, as it is written; other entries may be unfit. */
static int find(const struct invocation *i, struct settings *s, const struct dns_entry **out)
{
    const char *name = i->options->arguments[0];
    const struct pair meant = {"*", name};
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    if (settings_load(i->globals->config, !i->globals->config_given, i->arena, s, &problems, &err) < 0)
        return say_problem(&problems, &err);
    *out = dns_entry_find(s, str_c(name));
    if (*out != NULL)
        return EXIT_DONE;
    if (wish_entries_check(s, &meant, i->arena, &err) == 0)
        err_set(&err, ERR_USAGE, "%s is no name of one entry of dns", name);
    return say_problem(&problems, &err);
}

static int no_accounts(const struct dns_entry *e, const struct provider *p)
{
    say_error(
        "%s: provider %s makes no accounts: get its credentials from the provider; `evercert dns list %s` "
        "shows which",
        e->name, p->name, p->name);
    return EXIT_USAGE;
}

static int dns_register(const struct invocation *i)
{
    struct settings settings = {0};
    const struct dns_entry *written = NULL;
    struct dns_entry entry;
    struct providers all;
    struct registration given;
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    int status = find(i, &settings, &written);
    if (status != EXIT_DONE)
        return status;
    if (catalogue_read(i->globals->sandbox_log, i->arena, &all, &err) < 0) {
        say_error("%s", err.text);
        return EXIT_FAILED;
    }
    const struct provider *p = providers_find(&all, written->provider);
    if (p != NULL && !p->registers)
        return no_accounts(written, p);
    entry = p != NULL ? registration_entry(written, p, i->arena) : *written;
    struct settings alone = settings;
    alone.dns = &entry;
    alone.dns_n = 1;
    if (providers_apply(&all, i->arena, &alone, &problems, &err) < 0)
        return say_problem(&problems, &err);
    const struct propagation *how = entry.has_propagation ? &entry.propagation : &settings.propagation;
    if (ask(i, &alone.dns[0], how, p, &given, &err) < 0) {
        say_error("%s", err.text);
        return EXIT_FAILED;
    }
    if (i->globals->json)
        print_json(&given, written);
    else
        print_text(&given, p, written);
    return EXIT_DONE;
}

const struct command command_dns_register = {
    .words = "dns register",
    .arguments = "ENTRY",
    .summary = "make an account at a provider that has them for everybody (acme-dns)",
    .text = "ENTRY is one of dns: in the configuration, without an account yet, or for one more.\n"
            "What to write where, and the CNAME to set, are printed; nothing is changed here.\n",
    .argument_least = 1,
    .argument_most = 1,
    .run = dns_register,
};
