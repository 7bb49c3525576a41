/* Labels of Traefik's routers. Whether an entry point has TLS of its own, or containers count that do not say
 * traefik.enable, stands in Traefik's own configuration and cannot be seen here. */
#include "config/problems.h"
#include "containers/internal.h"

#include <string.h>

/* tls.domains[INDEX] */
struct domain {
    struct str index;
    const char *key;
    const char *main, *sans; /* "" where it has none */
    struct domain *next;
};

struct router {
    struct str protocol, name;
    const char *rule_key, *rule; /* NULL: it has none */
    bool tls;                    /* some tls label is there */
    bool off;                    /* tls=false, or its TLS goes through to the container */
    struct domain *domains, **last;
    struct router *next;
};

/* As Go's ParseBool; `otherwise` for what it does not know. */
static bool go_bool(const char *text, bool otherwise)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"1", true}, {"t", true}, {"true", true}, {"0", false}, {"f", false}, {"false", false}};
    struct str s = str_trim(str_c(text));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(s, str_c(words[i].text)))
            return words[i].value;
    return otherwise;
}

/* The next part of a label's key is `word`; keys count in any case. */
static bool take(struct str *rest, const char *word)
{
    struct str head, tail;
    (void)str_cut(*rest, '.', &head, &tail);
    if (!str_eq_nocase(head, str_c(word)))
        return false;
    *rest = tail;
    return true;
}

static struct router *router_find(
    struct reading *r, struct router **all, struct str protocol, struct str name)
{
    struct router **at = all;
    for (; *at != NULL; at = &(*at)->next)
        if (str_eq_nocase((*at)->protocol, protocol) && str_eq((*at)->name, name))
            return *at;
    *at = arena_alloc(r->a, sizeof **at);
    (*at)->protocol = protocol;
    (*at)->name = name;
    (*at)->last = &(*at)->domains;
    return *at;
}

static struct domain *domain_find(struct reading *r, struct router *router, struct str index)
{
    for (struct domain *d = router->domains; d != NULL; d = d->next)
        if (str_eq(d->index, index))
            return d;
    struct domain *d = arena_alloc(r->a, sizeof *d);
    *d = (struct domain){.index = index, .main = "", .sans = ""};
    *router->last = d;
    router->last = &d->next;
    return d;
}

/* What stands behind "tls." of a router. */
static void take_tls(struct reading *r, struct router *router, struct str rest, const struct pair *label)
{
    static const char open[] = "domains[";
    struct str head, tail;
    (void)str_cut(rest, '.', &head, &tail);
    router->tls = true;
    if (str_eq_nocase(head, STR("passthrough")) && go_bool(label->value, false))
        router->off = true;
    if (head.n < sizeof open || head.p[head.n - 1] != ']' ||
        !str_eq_nocase((struct str){head.p, sizeof open - 1}, STR(open)))
        return;
    bool is_main = str_eq_nocase(tail, STR("main"));
    if (!is_main && !str_eq_nocase(tail, STR("sans")))
        return;
    struct domain *d = domain_find(r, router, (struct str){head.p + sizeof open - 1, head.n - sizeof open});
    if (is_main)
        d->main = label->value;
    else
        d->sans = label->value;
    if (is_main || d->key == NULL)
        d->key = label->name;
}

static void take_label(struct reading *r, struct router **all, const struct pair *label)
{
    struct str rest = str_c(label->name), protocol, name;
    if (!take(&rest, "traefik"))
        return;
    (void)str_cut(rest, '.', &protocol, &rest);
    if (!str_eq_nocase(protocol, STR("http")) && !str_eq_nocase(protocol, STR("tcp")))
        return;
    if (!take(&rest, "routers") || !str_cut(rest, '.', &name, &rest) || name.n == 0)
        return;
    struct router *router = router_find(r, all, protocol, name);
    if (str_eq_nocase(rest, STR("rule"))) {
        router->rule_key = label->name;
        router->rule = label->value;
    } else if (str_eq_nocase(rest, STR("tls"))) {
        struct str value = str_trim(str_c(label->value));
        router->tls = true;
        /* As there: nothing, and "true", switch it on; all else switches it off. */
        router->off |= value.n > 0 && !str_eq_nocase(value, STR("true"));
    } else if (take(&rest, "tls")) {
        take_tls(r, router, rest, label);
    }
}

static void read_domain(struct reading *r, const struct domain *domain)
{
    struct draft d = {.reader = READER_TRAEFIK, .key = shown_key(r, domain->key), .fills = true};
    draft_names(r, &d, str_c(domain->main), false);
    draft_names(r, &d, str_c(domain->sans), false);
    (void)draft_finish(r, &d);
}

static void read_rule(struct reading *r, const struct router *router)
{
    struct draft d = {.reader = READER_TRAEFIK, .key = shown_key(r, router->rule_key), .fills = true};
    struct rule_names names;
    struct err err = ERR_INIT;
    if (traefik_rule_names(str_c(router->rule), r->a, &names, &err) < 0) {
        d.broken = true;
        say(r, d.key, "%s", err.text);
    } else {
        for (size_t i = 0; i < names.n && !d.broken; i++)
            draft_name(r, &d, str_trim(names.names[i]));
    }
    if (d.broken || d.domain_n > 0)
        (void)draft_finish(r, &d);
}

void read_traefik(struct reading *r)
{
    struct router *all = NULL;
    for (size_t i = 0; i < r->c->label_n; i++) {
        const struct pair *l = &r->c->labels[i];
        if (str_eq_nocase(str_c(l->name), STR("traefik.enable")) && !go_bool(l->value, true))
            return;
        take_label(r, &all, l);
    }
    /* As there, a router's rule adds what no other certificate has: several routers of one host are one
     * certificate. What is named outright comes first. */
    for (const struct router *router = all; router != NULL; router = router->next)
        for (const struct domain *d = router->domains; d != NULL && !r->full; d = d->next)
            if (!router->off)
                read_domain(r, d);
    for (const struct router *router = all; router != NULL && !r->full; router = router->next)
        if (router->tls && !router->off && router->domains == NULL && router->rule != NULL &&
            str_trim(str_c(router->rule)).n > 0)
            read_rule(r, router);
}
