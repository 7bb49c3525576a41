#include "os/sandbox_priv.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

enum {
    CALL_NUMBERS = 1024, /* numbers told apart for the count; the kernel has under 500 */
    GROUP_BITS = 16
};

/* A filter being built. */
struct filter {
    scmp_filter_ctx ctx;
    const struct sandbox *sandbox;
    bool seen[CALL_NUMBERS];
    unsigned calls;
};

/* libseccomp answers with negative errno values. */
static int failed(const struct sandbox *s, int r, const char *what, struct err *err)
{
    return err_set(err, ERR_REFUSED, "%s cannot confine itself: %s: %s", s->process, what, strerror(-r));
}

/* The call's number on this machine, or -1 where it has none. */
static int number_of(const struct sandbox_rule *rule)
{
    int n = seccomp_syscall_resolve_name(rule->call);
    if (n == __NR_SCMP_ERROR)
        return rule->number != 0 ? rule->number : -1;
    return n < 0 ? -1 : n;
}

static uint32_t action_of(const struct sandbox *s, const struct sandbox_rule *rule)
{
    /* Answers that only steer libc stay in force when nothing else does: the fallback is what runs later. */
    if (rule->errno_value != 0)
        return SCMP_ACT_ERRNO(rule->errno_value);
    if (s->kind == SANDBOX_ALLOW_LIST)
        return SCMP_ACT_ALLOW;
    return s->log_only ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM);
}

static int add_rule(struct filter *f, const struct sandbox_rule *rule)
{
    int n = number_of(rule);
    if (n < 0)
        return 0;
    struct scmp_arg_cmp when[SANDBOX_CONDITIONS_MAX];
    for (unsigned i = 0; i < rule->conditions; i++) {
        const struct sandbox_condition *c = &rule->when[i];
        when[i] =
            SCMP_CMP64(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->own_pid ? (uint64_t)getpid() : c->value);
    }
    int r = seccomp_rule_add_array(f->ctx, action_of(f->sandbox, rule), n, rule->conditions, when);
    if (r == 0 && n < CALL_NUMBERS && !f->seen[n]) {
        f->seen[n] = true;
        f->calls++;
    }
    return r;
}

static int add_rules(struct filter *f, struct sandbox_rules rules, struct err *err)
{
    for (size_t i = 0; i < rules.n; i++) {
        int r = add_rule(f, &rules.rules[i]);
        if (r < 0)
            return failed(f->sandbox, r, rules.rules[i].call, err);
    }
    return 0;
}

static int add_allowed(struct filter *f, struct err *err)
{
    unsigned groups = f->sandbox->groups | SANDBOX_BASE;
    if ((groups & SANDBOX_FILES_WRITE) != 0)
        groups |= SANDBOX_FILES_READ;
    for (unsigned bit = 0; bit < GROUP_BITS; bit++) {
        int r = (groups & 1u << bit) != 0 ? add_rules(f, sandbox_group_rules(1u << bit), err) : 0;
        if (r < 0)
            return r;
    }
    for (const char *const *name = f->sandbox->calls; name != NULL && *name != NULL; name++) {
        struct sandbox_rule rule = {.call = *name};
        int r = add_rule(f, &rule);
        if (r < 0)
            return failed(f->sandbox, r, *name, err);
    }
    return 0;
}

static int add_denied(struct filter *f, struct err *err)
{
    int r = add_rules(f, sandbox_denied_rules(), err);
    return r < 0 || !f->sandbox->no_unix ? r : add_rules(f, sandbox_no_unix_rules(), err);
}

static uint32_t default_action(const struct sandbox *s)
{
    if (s->kind == SANDBOX_DENY_LIST)
        return SCMP_ACT_ALLOW;
    return s->log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS;
}

static int build(struct filter *f, struct err *err)
{
    const struct sandbox *s = f->sandbox;
    int r;
    /* Calls of another architecture's table (32-bit programs on a 64-bit kernel) have other numbers and would
     * slip past every rule. */
    if ((r = seccomp_attr_set(
             f->ctx, SCMP_FLTATR_ACT_BADARCH, s->log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS)) < 0)
        return failed(s, r, "foreign system calls", err);
    if ((r = seccomp_attr_set(f->ctx, SCMP_FLTATR_API_SYSRAWRC, 1)) < 0)
        return failed(s, r, "libseccomp", err);
    if ((r = s->kind == SANDBOX_ALLOW_LIST ? add_allowed(f, err) : add_denied(f, err)) < 0)
        return r;
    /* Sorted by number, so that frequent calls do not walk the whole list; only a matter of speed. */
    (void)seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if ((r = seccomp_load(f->ctx)) < 0)
        return failed(s, r, "the kernel takes no seccomp filter", err);
    return 0;
}

int sandbox_seccomp(const struct sandbox *s, struct sandbox_report *report, struct err *err)
{
    struct filter f = {.sandbox = s, .ctx = seccomp_init(default_action(s))};
    if (f.ctx == NULL)
        return err_set(err, ERR_REFUSED,
            "%s cannot confine itself: no seccomp (kernel or libseccomp too old)", s->process);
    int r = build(&f, err);
    seccomp_release(f.ctx);
    if (r == 0)
        report->calls = f.calls;
    return r;
}
