/* The CA's published limits, kept in the store's buckets. */
#include "processes/engine/engine.h"

#include "config/facts.h"

bool ledger_may_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind,
    struct wall *may_at, const char **reason, struct arena *arena)
{
    (void)a, (void)names, (void)n, (void)kind, (void)may_at, (void)reason, (void)arena;
    return true;
}
void ledger_note_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind) { (void)a, (void)names, (void)n, (void)kind; }
void ledger_note_failure(struct authority *a, const char *name) { (void)a, (void)name; }
void ledger_note_success(struct authority *a, const char *name) { (void)a, (void)name; }
void ledger_note_refused(struct authority *a, const struct str *names, size_t n, enum ledger_order kind, struct wall retry_at) { (void)a, (void)names, (void)n, (void)kind, (void)retry_at; }
void ledger_note_registration(struct authority *a) { (void)a; }
