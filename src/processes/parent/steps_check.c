/*
 * What of a permit could not be carried out, told before a renewal needs it: hooks that are missing, not to
 * be executed or open to others, users that sudo has no rule for, folders of challenge files and copies that
 * cannot be written. Nothing is changed; sudo is asked with -l, one question after the other.
 */
#include "processes/parent/parent.h"

#include "config/dns.h"
#include "os/child.h"
#include "os/file.h"
#include "os/user.h"
#include "processes/parent/challenge_file.h"
#include "processes/parent/copy.h"
#include "processes/parent/dialect.h"
#include "processes/parent/program.h"
#include "processes/parent/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROBLEMS_MAX = 200,  /* nobody reads on */
    SUDO_TIMEOUT_S = 20, /* of one question; it may have to ask a directory service */
    SUDO_OUTPUT_MAX = 4 * 1024,
};

struct check {
    struct parent *p;
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    uint32_t variant;
    struct arena *arena;
    struct wish wish; /* in the arena */
    const char *problems[PROBLEMS_MAX];
    size_t n;
    size_t step;      /* whose sudo is asked */
    const char *rule; /* that would let it; NULL: it cannot be said in one line */
    struct buf output;
};

static void tell(struct check *c, const char *where, const char *what)
{
    if (c->n < PROBLEMS_MAX)
        c->problems[c->n++] = arena_printf(c->arena, "%s: %s", where, what);
}

static void finish(struct check *c, const struct err *err)
{
    struct channel *engine = member_channel(c->p, MEMBER_ENGINE);
    struct err failure = ERR_INIT;
    struct msg_steps_checked m = {{c->problems, c->n}, msg_error_of(err)};
    if (engine != NULL && c->life == c->p->engine_life &&
        channel_send(engine, MSG_steps_checked, c->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
    buf_free(&c->output);
    arena_free(c->arena);
    free(c);
}

/* --- hooks --- */

static const char *step_name(struct check *c, size_t i)
{
    const struct deploy *d = &c->wish.deploys[i];
    struct buf words ATTR_CLEANUP(buf_free) = buf_new(WISH_DEPLOY_TEXT_MAX * 2);
    for (size_t j = 0; j < d->argc && words.n < 100; j++) /* enough to know it by */
        buf_printf(&words, "%s%s", j > 0 ? " " : "", d->argv[j]);
    return arena_printf(c->arena, "%s: deploy step %zu (%s)", c->wish.name, i + 1, buf_c(&words));
}

static void check_program(struct check *c, size_t i, const char *file)
{
    const struct deploy *d = &c->wish.deploys[i];
    struct program program;
    struct err err = ERR_INIT;
    int r = program_prepare(&c->p->settings, d, file, NULL, 0, c->arena, &program, &err);
    if (r == 0 && program.groups_n == 0)
        r = user_groups(&program.user, program.groups, &program.groups_n, &err);
    if (r == 0)
        r = program_check_executable(program.file, &program.user, program.groups, program.groups_n, &err);
    if (r < 0)
        tell(c, step_name(c, i), err.text);
}

/* The dialect has a word for each event that the step is for. */
static void check_dialect(struct check *c, size_t i, enum deploy_dialect dialect)
{
    const struct deploy *d = &c->wish.deploys[i];
    struct dialect_calls calls;
    for (int e = 0; e < DEPLOY_EVENT_END_; e++) {
        struct err err = ERR_INIT;
        struct dialect_facts facts = {.event = (enum deploy_event)e,
            .name = c->wish.name,
            .domains = c->wish.domains,
            .domain_n = c->wish.domain_n,
            .names = &c->wish.name,
            .name_n = d->batch ? 1 : 0,
            .live = "",
            .key_type = c->wish.key_type,
            .fingerprint = "",
            .error = "",
            .email = "",
            .directory = ""};
        if (!deploy_is_for(d, facts.event) || dialect_calls(dialect, &facts, c->arena, &calls, &err) == 0)
            continue;
        tell(c, step_name(c, i), err.text);
        return;
    }
}

static void check_folder(struct check *c, size_t i)
{
    const struct deploy *d = &c->wish.deploys[i];
    size_t found = 0;
    for (int e = 0; e < DEPLOY_EVENT_END_; e++) {
        const char **programs;
        size_t n;
        struct err err = ERR_INIT;
        if (!deploy_is_for(d, (enum deploy_event)e) || e == DEPLOY_RENEWED) /* as for issued */
            continue;
        if (dialect_folder(d->argv[0], (enum deploy_event)e, c->arena, &programs, &n, &err) < 0)
            tell(c, step_name(c, i), err.text);
        found += n;
        for (size_t j = 0; j < n; j++)
            check_program(c, i, programs[j]);
    }
    if (found == 0)
        tell(c, step_name(c, i), "the folder has no executable file (chmod +x)");
}

static void check_command(struct check *c, size_t i)
{
    const struct deploy *d = &c->wish.deploys[i];
    struct stat st;
    enum deploy_dialect dialect;
    if (!deploy_dialect_parse(d->dialect, &dialect))
        return;
    check_dialect(c, i, dialect);
    if (dialect == DIALECT_CERTBOT && stat(d->argv[0], &st) == 0 && S_ISDIR(st.st_mode))
        check_folder(c, i);
    else
        check_program(c, i, d->argv[0]);
}

/* --- files that are written --- */

static void check_webroot(struct check *c, const char *webroot)
{
    struct err err = ERR_INIT;
    if (challenge_file_check(webroot, &err) < 0)
        tell(c, c->wish.name, err.text);
}

static void check_webroots(struct check *c)
{
    const struct wish *w = &c->wish;
    bool http = false;
    for (size_t i = 0; i < w->challenge_n; i++)
        http = http || strcmp(w->challenges[i], "http-01") == 0;
    if (!http)
        return;
    if (w->webroot[0] != '\0')
        check_webroot(c, w->webroot);
    for (size_t i = 0; i < w->webroot_n; i++) {
        bool said = strcmp(w->webroots[i].value, w->webroot) == 0 || w->webroots[i].value[0] == '\0';
        for (size_t j = 0; j < i; j++)
            said = said || strcmp(w->webroots[j].value, w->webroots[i].value) == 0;
        if (!said)
            check_webroot(c, w->webroots[i].value);
    }
}

static void check_publications(struct check *c)
{
    for (size_t i = 0; i < c->wish.publication_n; i++) {
        const struct publication *p = &c->wish.publications[i];
        struct err err = ERR_INIT;
        if (copy_check(&c->wish, p, c->arena, &err) < 0)
            tell(c,
                arena_printf(
                    c->arena, "%s: publish %s", c->wish.name, publication_path(p, c->wish.name, c->arena)),
                err.text);
    }
}

/* --- programs that answer challenges --- */

static void check_dns(struct check *c)
{
    for (size_t i = 0; i < c->wish.dns_n; i++) {
        size_t n;
        const char *const *entries = dns_entries_split(c->wish.dns[i].value, c->arena, &n);
        for (size_t j = 0; j < n; j++) {
            struct err err = ERR_INIT;
            if (challenge_ready(c->p, entries[j], c->arena, &err) < 0)
                tell(c, arena_printf(c->arena, "%s: dns entry %s", c->wish.name, entries[j]), err.text);
        }
    }
}

/* --- sudo --- */

/* The question "may I?" in the place of the command `sudo [OPTIONS] WORDS`: the options that change whose
 * rule it is are kept. NULL where an option is one that is not known here. */
static char **question(struct check *c, char *const *argv, size_t argc)
{
    char **out = arena_array(c->arena, argc + 4, sizeof *out);
    size_t n = 0, i = 1;
    out[n++] = argv[0];
    out[n++] = arena_dup_c(c->arena, "-n");
    out[n++] = arena_dup_c(c->arena, "-l");
    for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
        bool has_value = strcmp(argv[i], "-u") == 0 || strcmp(argv[i], "-g") == 0;
        if (strcmp(argv[i], "-n") == 0 || strcmp(argv[i], "-E") == 0 || strcmp(argv[i], "-H") == 0)
            continue;
        if (!has_value || i + 1 == argc)
            return NULL;
        out[n++] = argv[i++];
        out[n++] = argv[i];
    }
    for (; i < argc; i++)
        out[n++] = argv[i];
    return out;
}

/* Characters that mean themselves in a rule, of what commands are mostly made of. */
static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-@+%";
    return word[0] != '\0' && word[strspn(word, plain)] == '\0';
}

/* The line of sudoers(5) for that question, as `evercert snippet sudoers` would write it; NULL where words
 * need more care than a line in a report can give. */
static const char *rule_for(struct check *c, const char *who, char *const *argv)
{
    const char *as = "root", *group = NULL;
    char found[PATH_MAX];
    size_t i = 3; /* sudo -n -l */
    for (; argv[i] != NULL && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i += 2)
        *(strcmp(argv[i], "-u") == 0 ? &as : &group) = argv[i + 1];
    if (argv[i] != NULL && strcmp(argv[i], "--") == 0)
        i++;
    if (argv[i] == NULL || child_find_program(argv[i], PROGRAM_PATH, found, NULL) < 0 || !is_plain(found) ||
        !is_plain(who) || !is_plain(as) || (group != NULL && !is_plain(group)))
        return NULL;
    const char *rule = arena_printf(c->arena, "%s ALL = (%s%s%s) NOPASSWD: %s", who, as,
        group != NULL ? ":" : "", group != NULL ? group : "", found);
    if (argv[i + 1] == NULL)
        rule = arena_printf(c->arena, "%s \"\"", rule); /* without arguments and no others */
    while (argv[++i] != NULL) {
        if (!is_plain(argv[i]))
            return NULL;
        rule = arena_printf(c->arena, "%s %s", rule, argv[i]);
    }
    return rule;
}

static void ask_next(struct check *c);

static void on_answer(int wait_status, bool timed_out, void *arg)
{
    struct check *c = arg;
    const struct deploy *d = &c->wish.deploys[c->step];
    if (wait_status != 0 && !timed_out && !c->p->stopping)
        tell(c, step_name(c, c->step),
            arena_printf(c->arena, "sudo refuses to run it%s%s without a password: %s\n%s%s%s",
                d->user[0] != '\0' ? " for " : "", d->user, program_sudo_remedy(),
                c->rule != NULL ? "the rule is: " : "", c->rule != NULL ? c->rule : "",
                c->rule != NULL ? "; in a file of its own: evercert snippet sudoers > /etc/sudoers.d/evercert"
                                : "evercert snippet sudoers > /etc/sudoers.d/evercert"));
    else if (timed_out)
        tell(c, step_name(c, c->step),
            arena_printf(c->arena,
                "sudo did not say within %d s whether it would run it\nsee what sudo -n -l waits "
                "for: mostly a directory service (sssd, LDAP) that does not answer",
                (int)SUDO_TIMEOUT_S));
    c->step++;
    ask_next(c);
}

/* 0 when the question is under way; negative where there is none to ask. */
static int ask(struct check *c, const struct deploy *d)
{
    char path[] = "PATH=" PROGRAM_PATH, lang[] = "LANG=C.UTF-8";
    char *env[] = {path, lang, NULL};
    struct program program;
    if (program_prepare(&c->p->settings, d, d->argv[0], NULL, 0, c->arena, &program, NULL) < 0 ||
        !str_ends(str_c(program.path), STR("/sudo")))
        return ERR_NOT_FOUND; /* no sudo in it, or it was told what is wrong */
    char **argv = question(c, program.argv, program.argc);
    if (argv == NULL)
        return ERR_NOT_FOUND;
    struct user me;
    user_current(&me);
    c->rule = rule_for(c, program.set_user ? program.user.name : me.name, argv);
    buf_clear(&c->output);
    struct run_spec spec = {.path = program.path,
        .argv = argv,
        .envp = env,
        .set_user = program.set_user,
        .uid = program.user.uid,
        .gid = program.user.gid,
        .groups = program.groups,
        .groups_n = program.groups_n,
        .timeout_s = SUDO_TIMEOUT_S,
        .output = &c->output,
        .over = on_answer,
        .arg = c};
    return run_start(c->p, &spec, NULL);
}

static void ask_next(struct check *c)
{
    while (c->step < c->wish.deploy_n && !c->p->stopping && c->life == c->p->engine_life) {
        const struct deploy *d = &c->wish.deploys[c->step];
        if (d->argc > 0 && ask(c, d) == 0)
            return;
        c->step++;
    }
    finish(c, NULL);
}

/* --- the request --- */

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct check *c = arg;
    struct err err = ERR_INIT;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    (void)p;
    if (wish == NULL) {
        finish(c, why);
        return;
    }
    wish_encode(wish, &text); /* the one given lives for this call */
    if (wish_decode(buf_str(&text), c->arena, &c->wish, &err) < 0 ||
        wish_select(&c->wish, c->variant, c->arena, &err) < 0) {
        finish(c, &err);
        return;
    }
    for (size_t i = 0; i < c->wish.deploy_n; i++)
        if (c->wish.deploys[i].argc > 0)
            check_command(c, i);
    check_webroots(c);
    check_publications(c);
    check_dns(c);
    ask_next(c);
}

void steps_check(struct parent *p, uint32_t id, const struct msg_steps_check *m)
{
    struct check *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    *c = (struct check){.p = p, .life = p->engine_life, .id = id, .variant = m->variant};
    c->arena = arena_new();
    c->output = buf_new(SUDO_OUTPUT_MAX);
    permit_consult(p, m->permit, on_permit, c);
}
