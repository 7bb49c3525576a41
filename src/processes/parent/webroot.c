/*
 * Challenge files in web servers' own directories (RFC 8555 8.3). The directories are the operator's word,
 * out of a permit, which says for each name where its file goes.
 */
#include "processes/parent/parent.h"

#include "base/crash_point.h"
#include "processes/parent/challenge_file.h"

#include <stdlib.h>
#include <string.h>

struct errand {
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    char *identifier;    /* "" : wherever a file of the wish may be */
    char *token, *value; /* value NULL: remove */
};

/* From every directory of the wish: after a crash nobody knows which name a file was for. */
static int remove_everywhere(const struct wish *w, const char *token, struct err *err)
{
    struct err other = ERR_INIT;
    int r = w->webroot[0] != '\0' ? challenge_file_remove(w->webroot, token, err) : 0;
    for (size_t i = 0; i < w->webroot_n; i++)
        if (w->webroots[i].value[0] != '\0' &&
            challenge_file_remove(w->webroots[i].value, token, r == 0 ? err : &other) < 0 && r == 0)
            r = err->code;
    return r;
}

static int carry_out(const struct errand *e, const struct wish *w, struct err *err)
{
    if (e->identifier[0] == '\0' && e->value == NULL)
        return remove_everywhere(w, e->token, err);
    if (!wish_has_domain(w, e->identifier))
        return err_set(err, ERR_REFUSED, "%s is none of the names of %s", e->identifier, w->name);
    const char *webroot = wish_webroot(w, e->identifier);
    if (webroot[0] == '\0')
        return err_set(err, ERR_REFUSED, "%s has no webroot for %s", w->name, e->identifier);
    if (e->value == NULL) {
        int r = challenge_file_remove(webroot, e->token, err);
        crash_point(parent_challenge_file_gone);
        return r;
    }
    crash_point(parent_challenge_file_ahead);
    int r = challenge_file_put(webroot, e->token, e->value, err);
    crash_point(parent_challenge_file_made);
    return r;
}

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct errand *e = arg;
    struct err err = ERR_INIT;
    if (wish == NULL)
        err = *why;
    else
        (void)carry_out(e, wish, &err);
    engine_done(p, e->life, e->id, &err);
    free(e->identifier);
    free(e->token);
    free(e->value);
    free(e);
}

static void start(struct parent *p, uint32_t id, struct str permit, const char *identifier, const char *token,
    const char *value)
{
    struct errand *e = calloc(1, sizeof *e);
    if (e == NULL || (e->identifier = strdup(identifier)) == NULL || (e->token = strdup(token)) == NULL ||
        (value != NULL && (e->value = strdup(value)) == NULL))
        abort();
    e->life = p->engine_life;
    e->id = id;
    permit_consult(p, permit, on_permit, e);
}

void webroot_put(struct parent *p, uint32_t id, const struct msg_webroot_put *m)
{
    start(p, id, m->permit, m->identifier, m->token, m->value);
}

void webroot_remove(struct parent *p, uint32_t id, const struct msg_webroot_remove *m)
{
    start(p, id, m->permit, m->identifier, m->token, NULL);
}
