/* What is done here about a command before the engine is asked: the operator's own word is needed for a wish
 * (which becomes a permit), for a ticket, for files that are forgotten, and for authorities. */
#include "acme/payload.h"
#include "base/attr.h"
#include "base/b64.h"
#include "processes/catalogue.h"
#include "processes/parent/control_priv.h"
#include "processes/parent/copy.h"

#include <stdlib.h>
#include <string.h>

static void ask_engine(struct session *s, struct str permit, struct str ticket)
{
    struct channel *engine = member_channel(s->p, MEMBER_ENGINE);
    struct msg_engine_command m = {
        s->id, s->verb, s->names, s->options, s->wish != NULL ? s->wish : "", permit, ticket};
    struct err err = ERR_INIT;
    if (engine == NULL)
        err_set(&err, ERR_IPC, "the engine is not running");
    else if (channel_send(engine, MSG_engine_command, 0, &m, -1, &err) == 0) {
        s->asked = true;
        return;
    }
    control_fail(s, &err);
}

static void plain_command(struct session *s)
{
    ask_engine(s, STR(""), STR(""));
}

struct pending {
    struct parent *p;
    uint32_t session;
};

struct pending *pending_new(const struct session *s)
{
    struct pending *q = calloc(1, sizeof *q);
    if (q == NULL)
        abort();
    *q = (struct pending){s->p, s->id};
    return q;
}

struct session *pending_end(struct pending *q)
{
    struct session *s = control_session(q->p, q->session);
    free(q);
    return s;
}

static void request_keeper(
    struct session *s, enum msg_type t, const void *msg, enum msg_type answer, channel_reply_fn *reply)
{
    struct channel *keeper = member_channel(s->p, MEMBER_KEEPER);
    struct pending *q = pending_new(s);
    struct err err = ERR_INIT;
    int r = keeper == NULL ? err_set(&err, ERR_IPC, "the keeper is not running")
                           : channel_request(keeper, t, msg, answer, reply, q, &err);
    if (r < 0) {
        free(q);
        control_fail(s, &err);
        return;
    }
    s->waiting = true;
}

/* The authority the command speaks of, announced with what it says about the account. */
static int find_authority(struct session *s, const char *name, const struct authority **out, struct err *err)
{
    *out = authority_named(s->p, name, s->arena);
    if (*out == NULL)
        return err_set(err, ERR_USAGE,
            "there is no authority %s: name a preset (letsencrypt, letsencrypt-staging), an entry of "
            "authorities, or an https directory URL",
            name);
    return 0;
}

/* Keeper and engine hear of it, with what the command says about the account. External account binding
 * concerns the `first` authority only: credentials are of one CA. */
static int announce(struct session *s, const struct authority *a, bool first, struct err *err)
{
    const struct settings *settings = &s->p->settings;
    const char *given = control_option(s, "email"), *email = a->email[0] != '\0' ? a->email : settings->email;
    struct authority bound = *a;
    int r = given == NULL ? 0 : settings_email(given, s->arena, &email, err);
    if (r == 0 && first)
        r = settings_eab(
            control_option(s, "eab-kid"), control_option(s, "eab-hmac-file"), s->arena, &bound, err);
    if (r < 0)
        return r;
    bool agreed = settings->agree_tos || a->agree_tos || control_option(s, "agree-tos") != NULL;
    return authority_announce(s->p, &bound, email, agreed, err);
}

/* The keeper went before it answered: the next one is asked when it is there, once. */
static bool asked_again(struct session *s, const void *answer)
{
    if (answer != NULL || s->repeated || s->p->stopping)
        return false;
    s->repeated = true;
    return true;
}

/* The session whose question the keeper answered; NULL where it is gone, asks again, or was told of the
 * failure. */
static struct session *answered(void *arg, const void *msg, const struct msg_error *e, const struct err *why)
{
    struct session *s = pending_end(arg);
    struct err err = ERR_INIT;
    if (s != NULL)
        s->waiting = false;
    if (s == NULL || asked_again(s, msg))
        return NULL;
    if (msg_outcome(e, why, &err) == 0)
        return s;
    control_fail(s, &err);
    return NULL;
}

static void on_issue_permit(const void *msg, const struct err *why, void *arg)
{
    const struct msg_permit_made *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL && m != NULL)
        ask_engine(s, m->permit, STR(""));
}

/* Options that are part of the wish; the others are about the account or the run. */
static bool is_wish_option(struct str word)
{
    static const char *const others[] = {
        "email", "agree-tos", "eab-kid", "eab-hmac-file", "http-port", "tls-port", "staging"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq_c(word, others[i]))
            return false;
    return true;
}

/* Who names a provider instead of an entry is told what to write. */
static void explain_dns(struct session *s, struct err *err)
{
    struct buf example ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX);
    struct providers all;
    for (size_t i = 0; i < s->options.n; i++) {
        struct str word, value;
        str_cut(str_c(s->options.p[i]), '=', &word, &value);
        if (!str_eq_c(word, "dns") || dns_entry_find(&s->p->settings, value) != NULL ||
            catalogue_read(s->p->options.sandbox_log, s->arena, &all, NULL) < 0)
            continue;
        const struct provider *p = providers_find(&all, arena_dup(s->arena, value));
        if (p == NULL)
            continue;
        provider_example_line(p, p->name, &example);
        err_set(err, ERR_USAGE,
            "--dns: %s is a provider, and there is no entry of dns for it; write one into %s: %s", p->name,
            s->p->options.config, buf_c(&example));
        return;
    }
}

static int issue_wish(struct session *s, struct wish *out, struct err *err)
{
    struct wish_option *options = arena_array(s->arena, s->options.n + 1, sizeof *options);
    size_t n = 0;
    for (size_t i = 0; i < s->options.n; i++) {
        struct str word, value;
        str_cut(str_c(s->options.p[i]), '=', &word, &value);
        if (is_wish_option(word))
            options[n++] = (struct wish_option){arena_dup(s->arena, word), arena_dup(s->arena, value)};
    }
    int r = settings_wish(&s->p->settings, options, n, s->arena, out, err);
    if (r < 0)
        explain_dns(s, err);
    return r;
}

/* --staging and --dry-run: the authority's staging directory instead of its real one. */
static int use_staging(struct session *s, const char **name, const struct authority **out, struct err *err)
{
    const struct authority *a = *out;
    if (a->staging[0] == '\0')
        return err_set(err, ERR_USAGE,
            "authority %s has no staging directory: set authorities.%s.staging to one, or name a staging "
            "authority",
            *name, *name);
    *name = a->staging;
    return find_authority(s, a->staging, out, err);
}

/* Finds and announces the wish's authorities. */
static int announce_authorities(struct session *s, struct wish *w, struct err *err)
{
    const char **names = arena_array(s->arena, w->authority_n, sizeof *names);
    bool staging = s->p->options.dry_run || control_option(s, "staging") != NULL;
    for (size_t i = 0; i < w->authority_n; i++) {
        const struct authority *a;
        names[i] = w->authorities[i];
        int r = find_authority(s, names[i], &a, err);
        if (r == 0 && staging)
            r = use_staging(s, &names[i], &a, err);
        if (r < 0 || (r = announce(s, a, i == 0, err)) < 0)
            return r;
    }
    w->authorities = names;
    return 0;
}

/* The engine is asked with the permit then. */
static void make_permit(struct session *s, const struct wish *w)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(w, &text);
    s->wish = arena_dup(s->arena, buf_str(&text));
    request_keeper(s, MSG_permit_make, &(struct msg_permit_make){s->wish}, MSG_permit_made, on_issue_permit);
}

static void issue_command(struct session *s)
{
    struct err err = ERR_INIT;
    struct wish w;
    int r = issue_wish(s, &w, &err);
    if (r == 0 && s->p->options.dry_run)
        w.deploy_n = w.publication_n = 0;
    for (uint32_t i = 0; r == 0 && i < w.key_type_n; i++) {
        const char *name = wish_variant_name(&w, i, s->arena);
        if (settings_has_certificate(&s->p->settings, name))
            r = err_set(&err, ERR_USAGE,
                "%s is in the configuration already: change it there, or give this one another --name; "
                "evercert renew %s gets it now",
                name, name);
    }
    if (r == 0)
        r = announce_authorities(s, &w, &err);
    if (r < 0) {
        control_fail(s, &err);
        return;
    }
    make_permit(s, &w);
}

/* The names of a command line are checked as the settings would have them got; a certificate by its own wish,
 * which the engine has. */
static void check_command(struct session *s)
{
    struct err err = ERR_INIT;
    struct wish w;
    if (control_option(s, "domain") == NULL) {
        plain_command(s);
        return;
    }
    if (issue_wish(s, &w, &err) < 0) {
        control_fail(s, &err);
        return;
    }
    make_permit(s, &w);
}

/* A challenge for that name, as an order would have it answered, by that entry. */
static void dns_test_command(struct session *s)
{
    struct err err = ERR_INIT;
    struct wish w;
    if (s->names.n != 2) {
        err_set(&err, ERR_USAGE, "dns test takes an entry of dns and a DNS name");
        control_fail(s, &err);
        return;
    }
    const struct wish_option options[] = {
        {"domain", s->names.p[1]}, {"challenge", "dns-01"}, {"dns", s->names.p[0]}};
    if (settings_wish(&s->p->settings, options, ARRAY_LEN(options), s->arena, &w, &err) < 0) {
        control_fail(s, &err);
        return;
    }
    w.deploy_n = w.publication_n = 0;
    make_permit(s, &w);
}

static void on_ticket(const void *msg, const struct err *why, void *arg)
{
    const struct msg_ticket_made *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL && m != NULL)
        ask_engine(s, STR(""), m->ticket);
}

static bool one_name(struct session *s)
{
    struct err err = ERR_INIT;
    if (s->names.n == 1)
        return true;
    err_set(&err, ERR_USAGE, "%s takes the name of one certificate", command_verb_text(s->verb));
    control_fail(s, &err);
    return false;
}

static void revoke_command(struct session *s)
{
    struct err err = ERR_INIT;
    const char *text = control_option(s, "reason");
    uint32_t reason = 0;
    if (!one_name(s))
        return;
    if (text != NULL && !command_reason_parse(str_c(text), &reason)) {
        err_set(&err, ERR_USAGE,
            "%s is no reason: unspecified, keyCompromise, affiliationChanged, superseded or "
            "cessationOfOperation",
            text);
        control_fail(s, &err);
        return;
    }
    request_keeper(s, MSG_ticket_make, &(struct msg_ticket_make){ACME_REQUEST_REVOKE, s->names.p[0], reason},
        MSG_ticket_made, on_ticket);
}

static void on_forgotten(const void *msg, const struct err *why, void *arg)
{
    const struct msg_done *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL)
        plain_command(s);
}

bool control_is_configured(const struct session *s)
{
    return settings_has_certificate(&s->p->settings, s->names.p[0]);
}

void control_forget(struct session *s)
{
    struct err err = ERR_INIT;
    if (!one_name(s))
        return;
    if (control_is_configured(s)) {
        err_set(&err, ERR_USAGE, "%s is in the configuration: remove it from %s and reload first",
            s->names.p[0], s->p->options.config);
        control_fail(s, &err);
        return;
    }
    request_keeper(s, MSG_files_forget, &(struct msg_files_forget){s->names.p[0]}, MSG_done, on_forgotten);
}

/* The authority that a command about an account is for, announced. NULL where there is none, and the command
 * has failed. */
static const struct authority *account_authority(struct session *s)
{
    const char *name = control_option(s, "authority");
    const struct authority *a = NULL;
    struct err err = ERR_INIT;
    if (name == NULL)
        name = s->p->settings.defaults.authorities[0];
    if (find_authority(s, name, &a, &err) == 0 && announce(s, a, true, &err) == 0)
        return a;
    control_fail(s, &err);
    return NULL;
}

/* Account commands: the engine gets the account's id, whatever name the operator used. */
static void set_account(struct session *s, const struct authority *a)
{
    const char **names = arena_array(s->arena, 1, sizeof *names);
    names[0] = a->id;
    s->names = (struct msg_list){names, 1};
}

static void account_command(struct session *s)
{
    if (s->verb != VERB_ACCOUNT_SHOW || control_option(s, "authority") != NULL) { /* else all are shown */
        const struct authority *a = account_authority(s);
        if (a == NULL)
            return;
        set_account(s, a);
    }
    plain_command(s);
}

/* What cannot be undone, or changes a key, needs the keeper's ticket. */
static void ticketed_account_command(struct session *s)
{
    uint32_t request =
        s->verb == VERB_ACCOUNT_ROLLOVER ? ACME_REQUEST_KEY_CHANGE : ACME_REQUEST_DEACTIVATE_ACCOUNT;
    const struct authority *a = account_authority(s);
    if (a == NULL)
        return;
    set_account(s, a);
    request_keeper(
        s, MSG_ticket_make, &(struct msg_ticket_make){request, a->id, 0}, MSG_ticket_made, on_ticket);
}

/* What the settings would ask for that name, without a wildcard's "*."; NULL for what is none. */
static const char *wish_for_name(struct session *s, const char *name)
{
    struct wish_option domain = {"domain", strncmp(name, "*.", 2) == 0 ? name + 2 : name};
    struct wish w;
    if (settings_wish(&s->p->settings, &domain, 1, s->arena, &w, NULL) < 0)
        return NULL;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(&w, &text);
    return arena_dup(s->arena, buf_str(&text));
}

/* The account goes along as an option: the name is that of a certificate, or of a host. */
static void dns_record_command(struct session *s)
{
    const struct authority *a = one_name(s) ? account_authority(s) : NULL;
    if (a == NULL)
        return;
    s->wish = wish_for_name(s, s->names.p[0]);
    const char **options = arena_array(s->arena, s->options.n + 1, sizeof *options);
    if (s->options.n > 0)
        memcpy(options, s->options.p, s->options.n * sizeof *options);
    options[s->options.n] = arena_printf(s->arena, "account=%s", a->id);
    s->options = (struct msg_list){options, s->options.n + 1};
    plain_command(s);
}

static void import_command(struct session *s)
{
    struct err err = ERR_INIT;
    int r = import_begin(s, &err);
    if (r == 0 && !import_is_look(s)) {
        plain_command(s);
        if (s->over)
            return;
    }
    if (r < 0 || (r = import_go(s, &err)) < 0)
        control_fail(s, &err);
}

/* The name is one that the keeper took, and the format one it has: nothing in them has to be escaped. */
static void on_exported(const void *msg, const struct err *why, void *arg)
{
    const struct msg_export_made *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    struct buf json ATTR_CLEANUP(buf_free) = buf_new_sensitive(MSG_LARGE);
    struct err err = ERR_INIT;
    if (s == NULL || m == NULL)
        return;
    buf_printf(
        &json, "{\"name\":\"%s\",\"format\":\"%s\",\"bytes\":\"", s->names.p[0], control_option(s, "format"));
    b64url_encode(&json, m->bytes);
    buf_put_c(&json, "\"}");
    if (buf_failed(&json))
        err_set(&err, ERR_LIMIT, "%s is too large to export", s->names.p[0]);
    else if (channel_send(s->channel, MSG_row, 0, &(struct msg_row){0, buf_c(&json)}, -1, &err) == 0) {
        control_end(s, EXIT_DONE, NULL);
        return;
    }
    control_fail(s, &err);
}

/* The keeper's answer goes to the operator; the engine has no part in it. */
static void export_command(struct session *s)
{
    const char *format = control_option(s, "format"), *file = control_option(s, "password-file");
    struct buf password ATTR_CLEANUP(buf_free) = buf_new_sensitive(MSG_SMALL);
    struct err err = ERR_INIT;
    if (!one_name(s))
        return;
    if (format == NULL)
        err_set(&err, ERR_USAGE, "export needs a format");
    if (format == NULL || (file != NULL && copy_password(file, &password, &err) < 0)) {
        control_fail(s, &err);
        return;
    }
    const struct msg_export_make m = {s->names.p[0], format, buf_c(&password), STR("")};
    request_keeper(s, MSG_export_make, &m, MSG_export_made, on_exported);
}

static void (*const verbs[])(struct session *s) = {
    [VERB_ISSUE] = issue_command,
    [VERB_RENEW] = plain_command,
    [VERB_LIST] = plain_command,
    [VERB_SHOW] = plain_command,
    [VERB_REVOKE] = revoke_command,
    [VERB_FORGET] = control_forget,
    [VERB_LOG] = plain_command,
    [VERB_ACCOUNT_SHOW] = account_command,
    [VERB_ACCOUNT_REGISTER] = account_command,
    [VERB_ACCOUNT_UPDATE] = account_command,
    [VERB_ACCOUNT_ROLLOVER] = ticketed_account_command,
    [VERB_ACCOUNT_DEACTIVATE] = ticketed_account_command,
    [VERB_DNS_RECORD] = dns_record_command,
    [VERB_DNS_TEST] = dns_test_command,
    [VERB_IMPORT] = import_command,
    [VERB_CHECK] = check_command,
    [VERB_EXPORT] = export_command,
    [VERB_CONTAINERS] = watch_containers,
    [VERB_TEMPLATE_RENDER] = watch_template,
};

bool control_knows(uint32_t verb)
{
    return verb < ARRAY_LEN(verbs) && verbs[verb] != NULL;
}

void control_command(struct session *s)
{
    verbs[s->verb](s);
}
