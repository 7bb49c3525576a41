/* The watcher's side of the parent: when there is one, what it is told of docker: and templates:, and the
 * sockets of engines, which are connected here, where the rights are. */
#include "processes/parent/parent.h"

#include "base/attr.h"
#include "containers/claim.h"
#include "os/file.h"
#include "os/socket.h"
#include "os/user.h"
#include "processes/parent/model.h"
#include "processes/parent/outputs.h"
#include "processes/parent/program.h"
#include "processes/parent/watching.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PEM_MAX = 512 * 1024, /* of one file; three of them fit into a frame with room to spare */
    SETTINGS_MAX = 64 * 1024,
};

bool watcher_is_wanted(const struct parent *p)
{
    return p->settings.docker.engine_n > 0 || p->settings.template_n > 0;
}

int watcher_start(struct parent *p, struct err *err)
{
    struct member *m = &p->members[MEMBER_WATCHER];
    if (m->wanted)
        return 0;
    if (m->pid <= 0 && m->channel == NULL)
        return member_start(p, MEMBER_WATCHER, err);
    m->wanted = true; /* the one before has yet to end */
    event_active(m->restart, EV_TIMEOUT, 0);
    return 0;
}

/* --- what it is told --- */

/* Readers of the configuration, as bits; all where it names none. */
static unsigned readers_of(const struct docker_settings *d)
{
    unsigned bits = 0;
    enum claim_reader reader;
    for (size_t i = 0; i < d->reader_n; i++)
        if (claim_reader_parse(d->readers[i], &reader))
            bits |= 1U << reader;
    return d->reader_n > 0 ? bits : (1U << READER_END_) - 1;
}

static bool is_among(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* Keys of labels that the policy looks at: no others leave the watcher. */
static struct msg_list labels_of(const struct docker_settings *d, struct arena *a)
{
    size_t most = 0, n = 0;
    for (size_t i = 0; i < d->policy_n; i++)
        most += d->policy[i].label_n;
    const char **list = arena_array(a, most, sizeof *list);
    for (size_t i = 0; i < d->policy_n; i++)
        for (size_t k = 0; k < d->policy[i].label_n; k++)
            if (!is_among(list, n, d->policy[i].labels[k].name))
                list[n++] = d->policy[i].labels[k].name;
    return (struct msg_list){list, n};
}

static struct wait or_else(struct wait given, struct wait other)
{
    return given.max_ms > 0 ? given : other;
}

static struct wait wait_of(const struct parent *p)
{
    return or_else(p->settings.docker.wait, (struct wait){WAIT_MIN_MS, WAIT_MAX_MS});
}

static int send_begin(const struct parent *p, struct channel *c, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf settings ATTR_CLEANUP(buf_free) = buf_new(SETTINGS_MAX);
    char hostname[256] = "";
    struct wait wait = wait_of(p);
    if (gethostname(hostname, sizeof hostname - 1) < 0)
        hostname[0] = '\0';
    model_settings(&p->settings, p->options.state, hostname, &settings);
    const struct msg_watch_begin m = {readers_of(&p->settings.docker), labels_of(&p->settings.docker, a),
        wait.min_ms, wait.max_ms, buf_c(&settings)};
    return channel_send(c, MSG_watch_begin, 0, &m, -1, err);
}

static int read_pem(const char *file, bool secret, struct buf *out, struct err *err)
{
    if (file[0] == '\0')
        return 0;
    return secret ? file_read_secret(AT_FDCWD, file, PEM_MAX, out, err)
                  : file_read(AT_FDCWD, file, PEM_MAX, out, err);
}

/* An engine whose files are not there cannot be watched; the watcher hears of it, so that what it has is not
 * taken for gone. */
static int send_engine(struct parent *p, struct channel *c, const struct docker_engine *e, struct err *err)
{
    struct buf ca ATTR_CLEANUP(buf_free) = buf_new(PEM_MAX);
    struct buf cert ATTR_CLEANUP(buf_free) = buf_new(PEM_MAX);
    struct buf key ATTR_CLEANUP(buf_free) = buf_new_sensitive(PEM_MAX);
    struct watched *known = watching_find(p, e->name);
    struct err why = ERR_INIT;
    int r = read_pem(e->ca_file, false, &ca, &why);
    if (r == 0)
        r = read_pem(e->cert_file, false, &cert, &why);
    if (r == 0)
        r = read_pem(e->key_file, true, &key, &why);
    watching_unfit(p, known, r < 0 ? &why : NULL);
    const struct str none = STR("");
    const struct msg_watch_engine m = {e->name, e->socket, r < 0 ? none : buf_str(&ca),
        r < 0 ? none : buf_str(&cert), r < 0 ? none : buf_str(&key), e->insecure, r < 0 ? why.text : ""};
    return channel_send(c, MSG_watch_engine, 0, &m, -1, err);
}

/* What it renders becomes root's files, so nobody else may have a hand in it. */
static int read_template(const struct template_setting *t, struct buf *out, struct err *err)
{
    int r = program_check_safe(t->source, geteuid(), err);
    return r < 0 ? r : file_read(AT_FDCWD, t->source, TEMPLATE_FILE_MAX, out, err);
}

static int send_template(
    struct parent *p, struct channel *c, const struct template_setting *t, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_FILE_MAX);
    struct wait wait = or_else(t->wait, wait_of(p));
    struct err why = ERR_INIT;
    int r = read_template(t, &text, &why);
    output_source(p, t, r < 0 ? &why : NULL);
    if (r < 0)
        return 0;
    const struct msg_watch_template m = {
        t->output, t->source, buf_str(&text), t->kind, wait.min_ms, wait.max_ms};
    return channel_send(c, MSG_watch_template, 0, &m, -1, err);
}

static int send_all(struct parent *p, struct channel *c, bool rescan, struct err *err)
{
    const struct settings *s = &p->settings;
    int r = send_begin(p, c, err);
    for (size_t i = 0; r == 0 && i < s->docker.engine_n; i++)
        if ((r = send_engine(p, c, &s->docker.engines[i], err)) < 0)
            err_prefix(err, "engine %s", s->docker.engines[i].name);
    /* A parent of one command writes no outputs. */
    for (size_t i = 0; r == 0 && p->options.daemon && i < s->template_n; i++)
        if ((r = send_template(p, c, &s->templates[i], err)) < 0)
            err_prefix(err, "%s", s->templates[i].source);
    return r < 0 ? r : channel_send(c, MSG_watch_end, 0, &(struct msg_watch_end){rescan}, -1, err);
}

void watcher_feed(struct parent *p, bool rescan)
{
    struct channel *c = member_channel(p, MEMBER_WATCHER);
    struct err err = ERR_INIT;
    watching_engines(p);
    outputs_settings(p);
    if (c == NULL)
        return;
    if (send_all(p, c, rescan, &err) < 0)
        log_error("%s", err.text);
    watcher_certificates_changed(p);
}

void watcher_reload(struct parent *p)
{
    struct err err = ERR_INIT;
    bool wanted = p->members[MEMBER_WATCHER].wanted;
    if (wanted && watcher_is_wanted(p)) {
        watcher_feed(p, true);
    } else if (watcher_is_wanted(p)) {
        if (watcher_start(p, &err) < 0)
            log_error("%s", err.text);
    } else {
        member_dismiss(p, MEMBER_WATCHER);
        watching_engines(p);
        outputs_settings(p);
        grants_begin(p); /* what containers asked for nobody asks for any more */
        grants_end(p, &(struct msg_claims_end){true});
    }
}

void watcher_gone(struct parent *p)
{
    p->watcher_life++;
    watching_lost(p);
}

/* --- sockets --- */

static bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
}

static int no_socket(const char *path, const char *what, struct err *err)
{
    if (in_container())
        return err_set(err, ERR_NOT_FOUND, "%s %s; evercert runs in a container: mount it with -v %s:%s",
            what, path, path, path);
    return err_set(
        err, ERR_NOT_FOUND, "%s %s: is the engine running there? (systemctl status docker)", what, path);
}

/* Who is to be what, for the socket to open. */
static int not_permitted(const char *path, const struct stat *st, struct err *err)
{
    char group[USER_NAME_MAX];
    struct user me;
    user_current(&me);
    group_name(st->st_gid, group);
    if (st->st_gid != 0 && (st->st_mode & S_IWGRP) != 0)
        return err_set(err, ERR_PERMISSION,
            "%s may be used by the group %s, and evercert runs as %s: usermod -aG %s %s and start it anew "
            "(who is in that group has root's powers through the engine)",
            path, group, me.name, group, me.name);
    return err_set(
        err, ERR_PERMISSION, "%s is not for %s, as whom evercert runs: run it as root", path, me.name);
}

static int connect_to(const char *path, int *out, struct err *err)
{
    struct stat st;
    struct err why = ERR_INIT;
    if (stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return no_socket(path, "there is no", err);
    if (stat(path, &st) < 0)
        return err_errno(err, errno, "%s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_REFUSED, "%s is no socket%s", path,
            S_ISDIR(st.st_mode) && in_container()
                ? ": docker made a directory of what it could not find to mount there"
                : "");
    int r = socket_connect_unix(path, out, &why);
    if (r == ERR_NOT_FOUND)
        return no_socket(path, "nobody listens on", err);
    if (r == ERR_PERMISSION)
        return not_permitted(path, &st, err);
    if (r < 0)
        *err = why;
    return r;
}

/* The watcher's word is a name; where that leads is the configuration's. */
static int connect_engine(const struct parent *p, const char *name, int *out, struct err *err)
{
    static const char scheme[] = "unix://";
    const struct docker_settings *d = &p->settings.docker;
    size_t i = 0;
    while (i < d->engine_n && strcmp(d->engines[i].name, name) != 0)
        i++;
    if (i == d->engine_n)
        return err_set(err, ERR_REFUSED, "the configuration has no engine \"%s\"", name);
    if (strncmp(d->engines[i].socket, scheme, sizeof scheme - 1) != 0)
        return err_set(err, ERR_REFUSED, "engine %s has no socket of this machine", name);
    return connect_to(d->engines[i].socket + sizeof scheme - 1, out, err);
}

void watcher_socket(struct parent *p, const struct msg_engine_want *m)
{
    struct channel *c = member_channel(p, MEMBER_WATCHER);
    struct watched *known = watching_find(p, m->engine);
    struct err why = ERR_INIT, err = ERR_INIT;
    int fd ATTR_CLEANUP(fd_close) = -1;
    int r = connect_engine(p, m->engine, &fd, &why);
    if (known != NULL)
        watching_unfit(p, known, r < 0 ? &why : NULL);
    if (c == NULL)
        return;
    if (r == 0)
        r = channel_send(c, MSG_engine_socket, 0, &(struct msg_engine_socket){m->engine}, fd, &err);
    else
        r = channel_send(c, MSG_engine_no_socket, 0,
            &(struct msg_engine_no_socket){m->engine, msg_error_of(&why)}, -1, &err);
    if (r < 0)
        log_error("%s", err.text);
}
