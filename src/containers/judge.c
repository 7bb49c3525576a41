#include "containers/judge.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "config/certificate.h"
#include "config/owned.h"
#include "containers/judge_priv.h"

#include <stdlib.h>
#include <string.h>

/* What the configuration has. */

static void put_owner(struct names *table, const char *key, const struct owner *owner)
{
    if (names_get(table, str_c(key)) == NULL)
        names_put(table, str_c(key), owner);
}

/* Everything that a certificate has to itself; it outlives the judge. */
static void put_owned(struct judge *j, const struct owned *o, const struct owner *owner)
{
    for (size_t i = 0; i < o->domain_n; i++)
        put_owner(&j->domains, o->domains[i], owner);
    for (size_t i = 0; i < o->name_n; i++)
        put_owner(&j->certificates, o->names[i], owner);
    for (size_t i = 0; i < o->path_n; i++)
        put_owner(&j->files, o->paths[i], owner);
}

static const struct owner *owner_new(struct judge *j, const char *certificate, size_t granted)
{
    struct owner *owner = arena_alloc(j->scratch, sizeof *owner);
    *owner = (struct owner){certificate, granted};
    return owner;
}

static const char *const *keep_texts(struct judge *j, const char *const *texts, size_t n)
{
    const char **kept = arena_array(j->scratch, n, sizeof *kept);
    for (size_t i = 0; i < n; i++)
        kept[i] = arena_dup_c(j->scratch, texts[i]);
    return kept;
}

static bool put_configured(const struct owned *o, void *arg)
{
    struct judge *j = arg;
    const struct owned kept = {
        .names = keep_texts(j, o->names, o->name_n),
        .name_n = o->name_n,
        .domains = keep_texts(j, o->domains, o->domain_n),
        .domain_n = o->domain_n,
        .paths = keep_texts(j, o->paths, o->path_n),
        .path_n = o->path_n,
    };
    put_owned(j, &kept, owner_new(j, kept.names[0], SIZE_MAX));
    return true;
}

static void put_configuration(struct judge *j)
{
    const struct settings *s = j->s;
    owned_each(s, put_configured, j);
    for (size_t i = 0; i < s->template_n; i++)
        put_owner(&j->files, s->templates[i].output, owner_new(j, "", SIZE_MAX));
}

/* The claim as a wish. */

static bool is_option(const char *word)
{
    static const char *const words[] = {"name", "challenge", "dns", "authority", "profile", "key-type"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool has_option(const struct claim *c, const char *word)
{
    for (size_t i = 0; i < c->option_n; i++)
        if (strcmp(c->options[i].option, word) == 0)
            return true;
    return false;
}

static bool make_wish(struct judge *j, const struct turn *t, struct wish *w)
{
    const struct claim *c = t->claim;
    struct wish_option *options = arena_array(j->scratch, c->domain_n + c->option_n, sizeof *options);
    struct err err = ERR_INIT;
    for (size_t i = 0; i < c->option_n; i++) {
        if (!is_option(c->options[i].option))
            return refuse(j, t->i, "%s is nothing that a container may ask for",
                shown(c->options[i].option, SHOWN_MAX, j->scratch));
        options[c->domain_n + i] = c->options[i];
    }
    for (size_t i = 0; i < c->domain_n; i++)
        options[i] = (struct wish_option){"domain", c->domains[i]};
    if (settings_wish(j->s, options, c->domain_n + c->option_n, j->a, w, &err) < 0)
        return refuse(j, t->i, "%s", strncmp(err.text, "--", 2) == 0 ? err.text + 2 : err.text);
    w->publications = j->s->docker.publications;
    w->publication_n = j->s->docker.publication_n;
    w->deploys = j->s->docker.deploys;
    w->deploy_n = j->s->docker.deploy_n;
    if (wish_publications_check(w, j->scratch, &err) < 0)
        return refuse(j, t->i, "docker.publish: %s", err.text);
    return wish_size_check(w, &err) == 0 || refuse(j, t->i, "%s", err.text);
}

/* The policy. */

static void uncount(struct judge *j, const size_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        j->policy.granted[rows[i]]--;
}

/* The rows that allow the names; with `room` they are counted. */
static bool choose_rows(
    struct judge *j, const struct turn *t, const struct question *q, bool room, size_t *rows)
{
    const struct wish *w = q->wish;
    enum row_state why = ROW_GOOD;
    size_t objector = 0, i = 0;
    for (; i < w->domain_n; i++) {
        rows[i] = policy_row(&j->policy, q, w->domains[i], room, &why, &objector);
        if (rows[i] == SIZE_MAX)
            break;
        j->policy.granted[rows[i]] += room;
    }
    if (i == w->domain_n)
        return true;
    if (room)
        uncount(j, rows, i);
    return why == ROW_OTHERS ? refuse_names(j, t, q, w->domains[i])
                             : refuse_row(j, t, w, w->domains[i], why, objector);
}

/* A certificate is not called like a site of others. */
static bool check_name(struct judge *j, const struct turn *t, const struct question *q)
{
    const struct wish *w = q->wish;
    const char *name = arena_lower(j->scratch, str_c(w->name));
    enum row_state why;
    size_t objector;
    if (strchr(name, '.') == NULL || identifier_check(str_c(name), NULL) < 0)
        return true;
    for (size_t i = 0; i < w->domain_n; i++)
        if (str_eq_c(identifier_base(str_c(w->domains[i])), name))
            return true;
    if (policy_row(&j->policy, q, name, false, &why, &objector) != SIZE_MAX)
        return true;
    return why == ROW_OTHERS ? refuse_names(j, t, q, name) : refuse_row(j, t, w, name, why, objector);
}

/* Two words may mean one authority. */
static size_t add_once(const char **list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return n;
    list[n] = name;
    return n + 1;
}

/* Of `list` what every row allows, as the first of them names it. */
static size_t allowed_by_all(
    struct judge *j, const char *const *list, size_t n, const size_t *rows, size_t row_n, const char **out)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const char *first = NULL;
        bool all = true;
        for (size_t k = 0; k < row_n && all; k++) {
            size_t allowed_n;
            const char *const *allowed = policy_authorities(j->s, rows[k], &allowed_n);
            const char *name = authority_among(j->s, list[i], allowed, allowed_n, j->scratch);
            first = k == 0 ? name : first;
            all = name != NULL;
        }
        if (all && first != NULL)
            found = add_once(out, found, first);
    }
    return found;
}

static bool is_staging(const struct settings *s, const char *url)
{
    for (size_t i = 0; i < s->authority_n; i++)
        if (strcmp(s->authorities[i].staging, url) == 0)
            return true;
    return false;
}

static bool choose_authorities(
    struct judge *j, const struct turn *t, struct wish *w, bool any, const size_t *rows)
{
    const char **list = arena_array(j->a, WISH_AUTHORITIES_MAX, sizeof *list);
    size_t first_n, n = allowed_by_all(j, w->authorities, w->authority_n, rows, w->domain_n, list);
    const char *const *first = policy_authorities(j->s, rows[0], &first_n);
    if (n == 0 && any)
        n = allowed_by_all(j, first, first_n, rows, w->domain_n, list);
    if (n == 0)
        return refuse(j, t->i, "the rows of docker.policy that allow its names have no authority in common");
    size_t kept = t->claim->staging ? 0 : n;
    for (size_t i = 0; i < n && t->claim->staging; i++) {
        const struct authority *authority = settings_authority(j->s, str_c(list[i]), j->a);
        const char *staging = authority != NULL ? authority->staging : "";
        if (staging[0] == '\0' && !is_staging(j->s, list[i]))
            return refuse(j, t->i,
                "authority %s has no staging directory; set authorities.%s.staging to one, or do not ask for "
                "staging",
                list[i], list[i]);
        kept = add_once(list, kept, staging[0] != '\0' ? staging : list[i]);
    }
    w->authorities = list;
    w->authority_n = kept;
    return true;
}

/* Others. */

static bool same_holder(const struct holder *x, const struct holder *y)
{
    if (strcmp(x->engine, y->engine) == 0 && strcmp(x->id, y->id) == 0)
        return true;
    /* Without a project, services of one name on two engines have nothing to do with each other. */
    return x->service_name[0] != '\0' && strcmp(x->service_name, y->service_name) == 0 &&
           strcmp(x->project, y->project) == 0 &&
           (x->project[0] != '\0' || strcmp(x->engine, y->engine) == 0);
}

static bool same_claim(const struct claim *x, const struct claim *y)
{
    bool same = x->domain_n == y->domain_n && x->option_n == y->option_n && x->staging == y->staging;
    for (size_t i = 0; i < x->domain_n && same; i++)
        same = strcmp(x->domains[i], y->domains[i]) == 0;
    for (size_t i = 0; i < x->option_n && same; i++)
        same = strcmp(x->options[i].option, y->options[i].option) == 0 &&
               strcmp(x->options[i].value, y->options[i].value) == 0;
    return same;
}

static bool same_wish(const struct wish *x, const struct wish *y)
{
    struct buf a = buf_new(WISH_TEXT_MAX), b = buf_new(WISH_TEXT_MAX);
    wish_encode(x, &a);
    wish_encode(y, &b);
    bool same = !buf_failed(&a) && !buf_failed(&b) && str_eq(buf_str(&a), buf_str(&b));
    buf_free(&a);
    buf_free(&b);
    return same;
}

/* "container web-1 (project shop)", or what the configuration has. */
static const char *owner_text(struct judge *j, const struct owner *owner)
{
    if (owner->granted == SIZE_MAX)
        return owner->certificate[0] == '\0' ? "a template of the configuration" : "the configuration";
    return holder_title(&j->granted[owner->granted].first->holder, j->scratch);
}

/* Whether nothing of the wish is another's. */
static bool check_free(struct judge *j, const struct turn *t, const struct wish *w)
{
    const struct owner *owner;
    for (size_t i = 0; i < w->domain_n; i++)
        if ((owner = names_get(&j->domains, str_c(w->domains[i]))) != NULL)
            return refuse(j, t->i, "%s is in the certificate %s of %s already", w->domains[i],
                owner->certificate, owner_text(j, owner));
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        const char *name = wish_variant_name(w, v, j->scratch);
        if ((owner = names_get(&j->certificates, str_c(name))) != NULL)
            return refuse(j, t->i, "there is a certificate %s of %s already; give this one another name",
                name, owner_text(j, owner));
        for (size_t i = 0; i < w->publication_n; i++) {
            const char *path = publication_path(&w->publications[i], name, j->scratch);
            if ((owner = names_get(&j->files, str_c(path))) != NULL)
                return refuse(j, t->i, "its copy (docker.publish) would go to %s, which is a file of %s",
                    path, owner_text(j, owner));
        }
    }
    return true;
}

/* The wish that is the very same, of the same holder; SIZE_MAX where there is none. */
static size_t find_same(struct judge *j, const struct claim *c, const struct wish *w)
{
    const struct owner *owner = names_get(&j->certificates, str_c(w->name));
    if (owner == NULL || owner->granted == SIZE_MAX)
        return SIZE_MAX;
    const struct granted *g = &j->granted[owner->granted];
    if (strcmp(g->wish.name, w->name) != 0 || !same_holder(&g->first->holder, &c->holder))
        return SIZE_MAX;
    return same_claim(g->first, c) || same_wish(&g->wish, w) ? owner->granted : SIZE_MAX;
}

static void grant(struct judge *j, const struct turn *t, const struct wish *w)
{
    struct granted *g = &j->granted[j->n];
    *g = (struct granted){.wish = *w, .owner = owner_new(j, w->name, j->n), .first = t->claim};
    struct owned owned = owned_of(&g->wish, j->scratch);
    put_owned(j, &owned, g->owner);
    j->verdicts[t->i].wish = j->n++;
}

static bool judge_claim(struct judge *j, const struct turn *t)
{
    const struct claim *c = t->claim;
    struct wish w = {.name = ""};
    if (j->s->docker.policy_n == 0)
        return refuse_all(j, t);
    if (!make_wish(j, t, &w))
        return false;
    const struct question q = {&c->holder, &w, !has_option(c, "authority")};
    size_t *rows = arena_array(j->scratch, w.domain_n, sizeof *rows);
    policy_next(&j->policy);
    if (!choose_rows(j, t, &q, false, rows) || !check_name(j, t, &q))
        return false;
    struct wish chosen = w;
    if (!choose_authorities(j, t, &chosen, q.any_authority, rows))
        return false;
    size_t same = find_same(j, c, &chosen);
    if (same != SIZE_MAX) {
        j->granted[same].further++;
        j->verdicts[t->i].wish = same;
        return true;
    }
    if (!check_free(j, t, &w))
        return false;
    if (j->policy.bounded) {
        if (!choose_rows(j, t, &q, true, rows))
            return false;
        chosen.authorities = w.authorities;
        chosen.authority_n = w.authority_n;
        if (!choose_authorities(j, t, &chosen, q.any_authority, rows)) {
            uncount(j, rows, w.domain_n);
            return false;
        }
    }
    grant(j, t, &chosen);
    return true;
}

/* All. */

static int by_age(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    const struct holder *h = &x->claim->holder, *i = &y->claim->holder;
    if (h->created_s != i->created_s)
        return h->created_s < i->created_s ? -1 : 1;
    int order = strcmp(h->engine, i->engine);
    if (order == 0)
        order = strcmp(h->id, i->id);
    return order != 0 ? order : x->i < y->i ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    const struct granted *const *x = a, *const *y = b;
    return strcmp((*x)->wish.name, (*y)->wish.name);
}

/* Wishes by name, and verdicts that point to them. */
static void hand_over(struct judge *j, size_t claim_n, struct judgement *out)
{
    const struct granted **sorted = arena_array(j->scratch, j->n, sizeof(*sorted));
    size_t *place = arena_array(j->scratch, j->n, sizeof *place);
    struct wish *wishes = arena_array(j->a, j->n, sizeof *wishes);
    const char **holders = arena_array(j->a, j->n, sizeof *holders);
    for (size_t i = 0; i < j->n; i++)
        sorted[i] = &j->granted[i];
    if (j->n > 1)
        qsort(sorted, j->n, sizeof(*sorted), by_name);
    for (size_t i = 0; i < j->n; i++) {
        const struct granted *g = sorted[i];
        const char *title = holder_title(&g->first->holder, j->a);
        place[g->owner->granted] = i;
        wishes[i] = g->wish;
        holders[i] = g->further == 0 ? title : arena_printf(j->a, "%s and %zu more", title, g->further);
    }
    for (size_t i = 0; i < claim_n; i++)
        if (j->verdicts[i].wish != SIZE_MAX)
            j->verdicts[i].wish = place[j->verdicts[i].wish];
    *out = (struct judgement){.wishes = wishes, .holders = holders, .wish_n = j->n, .verdicts = j->verdicts};
}

void claims_judge(
    const struct settings *s, const struct claim *claims, size_t n, struct arena *a, struct judgement *out)
{
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    struct turn *turns = arena_array(scratch, n, sizeof *turns);
    struct judge j = {.s = s,
        .a = a,
        .scratch = scratch,
        .domains = names_new(scratch),
        .certificates = names_new(scratch),
        .files = names_new(scratch),
        .granted = arena_array(scratch, n, sizeof *j.granted),
        .verdicts = arena_array(a, n, sizeof *j.verdicts)};
    policy_init(&j.policy, s, scratch);
    if (n > 0) /* else nobody has to be compared with it */
        put_configuration(&j);
    for (size_t i = 0; i < n; i++) {
        turns[i] = (struct turn){&claims[i], i};
        j.verdicts[i] = (struct verdict){&claims[i], SIZE_MAX, ""};
    }
    if (n > 1)
        qsort(turns, n, sizeof *turns, by_age);
    for (size_t i = 0; i < n; i++)
        (void)judge_claim(&j, &turns[i]);
    hand_over(&j, n, out);
}
