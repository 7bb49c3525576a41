/* What the messenger is told: one JSON object on its standard input, made of an entry of `alerts` and of what
 * happened. For the parent, and for the command that tries an entry. */
#ifndef EVERCERT_PROCESSES_ALERT_DOCUMENT_H
#define EVERCERT_PROCESSES_ALERT_DOCUMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "config/alert.h"

enum {
    ALERT_CERTIFICATES_MAX = 100,         /* named in one message; the others are counted */
    ALERT_EVENTS_MAX = 512 * 1024,        /* octets of what happened: 100 errors of 4 kB */
    ALERT_DOCUMENT_MAX = 2 * 1024 * 1024, /* that, and the roots to trust */
    ALERT_TIMEOUT_S = 60,                 /* of one message, with the server's own patience */
    ALERT_OUTPUT_MAX = 4 * 1024,          /* kept of what the messenger says */
};

/*
 * Appends to `out`, which should be one that wipes itself. `what` is a JSON object as the engine makes it:
 * {"certificates": [{"name", "event", "domains", "error", "not_after"}, ...], "more": 0} (alerts.c of the
 * engine). ERR_CONFIG where the file of roots cannot be read, ERR_INPUT for another `what`, ERR_LIMIT.
 */
int alert_document(const struct alert *x, const char *what, struct buf *out, struct err *err);

#endif
