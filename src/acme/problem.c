#include "acme/problem.h"

#include "acme/json.h"
#include "acme/limits.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

#include <string.h>

/* In an error text: most of one sub-problem's detail, so that one name cannot crowd out the others, and of
 * one link. */
enum { SUB_DETAIL_SHOWN = 240, LINK_SHOWN = 256, IDENTIFIER_SHOWN = 255 };

/*
 * The registry (RFC 8555 6.7 and 9.7.7 with its later entries), and two types that real servers use without
 * it. `advice` is what the reader can do, where that is not plain from the CA's detail.
 */
static const struct row {
    const char *type;
    enum problem_class class;
    const char *advice;
} rows[] = {
    {"badNonce", PROBLEM_RETRY_NONCE, NULL},
    {"rateLimited", PROBLEM_TEMPORARY, NULL},
    {"serverInternal", PROBLEM_TEMPORARY, NULL},
    {"conflict", PROBLEM_TEMPORARY, NULL}, /* boulder: another request got in between */
    {"orderNotReady", PROBLEM_ORDER, NULL},
    {"accountDoesNotExist", PROBLEM_ACCOUNT, NULL},
    {"caa", PROBLEM_IDENTIFIER, "a CAA record in the DNS forbids this CA; allow it there"},
    {"connection", PROBLEM_IDENTIFIER,
        "the CA must reach the name from outside: on port 80 for http-01, on port 443 for tls-alpn-01"},
    {"dns", PROBLEM_IDENTIFIER, "the name must resolve, from outside too"},
    {"incorrectResponse", PROBLEM_IDENTIFIER, "another server may be answering for the name"},
    {"tls", PROBLEM_IDENTIFIER, NULL},
    {"rejectedIdentifier", PROBLEM_IDENTIFIER, NULL},
    {"unsupportedIdentifier", PROBLEM_IDENTIFIER, NULL},
    {"compound", PROBLEM_IDENTIFIER, NULL},
    {"onionCAARequired", PROBLEM_IDENTIFIER, NULL},
    {"badAttestationStatement", PROBLEM_PERMANENT, NULL},
    {"alreadyReplaced", PROBLEM_PERMANENT, NULL},
    {"alreadyRevoked", PROBLEM_PERMANENT, NULL},
    {"autoRenewalCanceled", PROBLEM_PERMANENT, NULL},
    {"autoRenewalCancellationInvalid", PROBLEM_PERMANENT, NULL},
    {"autoRenewalExpired", PROBLEM_PERMANENT, NULL},
    {"autoRenewalRevocationNotSupported", PROBLEM_PERMANENT, NULL},
    {"badCSR", PROBLEM_PERMANENT, NULL},
    {"badPublicKey", PROBLEM_PERMANENT, NULL},
    {"badRevocationReason", PROBLEM_PERMANENT, NULL},
    {"badSignatureAlgorithm", PROBLEM_PERMANENT, NULL},
    {"externalAccountRequired", PROBLEM_PERMANENT,
        "this CA binds accounts to customers of theirs: set `eab-kid` and `eab-hmac-file` for it"},
    {"invalidContact", PROBLEM_PERMANENT, "check the `email` in the configuration"},
    {"unsupportedContact", PROBLEM_PERMANENT, "check the `email` in the configuration"},
    {"invalidProfile", PROBLEM_PERMANENT, NULL},
    {"malformed", PROBLEM_PERMANENT, NULL},
    {"unauthorized", PROBLEM_PERMANENT, NULL},
    {"unknownDelegation", PROBLEM_PERMANENT, NULL},
    {"userActionRequired", PROBLEM_PERMANENT, "somebody must do what the link says, then try again"},
    {"agreementRequired", PROBLEM_PERMANENT, /* old pebble: terms not agreed to */
        "agree to the CA's terms with `agree-tos: true` or --agree-tos"},
};

static const struct row *find_row(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq_c(str_c(type), rows[i].type))
            return &rows[i];
    return NULL;
}

static char *cleaned(struct str s, size_t max, struct arena *a)
{
    struct buf text = buf_new(max + sizeof "...");
    text_clean(&text, s, max);
    char *kept = arena_dup(a, str_trim(buf_str(&text)));
    buf_free(&text);
    return kept;
}

/* The part of an ACME type behind its URN prefix, "" for every other type: only the registry's may be acted
 * upon. */
static const char *read_type(struct str urn, struct arena *a)
{
    const struct str prefix = STR("urn:ietf:params:acme:error:");
    if (!str_starts(urn, prefix) || urn.n - prefix.n >= ERR_PROBLEM_MAX)
        return "";
    struct str type = {urn.p + prefix.n, urn.n - prefix.n};
    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                c == '_' || c == ':'))
            return "";
    }
    return arena_dup(a, type);
}

/* What a badSignatureAlgorithm says it would take (6.2), or "". */
static const char *read_algorithms(const json_t *j, struct arena *a)
{
    enum { SHOWN = 16, NAME_SHOWN = 16 };
    const json_t *list = json_object_get(j, "algorithms");
    const char *text = "";
    for (size_t i = 0; i < json_array_size(list) && i < SHOWN; i++) {
        const json_t *v = json_array_get(list, i);
        struct str name = {json_string_value(v), json_string_length(v)};
        if (json_is_string(v))
            text = arena_printf(a, "%s%s%s", text, *text != '\0' ? ", " : "", cleaned(name, NAME_SHOWN, a));
    }
    return *text != '\0' ? arena_printf(a, " (the CA takes %s)", text) : "";
}

/* The detail; the title, or our own words, where there is none. */
static const char *read_detail(const json_t *j, struct arena *a)
{
    const char *detail = cleaned(js_text(j, "detail"), TEXT_FOREIGN_MAX, a);
    if (*detail == '\0')
        detail = cleaned(js_text(j, "title"), TEXT_FOREIGN_MAX, a);
    const char *algorithms = read_algorithms(j, a);
    if (*detail == '\0')
        detail = "the CA gave no reason";
    return *algorithms != '\0' ? arena_printf(a, "%s%s", detail, algorithms) : detail;
}

static void read_subproblems(const json_t *j, struct arena *a, struct problem *out)
{
    const json_t *list = json_object_get(j, "subproblems");
    size_t n = json_array_size(list); /* 0 for what is no array */
    if (n == 0)
        return;
    if (n > ACME_SUBPROBLEMS_MAX)
        n = ACME_SUBPROBLEMS_MAX;
    struct subproblem *sub = arena_array(a, n, sizeof *sub);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        sub[i].type = read_type(js_text(one, "type"), a);
        sub[i].detail = read_detail(one, a);
        sub[i].identifier =
            cleaned(js_text(json_object_get(one, "identifier"), "value"), IDENTIFIER_SHOWN, a);
    }
    out->sub = sub;
    out->sub_n = n;
}

/* --- what the words of a detail hold --- */

/* The first https URL in `text`, up to a blank, a quote or a bracket, without the mark that ends a sentence.
 * Whether it is one to go to is for the reader to judge. */
static struct str url_in(struct str text)
{
    const struct str scheme = STR("https://");
    for (; text.n > scheme.n; text = (struct str){text.p + 1, text.n - 1}) {
        if (!str_starts(text, scheme))
            continue;
        size_t n = scheme.n;
        while (n < text.n && text.p[n] > ' ' && text.p[n] < 0x7f && strchr("\"'<>\\`{}|^", text.p[n]) == NULL)
            n++;
        while (n > scheme.n && strchr(".,;:!?)]", text.p[n - 1]) != NULL)
            n--;
        if (n > scheme.n && n <= ACME_URL_MAX)
            return (struct str){text.p, n};
    }
    return (struct str){"", 0};
}

/* Where `words` begin in text, as the rest behind them. */
static bool find_words(struct str text, struct str words, struct str *rest)
{
    for (; text.n >= words.n; text = (struct str){text.p + 1, text.n - 1})
        if (str_eq_nocase((struct str){text.p, words.n}, words)) {
            *rest = (struct str){text.p + words.n, text.n - words.n};
            return true;
        }
    return false;
}

/* "retry after 2026-11-22 10:00:00 UTC", as Let's Encrypt ends what it says about a limit. */
static struct wall retry_time_in(struct str detail)
{
    enum { DATE_TIME = sizeof "2026-11-22 10:00:00" - 1 };
    char text[DATE_TIME + sizeof "Z"];
    struct wall t = {0};
    struct str rest;
    if (!find_words(detail, STR("retry after "), &rest) || rest.n < DATE_TIME)
        return t;
    memcpy(text, rest.p, DATE_TIME);
    text[DATE_TIME] = 'Z';
    (void)wall_parse_rfc3339((struct str){text, DATE_TIME + 1}, &t);
    return t;
}

static void read_hints(const json_t *j, struct arena *a, struct problem *out)
{
    struct str detail = js_text(j, "detail"), rest;
    struct str in_detail = url_in(detail), in_instance = url_in(js_text(j, "instance"));
    if (str_eq_c(str_c(out->type), "rateLimited")) {
        out->retry_at = retry_time_in(detail);
        out->paused = in_detail.n > 0 && (find_words(detail, STR("paused"), &rest) ||
                                             find_words(in_detail, STR("unpause"), &rest));
    }
    out->link = arena_dup(a, in_instance.n > 0 && !out->paused ? in_instance : in_detail);
}

void problem_read_member(const json_t *j, struct arena *a, struct problem *out)
{
    *out = (struct problem){
        .type = read_type(js_text(j, "type"), a),
        .detail = read_detail(j, a),
        .instance = cleaned(js_text(j, "instance"), LINK_SHOWN, a),
        .link = "",
    };
    read_hints(j, a, out);
    json_int_t status = json_integer_value(json_object_get(j, "status"));
    if (status >= 100 && status <= 599)
        out->status = (int)status;
    read_subproblems(j, a, out);
}

void problem_read_json(struct str json, struct arena *a, struct problem *out)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    js_load(json, &root, NULL);
    problem_read_member(root, a, out); /* of NULL: a problem that says nothing */
}

void problem_read(const struct acme_response *r, struct arena *a, struct problem *out)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    if (js_load(r->body, &root, NULL) == 0)
        problem_read_member(root, a, out);
    else
        *out = (struct problem){
            .type = "", .detail = "the answer holds no problem document", .instance = "", .link = ""};
    out->status = r->status;
    struct str help;
    if (!out->paused && acme_response_link(r, "help", 0, &help) && (help = url_in(help)).n > 0)
        out->link = arena_dup(a, help);
}

enum problem_class problem_classify(const struct problem *p)
{
    const struct row *row = find_row(p->type);
    if (row != NULL)
        return row->class;
    return p->status == 429 || p->status >= 500 ? PROBLEM_TEMPORARY : PROBLEM_PERMANENT;
}

bool problem_is_paused(const struct problem *p)
{
    return p->paused;
}

bool problem_retry_after(
    const struct problem *p, const struct acme_response *r, struct wall now, int64_t max_s, int64_t *out_s)
{
    if (r != NULL && acme_response_retry_after(r, now, max_s, out_s))
        return true;
    if (p->retry_at.s <= now.s)
        return false;
    *out_s = p->retry_at.s - now.s < max_s ? p->retry_at.s - now.s : max_s;
    return true;
}

/* Adds a piece where it fits and leaves `keep` octets for what must still come. */
static bool add(struct buf *text, size_t keep, const char *piece)
{
    size_t n = str_c(piece).n;
    if (text->max - text->n < keep || text->max - text->n - keep < n)
        return false;
    buf_put_c(text, piece);
    return true;
}

static const char *shown_type(const char *type, int status, struct arena *a)
{
    if (*type != '\0')
        return arena_printf(a, " (%s)", type);
    return status != 0 ? arena_printf(a, " (HTTP status %d)", status) : "";
}

static void add_subproblems(struct buf *text, const struct problem *p, struct arena *a)
{
    enum { KEEP = 64 }; /* for "; and N more" */
    for (size_t i = 0; i < p->sub_n; i++) {
        const struct subproblem *s = &p->sub[i];
        const char *detail = cleaned(str_c(s->detail), SUB_DETAIL_SHOWN, a);
        const char *piece = arena_printf(a, "%s%s%s%s%s", i == 0 ? ": " : "; ", s->identifier,
            *s->identifier != '\0' ? ": " : "", detail, shown_type(s->type, 0, a));
        if (!add(text, KEEP, piece)) {
            add(text, 0, arena_printf(a, "; and %zu more", p->sub_n - i));
            return;
        }
    }
}

/* Of the problem, or of the first sub-problem that has one. */
static const char *advice_for(const struct problem *p)
{
    const struct row *row = find_row(p->type);
    for (size_t i = 0; i < p->sub_n && (row == NULL || row->advice == NULL); i++)
        row = find_row(p->sub[i].type);
    return row != NULL ? row->advice : NULL;
}

/* RFC 8555 6.7 and 7.3.3 */
static void add_links(struct buf *text, const struct acme_response *r, struct arena *a)
{
    static const struct {
        const char *rel, *word;
    } links[] = {{"terms-of-service", "terms"}, {"help", "help"}};
    struct str target;
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (acme_response_link(r, links[i].rel, 0, &target))
            add(text, 0, arena_printf(a, "; %s: %s", links[i].word, cleaned(target, LINK_SHOWN, a)));
}

int problem_to_err(const struct problem *p, const struct acme_response *r, struct wall now, struct err *err)
{
    if (err == NULL)
        return ERR_ACME;
    struct arena *a = arena_new();
    struct buf text = buf_new(ERR_TEXT_MAX - 1);
    const char *advice = advice_for(p);
    add(&text, 0, p->detail);
    if (p->sub_n == 0 || !str_eq_c(str_c(p->type), p->sub[0].type)) /* once is enough */
        add(&text, 0, shown_type(p->type, p->status, a));
    add_subproblems(&text, p, a);
    if (advice != NULL)
        add(&text, 0, arena_printf(a, "; %s", advice));
    if (*p->instance != '\0')
        add(&text, 0, arena_printf(a, "; see %s", p->instance));
    if (r != NULL)
        add_links(&text, r, a);
    if (p->paused && !find_words(buf_str(&text), str_c(p->link), &(struct str){"", 0}))
        add(&text, 0, arena_printf(a, "; see %s", p->link)); /* it was cut off with the detail */
    err_set(err, ERR_ACME, "%s", buf_c(&text));
    snprintf(err->problem, sizeof err->problem, "%s", p->type);
    int64_t wait_s;
    if (problem_retry_after(p, r, now, ACME_RETRY_AFTER_MAX_S, &wait_s))
        err->retry_at_s = now.s + wait_s;
    buf_free(&text);
    arena_free(a);
    return ERR_ACME;
}
