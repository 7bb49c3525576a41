/*
 * Copies beside live/ (publish:), and key-group: the keeper makes files for itself alone, and only the parent
 * may hand them to others. The engine asks, after a deployment and once a day; what is to be done says the
 * permit. What is as it should be is left alone. Forms in PEM are taken from one generation's directory,
 * which nobody changes any more; a PKCS #12 is the keeper's to make.
 */
#include "base/crash_point.h"
#include "processes/parent/copy.h"
#include "processes/parent/parent.h"

#include "os/file.h"
#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets of a password (crypto/pkcs12.h), and one to see that there are more. */
enum { PASSWORD_MAX = 1024 + 1 };

struct copies {
    struct parent *p;
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    uint32_t variant;
    struct arena *arena;
    struct wish wish; /* in the arena; of the variant */
    int live;         /* the generation's directory */
    size_t at;        /* which publication it is at */
    struct copy copy; /* that one, while the keeper is asked */
    const char **written;
    size_t written_n;
    struct err first;   /* what failed first */
    const char *others; /* paths of what failed after it, parted by commas */
};

/* --- what is live --- */

/* live/NAME leads to .generations/NAME/N by what the keeper wrote there. It is walked here, so that not even
 * a keeper under somebody else's control has us read from another place. */
static int open_live(const struct parent *p, const char *name, int *out, struct err *err)
{
    char target[PATH_MAX], *number;
    int live ATTR_CLEANUP(fd_close) = -1, all ATTR_CLEANUP(fd_close) = -1, one ATTR_CLEANUP(fd_close) = -1;
    int r = dir_open(p->state, "live", &live, err);
    if (r < 0)
        return r;
    ssize_t n = readlinkat(live, name, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no certificate %s yet", name)
                               : err_errno(err, errno, "live/%s", name);
    target[n] = '\0';
    number = strrchr(target, '/');
    if (number == NULL)
        return err_set(err, ERR_REFUSED, "live/%s leads to another place than evercert's", name);
    *number++ = '\0';
    if (strncmp(target, ".generations/", 13) != 0 || strcmp(target + 13, name) != 0)
        return err_set(err, ERR_REFUSED, "live/%s leads to another place than evercert's", name);
    if ((r = dir_open(live, ".generations", &all, err)) < 0 || (r = dir_open(all, name, &one, err)) < 0)
        return r;
    return dir_open(one, number, out, err);
}

/* A file of the generation, whose owner must be the generation's: a hard link to somebody else's is none. */
static int open_live_file(int dir, const char *name, int *out, struct stat *st, struct err *err)
{
    struct stat above;
    int fd ATTR_CLEANUP(fd_close) = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) < 0 || fstat(dir, &above) < 0)
        return err_errno(err, errno, "%s of what is live", name);
    if (!S_ISREG(st->st_mode) || st->st_uid != above.st_uid || st->st_nlink != 1)
        return err_set(err, ERR_REFUSED, "%s of what is live is no file of the keeper's", name);
    *out = fd;
    fd = -1;
    return 0;
}

static int give(int dir, const char *name, gid_t gid, unsigned mode, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = -1;
    struct stat st;
    int r = open_live_file(dir, name, &fd, &st, err);
    if (r < 0)
        return r;
    if (st.st_gid == gid && (st.st_mode & 07777) == mode)
        return 0;
    if (fchown(fd, FILE_UID_KEEP, gid) != 0 || fchmod(fd, mode) != 0)
        return err_errno(err, errno, "giving %s to group %u", name, (unsigned)gid);
    return 0;
}

static int give_all(int dir, const struct wish *w, struct err *err)
{
    gid_t gid;
    int r = group_by_name(w->key_group, &gid, err);
    if (r < 0 || (r = give(dir, "privkey.pem", gid, w->key_mode, err)) < 0)
        return r;
    return give(dir, "combined.pem", gid, w->key_mode, err);
}

static bool has_group(const struct wish *w)
{
    return w->key_group[0] != '\0' && w->csr[0] == '\0'; /* of a request: there is no key here */
}

/* --- the answer --- */

static void finish(struct copies *c)
{
    struct channel *engine = member_channel(c->p, MEMBER_ENGINE);
    struct err failure = ERR_INIT;
    if (c->first.code != 0 && c->others[0] != '\0') {
        struct err first = c->first;
        err_set(&c->first, first.code, "%s; these failed as well: %s", first.text, c->others);
    }
    const struct msg_copies_made m = {{c->written, c->written_n}, msg_error_of(&c->first)};
    if (engine != NULL && c->life == c->p->engine_life &&
        channel_send(engine, MSG_copies_made, c->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
    fd_close(&c->live);
    arena_free(c->arena);
    free(c);
}

static void failed(struct copies *c, const char *path, struct err *err)
{
    if (path != NULL)
        err_prefix(err, "publish %s", path);
    if (c->first.code == 0)
        c->first = *err;
    else if (path != NULL)
        c->others = arena_printf(c->arena, "%s%s%s", c->others, c->others[0] != '\0' ? ", " : "", path);
}

/* --- one after the other --- */

static int put_file(int dir, const char *name, struct buf *out, struct err *err)
{
    struct stat st;
    int fd ATTR_CLEANUP(fd_close) = -1;
    int r = open_live_file(dir, name, &fd, &st, err);
    if (r < 0)
        return r;
    size_t want = st.st_size > 0 && st.st_size <= COPY_MAX ? (size_t)st.st_size : 0, got = 0;
    char *to = want > 0 ? buf_room(out, want) : NULL;
    if (want > 0 && to == NULL)
        return err_set(err, ERR_LIMIT, "%s of what is live is too large", name);
    for (ssize_t n = 1; got < want && n != 0; got += n > 0 ? (size_t)n : 0)
        if ((n = read(fd, to + got, want - got)) < 0 && errno != EINTR) {
            buf_added(out, 0);
            return err_errno(err, errno, "%s of what is live", name);
        }
    if (to != NULL)
        buf_added(out, got);
    return 0;
}

/* The file of the generation that has that form. */
static const char *file_of(const char *format)
{
    static const struct {
        const char *format, *file;
    } all[] = {{"fullchain", "fullchain.pem"}, {"cert", "cert.pem"}, {"chain", "chain.pem"},
        {"key", "privkey.pem"}, {"combined", "combined.pem"}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].format, format) == 0)
            return all[i].file;
    return NULL;
}

static int write_bytes(struct copies *c, const struct copy *copy, struct str bytes, struct err *err)
{
    if (copy_is(copy, bytes))
        return 0;
    crash_point(parent_copy_ahead);
    int r = copy_write(copy, bytes, err);
    crash_point(parent_copy_written);
    if (r == 0)
        c->written[c->written_n++] = copy->path;
    return r;
}

static int write_pem(struct copies *c, const struct copy *copy, struct err *err)
{
    struct buf bytes ATTR_CLEANUP(buf_free) = buf_new_sensitive(COPY_MAX);
    const char *file = file_of(copy->publication->format);
    if (file == NULL)
        return err_set(err, ERR_INPUT, "%s is no format of a copy", copy->publication->format);
    int r = put_file(c->live, file, &bytes, err);
    return r < 0 ? r : write_bytes(c, copy, buf_str(&bytes), err);
}

static void next(struct copies *c);

static void on_pkcs12(const void *msg, const struct err *why, void *arg)
{
    struct copies *c = arg;
    const struct msg_export_made *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0)
        r = write_bytes(c, &c->copy, m->same ? buf_str(&c->copy.existing) : m->bytes, &err);
    if (r < 0)
        failed(c, c->copy.path, &err);
    copy_close(&c->copy);
    next(c);
}

static int ask_pkcs12(struct copies *c, struct err *err)
{
    struct channel *keeper = member_channel(c->p, MEMBER_KEEPER);
    struct buf password ATTR_CLEANUP(buf_free) = buf_new_sensitive(PASSWORD_MAX);
    int r = copy_password(c->copy.publication->password_file, &password, err);
    if (r < 0)
        return r;
    if (keeper == NULL)
        return err_set(err, ERR_IPC, "the keeper is not running");
    const struct msg_export_make m = {c->wish.name, "pkcs12", buf_c(&password), buf_str(&c->copy.existing)};
    return channel_request(keeper, MSG_export_make, &m, MSG_export_made, on_pkcs12, c, err);
}

/* True where it is done with, one way or the other; else the keeper's answer goes on. */
static bool done(struct copies *c, const struct publication *pub)
{
    struct err err = ERR_INIT;
    if (c->wish.csr[0] != '\0' && publication_has_key(pub)) {
        err_set(&err, ERR_REFUSED, "%s has its key elsewhere (csr-file); publish fullchain, cert or chain",
            c->wish.name);
        failed(c, pub->path, &err);
        return true;
    }
    if (copy_open(&c->wish, pub, c->arena, &c->copy, &err) < 0) {
        failed(c, publication_path(pub, c->wish.name, c->arena), &err);
        return true;
    }
    bool pkcs12 = strcmp(pub->format, "pkcs12") == 0;
    int r = pkcs12 ? ask_pkcs12(c, &err) : write_pem(c, &c->copy, &err);
    if (pkcs12 && r == 0)
        return false;
    if (r < 0)
        failed(c, c->copy.path, &err);
    copy_close(&c->copy);
    return true;
}

static void next(struct copies *c)
{
    while (c->at < c->wish.publication_n)
        if (!done(c, &c->wish.publications[c->at++]))
            return;
    finish(c);
}

static int begin(struct copies *c, const struct wish *wish, struct err *err)
{
    /* The wish given lives for this call; ours must last until the keeper has answered. */
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(wish, &text);
    int r = wish_decode(buf_str(&text), c->arena, &c->wish, err);
    if (r == 0)
        r = wish_select(&c->wish, c->variant, c->arena, err);
    if (r == 0)
        r = open_live(c->p, c->wish.name, &c->live, err);
    if (r == 0)
        c->written = arena_array(c->arena, c->wish.publication_n, sizeof *c->written);
    return r;
}

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct copies *c = arg;
    struct err err = ERR_INIT;
    (void)p;
    if (wish == NULL)
        err = *why;
    if (wish == NULL || begin(c, wish, &err) < 0) {
        failed(c, NULL, &err);
        finish(c);
        return;
    }
    if (has_group(&c->wish) && give_all(c->live, &c->wish, &err) < 0) {
        err_prefix(&err, "key-group");
        failed(c, NULL, &err);
    }
    next(c);
}

void copies_make(struct parent *p, uint32_t id, const struct msg_copies_make *m)
{
    struct copies *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    *c = (struct copies){.p = p,
        .life = p->engine_life,
        .id = id,
        .variant = m->variant,
        .arena = arena_new(),
        .live = -1,
        .others = ""};
    permit_consult(p, m->permit, on_permit, c);
}
