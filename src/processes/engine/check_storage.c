/* Storage, once for all that is checked. */
#include "processes/engine/check_priv.h"

static void on_storage(struct engine *e, const struct err *why, void *arg)
{
    (void)e;
    if (why != NULL)
        check_find_system(arg, "storage", false, why->text, NULL);
    check_next_subject(arg);
}

void check_storage(struct check *c)
{
    storage_need(c->engine, true, on_storage, c);
}
