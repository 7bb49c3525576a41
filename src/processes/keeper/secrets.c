/* What the keeper has in the state directory: seal.key (32 random bytes), account-key (ring.c), burnt-keys
 * (burnt.c) and the directories live/ and archive/. */
#include "processes/keeper/keeper.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "crypto/seal.h"
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
/* In archive/: a word that is sealed, to know the seal key by. */
#define SEALED_FILE ".sealed"

/* For somebody who has lost the seal key and must go on. */
#define WAY_ON                                                                                               \
    "Only where it is lost for good: move evercert.db, evercert.db-wal, evercert.db-shm and rebuild away, "  \
    "as far as they are there, and start again; live/ and the accounts are used on, and what was issued by " \
    "command has to be issued by command "                                                                   \
    "again"

enum {
    ACCOUNT_FILE_MAX = 1024 * 1024, /* a key takes 300 bytes; nobody has thousands of authorities */
    BURNT_FILE_MAX = 1024 * 1024,   /* 16,000 compromised keys */
    SEAL_LEN = 32,
    SEALED_MAX = 256,
};

/* Whole or not at all: an empty seal.key would be taken for one that was lost. */
static int make_file(struct keeper *k, const char *name, struct str bytes, struct err *err)
{
    const struct process *p = &k->process;
    uid_t uid = p->identity == IDENTITY_USER ? p->uid : FILE_UID_KEEP;
    gid_t gid = p->identity == IDENTITY_USER ? p->gid : FILE_GID_KEEP;
    return file_replace_owned(PROCESS_STATE_FD, name, 0600, uid, gid, bytes, err);
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
                "seal.key is missing, but what it sealed is there: without it the keys and permits in "
                "evercert.db cannot be read. Put seal.key back from a backup. " WAY_ON);
        struct secret fresh;
        secret_init(&fresh);
        random_bytes(fresh.bytes, SEAL_LEN);
        r = make_file(k, SEAL_FILE, (struct str){(const char *)fresh.bytes, SEAL_LEN}, err);
        secret_free(&fresh);
        crash_point(keeper_seal_key_made);
    }
    if (r == 0 && !exists(ACCOUNT_FILE))
        r = make_file(k, ACCOUNT_FILE, STR(""), err);
    if (r == 0 && !exists(BURNT_FILE))
        r = make_file(k, BURNT_FILE, STR(""), err);
    if (r == 0)
        r = make_dir(k, "live", 0755, err);
    if (r == 0)
        r = make_dir(k, "archive", 0700, err);
    crash_point(keeper_secrets_prepared);
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
    crash_point(keeper_entry_unsynced);
    if (e == 0 && fsync(fd) == 0)
        return 0;
    int r = err_errno(err, e != 0 ? e : errno, "%s of the state directory cannot be written", name);
    if (before >= 0 && ftruncate(fd, before) != 0)
        log_warning("%s holds an unfinished entry; the next start removes it", name);
    return r;
}

/* Another seal.key in the place of the one that sealed what lies here would open none of it, and that would
 * be found out one certificate after the other. With a new store it is meant. */
static int check_sealed(struct keeper *k, struct err *err)
{
    const struct str context = STR("the seal key of this state"), word = STR("evercert");
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(SEALED_MAX);
    struct buf plain ATTR_CLEANUP(buf_free) = buf_new(SEALED_MAX);
    struct err why = ERR_INIT;
    int r = file_read(k->archive, SEALED_FILE, SEALED_MAX, &text, &why);
    if (r == 0 && unseal(&k->seal_key, context, buf_str(&text), &plain, NULL) == 0)
        return 0;
    if (r == 0 && !k->process.new_state)
        return err_set(err, ERR_REFUSED,
            "seal.key is not the one that sealed what is in evercert.db: put the right one back from a "
            "backup (and where evercert.db came with this seal.key, from another machine or an older state, "
            "remove archive/.sealed, which is of the one before). " WAY_ON);
    if (r < 0 && r != ERR_NOT_FOUND)
        return err_set(err, r, "%s", why.text);
    buf_clear(&text);
    if ((r = seal(&k->seal_key, context, word, &text, err)) < 0)
        return r;
    return file_replace(k->archive, SEALED_FILE, 0600, buf_str(&text), err);
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
    return check_sealed(k, err);
}
