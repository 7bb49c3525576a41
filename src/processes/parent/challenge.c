/*
 * Programs that answer challenges of the DNS: what the solver asks to be run for a record, out of the permit
 * and of an entry of `dns:`. Programs of one entry run one after the other, for few of them were written for
 * anything else; those of other entries run meanwhile.
 */
#include "processes/parent/parent.h"

#include "base/text.h"
#include "base/time.h"
#include "os/child.h"
#include "os/file.h"
#include "processes/parent/challenge_entry.h"
#include "processes/parent/challenge_state.h"
#include "processes/parent/dialect.h"
#include "processes/parent/program.h"
#include "processes/parent/run.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHALLENGE_OUTPUT_MAX = 8 * 1024, /* a cleanup gets it back: it goes through messages and the store */
    CHALLENGE_BASE_ENV = 8,          /* PATH HOME USER LANG, and what the host of acme.sh's scripts is told */
    SCRIPT_NAME_MAX = 64,
    DECLINED_MAX = 200, /* remembered; those of two orders */
};

#define SCRIPT_HOST "acme-sh-host"

enum challenge_state {
    CHALLENGE_ASKING,  /* what the permit says */
    CHALLENGE_WAITING, /* for others of the same entry */
    CHALLENGE_RUNNING,
    CHALLENGE_DECLINED, /* answered; kept, for such a hook is not called again at the end */
};

struct challenge {
    struct challenge *next;
    struct parent *p;
    enum challenge_state state;
    unsigned life; /* the solver that asked, and its request */
    uint32_t id;
    struct arena *arena;
    struct msg_challenge_run asked; /* its texts are in the arena */
    struct challenge_entry entry;   /* so are these */
    const char *certificate;
    const char *const *domains;
    size_t domain_n;
    enum key_type key_type;
    const char *program;                /* what is run, for messages */
    struct variables *account, *domain; /* what an acme.sh script had kept */
    bool by_sudo;
    struct buf output, printed, kept; /* all but standard output, that, and what is to be kept */
};

/* --- the end --- */

/* As a cleanup may get it in its environment, and a store can keep it: text, without the line's end. */
static const char *printed(const struct challenge *c)
{
    struct str text = str_trim(buf_str(&c->printed));
    const char *nul = text.n > 0 ? memchr(text.p, '\0', text.n) : NULL;
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(4 * CHALLENGE_OUTPUT_MAX);
    if (nul != NULL)
        text.n = (size_t)(nul - text.p);
    if (text_is_utf8(text))
        return arena_dup(c->arena, text);
    text_clean(&clean, text, CHALLENGE_OUTPUT_MAX);
    return arena_dup(c->arena, buf_str(&clean));
}

/* A solver that is gone is not answered. */
static void answer(struct challenge *c, const struct err *err)
{
    struct channel *solver = member_channel(c->p, MEMBER_SOLVER);
    struct err failure = ERR_INIT;
    struct msg_challenge_ran m = {err == NULL ? printed(c) : "", msg_error_of(err)};
    if (solver != NULL && c->life == c->p->solver_life &&
        channel_send(solver, MSG_challenge_ran, c->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
}

static void drop(struct parent *p, struct challenge *c)
{
    for (struct challenge **at = &p->challenges; *at != NULL; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    buf_free(&c->output);
    buf_free(&c->printed);
    buf_free(&c->kept);
    arena_free(c->arena);
    free(c);
}

static void finish(struct parent *p, struct challenge *c, const struct err *err)
{
    answer(c, err);
    drop(p, c);
}

/* Of those that declined, the oldest are forgotten. */
static void remember_declined(struct challenge *c)
{
    struct challenge *oldest = NULL;
    size_t n = 0;
    c->state = CHALLENGE_DECLINED;
    for (struct challenge *o = c->p->challenges; o != NULL; o = o->next)
        if (o->state == CHALLENGE_DECLINED && n++ == 0)
            oldest = o;
    if (n > DECLINED_MAX)
        drop(c->p, oldest);
}

/* Whether the program declined what is to be taken away now. */
static bool was_declined(const struct challenge *c)
{
    for (struct challenge *o = c->p->challenges; o != NULL; o = o->next)
        if (o->state == CHALLENGE_DECLINED && strcmp(o->entry.name, c->entry.name) == 0 &&
            strcmp(o->asked.value, c->asked.value) == 0) {
            drop(c->p, o);
            return true;
        }
    return false;
}

/* The last of what it said, for that is where programs tell what was wrong. */
static void last_words(const struct challenge *c, struct buf *out)
{
    const struct buf *said = c->output.n > 0 ? &c->output : &c->printed;
    struct str text = str_trim(buf_str(said));
    if (text.n > TEXT_FOREIGN_MAX) {
        text.p += text.n - TEXT_FOREIGN_MAX;
        text.n = TEXT_FOREIGN_MAX;
    }
    text_clean(out, text, TEXT_FOREIGN_MAX);
}

static void explain(const struct challenge *c, int wait_status, bool timed_out, struct err *err)
{
    char status[CHILD_STATUS_TEXT_MAX], limit[DURATION_TEXT_MAX];
    struct buf words ATTR_CLEANUP(buf_free) = buf_new(4 * TEXT_FOREIGN_MAX);
    bool declined = c->entry.dialect == PROGRAM_UACME && !c->asked.cleanup && WIFEXITED(wait_status);
    bool sudo = c->by_sudo && program_sudo_refused(buf_str(&c->output));
    last_words(c, &words);
    if (c->p->stopping)
        err_set(err, ERR_CANCELLED, "evercert was stopped while %s ran", c->program);
    else if (timed_out)
        err_set(err, ERR_TIMEOUT, "dns entry %s: %s did not end within %s and was killed%s%s", c->entry.name,
            c->program, duration_format(c->entry.timeout_s, limit), words.n > 0 ? ": " : "", buf_c(&words));
    else
        err_set(err, declined && !sudo ? ERR_REFUSED : ERR_FAILED, "%sdns entry %s: %s %s%s%s%s%s",
            declined && !sudo ? "declined: " : "", c->entry.name, c->program,
            child_status_text(wait_status, status), words.n > 0 ? ": " : "", buf_c(&words), sudo ? ": " : "",
            sudo ? program_sudo_remedy() : "");
}

/* --- what it is told --- */

static struct challenge_facts facts_of(const struct challenge *c)
{
    const struct msg_challenge_run *m = &c->asked;
    return (struct challenge_facts){.cleanup = m->cleanup,
        .challenge = acme_challenge_text((enum acme_challenge)m->challenge),
        .identifier = challenge_identifier(m),
        .record = m->record,
        .zone = m->zone,
        .value = m->value,
        .token = m->token,
        .key_authorization = m->key_authorization,
        .remaining = m->remaining,
        .certificate = c->certificate,
        .domains = c->domains,
        .domain_n = c->domain_n,
        .live = arena_printf(c->arena, "%s/live", c->p->options.state),
        .key_algo = dialect_key_algo(c->key_type),
        .output = m->output,
        .file = c->entry.add[0],
        .raw = c->entry.raw,
        .bare_teardown = c->entry.bare_teardown};
}

struct environment {
    struct arena *a;
    char **list;
    size_t n;
};

/* The first one of a name counts. */
static void tell(struct environment *e, const char *name, const char *value)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->list[i], name, length) == 0 && e->list[i][length] == '=')
            return;
    e->list[e->n++] = arena_printf(e->a, "%s=%s", name, value);
}

/* What scripts left, under a name that only the host reads, and for those that expect it as acme.sh gives it,
 * under its own where the operator says nothing else. */
static void tell_kept(struct environment *e, const char *prefix, const struct variables *kept, bool plain)
{
    for (size_t i = 0; i < kept->n; i++) {
        const struct pair *v = &kept->list[i];
        tell(e, arena_printf(e->a, "%s%s", prefix, v->name), v->value);
        if (plain && !variable_is_reserved(str_c(v->name)))
            tell(e, v->name, v->value);
    }
}

static char **environment(const struct challenge *c, const struct challenge_call *call,
    const struct variables *own, const struct user *u)
{
    size_t room = CHALLENGE_BASE_ENV + CHALLENGE_ENV_MAX + 5 * VARIABLES_MAX + 1;
    struct environment e = {c->arena, arena_array(c->arena, room, sizeof *e.list), 0};
    tell(&e, "PATH", PROGRAM_PATH);
    for (size_t i = 0; i < call->env_n; i++)
        tell(&e, call->env[i].name, call->env[i].value);
    for (size_t i = 0; i < own->n; i++)
        tell(&e, own->list[i].name, own->list[i].value);
    tell(&e, "HOME", u->home);
    tell(&e, "USER", u->name);
    tell(&e, "LANG", "C.UTF-8");
    if (c->account != NULL) {
        tell(&e, "EVERCERT_PRIMITIVE", arena_printf(c->arena, "%s/primitive", member_libexec()));
        tell_kept(&e, "EVERCERT_ACCOUNT_", c->account, true);
        tell_kept(&e, "EVERCERT_DOMAIN_", c->domain, false);
    }
    return e.list;
}

/* --- running --- */

static void on_over(int wait_status, bool timed_out, void *arg);

static int run(struct challenge *c, const char *const *words, size_t word_n,
    const struct challenge_call *call, const struct variables *own, struct err *err)
{
    struct program program;
    struct deploy step = {.argv = words, .argc = word_n, .user = c->entry.user};
    int r =
        program_prepare(&c->p->settings, &step, words[0], call->args, call->arg_n, c->arena, &program, err);
    if (r < 0)
        return r;
    c->by_sudo = program_is_sudo(program.path);
    struct run_spec spec = {.path = program.path,
        .argv = program.argv,
        .envp = environment(c, call, own, &program.user),
        .script_argv = program.script_argv,
        .set_user = program.set_user,
        .uid = program.user.uid,
        .gid = program.user.gid,
        .groups = program.groups,
        .groups_n = program.groups_n,
        .timeout_s = c->entry.timeout_s,
        .output = &c->output,
        .own_stdout = &c->printed,
        .third = c->account != NULL ? &c->kept : NULL,
        .over = on_over,
        .arg = c};
    return run_start(c->p, &spec, err);
}

/* The name of acme.sh's script without its folder and ".sh", which is what its functions begin with. */
static int script_name(const char *path, struct arena *a, const char **out, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_c(slash != NULL ? slash + 1 : path);
    if (path[0] != '/' || !str_ends(name, STR(".sh")) || name.n > SCRIPT_NAME_MAX ||
        !variable_name_ok((struct str){name.p, name.n - 3}))
        return err_set(
            err, ERR_CONFIG, "%s is no path of a script such as /usr/share/acme.sh/dnsapi/dns_cf.sh", path);
    *out = arena_dup(a, (struct str){name.p, name.n - 3});
    return 0;
}

static size_t options_of(const char *path, const char *name, struct arena *a, const char **out)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(SCRIPT_TEXT_MAX);
    if (file_read(AT_FDCWD, path, SCRIPT_TEXT_MAX, &text, NULL) < 0)
        return 0; /* then the user that it runs as can tell why */
    return script_options(buf_str(&text), name, a, out, SCRIPT_OPTIONS_MAX);
}

/* A script of acme.sh is sourced by our host, not executed, so it is looked at as programs are. */
static int start_script(
    struct challenge *c, const struct challenge_call *call, struct variables *own, struct err *err)
{
    const char *options[SCRIPT_OPTIONS_MAX], *name, *path = c->entry.add[0];
    struct user u;
    user_current(&u);
    int r = script_name(path, c->arena, &name, err);
    if (r == 0 && c->entry.user[0] != '\0')
        r = user_by_name(c->entry.user, &u, err);
    if (r == 0)
        r = program_check_safe(path, u.uid, err);
    if (r < 0)
        return r;
    c->account = arena_alloc(c->arena, sizeof *c->account);
    c->domain = arena_alloc(c->arena, sizeof *c->domain);
    size_t n = options_of(path, name, c->arena, options);
    r = challenge_entry_variables(&c->entry, environ, options, n, c->arena, own, err);
    if (r == 0)
        r = challenge_state_load(
            c->p->state, c->entry.name, c->certificate, c->arena, c->account, c->domain, err);
    if (r < 0)
        return r;
    const char *host = arena_printf(c->arena, "%s/" SCRIPT_HOST, member_libexec());
    const char *words[] = {"/bin/sh", host, c->asked.cleanup ? "rm" : "add", path};
    r = program_check_safe(host, u.uid, err);
    return r < 0 ? r : run(c, words, ARRAY_LEN(words), call, own, err);
}

static int start(struct challenge *c, struct err *err)
{
    struct challenge_facts facts = facts_of(c);
    struct challenge_call call;
    struct variables *own = arena_alloc(c->arena, sizeof *own);
    const char *const *words = c->asked.cleanup ? c->entry.remove : c->entry.add;
    size_t word_n = c->asked.cleanup ? c->entry.remove_n : c->entry.add_n;
    c->program = words[0];
    challenge_call(c->entry.dialect, &facts, c->arena, &call);
    if (c->entry.dialect == PROGRAM_ACME_SH)
        return start_script(c, &call, own, err);
    int r = challenge_entry_variables(&c->entry, NULL, NULL, 0, c->arena, own, err);
    return r < 0 ? r : run(c, words, word_n, &call, own, err);
}

static const struct dns_entry *entry_named(const struct parent *p, const char *name)
{
    for (size_t i = 0; i < p->settings.dns_n; i++)
        if (strcmp(p->settings.dns[i].name, name) == 0)
            return &p->settings.dns[i];
    return NULL;
}

static int command_ready(const struct parent *p, const struct challenge_entry *e, const char *const *words,
    size_t word_n, struct arena *a, struct err *err)
{
    struct program program;
    struct deploy step = {.argv = words, .argc = word_n, .user = e->user};
    int r = program_prepare(&p->settings, &step, words[0], NULL, 0, a, &program, err);
    if (r == 0 && program.groups_n == 0)
        r = user_groups(&program.user, program.groups, &program.groups_n, err);
    return r < 0
               ? r
               : program_check_executable(program.file, &program.user, program.groups, program.groups_n, err);
}

static int script_ready(const struct challenge_entry *e, struct arena *a, struct err *err)
{
    struct user u;
    const char *name;
    user_current(&u);
    int r = script_name(e->add[0], a, &name, err);
    if (r == 0 && e->user[0] != '\0')
        r = user_by_name(e->user, &u, err);
    return r < 0 ? r : program_check_safe(e->add[0], u.uid, err);
}

int challenge_ready(struct parent *p, const char *entry, struct arena *a, struct err *err)
{
    const struct dns_entry *found = entry_named(p, entry);
    enum challenge_dialect dialect;
    struct challenge_entry e;
    struct variables own = {.n = 0};
    if (found == NULL || !challenge_dialect_parse(found->provider, &dialect))
        return 0;
    int r = challenge_entry_read(found, a, &e, err);
    if (r == 0)
        r = challenge_entry_variables(&e, NULL, NULL, 0, a, &own, err);
    if (r < 0)
        return r;
    if (dialect == PROGRAM_ACME_SH)
        return script_ready(&e, a, err);
    r = command_ready(p, &e, e.add, e.add_n, a, err);
    return r == 0 && e.remove_n > 0 ? command_ready(p, &e, e.remove, e.remove_n, a, err) : r;
}

static bool may_start(const struct challenge *c)
{
    for (const struct challenge *o = c->p->challenges; o != NULL && o != c; o = o->next)
        if (o->state == CHALLENGE_WAITING && strcmp(o->entry.name, c->entry.name) == 0)
            return false;
    for (const struct challenge *o = c->p->challenges; o != NULL; o = o->next)
        if (o->state == CHALLENGE_RUNNING && strcmp(o->entry.name, c->entry.name) == 0)
            return false;
    return true;
}

/* Starts it, or is over. */
static void begin(struct parent *p, struct challenge *c)
{
    struct err err = ERR_INIT;
    c->state = CHALLENGE_RUNNING;
    if (p->stopping || c->life != p->solver_life) {
        err_set(&err, ERR_CANCELLED, "evercert was stopped before %s ran", c->entry.add[0]);
        finish(p, c, &err);
    } else if (c->asked.cleanup && (c->entry.remove_n == 0 || was_declined(c))) {
        finish(p, c, NULL); /* the operator has no program for it, or it did nothing */
    } else if (start(c, &err) < 0) {
        err_prefix(&err, "dns entry %s", c->entry.name);
        finish(p, c, &err);
    }
}

static struct challenge *next_to_start(const struct parent *p)
{
    for (struct challenge *c = p->challenges; c != NULL; c = c->next)
        if (c->state == CHALLENGE_WAITING && may_start(c))
            return c;
    return NULL;
}

static void start_waiting(struct parent *p)
{
    struct challenge *c;
    while ((c = next_to_start(p)) != NULL)
        begin(p, c);
}

static void on_over(int wait_status, bool timed_out, void *arg)
{
    struct challenge *c = arg;
    struct parent *p = c->p;
    struct err err = ERR_INIT;
    int r = 0;
    if (wait_status != 0 || timed_out)
        explain(c, wait_status, timed_out, &err);
    bool declined = err.code == ERR_REFUSED;
    /* What a script wants kept is kept even where it failed: credentials that were good, tokens it was given.
     */
    if (c->account != NULL && !timed_out)
        r = challenge_state_save(p->state, c->entry.name, c->certificate, buf_str(&c->kept), c->arena,
            c->account, c->domain, err.code == 0 ? &err : NULL);
    if (r < 0 && err.code == r)
        err_prefix(&err, "dns entry %s: what %s wants kept", c->entry.name, c->program);
    answer(c, err.code != 0 ? &err : NULL);
    if (declined)
        remember_declined(c);
    else
        drop(p, c);
    start_waiting(p);
}

/* --- what is asked for --- */

static int take(struct challenge *c, const struct wish *wish, struct err *err)
{
    const struct dns_entry *entry = entry_named(c->p, c->asked.entry);
    if (entry == NULL)
        return err_set(err, ERR_REFUSED, "there is no dns entry \"%s\"", c->asked.entry);
    int r = challenge_check(&c->asked, wish, c->arena, err);
    if (r == 0)
        r = challenge_entry_read(entry, c->arena, &c->entry, err);
    if (r < 0)
        return r;
    const char **domains = arena_array(c->arena, wish->domain_n, sizeof *domains);
    for (size_t i = 0; i < wish->domain_n; i++)
        domains[i] = arena_dup_c(c->arena, wish->domains[i]);
    c->certificate = arena_dup_c(c->arena, wish->name);
    c->domains = domains;
    c->key_type = wish->key_type;
    c->domain_n = wish->domain_n;
    return 0;
}

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct challenge *c = arg;
    struct err err = ERR_INIT;
    if (wish == NULL) {
        finish(p, c, why);
        return;
    }
    if (take(c, wish, &err) < 0) {
        finish(p, c, &err);
        return;
    }
    c->state = CHALLENGE_WAITING;
    start_waiting(p);
}

void challenge_run(struct parent *p, uint32_t id, const struct msg_challenge_run *m)
{
    struct challenge *c = calloc(1, sizeof *c), **at = &p->challenges;
    struct arena *a = arena_new();
    if (c == NULL)
        abort();
    *c = (struct challenge){.p = p,
        .life = p->solver_life,
        .id = id,
        .arena = a,
        .asked = *m,
        .output = buf_new(CHALLENGE_OUTPUT_MAX),
        .printed = buf_new(CHALLENGE_OUTPUT_MAX),
        .kept = buf_new_sensitive(VARIABLES_TEXT_MAX + 1)};
    c->asked.permit = STR(""); /* the message lives for this call */
    c->asked.entry = arena_dup_c(a, m->entry);
    c->asked.identifier = arena_dup_c(a, m->identifier);
    c->asked.record = arena_dup_c(a, m->record);
    c->asked.zone = arena_dup_c(a, m->zone);
    c->asked.value = arena_dup_c(a, m->value);
    c->asked.token = arena_dup_c(a, m->token);
    c->asked.key_authorization = arena_dup_c(a, m->key_authorization);
    c->asked.output = arena_dup_c(a, m->output);
    while (*at != NULL)
        at = &(*at)->next;
    *at = c;
    permit_consult(p, m->permit, on_permit, c);
}
