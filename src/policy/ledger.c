#include "policy/ledger.h"

#include "base/attr.h"
#include "policy/registered_domain.h"
#include "policy/saturate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    US_PER_S = 1000000,
    /* Longer ids and subjects stand in a key as a hash. Two of these, the longest word and the blanks stay
     * below LEDGER_KEY_MAX. */
    PART_MAX = 200,
    HASH_TEXT_MAX = 33
};

static const struct {
    const char *word;
    bool global;
} kinds[] = {
#define LIMIT_ROW(kind, word, global) {word, global},
    LIMIT_KIND_LIST(LIMIT_ROW)
#undef LIMIT_ROW
};

/* --- buckets --- */

/* A limit in microseconds. */
struct cell {
    int64_t interval; /* until one token comes back; rounded up, so that no more than allowed is used */
    int64_t depth;    /* so far may the arrival time lie ahead with a token still free */
    int64_t period;
};

static bool is_limited(const struct rate_limit *limit)
{
    return limit->burst > 0 && limit->period_s > 0;
}

static struct cell cell_of(const struct rate_limit *limit)
{
    int64_t period = mul_sat(limit->period_s, US_PER_S);
    int64_t interval = max_of(period / limit->burst + (period % limit->burst != 0 ? 1 : 0), 1);
    return (struct cell){interval, mul_sat(interval, limit->burst - 1), period};
}

static int64_t to_us(struct wall t)
{
    return mul_sat(t.s, US_PER_S);
}

/* The first second that is not before it. */
static struct wall from_us(int64_t us)
{
    return (struct wall){us / US_PER_S + (us % US_PER_S > 0 ? 1 : 0)};
}

/* The arrival time as it counts at `now`. The furthest that takes and ledger_full set it to is a period for
 * the CA's Retry-After and the depth above it. */
static int64_t arrival(const struct cell *cell, int64_t at_us, int64_t now)
{
    int64_t furthest = add_sat(now, add_sat(add_sat(cell->period, cell->depth), cell->interval));
    return at_us > furthest || at_us < now ? now : at_us;
}

bool ledger_check(const struct rate_limit *limit, int64_t at_us, struct wall now, struct wall *may_at)
{
    *may_at = now;
    if (!is_limited(limit))
        return true;
    struct cell cell = cell_of(limit);
    int64_t now_us = to_us(now), may_us = sub_sat(arrival(&cell, at_us, now_us), cell.depth);
    if (may_us <= now_us)
        return true;
    *may_at = from_us(may_us);
    return false;
}

int64_t ledger_take(const struct rate_limit *limit, int64_t at_us, struct wall now)
{
    if (!is_limited(limit))
        return at_us;
    struct cell cell = cell_of(limit);
    int64_t now_us = to_us(now), at = arrival(&cell, at_us, now_us);
    /* What is taken from an empty bucket makes it no emptier. */
    int64_t empty = add_sat(now_us, add_sat(cell.depth, cell.interval));
    return max_of(at, min_of(add_sat(at, cell.interval), empty));
}

int64_t ledger_take_sent(const struct rate_limit *limit, int64_t at_us, struct wall now)
{
    return ledger_take(limit, at_us, (struct wall){add_sat(now.s, LEDGER_WAY_S)});
}

int64_t ledger_full(const struct rate_limit *limit, int64_t at_us, struct wall now, struct wall retry_at)
{
    if (!is_limited(limit))
        return at_us;
    struct cell cell = cell_of(limit);
    int64_t now_us = to_us(now), next = add_sat(now_us, cell.interval);
    if (retry_at.s > now.s)
        next = min_of(to_us(retry_at), add_sat(now_us, cell.period));
    return max_of(arrival(&cell, at_us, now_us), add_sat(next, cell.depth));
}

int64_t ledger_free(const struct rate_limit *limit, int64_t at_us, struct wall now)
{
    if (!is_limited(limit))
        return INT64_MAX;
    struct cell cell = cell_of(limit);
    int64_t now_us = to_us(now), ahead = sub_sat(arrival(&cell, at_us, now_us), now_us);
    if (ahead > cell.depth)
        return 0;
    return min_of((cell.depth - ahead) / cell.interval + 1, limit->burst);
}

const struct rate_limit *ledger_guess(const struct rate_limit *limits, size_t n, int64_t wait_s)
{
    static const bool meant[LIMIT_KINDS] = {
        [LIMIT_ORDERS] = true, [LIMIT_DOMAIN] = true, [LIMIT_EXACT_SET] = true, [LIMIT_FAILURES] = true};
    const struct rate_limit *best = NULL;
    int64_t best_interval = INT64_MAX;
    for (size_t i = 0; i < n && wait_s > 0; i++) {
        if (!meant[limits[i].kind] || !is_limited(&limits[i]))
            continue;
        int64_t interval = cell_of(&limits[i]).interval;
        /* CAs round up to whole seconds. */
        if (interval < best_interval && mul_sat(wait_s - 1, US_PER_S) <= interval) {
            best = &limits[i];
            best_interval = interval;
        }
    }
    return best;
}

struct wall ledger_expires(int64_t at_us)
{
    return (struct wall){max_of(from_us(at_us).s, 1)};
}

/* --- keys --- */

/* FNV-1a of 128 bits: keys need no secrecy, and two subjects that met would only share their tokens. */
static void put_hash(struct str s, char out[static HASH_TEXT_MAX])
{
    __extension__ typedef unsigned __int128 u128;
    const u128 prime = (u128)1 << 88 | 0x13b;
    u128 h = (u128)UINT64_C(0x6c62272e07bb0142) << 64 | UINT64_C(0x62b821756295c58d);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * prime;
    snprintf(out, HASH_TEXT_MAX, "%016llx%016llx", (unsigned long long)(h >> 64), (unsigned long long)h);
}

static struct str shortened(struct str part, char hash[static HASH_TEXT_MAX])
{
    if (part.n <= PART_MAX)
        return part;
    put_hash(part, hash);
    return str_c(hash);
}

const char *ledger_kind_word(enum limit_kind kind)
{
    return kinds[kind].word;
}

const char *ledger_key(
    enum limit_kind kind, struct str account_id, struct str subject, char out[LEDGER_KEY_MAX])
{
    char id_hash[HASH_TEXT_MAX], subject_hash[HASH_TEXT_MAX];
    struct str label, id = account_id;
    if (kinds[kind].global)
        str_cut(account_id, '#', &id, &label);
    id = shortened(id, id_hash);
    subject = shortened(subject, subject_hash);
    snprintf(out, LEDGER_KEY_MAX, "%s %.*s %.*s", kinds[kind].word, STR_ARG(id), STR_ARG(subject));
    return out;
}

/* --- what an order takes --- */

static struct str lower(struct str s, struct arena *a)
{
    return (struct str){arena_lower(a, s), s.n};
}

/* An address as text, the way inet_ntop writes it; `net` cuts an IPv6 address to its /64. False where the
 * name is none. */
static bool address_of(struct str name, bool net, struct arena *a, struct str *out)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (name.n == 0 || name.n >= sizeof text)
        return false;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    int family = memchr(name.p, ':', name.n) != NULL ? AF_INET6 : AF_INET;
    if (strlen(text) != name.n || inet_pton(family, text, bytes) != 1)
        return false;
    bool cut = net && family == AF_INET6;
    if (cut)
        memset(bytes + 8, 0, 8);
    inet_ntop(family, bytes, text, sizeof text);
    *out = str_c(arena_printf(a, "%s%s", text, cut ? "/64" : ""));
    return true;
}

/* The name as the set has it. */
static struct str set_subject(struct str name, struct arena *a)
{
    struct str address;
    return address_of(name, false, a, &address) ? address : lower(name, a);
}

static struct str domain_subject(struct str name, struct arena *a)
{
    struct str address;
    return address_of(name, true, a, &address) ? address : registered_domain(lower(name, a));
}

struct str ledger_name_subject(struct str name, struct arena *a)
{
    struct str s = set_subject(name, a);
    return str_starts(s, STR("*.")) ? (struct str){s.p + 2, s.n - 2} : s;
}

static int compare_str(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int r = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return r != 0 ? r : (x->n > y->n) - (x->n < y->n);
}

/* What fn makes of each name, sorted, each once. */
static struct str *subjects_of(const struct str *names, size_t n,
    struct str (*fn)(struct str name, struct arena *a), struct arena *a, size_t *count)
{
    struct str *list = arena_array(a, n, sizeof *list);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        list[i] = fn(names[i], a);
    qsort(list, n, sizeof *list, compare_str);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !str_eq(list[kept - 1], list[i]))
            list[kept++] = list[i];
    *count = kept;
    return list;
}

static struct str joined(const struct str *list, size_t n, struct arena *a)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += list[i].n + 1;
    char *text = arena_alloc(a, size), *end = text;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *end++ = ',';
        memcpy(end, list[i].p, list[i].n);
        end += list[i].n;
    }
    return (struct str){text, (size_t)(end - text)};
}

size_t ledger_order_subjects(
    const struct str *names, size_t n, enum ledger_order order, struct arena *a, struct ledger_subject **out)
{
    *out = NULL;
    if (order == LEDGER_ORDER_REPLACES || n == 0)
        return 0;
    size_t set_n, domain_n, name_n, count = 0;
    struct str *set = subjects_of(names, n, set_subject, a, &set_n);
    struct str *domains = subjects_of(names, n, domain_subject, a, &domain_n);
    struct str *single = subjects_of(names, n, ledger_name_subject, a, &name_n);
    struct ledger_subject *list = arena_array(a, 2 + domain_n + 2 * name_n, sizeof *list);
    if (order == LEDGER_ORDER_NEW) {
        list[count++] = (struct ledger_subject){LIMIT_ORDERS, STR(""), LEDGER_AT_ORDER};
        for (size_t i = 0; i < domain_n; i++)
            list[count++] = (struct ledger_subject){LIMIT_DOMAIN, domains[i], LEDGER_AT_ISSUE};
    }
    list[count++] = (struct ledger_subject){LIMIT_EXACT_SET, joined(set, set_n, a), LEDGER_AT_ISSUE};
    for (size_t i = 0; i < name_n; i++) {
        list[count++] = (struct ledger_subject){LIMIT_FAILURES, single[i], LEDGER_AT_FAILURE};
        list[count++] = (struct ledger_subject){LIMIT_CONSECUTIVE_FAILURES, single[i], LEDGER_AT_FAILURE};
    }
    *out = list;
    return count;
}
