#include "base/text.h"
#include "containers/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
#define READER_TEXT(id, text) [id] = (text),
    CLAIM_READERS(READER_TEXT)
#undef READER_TEXT
};

static void (*const functions[])(struct reading *r) = {
    [READER_EVERCERT] = read_evercert,
    [READER_COMPANION] = read_companion,
    [READER_TRAEFIK] = read_traefik,
    [READER_CADDY] = read_caddy,
};

_Static_assert(ARRAY_LEN(functions) == READER_END_, "a reader is missing");

bool claim_reader_parse(const char *text, enum claim_reader *out)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(text, texts[i]) == 0) {
            *out = (enum claim_reader)i;
            return true;
        }
    return false;
}

const char *claim_reader_text(enum claim_reader r)
{
    return (size_t)r < ARRAY_LEN(texts) ? texts[r] : "?";
}

static const char *clean(struct arena *a, struct str text, size_t max)
{
    struct buf b = buf_new(max + sizeof "...");
    text_clean(&b, text, max);
    const char *out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

const char *shown_key(struct reading *r, const char *key)
{
    return clean(r->a, str_c(key), KEY_SHOWN_MAX);
}

static void add_problem(struct reading *r, const char *key, const char *text)
{
    r->problems[r->problem_n++] = (struct claim_problem){
        .engine = r->c->engine,
        .id = r->c->id,
        .name = r->c->name,
        .key = shown_key(r, key),
        .reason = clean(r->a, str_c(text), REASON_MAX),
    };
}

void say(struct reading *r, const char *key, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    if (r->problem_n + 1 >= CLAIM_PROBLEMS_MAX) {
        r->problem_left++;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    add_problem(r, key, text);
}

/* Whoever wrote a hundred wrong labels is told of the first ones, and that there are more. */
static void count_the_rest(struct reading *r)
{
    char text[REASON_MAX];
    if (r->problem_left == 0)
        return;
    snprintf(text, sizeof text, "%zu more problems of this container are not shown; mend these first",
        r->problem_left);
    add_problem(r, "", text);
}

bool next_word(struct str *rest, bool blanks, struct str *word)
{
    while (rest->n > 0) {
        size_t n = 0;
        while (n < rest->n && rest->p[n] != ',' &&
               !(blanks && (rest->p[n] == ' ' || (rest->p[n] >= '\t' && rest->p[n] <= '\r'))))
            n++;
        *word = str_trim((struct str){rest->p, n});
        size_t used = n < rest->n ? n + 1 : n;
        *rest = (struct str){rest->p + used, rest->n - used};
        if (word->n > 0)
            return true;
    }
    return false;
}

bool truth_parse(struct str text, bool *out)
{
    bool yes = str_eq_nocase(text, STR("true"));
    if (!yes && !str_eq_nocase(text, STR("false")))
        return false;
    *out = yes;
    return true;
}

static struct holder holder_of(
    const struct container *c, const char *const *policy_labels, size_t n, struct arena *a)
{
    const char **networks = arena_array(a, c->network_n, sizeof *networks);
    struct pair *labels = arena_array(a, n, sizeof *labels);
    size_t label_n = 0;
    for (size_t i = 0; i < c->network_n; i++)
        networks[i] = c->networks[i].name;
    for (size_t i = 0; i < n; i++) {
        const char *value = container_label(c, policy_labels[i]);
        if (value != NULL)
            labels[label_n++] = (struct pair){policy_labels[i], value};
    }
    return (struct holder){
        .engine = c->engine,
        .id = c->id,
        .name = c->name,
        .service = c->service,
        .image = c->image,
        .project = c->project,
        .service_name = c->service_name,
        .created_s = c->created_s,
        .networks = networks,
        .network_n = c->network_n,
        .labels = labels,
        .label_n = label_n,
    };
}

/* Most containers say little, so their lists are made on the stack and only what is there is kept. */
static void *copy(struct arena *a, const void *items, size_t n, size_t size)
{
    void *out = arena_array(a, n, size);
    if (n > 0)
        memcpy(out, items, n * size);
    return out;
}

/* What the model has no room for was perhaps the very label that asks. */
static void check_left_out(struct reading *r)
{
    if (r->c->left_out > 0)
        say(r, "",
            "%zu of its labels and variables are not read, for a text may have %d octets and a container %d "
            "labels and %d variables; part long lists of names among several labels",
            r->c->left_out, (int)CONTAINER_TEXT_MAX, (int)CONTAINER_PAIRS_MAX, (int)CONTAINER_PAIRS_MAX);
}

void container_read(const struct container *c, unsigned readers, const char *const *policy_labels,
    size_t policy_label_n, struct arena *a, struct container_says *out)
{
    struct reading r = {
        .c = c,
        .a = a,
        .holder = holder_of(c, policy_labels, policy_label_n, a),
        .asked = names_new(a),
        .common = {.reader = READER_EVERCERT, .key = ""},
    };
    check_left_out(&r);
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if ((readers & 1U << i) != 0)
            functions[i](&r);
    bool own = (readers & 1U << READER_EVERCERT) != 0;
    if (own)
        read_evercert_rest(&r);
    read_consumer(&r, own);
    count_the_rest(&r);
    *out = (struct container_says){
        .claims = copy(a, r.claims, r.claim_n, sizeof *r.claims),
        .claim_n = r.claim_n,
        .consumer = r.consumer,
        .problems = copy(a, r.problems, r.problem_n, sizeof *r.problems),
        .problem_n = r.problem_n,
    };
}
