/*
 * Telling the service manager (sd_notify(3), Type=notify-reload) over the socket named by $NOTIFY_SOCKET,
 * file system or abstract. Without a manager every call does nothing and succeeds.
 */
#ifndef EVERCERT_OS_NOTIFY_H
#define EVERCERT_OS_NOTIFY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest status text sent; cut beyond. */
enum { NOTIFY_STATUS_MAX = 512 };

/* state, its assignment */
#define NOTIFY_STATES(X)               \
    X(NOTIFY_READY, "READY=1")         \
    X(NOTIFY_RELOADING, "RELOADING=1") \
    X(NOTIFY_STOPPING, "STOPPING=1")   \
    X(NOTIFY_WATCHDOG, "WATCHDOG=1")   \
    X(NOTIFY_PATIENCE, "EXTEND_TIMEOUT_USEC=600000000") /* the start takes ten minutes more */

enum notify_state {
#define NOTIFY_ENUM(state, text) state,
    NOTIFY_STATES(NOTIFY_ENUM)
#undef NOTIFY_ENUM
};

/* Whether there is a service manager to tell. */
bool notify_wanted(void);

/* Send a state, with STATUS= text where `status` is not NULL (line breaks become spaces). NOTIFY_RELOADING
 * carries MONOTONIC_USEC as notify-reload wants it; end a reload with NOTIFY_READY. Never blocks. A failure
 * is worth a log line, not more. */
int notify_send(enum notify_state state, const char *status, struct err *err);

/* What happens now may take this long from now on (EXTEND_TIMEOUT_USEC): a stop that is in good order is not
 * cut short. */
int notify_extend(int64_t seconds, struct err *err);

/* Only a new status text. */
int notify_status(const char *status, struct err *err);

#endif
