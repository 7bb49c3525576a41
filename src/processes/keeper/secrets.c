/* What the keeper has in the state directory: seal.key (32 random bytes), account-key (ring.c), burnt-keys
 * (burnt.c) and the directories live/ and archive/. */
#include "processes/keeper/keeper.h"

#include "base/log.h"
#include "os/file.h"
#include "os/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_FILE    "seal.key"
#define ACCOUNT_FILE "account-key"
#define BURNT_FILE   "burnt-keys"

enum {
    ACCOUNT_FILE_MAX = 1024 * 1024, /* a key takes 300 bytes; nobody has thousands of authorities */
    BURNT_FILE_MAX = 1024 * 1024,   /* 16,000 compromised keys */
    SEAL_LEN = 32,
};

static int make_file(struct keeper *k, const char *name, struct str bytes, struct err *err)
{
    const struct process *p = &k->process;
    uid_t uid = p->identity == IDENTITY_USER ? p->uid : FILE_UID_KEEP;
    gid_t gid = p->identity == IDENTITY_USER ? p->gid : FILE_GID_KEEP;
    int r = file_write_new_owned(PROCESS_STATE_FD, name, 0600, uid, gid, bytes, err);
    return r < 0 ? r : dir_sync(PROCESS_STATE_FD, err);
}

static bool exists(const char *name)
{
    struct stat st;
    return fstatat(PROCESS_STATE_FD, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_dir(struct keeper *k, const char *name, mode_t mode, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = -1;
    bool is_new = !exists(name);
    int r = dir_make(PROCESS_STATE_FD, name, mode, &fd, err);
    return r == 0 && is_new ? process_own(&k->process, fd, err) : r;
}

static int hand_over(int dir, const char *name, int type, void *arg, struct err *err)
{
    const uid_t *uid = arg;
    int r = 0;
    if (fchownat(dir, name, *uid, FILE_GID_KEEP, AT_SYMLINK_NOFOLLOW) != 0)
        return err_errno(err, errno, "cannot give %s to user %u", name, (unsigned)*uid);
    if (type == DT_DIR) {
        int fd ATTR_CLEANUP(fd_close) = -1;
        if ((r = dir_open(dir, name, &fd, err)) == 0)
            r = dir_each(fd, hand_over, arg, err);
    }
    return r;
}

/* The users may have changed since the state was begun (a package brought them, or took them away). The group
 * stays: it may be a key-group. */
static int take_over(struct keeper *k, const char *name, struct err *err)
{
    uid_t uid = process_uid(&k->process);
    struct stat st;
    if (fstatat(PROCESS_STATE_FD, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_errno(err, errno, "%s", name);
    if (uid == FILE_UID_KEEP || st.st_uid == uid)
        return 0;
    log_info("%s is given to user %u", name, (unsigned)uid);
    return hand_over(PROCESS_STATE_FD, name, S_ISDIR(st.st_mode) ? DT_DIR : DT_REG, &uid, err);
}

int secrets_prepare(struct keeper *k, struct err *err)
{
    static const char *const ours[] = {"archive", "live", ACCOUNT_FILE, BURNT_FILE, SEAL_FILE};
    int r = 0;
    if (!exists(SEAL_FILE)) {
        /* What was sealed with a lost key is lost with it; a new key beside an old store would hide that. */
        if (!k->process.new_state)
            return err_set(err, ERR_NOT_FOUND,
                "seal.key is missing, but evercert.db is there: without that key the keys and permits in it "
                "cannot be read. "
                "Put seal.key back from a backup, or move evercert.db away to begin afresh (live/ stays as "
                "it is)");
        struct secret fresh;
        secret_init(&fresh);
        random_bytes(fresh.bytes, SEAL_LEN);
        r = make_file(k, SEAL_FILE, (struct str){(const char *)fresh.bytes, SEAL_LEN}, err);
        secret_free(&fresh);
    }
    if (r == 0 && !exists(ACCOUNT_FILE))
        r = make_file(k, ACCOUNT_FILE, STR(""), err);
    if (r == 0 && !exists(BURNT_FILE))
        r = make_file(k, BURNT_FILE, STR(""), err);
    if (r == 0)
        r = make_dir(k, "live", 0755, err);
    if (r == 0)
        r = make_dir(k, "archive", 0700, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(ours); i++)
        r = take_over(k, ours[i], err);
    return r;
}

/* A file that is read whole and then only appended to. What a crash cut short is at its end and was never
 * used. */
static int open_log(const char *name, size_t max, struct keeper *k,
    int (*read)(struct keeper *, struct str, size_t *, struct err *), int *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(max);
    size_t good = 0;
    int r = file_read_secret(PROCESS_STATE_FD, name, max, &text, err);
    if (r < 0 || (r = read(k, buf_str(&text), &good, err)) < 0)
        return r;
    *out = openat(PROCESS_STATE_FD, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (*out < 0 || (good < text.n && ftruncate(*out, (off_t)good) != 0))
        return err_errno(err, errno, "%s", name);
    return 0;
}

int secrets_append(int fd, const char *name, struct str bytes, struct err *err)
{
    off_t before = lseek(fd, 0, SEEK_END);
    int e = fd_write_all(fd, bytes);
    if (e == 0 && fsync(fd) == 0)
        return 0;
    int r = err_errno(err, e != 0 ? e : errno, "%s of the state directory cannot be written", name);
    if (before >= 0 && ftruncate(fd, before) != 0)
        log_warning("%s holds an unfinished entry; the next start removes it", name);
    return r;
}

int secrets_open(struct keeper *k, struct err *err)
{
    struct buf seal ATTR_CLEANUP(buf_free) = buf_new_sensitive(SECRET_MAX);
    int r = file_read_secret(PROCESS_STATE_FD, SEAL_FILE, SECRET_MAX, &seal, err);
    if (r < 0)
        return r;
    if (seal.n != SEAL_LEN)
        return err_set(err, ERR_INPUT, "seal.key has %zu bytes instead of %d: put it back from a backup",
            seal.n, (int)SEAL_LEN);
    secret_init(&k->seal_key);
    memcpy(k->seal_key.bytes, seal.p, seal.n);
    k->seal_key.n = seal.n;
    if ((r = open_log(ACCOUNT_FILE, ACCOUNT_FILE_MAX, k, ring_read, &k->account_file, err)) < 0 ||
        (r = open_log(BURNT_FILE, BURNT_FILE_MAX, k, burnt_read, &k->burnt_file, err)) < 0 ||
        (r = dir_open(PROCESS_STATE_FD, "live", &k->live, err)) < 0 ||
        (r = dir_open(PROCESS_STATE_FD, "archive", &k->archive, err)) < 0)
        return r;
    return 0;
}
