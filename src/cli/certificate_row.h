/* The JSON row of a certificate as the parent sends it, read; and the words people get for it. */
#ifndef EVERCERT_CLI_CERTIFICATE_ROW_H
#define EVERCERT_CLI_CERTIFICATE_ROW_H

#include "base/buf.h"
#include "base/time.h"
#include "cli/terminal.h"

#include <jansson.h>
#include <stdint.h>

/* Texts are "" and times 0 where the row has null. They point into the JSON object, which must outlive this.
 */
struct certificate_row {
    const char *name, *source, *state, *authority, *directory, *challenge, *key_type;
    const char *live, *fingerprint, *serial, *issuer, *last_error, *last_problem, *order_url;
    const char *deploy_state, *deploy_error, *served, *served_error;
    const json_t *domains; /* array of texts or NULL */
    int64_t generation, failures;
    struct wall not_before, not_after, next_renewal, last_error_at, deploy_next, served_at;
};

void certificate_row_read(const json_t *row, struct certificate_row *out);

/* A member as text ("" where it is none), a time (0) or a number (0). */
const char *row_text(const json_t *row, const char *key);
struct wall row_time(const json_t *row, const char *key);
int64_t row_number(const json_t *row, const char *key);

/* Append an array's texts, cleaned, with `between` between them. */
void row_put_list(struct buf *out, const json_t *array, const char *between);
/* Append the short words of what happens next and when: "renew in 29d 3h", "retry in 9m", "deploy now". */
void certificate_row_put_next(struct buf *out, const struct certificate_row *c, struct wall now);
enum colour certificate_state_colour(const char *state);

/* Whether servers were seen to serve it: "yes", "NO", "?" before the first look, "-" where nobody looks. */
enum colour certificate_row_put_served(struct buf *out, const struct certificate_row *c);

#endif
