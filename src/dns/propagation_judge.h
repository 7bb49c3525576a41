/* What one answer says of a value, and when to ask again; pure. Private to this folder and its tests. */
#ifndef EVERCERT_DNS_PROPAGATION_JUDGE_H
#define EVERCERT_DNS_PROPAGATION_JUDGE_H

#include "dns/message.h"
#include "dns/propagation.h"

/* The answer of a server of the zone for TXT records of `name`. *text is for people, in `arena`. */
enum propagation_state propagation_judge(
    const struct message *m, const char *name, const char *value, struct arena *arena, const char **text);
/* How many records of an answer are other ones; *seen where one is it. */
size_t propagation_others(const struct dns_record *records, size_t n, const char *value, bool *seen);
/* The pause behind one of `before_ms`; 0: the first. */
int propagation_pause(int before_ms);

#endif
