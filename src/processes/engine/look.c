/* Looks at what servers serve: the step `verify` of a deployment. A server that reloads slowly is given until
 * the step's time is up. */
#include "processes/engine/deployment.h"

#include "acme/identifier.h"
#include "base/log.h"
#include "dns/lookup.h"
#include "tls/probe.h"
#include "tls/served.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_AGAIN_MS = 500,     /* between two looks */
    LOOK_TIMEOUT_MS = 10000, /* of one look; a server in the middle of its reload may be mute for a while */
    LOOK_LEAST_MS = 1000,    /* of one look that began with less of the step's time left */
    LOOK_DAILY_S = 10,       /* the daily look meets a server that is at rest: no need to wait long */
};

void look_resolvers(struct engine *e, const struct msg_list *servers)
{
    struct arena *a = arena_new();
    const char **list = arena_array(a, servers->n, sizeof *list);
    for (size_t i = 0; i < servers->n; i++)
        list[i] = arena_dup_c(a, servers->p[i]);
    arena_free(e->resolver_arena);
    e->resolver_arena = a;
    e->resolvers = list;
    e->resolver_n = servers->n;
    e->lookup_stale = true;
}

static bool lookup_is_used(const struct engine *e)
{
    for (const struct deployment *d = e->deployments; d != NULL; d = d->next)
        if (d->probe != NULL)
            return true;
    return e->check_n > 0;
}

int look_need_lookup(struct engine *e, struct err *err)
{
    /* Other servers may be wanted by now; whoever waits for the old ones is answered first. */
    if (e->lookup != NULL && e->lookup_stale && !lookup_is_used(e)) {
        lookup_free(e->lookup);
        e->lookup = NULL;
    }
    if (e->lookup == NULL) {
        e->lookup = lookup_new(e->process.base, e->resolvers, e->resolver_n, err);
        e->lookup_stale = false;
    }
    return e->lookup != NULL ? 0 : err->code;
}

/* --- where to look --- */

/* "host:port", "[address]:port"; the configuration let nothing else through. */
static int split_place(const char *place, struct arena *a, const char **host, uint16_t *port, struct err *err)
{
    uint64_t number = 0;
    const char *colon = strrchr(place, ':');
    if (colon == NULL || !str_to_u64(str_c(colon + 1), UINT16_MAX, &number) || number == 0)
        return err_set(err, ERR_INPUT, "verify: %s is no host:port", place);
    *host = arena_dup(a, (struct str){place, (size_t)(colon - place)});
    *port = (uint16_t)number;
    return 0;
}

static bool certificate_has(const struct wish *w, const char *host)
{
    const char *dot = strchr(host, '.');
    for (size_t i = 0; i < w->domain_n; i++) {
        if (strcasecmp(w->domains[i], host) == 0)
            return true;
        if (dot != NULL && strncmp(w->domains[i], "*.", 2) == 0 && strcasecmp(w->domains[i] + 1, dot) == 0)
            return true;
    }
    return false;
}

/* Which of the server's certificates is asked for: by the host where it is one of the names, as when it is
 * looked at through another address, by the first name. */
static const char *server_name(const struct deployment *d, const struct deploy *s, const char *host)
{
    if (s->server_name[0] != '\0')
        return s->server_name;
    if (certificate_has(&d->wish, host))
        return identifier_is_ip(str_c(host)) ? "" : host;
    for (size_t i = 0; i < d->wish.domain_n; i++) {
        const char *name = d->wish.domains[i];
        if (!identifier_is_ip(str_c(name)))
            return strncmp(name, "*.", 2) == 0 ? arena_printf(d->arena, "www%s", name + 1) : name;
    }
    return "";
}

/* --- looking --- */

static void look_once(struct deployment *d);

static void done(struct deployment *d, const char *output, const struct err *err)
{
    const struct deploy *s = &d->wish.deploys[d->at];
    d->probe = NULL;
    d->looked = true;
    d->seen = (struct err)ERR_INIT;
    if (err == NULL) {
        deployment_step_done(d, output, NULL);
        return;
    }
    d->seen = *err;
    err_prefix(&d->seen, "%s does not serve the certificate", s->verify);
    struct err told = d->seen;
    deployment_step_done(d, "", &told);
}

static int judge(struct deployment *d, const struct tls_seen *seen, size_t n, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const struct tls_cert *chain = NULL;
    size_t chain_n = 0;
    /* What is put back was served well before; its chain is not kept. */
    if (!d->back) {
        int r = tls_chain_read(str_c(d->record.chain), a, &chain, &chain_n, err);
        if (r < 0)
            return r;
    }
    const char **sha256 = arena_array(a, chain_n, sizeof *sha256),
               **subjects = arena_array(a, chain_n, sizeof *subjects);
    for (size_t i = 0; i < chain_n; i++) {
        sha256[i] = chain[i].sha256;
        subjects[i] = chain[i].subject;
    }
    const char *previous[] = {d->back ? d->record.fingerprint : d->record.previous};
    struct served_rule rule = {.fingerprint = d->fingerprint,
        .chain_sha256 = sha256,
        .chain_subjects = subjects,
        .chain_n = chain_n,
        .previous = previous,
        .previous_n = previous[0][0] != '\0' ? 1 : 0,
        .now = engine_now(d->engine)};
    return served_judge(seen, n, &rule, err);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    look_once(arg);
}

static void again_or_done(struct deployment *d, const struct err *err)
{
    d->probe = NULL;
    if (clock_mono(&system_clock).ms + LOOK_AGAIN_MS > d->look_until.ms) {
        done(d, "", err);
        return;
    }
    if (d->timer == NULL)
        d->timer = evtimer_new(d->engine->process.base, on_again, d);
    if (d->timer == NULL)
        abort();
    event_add(d->timer, &(struct timeval){0, LOOK_AGAIN_MS * 1000});
}

static void on_seen(const struct tls_seen *seen, size_t n, const struct err *why, void *arg)
{
    struct deployment *d = arg;
    struct err err = ERR_INIT;
    if (why != NULL)
        err = *why;
    else
        (void)judge(d, seen, n, &err);
    if (err.code != 0) {
        again_or_done(d, &err);
        return;
    }
    done(d, arena_printf(d->arena, "served by %s%s\n", seen[0].address, n > 1 ? " and others" : ""), NULL);
}

/* A server that takes connections and is mute must not hold the deployment for longer than the step may last.
 */
static int time_of_look_ms(const struct deployment *d)
{
    int64_t left_ms = d->look_until.ms - clock_mono(&system_clock).ms;
    if (left_ms < LOOK_LEAST_MS)
        return LOOK_LEAST_MS;
    return left_ms < LOOK_TIMEOUT_MS ? (int)left_ms : LOOK_TIMEOUT_MS;
}

static void look_once(struct deployment *d)
{
    const struct deploy *s = &d->wish.deploys[d->at];
    struct tls_probe_spec spec = {.timeout_ms = time_of_look_ms(d),
        .key = d->wish.key_type_n == 1             ? TLS_PROBE_KEY_ANY
               : key_type_is_rsa(d->wish.key_type) ? TLS_PROBE_KEY_RSA
                                                   : TLS_PROBE_KEY_ECDSA};
    struct err err = ERR_INIT;
    if (!starttls_parse(strcmp(s->starttls, "none") == 0 ? "" : s->starttls, &spec.starttls))
        spec.starttls = STARTTLS_NONE;
    if (split_place(s->verify, d->arena, &spec.host, &spec.port, &err) < 0 ||
        look_need_lookup(d->engine, &err) < 0) {
        done(d, "", &err);
        return;
    }
    spec.server_name = server_name(d, s, spec.host);
    d->probe = tls_probe_start(d->engine->process.base, d->engine->lookup, &spec, on_seen, d);
}

void look_start(struct deployment *d)
{
    int64_t limit_s = d->wish.deploys[d->at].timeout_s;
    if (d->daily && limit_s > LOOK_DAILY_S)
        limit_s = LOOK_DAILY_S;
    d->look_until = (struct mono){clock_mono(&system_clock).ms + limit_s * 1000};
    for (struct job_watch *w = d->watches; w != NULL; w = w->next)
        session_progress(d->engine, w->session, d->record.name,
            arena_printf(d->arena, "looking at %s", d->wish.deploys[d->at].verify));
    look_once(d);
}

void look_end(struct deployment *d)
{
    tls_probe_cancel(d->probe);
    d->probe = NULL;
    if (d->timer != NULL)
        event_free(d->timer);
    d->timer = NULL;
}
