/*
 * Challenge files in a web server's own directory (RFC 8555 8.3). The directory is the operator's word, out
 * of a permit; below it nothing is followed, and only files that were made here are removed.
 */
#include "processes/parent/parent.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_MAX = 256 };

struct errand {
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    char *token, *value; /* value NULL: remove */
};

/* Checked again where it becomes a file name, whoever checked it before. */
static bool token_is_safe(const char *token)
{
    size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return n > 0 && n <= TOKEN_MAX && token[n] == '\0';
}

static int open_challenge_dir(const char *webroot, int *out, struct err *err)
{
    int root ATTR_CLEANUP(fd_close) = open(webroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_errno(err, errno, "webroot %s", webroot);
    int well_known ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make(root, ".well-known", 0755, &well_known, err);
    if (r == 0)
        r = dir_make(well_known, "acme-challenge", 0755, out, err);
    return r < 0 ? err_prefix(err, "webroot %s", webroot) : 0;
}

static int carry_out(const struct errand *e, const struct wish *w, struct err *err)
{
    if (w->webroot[0] == '\0')
        return err_set(err, ERR_REFUSED, "%s has no webroot", w->name);
    if (!token_is_safe(e->token))
        return err_set(err, ERR_REFUSED, "the token is no safe file name");
    int dir ATTR_CLEANUP(fd_close) = -1;
    int r = open_challenge_dir(w->webroot, &dir, err);
    if (r < 0)
        return r;
    if (e->value == NULL) {
        if (unlinkat(dir, e->token, 0) != 0 && errno != ENOENT)
            return err_errno(err, errno, "webroot %s: removing a challenge file", w->webroot);
        return 0;
    }
    r = file_write_new(dir, e->token, 0644, str_c(e->value), err);
    if (r == ERR_EXISTS && unlinkat(dir, e->token, 0) == 0) /* ours, from before a crash */
        r = file_write_new(dir, e->token, 0644, str_c(e->value), err);
    return r < 0 ? err_prefix(err, "webroot %s", w->webroot) : 0;
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
    free(e->token);
    free(e->value);
    free(e);
}

static void start(struct parent *p, uint32_t id, struct str permit, const char *token, const char *value)
{
    struct errand *e = calloc(1, sizeof *e);
    if (e == NULL || (e->token = strdup(token)) == NULL ||
        (value != NULL && (e->value = strdup(value)) == NULL))
        abort();
    e->life = p->engine_life;
    e->id = id;
    permit_consult(p, permit, on_permit, e);
}

void webroot_put(struct parent *p, uint32_t id, const struct msg_webroot_put *m)
{
    start(p, id, m->permit, m->token, m->value);
}

void webroot_remove(struct parent *p, uint32_t id, const struct msg_webroot_remove *m)
{
    start(p, id, m->permit, m->token, NULL);
}
