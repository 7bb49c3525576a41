/* One message to one server, and whether that took it. */
#ifndef EVERCERT_PROCESSES_MESSENGER_SEND_H
#define EVERCERT_PROCESSES_MESSENGER_SEND_H

#include "base/err.h"
#include "base/time.h"

#include <jansson.h>

/* By mail (RFC 5321) where the document has addresses, else to its webhook. Blocks for SEND_TIMEOUT_S at
 * most. ERR_NETWORK, ERR_TLS, ERR_REFUSED (the server said no: what it said is in the text). */
int send_message(const json_t *document, struct wall now, struct err *err);

enum { SEND_TIMEOUT_S = 45 };

#endif
