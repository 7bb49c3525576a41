#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "site/edit.h"

#include <string.h>

static void check_diff(const char *before, const char *after, const char *expected)
{
    struct buf out = buf_new(4096);
    edit_diff("/f", (struct str){before, before != NULL ? strlen(before) : 0},
        (struct str){after, after != NULL ? strlen(after) : 0}, &out);
    assert_string_equal(buf_c(&out), expected);
    buf_free(&out);
}

static void differences(void **state)
{
    check_diff("a\n", "a\n", "");
    check_diff(NULL, "a\nb\n", "--- /dev/null\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    check_diff("a\n", NULL, "--- /f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n");
    check_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nnew\n5\n6\n7\n8\n",
        "--- /f\n+++ /f\n@@ -2,6 +2,7 @@\n 2\n 3\n 4\n+new\n 5\n 6\n 7\n");
    check_diff("x", "x\ny\n", "--- /f\n+++ /f\n@@ -1,1 +1,2 @@\n-x\n\\ No newline at end of file\n+x\n+y\n");
    check_diff("a\na\n", "a\na\na\n", "--- /f\n+++ /f\n@@ -1,2 +1,3 @@\n a\n a\n+a\n");
    check_diff("a\x1b[31m\n", "b\n", "--- /f\n+++ /f\n@@ -1,1 +1,1 @@\n-a?[31m\n+b\n");
}

static void lines_in_and_out(void **state)
{
    struct buf out = buf_new(100), back = buf_new(100);
    edit_insert(STR("one\ntwo\n"), (struct insertion){4, STR("new\n")}, &out);
    assert_string_equal(buf_c(&out), "one\nnew\ntwo\n");
    assert_true(edit_remove(buf_str(&out), (struct insertion){4, STR("new\n")}, &back));
    assert_string_equal(buf_c(&back), "one\ntwo\n");
    assert_false(edit_remove(STR("one"), (struct insertion){0, STR("one and more")}, &back));
    assert_false(edit_remove(STR("one"), (struct insertion){0, STR("")}, &back));
    /* The same line elsewhere, and as a part of another one. */
    buf_clear(&back);
    assert_true(edit_remove(STR("new\na\n new\nb\nnew\nc\n"), (struct insertion){12, STR("new\n")}, &back));
    assert_string_equal(buf_c(&back), "new\na\n new\nb\nc\n");
    buf_free(&out);
    buf_free(&back);
}

static void heads(void **state)
{
    struct arena *a = arena_new();
    const struct site site = {.server = "nginx",
        .certificate = "shop",
        .names = (const char *const[]){"a.example", "b.example"},
        .name_n = 2};
    struct buf out = buf_new(4096);
    struct site_note note;
    site_head(&site, &out);
    size_t n = out.n;
    buf_put_c(&out, "listen 443 ssl;\n");
    const struct site odd = {.names = (const char *const[]){"*.x-y.example", "2001:db8::1"}, .name_n = 2};
    struct buf pattern = buf_new(4096);
    site_put_names(&odd, &pattern);
    assert_string_equal(buf_c(&pattern), "(?:[^.]+\\.x-y\\.example|\\[2001:db8::1\\])");
    buf_free(&pattern);
    assert_int_equal(site_head_length(buf_str(&out)), n);
    assert_true(site_read_head(buf_str(&out), a, &note));
    assert_string_equal(note.certificate, "shop");
    assert_int_equal(note.name_n, 2);
    assert_string_equal(note.names[0], "a.example");
    assert_string_equal(note.names[1], "b.example");
    for (size_t cut = 0; cut + 12 < n; cut++) {
        assert_false(site_read_head((struct str){out.p, cut}, a, &note) && note.name_n == 2);
        (void)site_head_length((struct str){out.p, cut});
    }
    assert_false(site_read_head(STR("# certificate x\n# names y\n"), a, &note));
    buf_free(&out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(lines_in_and_out),
        cmocka_unit_test(heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
