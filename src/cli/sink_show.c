#include "base/attr.h"
#include "cli/certificate_row.h"
#include "cli/sink.h"

#include <string.h>

enum {
    LABEL_COLUMN = 14,            /* of the values */
    SHEET_MAX = 16 * 1024 * 1024, /* several times the largest row */
};

struct show_sink {
    struct sink sink;
    const struct terminal *terminal;
    const struct clock *clock;
};

/* "  Label         " */
static void label(struct buf *out, const char *text)
{
    buf_printf(out, "  %-*s", LABEL_COLUMN, text);
}

static void line(struct buf *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    label(out, name);
    text_put_foreign(out, text);
    buf_put_char(out, '\n');
}

/* "2026-11-21T22:12:00Z (in 59d 23h)" */
static void put_time(struct buf *out, struct wall t, struct wall now)
{
    char text[TIME_TEXT_MAX];
    buf_printf(out, "%s (", wall_format(t, text));
    time_put_about(out, t, now);
    buf_put_char(out, ')');
}

static void time_line(struct buf *out, const char *name, struct wall t, struct wall now)
{
    if (t.s == 0)
        return;
    label(out, name);
    put_time(out, t, now);
    buf_put_char(out, '\n');
}

/* One text on each line, the label on the first. */
static void list_lines(struct buf *out, const char *name, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        line(out, i == 0 ? name : "", text != NULL ? text : "?");
    }
}

/* The subjects where they are known, else how many there are. */
static void put_chain(struct buf *out, const json_t *row)
{
    int64_t n = row_number(row, "chain_length");
    list_lines(out, "Chain", json_object_get(row, "chain"));
    if (n <= 0 || json_array_size(json_object_get(row, "chain")) > 0)
        return;
    label(out, "Chain");
    buf_printf(out, "%lld certificate%s\n", (long long)n, n == 1 ? "" : "s");
}

static void put_files(struct buf *out, const struct certificate_row *c)
{
    if (c->live[0] == '\0')
        return;
    label(out, "Files");
    text_put_foreign(out, c->live);
    buf_put_c(out, "/{privkey,cert,chain,fullchain,combined}.pem\n");
}

static void put_renew_before(struct buf *out, const json_t *row)
{
    char span[DURATION_TEXT_MAX];
    const json_t *v = json_object_get(row, "renew_before");
    if (json_is_integer(v) && json_integer_value(v) > 0)
        line(out, "Renew before", duration_format(json_integer_value(v), span));
    else if (json_is_string(v))
        line(out, "Renew before", json_string_value(v));
}

static void put_next(struct buf *out, const json_t *row, const struct certificate_row *c, struct wall now)
{
    label(out, "Next");
    if (row_text(row, "next")[0] != '\0')
        text_put_foreign(out, row_text(row, "next"));
    else
        certificate_row_put_next(out, c, now);
    buf_put_char(out, '\n');
    if (row_text(row, "next")[0] == '\0') /* the words name the time themselves */
        time_line(out, "", c->next_renewal, now);
}

static void put_deploy(struct buf *out, const struct certificate_row *c, struct wall now)
{
    if (c->deploy_state[0] == '\0' || strcmp(c->deploy_state, "none") == 0)
        return;
    label(out, "Deployment");
    text_put_foreign(out, c->deploy_state);
    if (c->deploy_error[0] != '\0') {
        buf_put_c(out, ": ");
        text_put_foreign(out, c->deploy_error);
    }
    if (c->deploy_next.s > now.s) {
        buf_put_c(out, "; again ");
        time_put_about(out, c->deploy_next, now);
    }
    buf_put_char(out, '\n');
}

static void put_served(struct buf *out, const struct certificate_row *c, struct wall now)
{
    if (c->served[0] == '\0')
        return;
    label(out, "Served");
    (void)certificate_row_put_served(out, c);
    if (c->served_error[0] != '\0') {
        buf_put_c(out, ": ");
        text_put_foreign(out, c->served_error);
    }
    if (c->served_at.s != 0) {
        buf_put_c(out, ", looked at ");
        put_time(out, c->served_at, now);
    }
    buf_put_char(out, '\n');
}

static void put_rolled_back(struct buf *out, const json_t *row)
{
    int64_t generation = row_number(row, "rolled_back_to");
    if (generation == 0)
        return;
    label(out, "Rolled back");
    buf_printf(
        out, "generation %lld is live instead, until the newest can be deployed\n", (long long)generation);
}

static void put_last_error(struct buf *out, const struct certificate_row *c, struct wall now)
{
    if (c->last_error[0] == '\0')
        return;
    line(out, "Last error", c->last_error);
    label(out, "");
    if (c->last_error_at.s != 0) {
        buf_put_c(out, "at ");
        put_time(out, c->last_error_at, now);
        buf_put_c(out, c->failures > 0 ? ", " : "\n");
    }
    /* None where the certificate goes on without a name. */
    if (c->failures > 0 || c->last_error_at.s == 0)
        buf_printf(out, "%lld failure%s in a row\n", (long long)c->failures, c->failures == 1 ? "" : "s");
    line(out, "Problem", c->last_problem);
}

static void put_history(struct buf *out, const json_t *history)
{
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *entry = json_array_get(history, i);
        label(out, i == 0 ? "History" : "");
        if (json_is_string(entry)) {
            text_put_foreign(out, json_string_value(entry));
        } else {
            text_put_foreign(out, row_text(entry, "at"));
            buf_put_c(out, "  ");
            text_put_foreign(out, row_text(entry, "event"));
            buf_put_c(out, "  ");
            text_put_foreign(out, row_text(entry, "text"));
        }
        buf_put_char(out, '\n');
    }
}

static void put_state(struct buf *out, const struct certificate_row *c, const struct terminal *terminal)
{
    struct buf state = buf_new(SHEET_MAX);
    text_put_foreign(&state, c->state);
    label(out, "State");
    colour_put(out, certificate_state_colour(c->state), buf_str(&state), terminal->colour);
    buf_put_char(out, '\n');
    buf_free(&state);
}

/* An array's texts on one line, or `alone` where there is no array. */
static void joined_line(struct buf *out, const char *name, const json_t *array, const char *alone)
{
    struct buf text = buf_new(SHEET_MAX);
    row_put_list(&text, array, ", ");
    line(out, name, json_array_size(array) > 0 ? buf_c(&text) : alone);
    buf_free(&text);
}

/* Why nothing is asked of the CA for now, and where a person can end that. */
static void put_waiting(struct buf *out, const json_t *row)
{
    line(out, "Waits for", row_text(row, "wait_reason"));
    line(out, "Unpause at", row_text(row, "link"));
}

/* The certificates of one wish, where it has several key types. */
static void put_variants(struct buf *out, const json_t *variants, struct wall now)
{
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *v = json_array_get(variants, i);
        struct wall not_after = row_time(v, "not_after");
        label(out, i == 0 ? "Variants" : "");
        text_put_foreign(out, row_text(v, "name"));
        buf_put_c(out, "  ");
        text_put_foreign(out, row_text(v, "key_type"));
        buf_put_c(out, "  ");
        text_put_foreign(out, row_text(v, "state"));
        if (not_after.s != 0) {
            buf_put_c(out, ", expires ");
            time_put_about(out, not_after, now);
        }
        buf_put_char(out, '\n');
        line(out, "", row_text(v, "fingerprint"));
        line(out, "", row_text(v, "last_error"));
    }
}

/* What the CA suggests (RFC 9773). */
static void put_renewal_info(struct buf *out, const json_t *ari, struct wall now)
{
    char start[TIME_TEXT_MAX], end[TIME_TEXT_MAX];
    struct wall from = row_time(ari, "start"), to = row_time(ari, "end");
    if (from.s == 0 || to.s == 0)
        return;
    label(out, "Suggested");
    buf_printf(out, "renewal from %s to %s\n", wall_format(from, start), wall_format(to, end));
    line(out, "", row_text(ari, "explanation_url"));
    time_line(out, "Chosen", row_time(ari, "at"), now);
    time_line(out, "Asked", row_time(ari, "checked_at"), now);
}

static void put_authority(struct buf *out, const struct certificate_row *c)
{
    label(out, "Authority");
    text_put_foreign(out, c->authority);
    if (c->directory[0] != '\0' && strcmp(c->directory, c->authority) != 0) {
        buf_put_c(out, " (");
        text_put_foreign(out, c->directory);
        buf_put_char(out, ')');
    }
    buf_put_char(out, '\n');
}

static void show_row(struct sink *s, const json_t *row)
{
    struct show_sink *v = (struct show_sink *)s;
    struct certificate_row c;
    certificate_row_read(row, &c);
    struct wall now = clock_wall(v->clock);
    struct buf out = buf_new(SHEET_MAX);
    text_put_foreign(&out, c.name);
    buf_put_char(&out, '\n');
    put_state(&out, &c, v->terminal);
    put_waiting(&out, row);
    put_next(&out, row, &c, now);
    put_last_error(&out, &c, now);
    put_deploy(&out, &c, now);
    put_served(&out, &c, now);
    put_rolled_back(&out, row);
    list_lines(&out, "Names", c.domains);
    list_lines(&out, "Left out", json_object_get(row, "omitted"));
    time_line(&out, "Valid from", c.not_before, now);
    time_line(&out, "Expires", c.not_after, now);
    put_renew_before(&out, row);
    put_renewal_info(&out, json_object_get(row, "ari"), now);
    put_files(&out, &c);
    put_authority(&out, &c);
    if (json_array_size(json_object_get(row, "authorities")) > 1)
        joined_line(&out, "In order", json_object_get(row, "authorities"), "");
    line(&out, "Profile", row_text(row, "profile"));
    line(&out, "Issuer", c.issuer);
    put_chain(&out, row);
    line(&out, "Fingerprint", c.fingerprint);
    line(&out, "Serial", c.serial);
    line(&out, "Key", c.key_type);
    put_variants(&out, json_object_get(row, "variants"), now);
    joined_line(&out, "Challenge", json_object_get(row, "challenges"), c.challenge);
    line(&out, "Webroot", row_text(row, "webroot"));
    if (c.generation > 0) {
        label(&out, "Generation");
        buf_printf(&out, "%lld\n", (long long)c.generation);
    }
    line(&out, "Order", c.order_url);
    line(&out, "Wanted by", c.source);
    put_history(&out, json_object_get(row, "history"));
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
}

struct sink *sink_show(struct arena *a, const struct terminal *terminal, const struct clock *clock, FILE *out)
{
    struct show_sink *v = arena_alloc(a, sizeof *v);
    *v = (struct show_sink){.sink = {.row = show_row, .out = out}, .terminal = terminal, .clock = clock};
    return &v->sink;
}
