#include "processes/parent/copy.h"

#include "../os/temp.h"

enum { STRANGER = 54321, STRANGERS = 54322 };

static char path[2 * PATH_MAX];

static struct publication publication(const struct temp *t, const char *format, const char *name)
{
    assert_true(snprintf(path, sizeof path, "%s/%s", t->path, name) < (int)sizeof path);
    return (struct publication){
        .format = format, .path = path, .owner = "", .group = "", .password_file = ""};
}

static int open_copy(const struct publication *p, struct arena *a, struct copy *out, struct err *err)
{
    const struct wish w = {.name = "shop-rsa", .csr = ""};
    return copy_open(&w, p, a, out, err);
}

static struct copy opened(const struct publication *p, struct arena *a)
{
    struct copy c;
    struct err err = ERR_INIT;
    if (open_copy(p, a, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

static void refuses(const struct publication *p, int code, const char *words)
{
    struct arena *a = arena_new();
    struct copy c;
    struct err err = ERR_INIT;
    int r = open_copy(p, a, &c, &err);
    if (r != code || strstr(err.text, words) == NULL)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    arena_free(a);
}

static void written(const struct publication *p, const char *bytes, mode_t mode)
{
    struct arena *a = arena_new();
    struct copy c = opened(p, a);
    struct stat st;
    struct err err = ERR_INIT;
    assert_false(copy_is(&c, str_c(bytes)));
    if (copy_write(&c, str_c(bytes), &err) != 0)
        fail_msg("%s", err.text);
    copy_close(&c);
    assert_int_equal(lstat(publication_path(p, "shop-rsa", a), &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_mode & 07777, mode);
    c = opened(p, a);
    assert_true(copy_is(&c, str_c(bytes)));
    assert_false(copy_is(&c, STR("other")));
    copy_close(&c);
    arena_free(a);
}

static void what_is_there_is_compared(void **state)
{
    struct temp *t = *state;
    struct arena *a = arena_new();
    struct publication p = publication(t, "key", "{name}.key");
    written(&p, "bytes", 0600);
    assert_int_equal(faccessat(t->fd, "shop-rsa.key", F_OK, 0), 0);
    /* changed, another mode, another owner, gone, empty */
    assert_int_equal(fchmodat(t->fd, "shop-rsa.key", 0640, 0), 0);
    written(&p, "bytes", 0600);
    assert_int_equal(file_replace(t->fd, "shop-rsa.key", 0600, STR("bytez"), NULL), 0);
    written(&p, "bytes", 0600);
    if (geteuid() == 0) {
        assert_int_equal(fchownat(t->fd, "shop-rsa.key", STRANGER, 0, 0), 0);
        written(&p, "bytes", 0600);
    }
    assert_int_equal(unlinkat(t->fd, "shop-rsa.key", 0), 0);
    written(&p, "bytes", 0600);
    p = publication(t, "chain", "chain.pem");
    written(&p, "", 0644);
    /* more than a copy ever holds is not read */
    int fd = openat(t->fd, "chain.pem", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, COPY_MAX + 1), 0);
    close(fd);
    struct copy c = opened(&p, a);
    assert_int_equal(c.existing.n, 0);
    assert_false(copy_is(&c, STR("")));
    copy_close(&c);
    arena_free(a);
}

static void modes_and_owners(void **state)
{
    struct temp *t = *state;
    struct publication p = publication(t, "pkcs12", "a");
    p.mode = 0400;
    written(&p, "x", 0400);
    p.mode = 0604;
    refuses(&p, ERR_REFUSED, "mode 0604 would let everybody have the private key");
    p.format = "cert";
    written(&p, "x", 0604);
    p.owner = "no-such-user";
    refuses(&p, ERR_NOT_FOUND, "owner: there is no user");
    p.owner = "";
    p.group = "no-such-group";
    refuses(&p, ERR_NOT_FOUND, "group: there is no group");
    if (geteuid() != 0)
        return;
    p = publication(t, "combined", "b");
    p.owner = "54321";
    p.group = "54322";
    written(&p, "x", 0640);
    struct stat st;
    assert_int_equal(fstatat(t->fd, "b", &st, 0), 0);
    assert_true(st.st_uid == STRANGER && st.st_gid == STRANGERS);
}

static void what_is_in_the_way(void **state)
{
    struct temp *t = *state;
    struct publication p = publication(t, "cert", "link");
    struct stat st;
    assert_int_equal(symlinkat("target", t->fd, "link"), 0);
    refuses(&p, ERR_REFUSED, "replace-symlink: true");
    p.replace_symlink = true;
    written(&p, "x", 0644);
    assert_int_equal(fstatat(t->fd, "target", &st, 0), -1);
    assert_int_equal(mkdirat(t->fd, "directory", 0755), 0);
    p = publication(t, "cert", "directory");
    p.replace_symlink = true;
    refuses(&p, ERR_REFUSED, "there is a directory at that place");
    assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
    p = publication(t, "cert", "fifo");
    refuses(&p, ERR_REFUSED, "something that is no file");
    p = publication(t, "key", "none/key");
    p.group = "54322";
    refuses(&p, geteuid() == 0 ? ERR_NOT_FOUND : ERR_PERMISSION,
        geteuid() == 0 ? "make it with install -d -g 54322 -m 0750 " : "not in the group");
    p = publication(t, "key", "directory/..");
    refuses(&p, ERR_USAGE, "is not a file name");
    p = publication(t, "key", "directory/");
    refuses(&p, ERR_USAGE, "is not a file name");
    p.path = "relative";
    refuses(&p, ERR_USAGE, "no absolute path");
}

/* A directory of the copy's own group is its business; another group's is not. */
static void groups_on_the_way(void **state)
{
    struct temp *t = *state;
    struct publication p = publication(t, "key", "shared/key");
    if (geteuid() != 0)
        return;
    assert_int_equal(mkdirat(t->fd, "shared", 0700), 0);
    assert_int_equal(fchownat(t->fd, "shared", 0, STRANGERS, 0), 0);
    assert_int_equal(fchmodat(t->fd, "shared", 0775, 0), 0);
    refuses(&p, ERR_REFUSED, "give the copy that group");
    p.group = "54322";
    written(&p, "x", 0640);
}

static void check(const struct publication *p, int code, const char *words)
{
    const struct wish w = {.name = "shop", .csr = ""};
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    int r = copy_check(&w, p, a, &err);
    if (r != code || strstr(err.text, words) == NULL)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    arena_free(a);
}

static void passwords(void **state)
{
    struct temp *t = *state;
    static const struct {
        const char *bytes;
        size_t n;
        int code;
        const char *password;
    } all[] = {{"geheim", 6, 0, "geheim"}, {"geheim\n", 7, 0, "geheim"}, {"geheim\r\n", 8, 0, "geheim"},
        {" a b \n", 6, 0, " a b "}, {"", 0, 0, ""}, {"\n", 1, 0, ""}, {"a\nb\n", 4, ERR_INPUT, ""},
        {"a\0b", 3, ERR_INPUT, ""}};
    struct publication p = publication(t, "pkcs12", "a.p12");
    char file[2 * PATH_MAX];
    snprintf(file, sizeof file, "%s/password", t->path);
    p.password_file = file;
    check(&p, ERR_NOT_FOUND, "password");
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct buf out = buf_new_sensitive(100);
        struct str bytes = {all[i].bytes, all[i].n};
        assert_int_equal(file_replace(t->fd, "password", 0600, bytes, NULL), 0);
        assert_int_equal(copy_password(file, &out, NULL), all[i].code);
        assert_string_equal(buf_c(&out), all[i].password);
        buf_free(&out);
        check(&p, all[i].code, "");
    }
    assert_int_equal(fchmodat(t->fd, "password", 0644, 0), 0);
    check(&p, ERR_PERMISSION, "chmod 600");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(what_is_there_is_compared),
        TEMP_TEST(modes_and_owners),
        TEMP_TEST(what_is_in_the_way),
        TEMP_TEST(groups_on_the_way),
        TEMP_TEST(passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
