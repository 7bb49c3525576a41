#include "processes/parent/copy.h"

#include "base/attr.h"
#include "os/file.h"
#include "os/trusted.h"
#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OTHERS = S_IRWXO,
    PASSWORD_FILE_MAX = 4 * 1024, /* more than any password that is taken, so that the text is about that */
};

/* --- whose it is --- */

static int choose_owner(const struct publication *p, uid_t *out, struct err *err)
{
    struct user u, me;
    user_current(&me);
    *out = me.uid;
    if (p->owner[0] == '\0')
        return 0;
    int r = user_by_name(p->owner, &u, err);
    if (r < 0)
        return err_prefix(err, "owner");
    if (me.uid != 0 && u.uid != me.uid)
        return err_set(err, ERR_PERMISSION,
            "only root can give a file to %s, and evercert runs as %s: leave owner away, or run it as root",
            p->owner, me.name);
    *out = u.uid;
    return 0;
}

static bool in_group(gid_t gid)
{
    gid_t groups[USER_GROUPS_MAX];
    int n = getgroups(USER_GROUPS_MAX, groups);
    for (int i = 0; i < n; i++)
        if (groups[i] == gid)
            return true;
    return geteuid() == 0 || gid == getegid();
}

static int choose_group(const struct publication *p, gid_t *out, struct err *err)
{
    struct user me;
    *out = getegid();
    if (p->group[0] == '\0')
        return 0;
    int r = group_by_name(p->group, out, err);
    if (r < 0)
        return err_prefix(err, "group");
    user_current(&me);
    return in_group(*out)
               ? 0
               : err_set(err, ERR_PERMISSION,
                     "evercert runs as %s, which is not in the group %s: usermod -aG %s %s and start "
                     "it anew",
                     me.name, p->group, p->group, me.name);
}

static int choose_mode(const struct publication *p, mode_t *out, struct err *err)
{
    bool secret = publication_has_key(p);
    *out = p->mode != 0 ? (mode_t)p->mode & 0777 : !secret ? 0644 : p->group[0] != '\0' ? 0640 : 0600;
    if (secret && (*out & OTHERS) != 0)
        return err_set(
            err, ERR_REFUSED, "mode %04o would let everybody have the private key", (unsigned)*out);
    return 0;
}

static int choose(struct copy *c, struct err *err)
{
    int r = choose_owner(c->publication, &c->uid, err);
    if (r == 0)
        r = choose_group(c->publication, &c->gid, err);
    return r < 0 ? r : choose_mode(c->publication, &c->mode, err);
}

/* --- where it goes --- */

/* It is not made here: whose it should be, only the operator knows. */
static int no_directory(const struct copy *c, const char *dir, const struct err *why, struct err *err)
{
    const struct publication *p = c->publication;
    const char *mode = !publication_has_key(p) ? "0755" : p->group[0] != '\0' ? "0750" : "0700";
    return err_set(err, ERR_NOT_FOUND, "%s: make it with install -d%s%s%s%s -m %s %s", why->text,
        p->owner[0] != '\0' ? " -o " : "", p->owner, p->group[0] != '\0' ? " -g " : "", p->group, mode, dir);
}

static int open_directory(struct copy *c, struct arena *a, struct err *err)
{
    const struct trusted_rule rule = {publication_has_key(c->publication), c->gid};
    const char *slash = strrchr(c->path, '/');
    struct err why = ERR_INIT;
    c->name = slash != NULL ? slash + 1 : c->path;
    if (slash == NULL || c->path[0] != '/')
        return err_set(err, ERR_USAGE, "\"%s\" is no absolute path", c->path);
    const char *dir = arena_dup(a, (struct str){c->path, slash == c->path ? 1 : (size_t)(slash - c->path)});
    int r = file_check_name(c->name, err);
    if (r < 0)
        return r;
    if ((r = dir_open_trusted(dir, &rule, &c->dir, &why)) == ERR_NOT_FOUND)
        return no_directory(c, dir, &why, err);
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}

/* --- what is there --- */

static int in_the_way(const struct copy *c, const struct stat *st, struct err *err)
{
    if (S_ISREG(st->st_mode) || (S_ISLNK(st->st_mode) && c->publication->replace_symlink))
        return 0;
    if (S_ISLNK(st->st_mode))
        return err_set(err, ERR_REFUSED,
            "there is a symbolic link at that place: name the file it leads to, or say replace-symlink: true "
            "to have the copy put there instead of it");
    return err_set(err, ERR_REFUSED, "there is %s at that place: remove it, or choose another path",
        S_ISDIR(st->st_mode) ? "a directory" : "something that is no file");
}

/* What cannot be read is not as it should be, and is written anew. Not blocking, should something else have
 * come into its place meanwhile. */
static void read_existing(struct copy *c)
{
    struct stat st;
    int fd ATTR_CLEANUP(fd_close) = openat(c->dir, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 || st.st_size > COPY_MAX)
        return;
    c->fits = st.st_uid == c->uid && st.st_gid == c->gid && (st.st_mode & 07777) == c->mode;
    size_t want = (size_t)st.st_size, got = 0;
    char *to = want > 0 ? buf_room(&c->existing, want) : NULL;
    while (to != NULL && got < want) {
        ssize_t n = read(fd, to + got, want - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    if (to != NULL)
        buf_added(&c->existing, got);
}

static int look(struct copy *c, struct err *err)
{
    struct stat st;
    if (fstatat(c->dir, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "cannot examine it");
    int r = in_the_way(c, &st, err);
    if (r == 0 && S_ISREG(st.st_mode))
        read_existing(c);
    return r;
}

int copy_place(
    const struct publication *p, const char *path, struct arena *a, struct copy *out, struct err *err)
{
    struct copy c = {.publication = p, .path = path, .dir = -1, .existing = buf_new_sensitive(COPY_MAX)};
    int r = choose(&c, err);
    if (r < 0 || (r = open_directory(&c, a, err)) < 0)
        return r;
    *out = c;
    return 0;
}

int copy_open(
    const struct wish *w, const struct publication *p, struct arena *a, struct copy *out, struct err *err)
{
    int r = copy_place(p, publication_path(p, w->name, a), a, out, err);
    if (r < 0)
        return r;
    if ((r = look(out, err)) < 0)
        copy_close(out);
    return r < 0 ? r : 0;
}

void copy_close(struct copy *c)
{
    fd_close(&c->dir);
    buf_free(&c->existing);
}

/* --- writing it --- */

bool copy_is(const struct copy *c, struct str bytes)
{
    return c->fits && str_eq(buf_str(&c->existing), bytes);
}

int copy_explain(const struct copy *c, struct err *err)
{
    if (err->code != ERR_PERMISSION || faccessat(c->dir, ".", W_OK, AT_EACCESS) == 0 || errno != EROFS)
        return err->code;
    struct err why = *err;
    return err_set(err, why.code,
        "%s: under systemd say ReadWritePaths=%.*s in a drop-in (systemctl edit evercert) and start it anew, "
        "in "
        "a container mount it writable",
        why.text, (int)(c->name - c->path), c->path);
}

int copy_write(const struct copy *c, struct str bytes, struct err *err)
{
    struct err why = ERR_INIT;
    int r = file_replace_away(c->dir, c->name, c->mode, c->uid, c->gid, bytes, &why);
    if (r < 0)
        (void)copy_explain(c, &why);
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}

/* --- passwords --- */

int copy_password(const char *file, struct buf *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(PASSWORD_FILE_MAX);
    if (file[0] == '\0')
        return 0;
    int r = file_read_secret(AT_FDCWD, file, PASSWORD_FILE_MAX, &text, err);
    if (r < 0)
        return r;
    struct str password = buf_str(&text);
    if (password.n > 0 && password.p[password.n - 1] == '\n')
        password.n--;
    if (password.n > 0 && password.p[password.n - 1] == '\r')
        password.n--;
    if (password.n > 0 &&
        (memchr(password.p, '\0', password.n) != NULL || memchr(password.p, '\n', password.n) != NULL))
        return err_set(
            err, ERR_INPUT, "%s holds more than one line; the password is to be alone in it", file);
    buf_put_str(out, password);
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "the password in %s is too long", file) : 0;
}

/* --- before it is needed --- */

int copy_check(const struct wish *w, const struct publication *p, struct arena *a, struct err *err)
{
    struct copy c;
    struct buf password ATTR_CLEANUP(buf_free) = buf_new_sensitive(PASSWORD_FILE_MAX);
    int r = copy_open(w, p, a, &c, err);
    if (r < 0)
        return r;
    if (faccessat(c.dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
        r = err_errno(err, errno, "the directory cannot be written");
    copy_close(&c);
    return r < 0 ? r : copy_password(p->password_file, &password, err);
}
