/* What an order leaves behind besides its certificate: rejections, notes, what was agreed on. */
#include "acme/order_priv.h"

const struct order_rejection *order_rejections(const struct order *o, size_t *n)
{
    *n = o->rejection_n;
    return o->rejections;
}

struct str order_profile(const struct order *o)
{
    return str_c(o->profile);
}

bool order_replaced(const struct order *o)
{
    return o->replaced;
}

const char *const *order_notes(const struct order *o, size_t *n)
{
    *n = o->note_n;
    return o->notes;
}
