/*
 * A store that is damaged or gone. What is damaged is put aside under another name and never deleted; a new
 * one is made, and the engine fills it with what is live (engine/rebuild.c). From the moment the old one goes
 * until the new one is complete a file says so, for whoever starts next after a crash in between.
 */
#include "processes/parent/parent.h"

#include "base/time.h"
#include "os/file.h"
#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_FILE "evercert.db"
#define MARK_FILE  "rebuild"

enum {
    /* Kept at most: then the disk is ill, or something writes to the file, and a ninth copy helps nobody. */
    BROKEN_MAX = 8,
};

static bool exists(const struct parent *p, const char *name)
{
    struct stat st;
    return fstatat(p->state, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A disk that does not say whether a file is there has not lost it: nothing is made anew because of that. */
static bool is_gone(const struct parent *p, const char *name)
{
    struct stat st;
    return fstatat(p->state, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool parent_state_is_new(const struct parent *p)
{
    return is_gone(p, STORE_FILE) && is_gone(p, MARK_FILE);
}

bool rebuild_is_due(const struct parent *p)
{
    return exists(p, MARK_FILE);
}

static int note_any(int dir, const char *name, int type, void *arg, struct err *err)
{
    (void)dir, (void)name, (void)type, (void)arg, (void)err;
    return 1;
}

static int set_mark(struct parent *p, struct err *err)
{
    if (exists(p, MARK_FILE))
        return 0;
    int r = file_write_new(p->state, MARK_FILE, 0600, STR(""), err);
    return r < 0 ? r : dir_sync(p->state, err);
}

int rebuild_prepare(struct parent *p, struct err *err)
{
    int all ATTR_CLEANUP(fd_close) = -1;
    if (!is_gone(p, STORE_FILE) || dir_open(p->state, "live/.generations", &all, NULL) < 0 ||
        dir_each(all, note_any, NULL, NULL) != 1)
        return 0;
    /* An error, so that a command says it too. */
    log_error("%s: there is no evercert.db, but there are certificates in live/: it is made anew of these",
        p->options.state);
    return set_mark(p, err);
}

/* --- putting the damaged one aside --- */

static int count_broken(int dir, const char *name, int type, void *arg, struct err *err)
{
    static const char prefix[] = STORE_FILE ".broken-";
    size_t *n = arg;
    (void)dir, (void)type, (void)err;
    *n += strncmp(name, prefix, sizeof prefix - 1) == 0 && name[strlen(name) - 1] == 'Z';
    return 0;
}

/* A free name; two in one second are possible where the second one is damaged at once. */
static void broken_name(const struct parent *p, char out[NAME_MAX])
{
    struct wall now = clock_wall(&system_clock);
    char text[TIME_TEXT_MAX], stamp[TIME_TEXT_MAX];
    do {
        size_t n = 0;
        wall_format(now, text);
        for (const char *c = text; *c != '\0'; c++)
            if (*c != '-' && *c != ':')
                stamp[n++] = *c;
        stamp[n] = '\0';
        snprintf(out, NAME_MAX, STORE_FILE ".broken-%s", stamp);
        now.s++;
    } while (exists(p, out));
}

/* The database first: what is left of it otherwise would be taken for a whole one. */
static int move_files(struct parent *p, const char *broken, struct err *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char from[NAME_MAX], to[NAME_MAX];
        int n = snprintf(to, sizeof to, "%s%s", broken, suffixes[i]);
        snprintf(from, sizeof from, STORE_FILE "%s", suffixes[i]);
        if (n < 0 || (size_t)n >= sizeof to)
            return err_set(err, ERR_LIMIT, "%s is too long", broken);
        if (renameat(p->state, from, p->state, to) != 0 && errno != ENOENT)
            return err_errno(err, errno, "%s cannot be renamed", from);
    }
    return dir_sync(p->state, err);
}

int rebuild_put_aside(struct parent *p, const char *why, struct err *err)
{
    char broken[NAME_MAX];
    size_t n = 0;
    int r = dir_each(p->state, count_broken, &n, err);
    if (r < 0)
        return r;
    if (n >= BROKEN_MAX)
        return err_set(err, ERR_DAMAGED,
            "%s; %d that were damaged are kept there already: see whether the disk is healthy, and move the "
            "files evercert.db.broken-* away",
            why, (int)BROKEN_MAX);
    broken_name(p, broken);
    if ((r = set_mark(p, err)) < 0 || (r = move_files(p, broken, err)) < 0)
        return r;
    log_error("%s; it is kept as %s/%s, and a new one is made of live/ and account-key: what is good is not "
              "issued again",
        why, p->options.state, broken);
    return 0;
}

/* --- filling the new one --- */

static void on_rebuilt(const void *msg, const struct err *why, void *arg)
{
    struct parent *p = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    p->rebuild_asked = false;
    if (m == NULL) /* asked again of the next engine */
        return;
    if (r == 0 && unlinkat(p->state, MARK_FILE, 0) != 0 && errno != ENOENT)
        r = err_errno(&err, errno, "%s/" MARK_FILE, p->options.state);
    if (r == 0)
        r = dir_sync(p->state, &err);
    if (r < 0 && err.code != ERR_IPC) {
        log_error("the state cannot be made anew: %s", err.text);
        p->why = err;
        p->broken = true;
        parent_stop(p, 1);
        return;
    }
    wishes_feed(p); /* where the keeper went meanwhile this waits for the next one */
}

void rebuild_ask(struct parent *p)
{
    struct err err = ERR_INIT;
    if (p->rebuild_asked)
        return;
    /* A hundred thousand certificates are read in a few minutes; what was done is kept if it is cut short. */
    if (p->options.daemon && !p->ready_told)
        (void)notify_send(NOTIFY_PATIENCE, "the state is being made anew from live/", NULL);
    p->rebuild_asked = channel_request(member_channel(p, MEMBER_ENGINE), MSG_rebuild,
                           &(struct msg_rebuild){true}, MSG_done, on_rebuilt, p, &err) == 0;
    if (!p->rebuild_asked)
        log_error("%s", err.text);
}
