/*
 * A deployment: what is done with a certificate that is live. Its machine is
 *
 *   an earlier generation was put back -> make the new one live again (keeper)
 *   copies (parent) -> each step of `deploy` in its order: a command (parent), or a look at what a server
 * serves -> the containers that use it are told (parent), and looked at where they say so
 *
 * deployment.c has the machine and its end, batch.c the commands that are run once for many, look.c the
 * looks. The daily look is the same machine without the commands.
 */
#ifndef EVERCERT_PROCESSES_ENGINE_DEPLOYMENT_H
#define EVERCERT_PROCESSES_ENGINE_DEPLOYMENT_H

#include "processes/engine/engine.h"

struct tls_probe;

struct deployment {
    struct deployment *next;
    struct engine *engine;
    struct arena *arena;
    struct certificate record; /* as it was at the start */
    struct wish wish;          /* of the record's variant */
    enum deploy_event event;
    const char *said; /* to those who wait; NULL: the event */
    struct job_watch *watches;
    bool daily;    /* only copies and looks */
    bool repaired; /* ... and a copy had to be written */
    size_t at;     /* the step */
    json_t *steps; /* what was done, for the history */
    /* what is deployed: the newest generation, or the one before that was put back */
    bool back;
    const char *fingerprint;
    struct wall not_after;
    struct err why; /* of back: why the newest is not deployed */
    /* a batch that waits for the others */
    bool parked;
    bool telling;         /* it waits until consumers are told, or for them to have been */
    bool told;            /* they were; told_n of them */
    size_t told_n, own_n; /* own_n: steps of the wish itself; behind them looks at consumers */
    uint64_t random;      /* for the time of the next try: one for a whole batch */
    /* a look */
    struct tls_probe *probe;
    struct event *timer;
    struct mono look_until;
    bool looked;
    struct err seen; /* of the last look; code 0: the certificate was served */
};

/* deployment.c */

/* The step it is at is over, with that output; err NULL: well. */
void deployment_step_done(struct deployment *d, const char *output, const struct err *err);

/* Consumers were told, or could not be (err). */
void deployment_told(struct deployment *d, const char *output, const struct err *err);

/* consumers.c */

/* Consumers of its certificate are told together with those of others. */
void consumers_park(struct deployment *d);
/* Tells them, for all that wait. */
void consumers_run(struct engine *e);

/* batch.c */

/* Its step, a command, is run together with those of others. */
void batch_park(struct deployment *d);

/* look.c */

/* Its step is a look; ends with deployment_step_done. */
void look_start(struct deployment *d);
/* Frees what a look holds. */
void look_end(struct deployment *d);

#endif
