/*
 * Trying the sandbox from inside: `LIBEXEC/keeper --probe=open` enters the sandbox that the keeper lives in
 * and then does what it must not be able to do. For tests, and for anyone who wants to see for himself.
 */
#ifndef EVERCERT_PROCESSES_PROBE_H
#define EVERCERT_PROCESSES_PROBE_H

enum {
    PROBE_SUCCEEDED = 0, /* the forbidden thing worked */
    PROBE_REFUSED = 10,  /* it failed with EPERM or EACCES */
    PROBE_OTHER = 11,    /* it failed for another reason, printed */
    PROBE_UNKNOWN = 2,
};

/* what: open (/etc/shadow for reading), create (a file in /tmp), socket (a raw one), connect (TCP to
 * loopback), unix (a connection to a Unix socket), exec (/bin/true), ptrace. Returns one of the above; a call
 * that kills the process never returns. */
int probe_run(const char *what);

#endif
