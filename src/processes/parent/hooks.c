/*
 * Hooks: what the engine asks to be run for a certificate, out of its permit. A step's command becomes one
 * program or several (parent/dialect.h), which run one after the other; hooks that are for the same
 * certificate wait for each other, those too that an engine asked for that is gone.
 */
#include "processes/parent/parent.h"

#include "base/crash_point.h"
#include "base/text.h"
#include "base/time.h"
#include "os/child.h"
#include "processes/parent/dialect.h"
#include "processes/parent/program.h"
#include "processes/parent/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    HOOK_OUTPUT_MAX = 8 * 1024, /* kept for the history */
    HOOK_BASE_ENV = 4,          /* PATH HOME USER LANG */
    HOOK_DOMAINS_MAX = 2000,    /* told at the end of attempts; certbot cuts the text at 16,000 octets */
};

enum hook_state {
    HOOK_ASKING,  /* what the permit says */
    HOOK_WAITING, /* for others of the same certificate */
    HOOK_RUNNING,
};

struct hook {
    struct hook *next;
    struct parent *p;
    enum hook_state state;
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    struct arena *arena;
    enum deploy_event event;
    const char *fingerprint, *error;
    const char **names; /* whose hook it is, where it is for many: those that failed at the end */
    size_t name_n, failed_n;
    struct wall not_after;
    struct wish wish; /* in the arena; of the variant that is meant */
    uint32_t variant;
    size_t step;
    /* Each program of the list with each call. */
    const char **programs;
    size_t program_n, program;
    struct dialect_calls calls;
    size_t call;
    bool folder;      /* one that fails does not keep the others from running */
    struct err first; /* the first failure */
    bool by_sudo;     /* what runs now began with sudo */
    size_t output_from;
    struct buf output;
};

static void run_next(struct hook *h);

/* --- who waits for whom --- */

static bool is_for(const struct hook *h, const char *name)
{
    for (size_t i = 0; i < h->name_n; i++)
        if (strcmp(h->names[i], name) == 0)
            return true;
    return strcmp(h->wish.name, name) == 0;
}

static bool same_certificate(const struct hook *a, const struct hook *b)
{
    for (size_t i = 0; i < a->name_n; i++)
        if (is_for(b, a->names[i]))
            return true;
    return is_for(b, a->wish.name);
}

/* Nobody that runs, and nobody that waits for longer, is for the same. */
static bool may_start(const struct hook *h)
{
    bool later = false;
    for (const struct hook *o = h->p->hooks; o != NULL; o = o->next) {
        if (o == h)
            later = true;
        else if ((o->state == HOOK_RUNNING || (o->state == HOOK_WAITING && !later)) && same_certificate(h, o))
            return false;
    }
    return true;
}

/* What is waited for at the end is what runs, and what puts things back that were changed for an attempt. */
static bool is_held(const struct hook *h)
{
    return h->p->finishing && h->event != DEPLOY_FINISHED;
}

static struct hook *next_to_start(struct parent *p)
{
    for (struct hook *h = p->hooks; h != NULL; h = h->next)
        if (h->state == HOOK_WAITING && !is_held(h) && may_start(h))
            return h;
    return NULL;
}

static void start_waiting(struct parent *p)
{
    struct hook *h;
    while ((h = next_to_start(p)) != NULL) {
        h->state = HOOK_RUNNING;
        run_next(h);
    }
}

/* --- the end --- */

static void answer(struct hook *h, const struct err *err)
{
    struct channel *engine = member_channel(h->p, MEMBER_ENGINE);
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * HOOK_OUTPUT_MAX);
    struct err failure = ERR_INIT;
    if (engine == NULL || h->life != h->p->engine_life)
        return;
    text_clean(&text, buf_str(&h->output), HOOK_OUTPUT_MAX);
    if (h->output.n == h->output.max)
        buf_put_c(&text, " [cut here: no more of the output is kept]");
    struct msg_hook_ran m = {buf_c(&text), msg_error_of(err)};
    if (channel_send(engine, MSG_hook_ran, h->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
}

static void finish(struct hook *h, const struct err *err)
{
    answer(h, err);
    for (struct hook **at = &h->p->hooks; *at != NULL; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    buf_free(&h->output);
    arena_free(h->arena);
    free(h);
}

/* --- what a hook is told --- */

/* Of a certificate that is not the hook's own, the configuration knows the names in it; one of a command was
 * most likely named by its first. */
static void add_domains(const struct hook *h, const char *name, const char **list, size_t *n)
{
    struct declared_cursor cursor = declared_first(h->p->declared);
    struct declared_row row = {.owned = {.domains = h->wish.domains, .domain_n = h->wish.domain_n}};
    struct err err = ERR_INIT;
    int r = strcmp(name, h->wish.name) == 0 ? 1 : declared_find(&cursor, name, &row, &err);
    if (r < 0)
        log_error("%s", err.text);
    if (r <= 0 && *n < HOOK_DOMAINS_MAX)
        list[(*n)++] = name;
    for (size_t i = 0; r > 0 && i < row.owned.domain_n && *n < HOOK_DOMAINS_MAX; i++)
        list[(*n)++] = arena_dup_c(h->arena, row.owned.domains[i]);
    declared_end(&cursor);
}

static const char *const *domains_of(const struct hook *h, size_t from, size_t end, size_t *n)
{
    const char **list = arena_array(h->arena, HOOK_DOMAINS_MAX, sizeof *list);
    *n = 0;
    for (size_t i = from; i < end && *n < HOOK_DOMAINS_MAX; i++)
        add_domains(h, h->names[i], list, n);
    return list;
}

static struct dialect_facts facts_of(const struct hook *h)
{
    const struct wish *w = &h->wish;
    const struct authority *authority =
        w->authority_n > 0 ? authority_named(h->p, w->authorities[0], h->arena) : NULL;
    const char *email =
        authority != NULL && authority->email[0] != '\0' ? authority->email : h->p->settings.email;
    size_t good_n = 0, failed_n = 0, good = h->name_n - h->failed_n;
    const char *const *good_domains = NULL, *const *failed_domains = NULL;
    if (h->event == DEPLOY_FINISHED && h->name_n > 0) {
        good_domains = domains_of(h, 0, good, &good_n);
        failed_domains = domains_of(h, good, h->name_n, &failed_n);
    }
    /* Where it is for nobody else, all of it can be said. */
    bool alone = h->event == DEPLOY_FINISHED && h->name_n == 1 && strcmp(h->names[0], w->name) == 0;
    return (struct dialect_facts){.event = h->event,
        .name = w->name,
        .domains = w->domains,
        .domain_n = w->domain_n,
        .names = h->names,
        .name_n = alone ? 0 : h->name_n,
        .failed = h->names + good,
        .failed_n = h->failed_n,
        .good_domains = good_domains,
        .good_domain_n = good_n,
        .failed_domains = failed_domains,
        .failed_domain_n = failed_n,
        .live = arena_printf(h->arena, "%s/live", h->p->options.state),
        .key_type = w->key_type,
        .has_key = w->csr[0] == '\0',
        .fingerprint = h->fingerprint,
        .not_after = h->not_after,
        .error = h->error,
        /* A reload of the configuration would take these away while a folder's programs run. */
        .email = arena_dup_c(h->arena, email),
        .directory = arena_dup_c(h->arena, authority != NULL ? authority->directory : ""),
        .now = clock_wall(&system_clock)};
}

static bool is_name(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* A later value of the same name takes the place of the first. */
static void tell(struct arena *a, char **list, size_t *n, const char *name, const char *value)
{
    size_t i = 0;
    while (i < *n && !is_name(list[i], name))
        i++;
    list[i] = arena_printf(a, "%s=%s", name, value);
    if (i == *n)
        ++*n;
}

/* The step's own variables may say otherwise than ours, but not what evercert itself tells. */
static char **environment(const struct hook *h, const struct deploy *d, const struct user *u)
{
    size_t n = 0;
    char **list = arena_array(h->arena, HOOK_BASE_ENV + DIALECT_ENV_MAX + d->env_n + 1, sizeof *list);
    tell(h->arena, list, &n, "PATH", PROGRAM_PATH);
    tell(h->arena, list, &n, "HOME", u->home);
    tell(h->arena, list, &n, "USER", u->name);
    tell(h->arena, list, &n, "LANG", "C.UTF-8");
    for (size_t i = 0; i < h->calls.env_n; i++)
        tell(h->arena, list, &n, h->calls.env[i].name, h->calls.env[i].value);
    for (size_t i = 0; i < d->env_n; i++)
        if (!str_starts(str_c(d->env[i].name), STR("EVERCERT_")))
            tell(h->arena, list, &n, d->env[i].name, d->env[i].value);
    return list;
}

/* --- running --- */

static bool is_folder(const struct deploy *d)
{
    struct stat st;
    return strcmp(d->dialect, "certbot") == 0 && stat(d->argv[0], &st) == 0 && S_ISDIR(st.st_mode);
}

/* What the step at hand comes to. */
static int expand(struct hook *h, const struct deploy *d, struct err *err)
{
    enum deploy_dialect dialect;
    struct dialect_facts facts = facts_of(h);
    if (!deploy_dialect_parse(d->dialect, &dialect))
        return err_set(err, ERR_CONFIG, "there is no dialect \"%s\"", d->dialect);
    int r = dialect_calls(dialect, &facts, h->arena, &h->calls, err);
    if (r < 0)
        return err_prefix(err, "dialect %s", d->dialect);
    h->program = h->call = 0;
    h->folder = is_folder(d);
    if (h->folder) {
        if ((r = dialect_folder(d->argv[0], h->event, h->arena, &h->programs, &h->program_n, err)) == 0 &&
            h->program_n == 0)
            buf_printf(&h->output, "%s has no program for %s\n", d->argv[0], deploy_event_text(h->event));
        return r;
    }
    h->programs = arena_alloc(h->arena, sizeof *h->programs);
    h->programs[0] = d->argv[0];
    h->program_n = 1;
    return 0;
}

static void on_over(int wait_status, bool timed_out, void *arg);

static int start(struct hook *h, const struct deploy *d, struct err *err)
{
    struct program program;
    const struct dialect_call *call = &h->calls.call[h->call];
    int r = program_prepare(
        &h->p->settings, d, h->programs[h->program], call->args, call->arg_n, h->arena, &program, err);
    if (r < 0)
        return r;
    h->by_sudo = program_is_sudo(program.path);
    h->output_from = h->output.n;
    struct run_spec spec = {.path = program.path,
        .argv = program.argv,
        .envp = environment(h, d, &program.user),
        .script_argv = program.script_argv,
        .set_user = program.set_user,
        .uid = program.user.uid,
        .gid = program.user.gid,
        .groups = program.groups,
        .groups_n = program.groups_n,
        .timeout_s = d->timeout_s,
        .output = &h->output,
        .over = on_over,
        .arg = h};
    return run_start(h->p, &spec, err);
}

/* To the next call, else to the next program. */
static void advance(struct hook *h)
{
    if (++h->call < h->calls.call_n)
        return;
    h->call = 0;
    h->program++;
}

/* One program failed. True where the rest is not run. */
static bool fail(struct hook *h, const struct err *err)
{
    if (h->first.code == 0)
        h->first = *err;
    advance(h);
    return !h->folder;
}

static void cancelled(struct err *err)
{
    err_set(err, ERR_CANCELLED, "evercert was stopped; the hooks run again at its next start");
}

/* Starts what comes next, or is over; `h` may be gone then. */
static void run_next(struct hook *h)
{
    const struct deploy *d = &h->wish.deploys[h->step];
    struct err err = ERR_INIT;
    bool over = h->p->stopping || h->life != h->p->engine_life;
    if (over)
        cancelled(&h->first);
    if (!over && h->programs == NULL && expand(h, d, &h->first) < 0) {
        err_prefix(&h->first, "deploy hook %s", d->argv[0]);
        over = true;
    }
    while (!over && h->program < h->program_n) {
        if (start(h, d, &err) == 0) {
            crash_point(parent_hook_begun);
            return;
        }
        err_prefix(&err, "deploy hook %s", h->programs[h->program]);
        over = fail(h, &err);
    }
    finish(h, h->first.code != 0 ? &h->first : NULL);
}

static void explain(const struct hook *h, int wait_status, bool timed_out, struct err *err)
{
    const struct deploy *d = &h->wish.deploys[h->step];
    const char *name = h->programs[h->program];
    char status[CHILD_STATUS_TEXT_MAX], limit[DURATION_TEXT_MAX];
    struct buf output ATTR_CLEANUP(buf_free) = buf_new(2 * HOOK_OUTPUT_MAX);
    struct str own = {h->output.p + h->output_from, h->output.n - h->output_from};
    text_clean(&output, str_trim(own), TEXT_FOREIGN_MAX);
    if (h->p->stopping)
        cancelled(err);
    else if (timed_out)
        err_set(err, ERR_TIMEOUT, "deploy hook %s did not end within %s and was killed", name,
            duration_format(d->timeout_s, limit));
    else
        err_set(err, ERR_FAILED, "deploy hook %s %s%s%s%s%s", name, child_status_text(wait_status, status),
            output.n > 0 ? ": " : "", buf_c(&output), h->by_sudo && program_sudo_refused(own) ? ": " : "",
            h->by_sudo && program_sudo_refused(own) ? program_sudo_remedy() : "");
}

static void on_over(int wait_status, bool timed_out, void *arg)
{
    struct hook *h = arg;
    struct parent *p = h->p;
    struct err err = ERR_INIT;
    bool failed = wait_status != 0 || timed_out, over = false;
    crash_point(parent_hook_ended);
    if (failed) {
        explain(h, wait_status, timed_out, &err);
        over = fail(h, &err);
    } else {
        advance(h);
    }
    if (over)
        finish(h, &h->first);
    else
        run_next(h);
    start_waiting(p);
}

/* --- what is asked for --- */

static int check_step(const struct hook *h, struct err *err)
{
    const struct wish *w = &h->wish;
    if (h->step >= w->deploy_n || w->deploys[h->step].argc == 0)
        return err_set(err, ERR_REFUSED, "step %zu of %s is no command", h->step, w->name);
    if (!deploy_is_for(&w->deploys[h->step], h->event))
        return err_set(err, ERR_REFUSED, "step %zu of %s is not for the event %s", h->step, w->name,
            deploy_event_text(h->event));
    if (h->name_n > 0 && !w->deploys[h->step].batch && h->event != DEPLOY_FINISHED)
        return err_set(err, ERR_REFUSED, "step %zu of %s is not one of a batch", h->step, w->name);
    for (size_t i = 0; i < h->name_n; i++)
        if (wish_name_check(str_c(h->names[i]), err) < 0)
            return err->code;
    return 0;
}

static int take_wish(struct hook *h, const struct wish *wish, struct err *err)
{
    /* The wish given lives for this call; ours must last as long as the hooks run. */
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(wish, &text);
    int r = wish_decode(buf_str(&text), h->arena, &h->wish, err);
    if (r == 0)
        r = wish_select(&h->wish, h->variant, h->arena, err);
    return r < 0 ? r : check_step(h, err);
}

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct hook *h = arg;
    struct err err = ERR_INIT;
    if (wish == NULL) {
        finish(h, why);
        return;
    }
    if (take_wish(h, wish, &err) < 0) {
        finish(h, &err);
        return;
    }
    h->state = HOOK_WAITING;
    if (p->finishing)
        hooks_hold(p);
    start_waiting(p);
}

static struct hook *add(struct parent *p, uint32_t id, const struct msg_hook_run *m)
{
    struct hook *h = calloc(1, sizeof *h), **at = &p->hooks;
    struct arena *a = arena_new();
    if (h == NULL)
        abort();
    *h = (struct hook){.p = p,
        .life = p->engine_life,
        .id = id,
        .arena = a,
        .variant = m->variant,
        .step = m->step,
        .fingerprint = arena_dup_c(a, m->fingerprint),
        .error = arena_dup_c(a, m->error),
        .not_after = {m->not_after},
        .failed_n = m->failed.n,
        .output = buf_new(HOOK_OUTPUT_MAX)};
    h->names = arena_array(a, m->names.n + m->failed.n, sizeof *h->names);
    for (size_t i = 0; i < m->names.n; i++)
        h->names[h->name_n++] = arena_dup_c(a, m->names.p[i]);
    for (size_t i = 0; i < m->failed.n; i++)
        h->names[h->name_n++] = arena_dup_c(a, m->failed.p[i]);
    while (*at != NULL)
        at = &(*at)->next;
    *at = h;
    return h;
}

/* Those that the keeper is still asked about wait, too. */
void hooks_hold(struct parent *p)
{
    struct err err = ERR_INIT;
    cancelled(&err);
    for (struct hook *h = p->hooks, *next; h != NULL; h = next) {
        next = h->next;
        if (h->state == HOOK_WAITING && is_held(h))
            finish(h, &err);
    }
}

void hooks_cut(const struct parent *p, const char *when)
{
    for (const struct hook *h = p->hooks; h != NULL; h = h->next)
        if (h->state == HOOK_RUNNING)
            log_about(&(struct log_about){.certificate = h->wish.name, .event = deploy_event_text(h->event)},
                LOG_LEVEL_WARNING,
                "%s: deploy hook %s still runs %s: it is cut off, and run again at the next start",
                h->wish.name, h->programs[h->program], when);
}

size_t hooks_count(const struct parent *p)
{
    size_t n = 0;
    for (const struct hook *h = p->hooks; h != NULL; h = h->next)
        n++;
    return n;
}

void hook_run(struct parent *p, uint32_t id, const struct msg_hook_run *m)
{
    struct err err = ERR_INIT;
    struct hook *h = add(p, id, m);
    if (deploy_event_parse(m->event, &h->event)) {
        permit_consult(p, m->permit, on_permit, h);
        return;
    }
    err_set(&err, ERR_REFUSED, "there is no event \"%s\"", m->event);
    finish(h, &err);
}
