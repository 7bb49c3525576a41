#include "base/buf.h"
#include "cli/command_table.h"
#include "cli/snippet/snippet.h"
#include "config/settings.h"
#include "os/user.h"
#include "processes/command.h"
#include "processes/control_socket.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    CHOICES_MAX = 32,       /* servers, or forms of one */
    CHOICES_SHOWN_MAX = 12, /* certificates in an error */
    FORMS_DEFAULT_MAX = 2,  /* one for names with a webroot and one for the others */
};

static const struct option_spec snippet_options[] = {
    {'d', "domain", OPTION_TEXT, true, "NAME", "for the certificate of this name; may be repeated"},
    {0, "form", OPTION_TEXT, false, "FORM", "which fragment; --form list: all of the server, a line each"},
    {0, "user", OPTION_TEXT, false, "USER",
        "sudoers: whom the daemon runs as (default evercert,\nfor others than root themselves)"},
};

/* --- which server, which form --- */

static size_t servers(const char *out[CHOICES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < snippet_form_n && n < CHOICES_MAX; i++)
        if (n == 0 || strcmp(out[n - 1], snippet_forms[i].server) != 0)
            out[n++] = snippet_forms[i].server;
    return n;
}

static size_t forms_of(const char *server, const struct snippet_form *out[CHOICES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < snippet_form_n && n < CHOICES_MAX; i++)
        if (strcmp(snippet_forms[i].server, server) == 0)
            out[n++] = &snippet_forms[i];
    return n;
}

/* Says that `given` is none of the words. */
static int unknown(
    const struct invocation *i, const char *what, const char *given, const char *const *words, size_t n)
{
    const char *list = "", *meant = options_nearest(given, words, n);
    for (size_t k = 0; k < n && k < CHOICES_SHOWN_MAX; k++)
        list = arena_printf(i->arena, "%s%s%s", list, k > 0 ? ", " : "", words[k]);
    if (n > CHOICES_SHOWN_MAX)
        list = arena_printf(i->arena, "%s and %zu more", list, n - CHOICES_SHOWN_MAX);
    return usage_error(i->command, "unknown %s %s%s%s%s: %s", what, given,
        meant != NULL ? " (did you mean " : "", meant != NULL ? meant : "", meant != NULL ? "?)" : "", list);
}

static int unknown_form(const struct invocation *i, const char *server, const char *given)
{
    const struct snippet_form *forms[CHOICES_MAX];
    const char *words[CHOICES_MAX];
    size_t n = forms_of(server, forms);
    for (size_t k = 0; k < n; k++)
        words[k] = forms[k]->name;
    return unknown(i, arena_printf(i->arena, "form of %s", server), given, words, n);
}

static const struct snippet_form *first_with(
    const struct snippet_form *const *forms, size_t n, enum snippet_place place)
{
    for (size_t k = 0; k < n; k++)
        if (forms[k]->place == place)
            return forms[k];
    return NULL;
}

/* What of the server's `n` forms fits the configuration; how many, at least one. */
static size_t default_forms(const struct snippet_source *s, const struct snippet_form *const *forms, size_t n,
    const struct snippet_form *out[FORMS_DEFAULT_MAX])
{
    size_t used = 0;
    struct snippet_ways ways = snippet_ways_of(s);
    const struct snippet_form *files = first_with(forms, n, SNIPPET_WEBROOT);
    const struct snippet_form *proxy = first_with(forms, n, SNIPPET_PROXY);
    if (!ways.webroot && !ways.responder && ways.tls_alpn_01)
        for (size_t k = 0; k < n; k++)
            if (strcmp(forms[k]->name, "tls-alpn-01") == 0) {
                out[0] = forms[k];
                return 1;
            }
    if (files != NULL && ways.webroot)
        out[used++] = files;
    if (proxy != NULL && (ways.responder || used == 0))
        out[used++] = proxy;
    if (used == 0)
        out[used++] = forms[0];
    return used;
}

static int list_forms(const struct invocation *i, const char *server)
{
    const struct snippet_form *forms[CHOICES_MAX];
    size_t n = forms_of(server, forms);
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++)
        if (i->globals->json)
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "form", forms[k]->name, "summary", forms[k]->summary));
        else
            printf("%-12s  %s\n", forms[k]->name, forms[k]->summary);
    if (i->globals->json) {
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', stdout);
    }
    json_decref(list);
    return EXIT_DONE;
}

/* --- which certificates --- */

struct chosen {
    const struct invocation *invocation;
    const struct settings *settings;
    const struct wish **wishes;
    size_t n;
    bool invented;
};

static void choose(struct chosen *c, const struct wish *w)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->wishes[k] == w)
            return;
    c->wishes[c->n++] = w;
}

/* A certificate that the configuration does not have: its defaults, and that one name. */
static const struct wish *made_up(struct chosen *c, const char *name, const char *domain)
{
    struct arena *a = c->invocation->arena;
    struct wish *w = arena_alloc(a, sizeof *w);
    const char **domains = arena_array(a, 1, sizeof *domains);
    *w = c->settings->defaults;
    domains[0] = domain;
    w->name = name;
    w->domains = domains;
    w->domain_n = 1;
    w->csr = "";
    return w;
}

/* By its name or that of its second key type; NULL where the configuration has none. */
static const struct wish *wish_called(const struct chosen *c, const char *name)
{
    for (size_t k = 0; k < c->settings->certificate_n; k++) {
        const struct wish *w = &c->settings->certificates[k];
        const char *second = wish_variant_name(w, 1, c->invocation->arena);
        if (strcmp(w->name, name) == 0 || (second != NULL && strcmp(second, name) == 0))
            return w;
    }
    return NULL;
}

static bool is_live(const struct chosen *c, const char *name)
{
    struct stat st;
    struct err err = ERR_INIT;
    return wish_name_check(str_c(name), &err) == 0 &&
           stat(arena_printf(c->invocation->arena, "%s/live/%s", c->invocation->globals->state, name), &st) ==
               0;
}

static int choose_certificate(struct chosen *c, const char *name)
{
    const struct wish *w = wish_called(c, name);
    if (w == NULL && is_live(c, name)) { /* got by command */
        const char *domain;
        struct err err = ERR_INIT;
        if (name_to_ascii(str_c(name), c->invocation->arena, &domain, &err) < 0)
            domain = name;
        w = made_up(c, name, domain);
    }
    if (w != NULL) {
        choose(c, w);
        return EXIT_DONE;
    }
    size_t n = c->settings->certificate_n;
    if (n == 0)
        return usage_error(c->invocation->command,
            "unknown certificate %s: the configuration has none, and none of this name was issued by "
            "command; "
            "with -d NAME the fragment is for a name that is still to come",
            name);
    const char **words = arena_array(c->invocation->arena, n, sizeof *words);
    for (size_t k = 0; k < n; k++)
        words[k] = c->settings->certificates[k].name;
    return unknown(c->invocation, "certificate", name, words, n);
}

static bool has_domain(const struct wish *w, const char *domain)
{
    for (size_t k = 0; k < w->domain_n; k++)
        if (strcmp(w->domains[k], domain) == 0)
            return true;
    return false;
}

static int choose_domain(struct chosen *c, const char *given)
{
    struct arena *a = c->invocation->arena;
    struct err err = ERR_INIT;
    const char *domain;
    if (name_to_ascii(str_c(given), a, &domain, &err) < 0)
        return usage_error(c->invocation->command, "-d %s: %s", given, err.text);
    size_t before = c->n, room = 0, used = 0;
    for (size_t k = 0; k < c->settings->certificate_n; k++) {
        room += c->settings->certificates[k].domain_n;
        if (has_domain(&c->settings->certificates[k], domain))
            choose(c, &c->settings->certificates[k]);
    }
    if (c->n > before)
        return EXIT_DONE;
    if (is_live(c, domain) || c->settings->certificate_n == 0) {
        choose(c, made_up(c, domain, domain));
        return EXIT_DONE;
    }
    const char **words = arena_array(a, room, sizeof *words);
    for (size_t k = 0; k < c->settings->certificate_n; k++)
        for (size_t d = 0; d < c->settings->certificates[k].domain_n; d++)
            words[used++] = c->settings->certificates[k].domains[d];
    return unknown(c->invocation, "name", given, words, used);
}

/* Those asked for, else all of the configuration, else one that stands for what is to come. */
static int choose_all(struct chosen *c)
{
    const struct options *o = c->invocation->options;
    size_t all = c->settings->certificate_n;
    int status = EXIT_DONE;
    c->wishes = arena_array(c->invocation->arena, all + o->argument_n + o->given_n + 1, sizeof *c->wishes);
    for (size_t k = 1; k < o->argument_n && status == EXIT_DONE; k++)
        status = choose_certificate(c, o->arguments[k]);
    for (size_t k = 0; k < o->given_n && status == EXIT_DONE; k++)
        if (o->given[k].spec->letter == 'd')
            status = choose_domain(c, o->given[k].value);
    if (status != EXIT_DONE || c->n > 0)
        return status;
    for (size_t k = 0; k < all; k++)
        c->wishes[c->n++] = &c->settings->certificates[k];
    if (c->n == 0) {
        c->invented = true;
        c->wishes[c->n++] = made_up(c, "example.com", "example.com");
    }
    return EXIT_DONE;
}

/* --- the command --- */

/* " -c FILE --state DIR", as far as a command has to be told. */
static const char *own_options(const struct invocation *i)
{
    const struct globals *g = i->globals;
    const char *config = "", *state = "";
    if (strcmp(g->config, DEFAULT_CONFIG) != 0)
        config = arena_printf(i->arena, " -c %s", snippet_quoted(g->config, i->arena));
    if (strcmp(g->state, CONTROL_STATE_DEFAULT) != 0)
        state = arena_printf(i->arena, " --state %s", snippet_quoted(g->state, i->arena));
    return arena_printf(i->arena, "%s%s", config, state);
}

static const char *daemon_user(const struct invocation *i)
{
    const char *given = options_value(i->options, "user");
    struct user me;
    if (given != NULL)
        return given;
    user_current(&me);
    return me.uid == 0 ? "evercert" : arena_dup_c(i->arena, me.name);
}

static int print(const struct invocation *i, const struct snippet_source *s,
    const struct snippet_form *const *forms, size_t n)
{
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    struct err err = ERR_INIT;
    for (size_t k = 0; k < n; k++) {
        if (k > 0)
            buf_put_char(&out, '\n');
        if (snippet_write(s, forms[k], &out, &err) < 0) {
            say_error("%s: %s", forms[k]->server, err.text);
            return EXIT_FAILED;
        }
    }
    if (buf_failed(&out)) {
        say_error("the fragment is too large; ask for it by certificate");
        return EXIT_FAILED;
    }
    if (!i->globals->json) {
        fwrite(buf_c(&out), 1, out.n, stdout);
        return EXIT_DONE;
    }
    json_t *names = json_array();
    for (size_t k = 0; k < n; k++)
        json_array_append_new(names, json_string(forms[k]->name));
    json_t *o =
        json_pack("{s:s, s:o, s:s%}", "server", forms[0]->server, "forms", names, "text", buf_c(&out), out.n);
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', stdout);
    json_decref(o);
    return EXIT_DONE;
}

static int load(const struct invocation *i, struct settings *out)
{
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    if (settings_load(i->globals->config, !i->globals->config_given, i->arena, out, &problems, &err) == 0)
        return EXIT_DONE;
    for (size_t k = 0; k < problems.n; k++)
        say_error("%s", problems.list[k]);
    if (problems.n == 0)
        say_error("%s", err.text);
    return EXIT_USAGE;
}

static int snippet(const struct invocation *i)
{
    const char *words[CHOICES_MAX], *server = i->options->arguments[0];
    const char *form = options_value(i->options, "form");
    const struct snippet_form *forms[CHOICES_MAX], *wanted[FORMS_DEFAULT_MAX];
    struct settings settings = {0};
    size_t server_n = servers(words), n = forms_of(server, forms), wanted_n = 0;
    int status;
    if (n == 0)
        return unknown(i, "server", server, words, server_n);
    if (form != NULL && strcmp(form, "list") == 0)
        return list_forms(i, server);
    for (size_t k = 0; k < n && form != NULL; k++)
        if (strcmp(forms[k]->name, form) == 0)
            wanted[wanted_n++] = forms[k];
    if (form != NULL && wanted_n == 0)
        return unknown_form(i, server, form);
    if (options_has(i->options, "user") && forms[0]->place != SNIPPET_SUDOERS)
        return usage_error(i->command, "--user is for sudoers");
    if (forms[0]->place == SNIPPET_SYSTEM &&
        (i->options->argument_n > 1 || options_has(i->options, "domain")))
        return usage_error(i->command, "%s is for all certificates; name none", server);
    struct chosen c = {.invocation = i, .settings = &settings};
    if ((status = load(i, &settings)) != EXIT_DONE || (status = choose_all(&c)) != EXIT_DONE)
        return status;
    const struct snippet_source s = {
        .settings = &settings,
        .wishes = c.wishes,
        .wish_n = c.n,
        .invented = c.invented,
        .config = i->globals->config,
        .state = i->globals->state,
        .options = own_options(i),
        .user = daemon_user(i),
        .arena = i->arena,
    };
    if (wanted_n == 0)
        wanted_n = default_forms(&s, forms, n, wanted);
    return print(i, &s, wanted, wanted_n);
}

const struct command command_snippet = {
    .words = "snippet",
    .arguments = "SERVER [CERT]...",
    .summary = "a tested fragment to paste into another program's configuration",
    .text = "SERVER is one of nginx, apache, haproxy, caddy, traefik, lighttpd, sudoers, systemd and\n"
            "cron. The fragment has the paths, names and ports of your configuration, and says in\n"
            "comments where it goes. Nothing is changed anywhere, and no daemon is asked. Without\n"
            "a certificate it is for all of the configuration.\n"
            "\n"
            "  evercert snippet nginx --form list\n"
            "  evercert snippet nginx --form certificate -d example.com\n",
    .options = {snippet_options, ARRAY_LEN(snippet_options)},
    .argument_least = 1,
    .argument_most = SIZE_MAX,
    .run = snippet,
};
