/* What the parts of the sandbox share; for nobody else but their tests. */
#ifndef EVERCERT_OS_SANDBOX_PRIV_H
#define EVERCERT_OS_SANDBOX_PRIV_H

#include "os/sandbox.h"

#include <stddef.h>
#include <stdint.h>

enum { SANDBOX_CONDITIONS_MAX = 2 };

/*
 * One rule for a system call. It holds where every condition holds: (argument & mask) == value. Masks for an
 * int cover its 32 bits only, since that is what the kernel reads: a comparison of all 64 could be dodged in
 * a deny-list by setting the upper ones, and would kill the innocent in an allow-list.
 */
struct sandbox_rule {
    const char *call;
    uint16_t number; /* for libseccomp versions that do not know the name: calls from 424 on have the same
                        number on every architecture; 0: pass over */
    uint16_t errno_value; /* allow-list: fail with this instead of being allowed; deny-list: 0 is EPERM */
    uint8_t conditions;
    struct sandbox_condition {
        uint8_t argument;
        bool own_pid; /* `value` is the process's own number, known only when entering */
        uint64_t mask, value;
    } when[SANDBOX_CONDITIONS_MAX];
};

struct sandbox_rules {
    const struct sandbox_rule *rules;
    size_t n;
};

/* The rules of one group (a single bit of enum sandbox_group); n is 0 for an unknown bit. */
struct sandbox_rules sandbox_group_rules(unsigned group);
/* What a deny-list refuses. */
struct sandbox_rules sandbox_denied_rules(void);

/* What a deny-list with no_unix refuses besides. */
struct sandbox_rules sandbox_no_unix_rules(void);

/* Landlock. Fills the report; a kernel without it is no failure. */
int sandbox_landlock(const struct sandbox *sandbox, struct sandbox_report *report, struct err *err);
/* seccomp. Fills the report. */
int sandbox_seccomp(const struct sandbox *sandbox, struct sandbox_report *report, struct err *err);

#endif
