/* The two key files of the state directory: seal.key (32 random bytes) and account-key (a ring of PEM keys).
 */
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

enum {
    ACCOUNT_FILE_MAX = 1024 * 1024, /* a key takes 300 bytes; nobody has thousands of authorities */
    SEAL_LEN = 32,
};

/* The line in front of each key of the ring. */
static const char ring_word[] = "directory ";
static const char ring_end[] = "-----END PRIVATE KEY-----\n";

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
    static const char *const ours[] = {"archive", "live", ACCOUNT_FILE, SEAL_FILE};
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
    if (r == 0)
        r = make_dir(k, "live", 0755, err);
    if (r == 0)
        r = make_dir(k, "archive", 0700, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(ours); i++)
        r = take_over(k, ours[i], err);
    return r;
}

/* One "directory URL" line and its PEM block. */
static int ring_entry(struct keeper *k, struct str url, struct str pem, struct err *err)
{
    char *directory = strndup(url.p, url.n);
    if (directory == NULL)
        abort();
    secrets_configure(k, directory, "", false);
    struct keeper_account *a = secrets_account(k, directory);
    free(directory);
    a->configured = false;
    key_free(a->key); /* a later entry replaces an earlier one */
    a->key = NULL;
    return key_from_pem(pem, &a->key, err);
}

/* Reads the ring; an entry that a crash cut short is at its end, was never used, and is cut off. */
static int ring_read(struct keeper *k, struct str text, struct err *err)
{
    size_t good = 0;
    while (good < text.n) {
        struct str rest = {text.p + good, text.n - good}, line, tail;
        const char *end = memmem(rest.p, rest.n, ring_end, strlen(ring_end));
        if (end == NULL)
            break;
        size_t n = (size_t)(end - rest.p) + strlen(ring_end);
        str_cut((struct str){rest.p, n}, '\n', &line, &tail);
        if (!str_starts(line, str_c(ring_word)))
            return err_set(err, ERR_INPUT, "account-key: an entry does not begin with \"directory URL\"");
        struct str url = str_trim((struct str){line.p + strlen(ring_word), line.n - strlen(ring_word)});
        int r = ring_entry(k, url, tail, err);
        if (r < 0)
            return err_prefix(err, "account-key");
        good += n;
    }
    if (good < text.n && ftruncate(k->account_file, (off_t)good) != 0)
        return err_errno(err, errno, "account-key");
    return 0;
}

static int read_ring(struct keeper *k, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(ACCOUNT_FILE_MAX);
    int r = file_read_secret(PROCESS_STATE_FD, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, err);
    if (r < 0)
        return r;
    k->account_file = openat(PROCESS_STATE_FD, ACCOUNT_FILE, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (k->account_file < 0)
        return err_errno(err, errno, "account-key");
    return ring_read(k, buf_str(&text), err);
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
    if ((r = read_ring(k, err)) < 0 || (r = dir_open(PROCESS_STATE_FD, "live", &k->live, err)) < 0 ||
        (r = dir_open(PROCESS_STATE_FD, "archive", &k->archive, err)) < 0)
        return r;
    return 0;
}

struct keeper_account *secrets_account(struct keeper *k, const char *directory)
{
    for (struct keeper_account *a = k->accounts; a != NULL; a = a->next)
        if (strcmp(a->id, directory) == 0)
            return a;
    return NULL;
}

static char *copy(const char *c)
{
    char *p = strdup(c);
    if (p == NULL)
        abort();
    return p;
}

void secrets_configure(struct keeper *k, const char *directory, const char *email, bool agree_tos)
{
    struct keeper_account *a = secrets_account(k, directory);
    if (a == NULL) {
        if ((a = calloc(1, sizeof *a)) == NULL)
            abort();
        a->id = copy(directory);
        a->next = k->accounts;
        k->accounts = a;
    }
    free(a->email);
    a->email = copy(email);
    a->agree_tos = agree_tos;
    a->configured = true;
}

/* Appends the whole entry with one write and syncs it; a key that is not on disk must not reach a CA. */
static int ring_append(
    struct keeper *k, const struct keeper_account *a, const struct key *key, struct err *err)
{
    struct buf entry ATTR_CLEANUP(buf_free) = buf_new_sensitive(64 * 1024);
    buf_printf(&entry, "%s%s\n", ring_word, a->id);
    int r = key_to_pem(key, &entry, err);
    if (r < 0)
        return r;
    off_t before = lseek(k->account_file, 0, SEEK_END);
    ssize_t n = write(k->account_file, entry.p, entry.n);
    if (n == (ssize_t)entry.n && fsync(k->account_file) == 0)
        return 0;
    r = err_errno(err, n >= 0 && (size_t)n < entry.n ? ENOSPC : errno, "account-key cannot be written");
    if (before >= 0 && ftruncate(k->account_file, before) != 0)
        log_warning("account-key holds an unfinished entry; the next start removes it");
    return r;
}

int secrets_account_key(struct keeper *k, struct keeper_account *a, struct err *err)
{
    if (a->key != NULL)
        return 0;
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    int r = key_generate(KEY_ECDSA_P256, &key, err);
    if (r < 0 || (r = ring_append(k, a, key, err)) < 0)
        return r;
    a->key = key;
    a->key_is_new = true;
    key = NULL;
    log_info("made an account key for %s", a->id);
    return 0;
}
