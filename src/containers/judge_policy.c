#include "containers/judge_policy.h"

#include "acme/identifier.h"
#include "base/attr.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A row that allows a pattern; behind it those that do as well. */
struct rule {
    const struct rule *next;
    size_t row;
};

enum {
    PROJECT_MAX = 255, /* octets of a project that a row can name */
    KEY_MAX = IDENTIFIER_MAX + PROJECT_MAX + 3,
};

/* A pattern's place: the name at and below which it fits, or "=name"; and behind a line's end, which is in no
 * name, the one project that the row is for, so that a row for each customer of a platform is found at once.
 * False where it is too long to be there. */
static bool key_of(
    char out[KEY_MAX], const char *prefix, struct str name, const char *project, struct str *key)
{
    if (name.n > IDENTIFIER_MAX || (project != NULL && strlen(project) > PROJECT_MAX))
        return false;
    int n = snprintf(out, KEY_MAX, "%s%.*s%s%s", prefix, STR_ARG(name), project != NULL ? "\n" : "",
        project != NULL ? project : "");
    *key = (struct str){out, (size_t)n};
    return true;
}

static void add_rule(struct policy *p, const char *pattern, const char *project, size_t row, struct arena *a)
{
    char key[KEY_MAX];
    bool exact = pattern[0] == '=';
    struct str at, name = exact ? str_c(pattern + 1) : dns_pattern_base(pattern);
    if (!key_of(key, exact ? "=" : "", name, project, &at))
        return;
    struct rule *rule = arena_alloc(a, sizeof *rule);
    *rule = (struct rule){names_get(&p->rules, at), row};
    names_put(&p->rules, arena_str(a, at), rule);
}

/* Whether the row's projects are all written out. */
static bool projects_are_plain(const struct docker_policy *row)
{
    for (size_t i = 0; i < row->project_n; i++)
        if (strchr(row->projects[i], '*') != NULL)
            return false;
    return row->project_n > 0;
}

void policy_init(struct policy *p, const struct settings *s, struct arena *a)
{
    *p = (struct policy){.s = s,
        .rules = names_new(a),
        .granted = arena_array(a, s->docker.policy_n, sizeof *p->granted),
        .state = arena_array(a, s->docker.policy_n, sizeof *p->state)};
    for (size_t i = 0; i < s->docker.policy_n; i++) {
        const struct docker_policy *row = &s->docker.policy[i];
        bool plain = projects_are_plain(row);
        p->bounded = p->bounded || row->max_names > 0;
        for (size_t k = 0; k < row->allow_n; k++) {
            for (size_t m = 0; plain && m < row->project_n; m++)
                add_rule(p, row->allow[k], row->projects[m], i, a);
            if (!plain)
                add_rule(p, row->allow[k], NULL, i, a);
        }
    }
}

void policy_next(struct policy *p)
{
    if (p->s->docker.policy_n > 0)
        memset(p->state, ROW_UNKNOWN, p->s->docker.policy_n);
}

/* Selectors. */

static bool one_fits(const char *const *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (glob_fits(words[i], text))
            return true;
    return n == 0;
}

static bool network_fits(const struct docker_policy *row, const struct holder *h)
{
    for (size_t i = 0; i < h->network_n; i++)
        if (one_fits(row->networks, row->network_n, h->networks[i]))
            return true;
    return row->network_n == 0;
}

static bool labels_fit(const struct docker_policy *row, const struct holder *h)
{
    for (size_t i = 0; i < row->label_n; i++) {
        const struct pair *label = NULL;
        for (size_t k = 0; k < h->label_n && label == NULL; k++)
            if (strcmp(h->labels[k].name, row->labels[i].name) == 0)
                label = &h->labels[k];
        if (label == NULL || !glob_fits(row->labels[i].value, label->value))
            return false;
    }
    return true;
}

static bool is_for(const struct docker_policy *row, const struct holder *h)
{
    return one_fits(row->projects, row->project_n, h->project) &&
           one_fits(row->services, row->service_n, h->service_name) &&
           one_fits(row->engines, row->engine_n, h->engine) &&
           one_fits(row->images, row->image_n, h->image) && network_fits(row, h) && labels_fit(row, h);
}

/* What may be asked for. */

const char *const *policy_authorities(const struct settings *s, size_t row, size_t *n)
{
    const struct docker_policy *p = &s->docker.policy[row];
    *n = p->authority_n > 0 ? p->authority_n : s->defaults.authority_n;
    return p->authority_n > 0 ? p->authorities : s->defaults.authorities;
}

const char *authority_among(
    const struct settings *s, const char *value, const char *const *list, size_t n, struct arena *a)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], value) == 0)
            return list[i];
    for (size_t i = 0; i < n && str_starts(str_c(value), STR("https://")); i++) {
        const struct authority *authority = settings_authority(s, str_c(list[i]), a);
        if (authority != NULL && strcmp(authority->directory, value) == 0)
            return list[i];
        if (authority != NULL && strcmp(authority->staging, value) == 0)
            return value;
    }
    return NULL;
}

static bool authorities_fit(const struct settings *s, size_t row, const struct wish *w)
{
    size_t n;
    struct arena *a = arena_new();
    const char *const *list = policy_authorities(s, row, &n);
    bool fit = true;
    for (size_t i = 0; i < w->authority_n && fit; i++)
        fit = authority_among(s, w->authorities[i], list, n, a) != NULL;
    arena_free(a);
    return fit;
}

static bool is_word(struct str word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(word, words[i]))
            return true;
    return false;
}

static bool dns_fits(const struct docker_policy *row, const struct wish *w)
{
    for (size_t i = 0; i < w->dns_n && row->dns_n > 0; i++) {
        struct str entry, rest = str_c(w->dns[i].value);
        for (bool more = true; more;) {
            more = str_cut(rest, ',', &entry, &rest);
            if (!is_word(entry, row->dns, row->dns_n))
                return false;
        }
    }
    return true;
}

static enum row_state look(const struct policy *p, const struct question *q, size_t i)
{
    const struct docker_policy *row = &p->s->docker.policy[i];
    if (!is_for(row, q->holder))
        return ROW_OTHERS;
    if (!q->any_authority && !authorities_fit(p->s, i, q->wish))
        return ROW_AUTHORITY;
    return dns_fits(row, q->wish) ? ROW_GOOD : ROW_DNS;
}

/* The search. */

struct search {
    struct policy *p;
    const struct question *q;
    bool room;
    size_t best, objector; /* rows; SIZE_MAX: none yet */
    enum row_state why;
};

static void try_rules(struct search *s, struct str key)
{
    struct policy *p = s->p;
    for (const struct rule *rule = names_get(&p->rules, key); rule != NULL; rule = rule->next) {
        size_t i = rule->row;
        int64_t most = p->s->docker.policy[i].max_names;
        if (p->state[i] == ROW_UNKNOWN)
            p->state[i] = (unsigned char)look(p, s->q, i);
        enum row_state state = p->state[i];
        if (state == ROW_GOOD && s->room && most > 0 && p->granted[i] >= (uint64_t)most)
            state = ROW_FULL;
        if (state == ROW_GOOD) {
            s->best = i < s->best ? i : s->best;
        } else if (state != ROW_OTHERS && i < s->objector) {
            s->objector = i;
            s->why = state;
        }
    }
}

static void try_name(struct search *s, const char *prefix, struct str name)
{
    const char *const projects[] = {NULL, s->q->holder->project};
    char text[KEY_MAX];
    struct str key;
    for (size_t i = 0; i < ARRAY_LEN(projects); i++)
        if (key_of(text, prefix, name, projects[i], &key))
            try_rules(s, key);
}

size_t policy_row(struct policy *p, const struct question *q, const char *name, bool room,
    enum row_state *why, size_t *objector)
{
    struct search s = {p, q, room, SIZE_MAX, SIZE_MAX, ROW_OTHERS};
    struct str label, rest = identifier_base(str_c(name));
    bool address = identifier_is_ip(rest);
    try_name(&s, "=", str_c(name));
    /* The name, or what its wildcard stands below, and every name above it; an address has none above. */
    for (bool more = true; more && rest.n > 0; more = !address) {
        try_name(&s, "", rest);
        (void)str_cut(rest, '.', &label, &rest);
    }
    try_name(&s, "", STR(""));
    *why = s.why;
    *objector = s.objector;
    return s.best;
}
