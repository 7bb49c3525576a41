/*
 * The account and the change of its key against a CA that says anything. The first octet chooses: bit 0 the
 * machine, bits 1 and up its parameters. Then answers as in fuzz_order: separated by lines with a single "%",
 * the first line "STATUS" or "STATUS LOCATION", or "-" for an answer that is lost.
 */
#include "acme/account.h"
#include "acme/rollover.h"
#include "acme/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 64 };

#define DIRECTORY "https://ca.test/dir"
#define ACCOUNT   "https://ca.test/a/1"

static const struct wall now = {1800000000};

static void must(bool what)
{
    if (!what)
        abort();
}

struct answer {
    bool lost;
    struct acme_header headers[1];
    struct acme_response response;
};

/* Takes the next answer off the input; what is missing is an answer that got lost. */
static void take(struct str *input, struct answer *out)
{
    const struct str separator = STR("\n%\n");
    struct str one = *input, head, body, status, location;
    for (size_t i = 0; i + separator.n <= one.n; i++)
        if (memcmp(one.p + i, separator.p, separator.n) == 0) {
            one.n = i;
            break;
        }
    size_t used = one.n + separator.n < input->n ? one.n + separator.n : input->n;
    *input = (struct str){input->p + used, input->n - used};
    str_cut(one, '\n', &head, &body);
    bool located = str_cut(head, ' ', &status, &location);
    uint64_t code = 0;
    out->lost = !str_to_u64(status, 599, &code) || code < 100;
    out->headers[0] = (struct acme_header){STR("Location"), location};
    out->response = (struct acme_response){(int)code, out->headers, located, body};
}

static void look_at_object(struct str body)
{
    struct arena *a = arena_new();
    struct account_object object;
    if (account_object_parse(body, a, &object, NULL) == 0)
        must(object.status != NULL && object.orders != NULL);
    arena_free(a);
}

static void run_account(unsigned flags, struct str input)
{
    struct account_params p = {
        .directory_url = STR(DIRECTORY),
        .new_account = STR("https://ca.test/new"),
        .terms_of_service = flags & 2 ? STR("https://ca.test/terms") : STR(""),
        .known_url = flags & 4 ? STR(ACCOUNT) : STR(""),
        .email = flags & 8 ? STR("a@b.test") : STR(""),
        .registered_email = STR(""),
        .agree_tos = flags & 16,
        .external_account_required = flags & 32,
        .have_eab = flags & 64,
        .may_register = true,
        .key_is_new = (flags & 128) != 0,
    };
    struct account *c = account_new(&p);
    struct account_next next;
    struct err err = ERR_INIT;
    account_start(c, &next, &err);
    for (int i = 0; i < STEPS_MAX && next.action == ACCOUNT_REQUEST; i++) {
        struct answer answer;
        must(acme_url_check_from(next.url, STR(DIRECTORY), NULL) == 0);
        must(next.kind != ACME_REQUEST_NEW_ACCOUNT || p.agree_tos || p.terms_of_service.n == 0);
        must(next.kind != ACME_REQUEST_NEW_ACCOUNT || p.have_eab || !p.external_account_required);
        must(i < 16); /* it comes to an end whatever the CA says */
        take(&input, &answer);
        look_at_object(answer.response.body);
        if (answer.lost)
            break;
        account_response(c, &answer.response, now, &next, &err);
    }
    must(next.action != ACCOUNT_READY || acme_url_check_from(account_url(c), STR(DIRECTORY), NULL) == 0);
    must(next.action != ACCOUNT_FAILED || err.code < 0);
    account_free(c);
}

static void run_rollover(unsigned flags, struct str input)
{
    const struct rollover_params p = {
        .account_url = STR(ACCOUNT),
        .key_change_url = flags & 2 ? STR("https://ca.test/change") : STR(""),
        .new_account_url = STR("https://ca.test/new"),
        .directory_url = STR(DIRECTORY),
        .resumed = flags & 4,
    };
    struct rollover *r = rollover_new(&p);
    struct rollover_next next;
    struct err err = ERR_INIT;
    bool acknowledged = false; /* the CA has said something from which a commit may follow */
    int changes = 0;
    rollover_start(r, &next, &err);
    for (int i = 0; next.action == ROLLOVER_REQUEST; i++) {
        struct answer answer;
        must(i < ROLLOVER_REQUESTS_MAX);
        must(next.wait_ms >= 0 && next.wait_ms <= ROLLOVER_WAIT_MAX_MS);
        must(next.kind == ACME_REQUEST_KEY_CHANGE || next.kind == ACME_REQUEST_FIND_PENDING ||
             next.kind == ACME_REQUEST_FIND_ACCOUNT);
        changes += next.kind == ACME_REQUEST_KEY_CHANGE;
        must(changes <= 2);
        take(&input, &answer);
        enum acme_request kind = next.kind;
        if (answer.lost) {
            struct err why;
            err_set(&why, ERR_NETWORK, "lost");
            rollover_lost(r, &why, &next, &err);
            acknowledged = false;
        } else {
            rollover_response(r, &answer.response, now, &next, &err);
            acknowledged = acme_response_ok(&answer.response) && kind != ACME_REQUEST_FIND_ACCOUNT;
        }
    }
    must(next.action != ROLLOVER_COMMIT || acknowledged);
    must(next.action == ROLLOVER_COMMIT || err.code < 0);
    rollover_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    if (data[0] & 1)
        run_rollover(data[0], input);
    else
        run_account(data[0], input);
    return 0;
}
