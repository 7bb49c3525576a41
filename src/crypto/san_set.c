#include "crypto/san_set.h"

#include "base/buf.h"
#include "base/text.h"
#include "crypto/san.h"

#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = n > 0 ? memcmp(x->p, y->p, n) : 0;
    return d != 0 ? d : (x->n > y->n) - (x->n < y->n);
}

static struct str item(struct arena *a, bool is_address, struct str text)
{
    char *p = arena_alloc(a, text.n + 2);
    p[0] = is_address ? 'I' : 'D';
    memcpy(p + 1, text.p, text.n);
    p[text.n + 1] = '\0';
    return (struct str){p, text.n + 1};
}

static void sort(struct san_set *set)
{
    if (set->n > 1)
        qsort(set->items, set->n, sizeof *set->items, by_bytes);
}

struct san_set san_set_wanted(const struct str *names, size_t n, struct arena *a)
{
    struct san_set set = {arena_array(a, n, sizeof *set.items), n};
    for (size_t i = 0; i < n; i++) {
        unsigned char octets[SAN_ADDRESS_MAX];
        char text[SAN_TEXT_MAX];
        size_t octets_n = san_address(names[i], octets);
        struct str canonical = octets_n > 0 ? str_c(san_address_text(octets, octets_n, text))
                                            : (struct str){arena_lower(a, names[i]), names[i].n};
        set.items[i] = item(a, octets_n > 0, canonical);
    }
    sort(&set);
    return set;
}

int san_set_found(
    const GENERAL_NAMES *names, const char *what, struct arena *a, struct san_set *out, struct err *err)
{
    int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    struct san_set set = {arena_array(a, (size_t)n, sizeof *set.items), (size_t)n};
    for (int i = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        char text[SAN_TEXT_MAX];
        size_t text_n = 0;
        if (!san_text(g, text, &text_n))
            return err_set(err, ERR_VERIFY, "%s is also for %s, which was not asked for", what, san_kind(g));
        set.items[i] = item(a, g->type == GEN_IPADD, (struct str){text, text_n});
    }
    sort(&set);
    size_t kept = 0;
    for (size_t i = 0; i < set.n; i++)
        if (kept == 0 || !str_eq(set.items[kept - 1], set.items[i]))
            set.items[kept++] = set.items[i];
    *out = (struct san_set){set.items, kept};
    return 0;
}

static int difference(struct str name, bool missing, const char *what, struct err *err)
{
    enum { SHOWN_MAX = 256 };
    ATTR_CLEANUP(buf_free) struct buf shown = buf_new(4 * SHOWN_MAX);
    text_clean(&shown, (struct str){name.p + 1, name.n - 1}, SHOWN_MAX);
    return err_set(err, ERR_VERIFY,
        missing ? "%s lacks the name %s" : "%s is also for %s, which was not asked for", what, buf_c(&shown));
}

int san_set_same(const struct san_set *wanted, const struct san_set *found, const char *what, struct err *err)
{
    for (size_t i = 0, j = 0; i < wanted->n || j < found->n; i++, j++) {
        int d = i == wanted->n ? 1 : j == found->n ? -1 : by_bytes(&wanted->items[i], &found->items[j]);
        if (d != 0)
            return difference(d < 0 ? wanted->items[i] : found->items[j], d < 0, what, err);
        /* What we wrote twice is asked for once. */
        while (i + 1 < wanted->n && str_eq(wanted->items[i], wanted->items[i + 1]))
            i++;
    }
    return 0;
}

struct str san_set_twice(const struct san_set *set)
{
    for (size_t i = 1; i < set->n; i++)
        if (str_eq(set->items[i - 1], set->items[i]))
            return (struct str){set->items[i].p + 1, set->items[i].n - 1};
    return (struct str){"", 0};
}
