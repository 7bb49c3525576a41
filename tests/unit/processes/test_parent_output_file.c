#include "processes/parent/output_file.h"
#include "processes/parent/output_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME  "a.conf"
#define FRESH ".a.conf.evercert-new"
#define OLD   ".a.conf.evercert-old"

static struct {
    char path[64], output[128];
    int fd, state; /* where it goes; the state directory, elsewhere */
    struct arena *arena;
    struct template_setting setting;
} here;

static int set_up(void **state)
{
    snprintf(here.path, sizeof here.path, "/tmp/test-output-XXXXXX");
    assert_non_null(mkdtemp(here.path));
    snprintf(here.output, sizeof here.output, "%s/" NAME, here.path);
    assert_int_equal(dir_open(AT_FDCWD, here.path, &here.fd, NULL), 0);
    assert_int_equal(dir_open(AT_FDCWD, "/proc", &here.state, NULL), 0);
    here.arena = arena_new();
    here.setting = (struct template_setting){.output = here.output, .owner = "", .group = "", .mode = 0640};
    return 0;
}

static int tear_down(void **state)
{
    int tmp;
    fd_close(&here.fd);
    fd_close(&here.state);
    arena_free(here.arena);
    assert_int_equal(dir_open(AT_FDCWD, "/tmp", &tmp, NULL), 0);
    assert_int_equal(dir_remove(tmp, strrchr(here.path, '/') + 1, NULL), 0);
    fd_close(&tmp);
    return 0;
}

static void must(int r, const struct err *err)
{
    if (r < 0)
        fail_msg("%s", err->text);
}

static struct output_file opened(void)
{
    struct output_file f;
    struct err err = ERR_INIT;
    must(output_file_open(&here.setting, here.state, here.arena, &f, &err), &err);
    return f;
}

static void put(const char *name, const char *text)
{
    (void)unlinkat(here.fd, name, 0);
    assert_int_equal(file_write_new(here.fd, name, 0644, str_c(text), NULL), 0);
}

/* NULL: it is not to be there. */
static void expect(const char *name, const char *text)
{
    struct buf is = buf_new(100);
    int r = file_read(here.fd, name, 100, &is, NULL);
    if (text == NULL)
        assert_int_equal(r, ERR_NOT_FOUND);
    else
        assert_string_equal(buf_c(&is), text);
    buf_free(&is);
}

static void test_written_and_placed(void **state)
{
    struct output_file f = opened();
    struct err err = ERR_INIT;
    struct stat st;
    assert_false(f.exists);
    assert_false(output_file_is(&f, STR("new")));
    put(FRESH, "left over");
    must(output_file_write(&f, STR("new"), &err), &err);
    expect(NAME, NULL);
    expect(FRESH, "new");
    must(output_file_place(&f, &err), &err);
    expect(FRESH, NULL);
    assert_true(output_file_is(&f, STR("new")));
    assert_false(output_file_is(&f, STR("neW")));
    assert_false(output_file_is(&f, STR("ne")));
    assert_int_equal(fstatat(here.fd, NAME, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(fchmodat(here.fd, NAME, 0600, 0), 0);
    assert_false(output_file_is(&f, STR("new")));
    output_file_close(&f);
}

/* What a crash leaves, step after step from the note in the journal on: the file from before is back, whole.
 */
static void test_put_back_after_each_step(void **state)
{
    struct err err = ERR_INIT;
    for (int steps = 0; steps <= 3; steps++) {
        put(NAME, "old");
        struct output_file f = opened();
        assert_true(f.exists);
        must(output_file_write(&f, STR("new"), &err), &err);
        if (steps >= 1)
            must(output_file_keep(&f, &err), &err);
        if (steps >= 2)
            must(output_file_place(&f, &err), &err);
        expect(NAME, steps >= 2 ? "new" : "old");
        if (steps >= 3) /* and a crash in the middle of putting it back */
            assert_int_equal(renameat(here.fd, OLD, here.fd, NAME), 0);
        output_file_close(&f);
        f = opened();
        must(output_file_back(&f, true, &err), &err);
        expect(NAME, "old");
        expect(OLD, NULL);
        expect(FRESH, NULL);
        output_file_close(&f);
    }
}

static void test_there_was_none_before(void **state)
{
    struct err err = ERR_INIT;
    for (int steps = 0; steps <= 1; steps++) {
        struct output_file f = opened();
        must(output_file_write(&f, STR("new"), &err), &err);
        if (steps >= 1)
            must(output_file_place(&f, &err), &err);
        must(output_file_back(&f, false, &err), &err);
        expect(NAME, NULL);
        expect(FRESH, NULL);
        output_file_close(&f);
    }
}

static void test_the_old_one_is_let_go(void **state)
{
    struct err err = ERR_INIT;
    put(NAME, "old");
    struct output_file f = opened();
    must(output_file_write(&f, STR("new"), &err), &err);
    must(output_file_keep(&f, &err), &err);
    must(output_file_place(&f, &err), &err);
    expect(OLD, "old");
    output_file_settle(&f);
    expect(OLD, NULL);
    expect(NAME, "new");
    output_file_close(&f);
}

static void test_what_is_in_the_way(void **state)
{
    struct output_file f;
    assert_int_equal(symlinkat("/etc/passwd", here.fd, NAME), 0);
    assert_int_equal(output_file_open(&here.setting, here.state, here.arena, &f, NULL), ERR_REFUSED);
    assert_int_equal(unlinkat(here.fd, NAME, 0), 0);
    assert_int_equal(mkdirat(here.fd, NAME, 0755), 0);
    assert_int_equal(output_file_open(&here.setting, here.state, here.arena, &f, NULL), ERR_REFUSED);
    here.setting.output = arena_printf(here.arena, "%s/none/a", here.path);
    assert_int_equal(output_file_open(&here.setting, here.state, here.arena, &f, NULL), ERR_NOT_FOUND);
}

/* Whatever way leads there. */
static void test_the_state_directory_is_not_for_others(void **state)
{
    struct output_file f;
    assert_int_equal(output_file_open(&here.setting, here.fd, here.arena, &f, NULL), ERR_REFUSED);
    assert_int_equal(mkdirat(here.fd, "live", 0755), 0);
    assert_int_equal(mkdirat(here.fd, "live/a", 0755), 0);
    assert_int_equal(symlinkat("live/a", here.fd, "link"), 0);
    here.setting.output = arena_printf(here.arena, "%s/link/x", here.path);
    assert_int_equal(output_file_open(&here.setting, here.fd, here.arena, &f, NULL), ERR_REFUSED);
    must(output_file_open(&here.setting, here.state, here.arena, &f, NULL), NULL);
    output_file_close(&f);
}

static void test_the_journal_is_read_again(void **state)
{
    struct journal j;
    struct err err = ERR_INIT;
    must(journal_open(here.fd, &j, &err), &err);
    assert_null(journal_find(&j, "/a"));
    must(journal_note(&j, "/a", JOURNAL_UNCHECKED, true, &err), &err);
    must(journal_note(&j, "/b \"x\"", JOURNAL_UNTOLD, false, &err), &err);
    must(journal_note(&j, "/c", JOURNAL_UNCHECKED, false, &err), &err);
    must(journal_note(&j, "/c", JOURNAL_NONE, false, &err), &err);
    journal_close(&j);
    must(journal_open(here.fd, &j, &err), &err);
    assert_int_equal(j.n, 2);
    assert_int_equal(journal_find(&j, "/a")->state, JOURNAL_UNCHECKED);
    assert_true(journal_find(&j, "/a")->had);
    assert_int_equal(journal_find(&j, "/b \"x\"")->state, JOURNAL_UNTOLD);
    journal_close(&j);
}

static void test_a_journal_that_is_damaged(void **state)
{
    struct journal j;
    int folder;
    assert_int_equal(dir_make(here.fd, "templates", 0700, &folder, NULL), 0);
    assert_int_equal(file_write_new(folder, "journal.json", 0600, STR("{\"outp"), NULL), 0);
    assert_int_equal(journal_open(here.fd, &j, NULL), ERR_INPUT);
    assert_int_equal(j.n, 0);
    assert_int_equal(journal_note(&j, "/a", JOURNAL_UNTOLD, false, NULL), 0); /* and is whole again */
    journal_close(&j);
    assert_int_equal(journal_open(here.fd, &j, NULL), 0);
    assert_int_equal(j.n, 1);
    journal_close(&j);
    assert_int_equal(fchmodat(folder, "journal.json", 0666, 0), 0);
    assert_int_equal(journal_open(here.fd, &j, NULL), ERR_PERMISSION);
    journal_close(&j);
    fd_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_and_placed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_put_back_after_each_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_was_none_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_old_one_is_let_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_state_directory_is_not_for_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_journal_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_journal_that_is_damaged, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
