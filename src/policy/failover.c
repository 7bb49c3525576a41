#include "policy/failover.h"

#include "base/attr.h"
#include "policy/clock.h"
#include "policy/saturate.h"
#include "policy/schedule.h"

#include <string.h>

/* As long as the store's keys of accounts (STORE_URL_MAX). */
enum { ATTEMPT_ID_MAX = 4096 };

static const char letters[] = {
#define ATTEMPT_LETTER(kind, letter) letter,
    ATTEMPT_FAILURES(ATTEMPT_LETTER)
#undef ATTEMPT_LETTER
};

static bool take_number(struct str *line, int64_t *out)
{
    struct str word;
    uint64_t number;
    if (!str_cut(*line, ' ', &word, line) || !str_to_u64(word, INT64_MAX, &number))
        return false;
    *out = (int64_t)number;
    return true;
}

static bool take_letter(struct str *line, enum attempt_failure *out)
{
    struct str word;
    if (!str_cut(*line, ' ', &word, line) || word.n != 1)
        return false;
    const char *at = memchr(letters, word.p[0], sizeof letters);
    if (at != NULL)
        *out = (enum attempt_failure)(at - letters);
    return at != NULL;
}

/* A line of the text; what is left of it is the id. */
static bool parse_line(struct str line, struct attempt *out)
{
    int64_t staged;
    if (!take_number(&line, &out->failures) || !take_number(&line, &out->due_at.s) ||
        !take_letter(&line, &out->last) || !take_number(&line, &staged) || staged > 1)
        return false;
    out->staged = staged == 1;
    out->id = line;
    return true;
}

size_t attempts_load(struct str text, const struct str *ids, size_t n, struct attempt out[ATTEMPTS_MAX])
{
    if (n > ATTEMPTS_MAX)
        n = ATTEMPTS_MAX;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct attempt){.id = ids[i]};
    while (text.n > 0) {
        struct str line;
        struct attempt known;
        str_cut(text, '\n', &line, &text);
        if (!parse_line(line, &known))
            continue;
        for (size_t i = 0; i < n; i++)
            if (str_eq(ids[i], known.id)) {
                out[i] = known;
                out[i].id = ids[i];
            }
    }
    return n;
}

void attempts_save(const struct attempt *list, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n && i < ATTEMPTS_MAX; i++) {
        const struct attempt *a = &list[i];
        bool fresh = a->failures <= 0 && a->due_at.s <= 0 && a->last == ATTEMPT_NONE;
        if (fresh || a->id.n == 0 || a->id.n > ATTEMPT_ID_MAX || memchr(a->id.p, '\n', a->id.n) != NULL)
            continue;
        buf_printf(out, "%lld %lld %c %d ", (long long)max_of(a->failures, 0),
            (long long)max_of(a->due_at.s, 0), letters[a->last], a->staged);
        buf_put_str(out, a->id);
        buf_put_char(out, '\n');
    }
}

bool failover_choose(
    const struct attempt *list, size_t n, struct wall now, size_t *which, struct wall *due_at)
{
    int64_t earliest = 0, held = 0;
    size_t first = n;
    for (size_t i = 0; i < n; i++) {
        int64_t due = list[i].due_at.s;
        if (due <= now.s && first == n)
            first = i;
        if (due > now.s && (earliest == 0 || due < earliest))
            earliest = due;
        if (due > now.s && list[i].last == ATTEMPT_EVERYWHERE)
            held = max_of(held, due);
    }
    if (first < n && held == 0) {
        *which = first;
        return true;
    }
    *due_at = (struct wall){held != 0 ? held : earliest};
    return false;
}

void failover_mend(struct attempt *list, size_t n, struct wall now, int64_t retry_s)
{
    int64_t most = add_sat(now.s, max_of(CLOCK_WAIT_MAX_S, add_sat(retry_s, retry_s / 5)));
    for (size_t i = 0; i < n; i++)
        if (list[i].due_at.s > most)
            list[i].due_at = now;
}

void failover_note(struct attempt *a, enum attempt_failure failure, struct wall now, int64_t retry_s,
    int64_t lifetime_s, int64_t not_before_s, uint64_t random)
{
    a->failures = add_sat(max_of(a->failures, 0), 1);
    a->due_at = schedule_retry_at(now, a->failures, retry_s, lifetime_s, not_before_s, random);
    a->last = failure;
    a->staged = false;
}

void failover_wait(struct attempt *a, struct wall until)
{
    a->due_at.s = max_of(a->due_at.s, until.s);
    a->last = ATTEMPT_TEMPORARY;
}

bool failover_staging_first(const struct attempt *a)
{
    return (a->last == ATTEMPT_REFUSED || a->last == ATTEMPT_EVERYWHERE) && !a->staged;
}
