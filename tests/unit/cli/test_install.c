#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "cli/install/change.h"
#include "cli/install/program.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct arena *a;
    struct changes *changes;
    char dir[64];
    int fd;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/evercert-install-XXXXXX");
    if (mkdtemp(f->dir) == NULL || (f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -1;
    f->a = arena_new();
    f->changes = arena_alloc(f->a, sizeof *f->changes);
    f->changes->a = f->a;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)dir_remove(tmp, strrchr(f->dir, '/') + 1, NULL);
    close(tmp);
    close(f->fd);
    arena_free(f->a);
    free(f);
    return 0;
}

static const char *at(struct fixture *f, const char *name)
{
    return arena_printf(f->a, "%s/%s", f->dir, name);
}

static void put(struct fixture *f, const char *name, const char *text)
{
    assert_int_equal(file_replace(f->fd, name, 0640, str_c(text), NULL), 0);
}

static void has(struct fixture *f, const char *name, const char *text)
{
    struct str now;
    assert_int_equal(change_read(at(f, name), f->a, &now, NULL), 0);
    if (text == NULL) {
        assert_null(now.p);
        return;
    }
    assert_non_null(now.p);
    assert_string_equal(now.p, text);
}

/* A new file in a new folder, a line, a link, and a file that is replaced. */
static void fill(struct fixture *f)
{
    struct changes *c = f->changes;
    put(f, "site", "one\ntwo\n");
    put(f, "old", "old\xff\n");
    const struct change folder = {.kind = CHANGE_FOLDER, .path = at(f, "new")};
    const struct change line = {
        .kind = CHANGE_LINE, .path = at(f, "site"), .text = STR("line\n"), .at = 4, .above = STR("one\n")};
    const struct change link = {
        .kind = CHANGE_LINK, .path = at(f, "link"), .late = true, .text = STR("site")};
    assert_int_equal(changes_add(c, &folder, NULL), 0);
    assert_int_equal(changes_add_file(c, at(f, "new/file"), STR("first\n"), STR("last\n"), NULL), 0);
    assert_int_equal(changes_add(c, &line, NULL), 0);
    assert_int_equal(changes_add(c, &link, NULL), 0);
    assert_int_equal(changes_add_file(c, at(f, "old"), STR("-"), STR("new\n"), NULL), 0);
}

static void made_and_undone(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    fill(f);
    assert_int_equal(changes_allowed(f->changes, NULL), 0);
    assert_int_equal(changes_make(f->changes, false, NULL), 0);
    has(f, "site", "one\nline\ntwo\n");
    has(f, "new/file", "first\n");
    has(f, "old", "old\xff\n");
    assert_int_equal(changes_make(f->changes, true, NULL), 0);
    has(f, "new/file", "last\n");
    has(f, "old", "new\n");
    assert_int_equal(lstat(at(f, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(at(f, "site"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    put(f, "site", "one\nline\ntwo\nand somebody's own\n");
    /* Twice: what is undone already is no failure. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(changes_undo(f->changes, NULL), 0);
        has(f, "site", "one\ntwo\nand somebody's own\n");
        has(f, "old", "old\xff\n");
        assert_int_not_equal(lstat(at(f, "new"), &st), 0);
        assert_int_not_equal(lstat(at(f, "link"), &st), 0);
    }
}

static void by_the_journal(void **state)
{
    struct fixture *f = *state;
    static const char *const check[] = {"/bin/check", "-t", NULL}, *const reload[] = {"/bin/reload", NULL};
    const char *const *words, *const *others;
    struct buf text = buf_new(JOURNAL_MAX);
    struct changes *again = arena_alloc(f->a, sizeof *again);
    struct err err = ERR_INIT;
    fill(f);
    journal_write(f->changes, check, reload, &text);
    assert_false(buf_failed(&text));
    assert_int_equal(changes_make(f->changes, false, NULL), 0);
    assert_int_equal(changes_make(f->changes, true, NULL), 0);
    put(f, ".tmp-0123456789abcdef", "of a write that was interrupted");
    put(f, ".tmp-other", "of somebody else");
    again->a = f->a;
    assert_int_equal(journal_read(buf_str(&text), again, &words, &others, &err), 0);
    assert_string_equal(words[1], "-t");
    assert_null(words[2]);
    assert_string_equal(others[0], "/bin/reload");
    changes_sweep(again);
    assert_int_equal(changes_undo(again, &err), 0);
    has(f, "site", "one\ntwo\n");
    has(f, "old", "old\xff\n");
    has(f, "new/file", NULL);
    has(f, ".tmp-0123456789abcdef", NULL);
    has(f, ".tmp-other", "of somebody else");
    static const char *const damaged[] = {"", "[]", "{}",
        "{\"check\":[\"x\"],\"reload\":[\"/x\"],\"changes\":[]}",
        "{\"check\":[\"/x\"],\"reload\":[\"/x\"],\"changes\":[{\"kind\":\"line\",\"path\":\"/"
        "x\",\"text\":null}]}",
        "{\"check\":[\"/x\"],\"reload\":[\"/"
        "x\"],\"changes\":[{\"kind\":\"file\",\"path\":\"x\",\"text\":null}]}"};
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
        assert_int_equal(journal_read(str_c(damaged[i]), again, &words, &others, &err), ERR_INPUT);
    buf_free(&text);
}

static void what_is_not_touched(void **state)
{
    struct fixture *f = *state;
    const struct change line = {
        .kind = CHANGE_LINE, .path = at(f, "site"), .text = STR("line\n"), .at = 4, .above = STR("one\n")};
    assert_int_equal(changes_add(f->changes, &line, NULL), 0);
    put(f, "site", "two\none\n"); /* somebody was quicker */
    struct err err = ERR_INIT;
    assert_int_equal(changes_make(f->changes, false, &err), ERR_FAILED);
    has(f, "site", "two\none\n");
    assert_int_equal(unlink(at(f, "site")), 0);
    put(f, "real", "one\n");
    assert_int_equal(symlink("real", at(f, "site")), 0);
    assert_int_equal(changes_make(f->changes, false, &err), ERR_REFUSED);
    assert_int_equal(unlink(at(f, "site")), 0);
    assert_int_equal(link(at(f, "real"), at(f, "site")), 0);
    assert_int_equal(changes_make(f->changes, false, &err), ERR_REFUSED);
    has(f, "real", "one\n");
}

static void programs(void **state)
{
    struct err err = ERR_INIT;
    struct buf out = buf_new(100), line = buf_new(1000);
    static const char *const env[] = {"/usr/bin/env", NULL};
    assert_int_equal(program_run(env, &out, &err), 0);
    assert_string_equal(buf_c(&out), "PATH=" PROGRAM_PATH "\nLANG=C\nHOME=/\n");
    static const char *const fails[] = {"/bin/sh", "-c", "echo out; echo why it failed >&2; exit 3", NULL};
    assert_int_equal(program_run(fails, NULL, &err), ERR_FAILED);
    assert_string_equal(err.text, "/bin/sh exited with status 3: why it failed");
    static const char *const floods[] = {
        "/bin/sh", "-c", "yes | head -c 300000; yes no | head -c 300000 >&2", NULL};
    assert_int_equal(program_run(floods, &out, &err), ERR_LIMIT);
    assert_int_equal(program_run(floods, NULL, &err), 0);
    /* Who holds its pipes open is not waited for. */
    static const char *const leaves[] = {"/bin/sh", "-c", "sleep 1 & echo done", NULL};
    buf_clear(&out);
    assert_int_equal(program_run(leaves, &out, &err), 0);
    assert_string_equal(buf_c(&out), "done\n");
    static const char *const none[] = {"/nowhere/at/all", NULL};
    assert_int_equal(program_run(none, NULL, &err), ERR_NOT_FOUND);
    static const char *const words[] = {"nginx", "-c", "/etc/it's one.conf", "", NULL};
    program_line(words, &line);
    assert_string_equal(buf_c(&line), "nginx -c '/etc/it'\\''s one.conf' ''");
    buf_free(&out);
    buf_free(&line);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_and_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(by_the_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_touched, set_up, tear_down),
        cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
