#include "cli/certificate_row.h"

#include "base/attr.h"

#include <string.h>

const char *row_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

struct wall row_time(const json_t *row, const char *key)
{
    struct wall t = {0};
    wall_parse_rfc3339(str_c(row_text(row, key)), &t);
    return t;
}

int64_t row_number(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

void certificate_row_read(const json_t *row, struct certificate_row *out)
{
    const json_t *deploy = json_object_get(row, "deploy"), *served = json_object_get(row, "served");
    *out = (struct certificate_row){
        .name = row_text(row, "name"),
        .source = row_text(row, "source"),
        .state = row_text(row, "state"),
        .authority = row_text(row, "authority"),
        .directory = row_text(row, "directory"),
        .challenge = row_text(row, "challenge"),
        .key_type = row_text(row, "key_type"),
        .live = row_text(row, "live"),
        .fingerprint = row_text(row, "fingerprint"),
        .serial = row_text(row, "serial"),
        .issuer = row_text(row, "issuer"),
        .last_error = row_text(row, "last_error"),
        .last_problem = row_text(row, "last_problem"),
        .order_url = row_text(row, "order_url"),
        .deploy_state = row_text(deploy, "state"),
        .deploy_error = row_text(deploy, "error"),
        .served = row_text(served, "state"),
        .served_error = row_text(served, "error"),
        .served_at = row_time(served, "checked_at"),
        .domains = json_object_get(row, "domains"),
        .generation = row_number(row, "generation"),
        .failures = row_number(row, "failures"),
        .not_before = row_time(row, "not_before"),
        .not_after = row_time(row, "not_after"),
        .next_renewal = row_time(row, "next_renewal"),
        .last_error_at = row_time(row, "last_error_at"),
        .deploy_next = row_time(deploy, "next"),
    };
}

void row_put_list(struct buf *out, const json_t *array, const char *between)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (i > 0)
            buf_put_c(out, between);
        text_put_foreign(out, text != NULL ? text : "?");
    }
}

/* state, what happens next with a certificate in it, its colour; "" for a state after which nothing happens
 */
static const struct {
    const char *state, *next;
    enum colour colour;
} states[] = {
    {"pending", "issue", COLOUR_WARN},
    {"valid", "renew", COLOUR_GOOD},
    {"renewing", "renew", COLOUR_WARN},
    {"failing", "retry", COLOUR_BAD},
    {"waiting", "try", COLOUR_WARN},
    {"paused", "", COLOUR_BAD},
    {"expired", "renew", COLOUR_BAD},
    {"revoked", "", COLOUR_DIM},
    {"released", "", COLOUR_DIM},
    {"parked", "", COLOUR_DIM},
};

enum colour certificate_state_colour(const char *state)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(states[i].state, state) == 0)
            return states[i].colour;
    return COLOUR_NONE;
}

enum colour certificate_row_put_served(struct buf *out, const struct certificate_row *c)
{
    static const struct {
        const char *state, *shown;
        enum colour colour;
    } words[] = {{"yes", "yes", COLOUR_GOOD}, {"no", "NO", COLOUR_BAD}, {"unknown", "?", COLOUR_WARN}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].state, c->served) == 0) {
            buf_put_c(out, words[i].shown);
            return words[i].colour;
        }
    buf_put_char(out, '-');
    return COLOUR_NONE;
}

static void put_when(struct buf *out, const char *what, struct wall at, struct wall now)
{
    char span[DURATION_TEXT_MAX];
    if (at.s > now.s)
        buf_printf(out, "%s in %s", what, duration_about(at.s - now.s, span));
    else
        buf_printf(out, "%s now", what);
}

void certificate_row_put_next(struct buf *out, const struct certificate_row *c, struct wall now)
{
    const char *next = "";
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(states[i].state, c->state) == 0)
            next = states[i].next;
    bool deploys = strcmp(c->deploy_state, "failing") == 0 || strcmp(c->deploy_state, "pending") == 0;
    /* A deployment that is owed comes before the renewal, in time and in what its reader wants to know. */
    if (deploys && (c->next_renewal.s == 0 || c->deploy_next.s <= c->next_renewal.s))
        put_when(out, c->deploy_state[0] == 'f' ? "deploy again" : "deploy", c->deploy_next, now);
    else if (next[0] == '\0' || c->next_renewal.s == 0)
        buf_put_char(out, '-');
    else
        put_when(out, next, c->next_renewal, now);
}
