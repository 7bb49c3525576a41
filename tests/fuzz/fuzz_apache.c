/* What Apache says of itself; and behind the first empty line a file of its configuration, in which every
 * line is tried as the beginning of a virtual host. */
#include "site/apache_read.h"
#include "site/apache_write.h"
#include "site/edit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 50 };

static void try_line(struct str text, size_t line, struct arena *a)
{
    static const char *const names[] = {"a.example"};
    const struct site site = {.server = "apache",
        .certificate = "a",
        .names = names,
        .name_n = 1,
        .live = "/l",
        .webroot = "/w",
        .http_port = 80,
        .tls_port = 443,
        .redirect = true};
    struct apache_section s;
    if (apache_section_read(text, line, a, &s, NULL) < 0)
        return;
    if (s.body > s.body_end || s.body_end > s.end || s.end > text.n)
        abort();
    struct buf out = buf_new(APACHE_FILE_MAX), back = buf_new(APACHE_FILE_MAX);
    apache_write_https(&site, &s, text, "/e/a.conf", false, &out);
    buf_clear(&out);
    struct insertion in = apache_include_line(&s, text, "/e/a.conf", false, a);
    edit_insert(text, in, &out);
    if (!edit_remove(buf_str(&out), in, &back) || !str_eq(buf_str(&back), text))
        abort();
    buf_free(&out);
    buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str whole = {(const char *)data, size}, dump = whole, file = {(const char *)data + size, 0};
    const char *parts = size > 0 ? memmem(data, size, "\n\n", 2) : NULL;
    struct apache_dump d;
    if (parts != NULL) {
        dump.n = (size_t)(parts - whole.p) + 1;
        file = (struct str){parts + 2, size - dump.n - 1};
    }
    (void)apache_dump_read(dump, a, &d, NULL);
    for (size_t line = 1; line <= LINES_MAX; line++)
        try_line(file, line, a);
    size_t begin, end;
    if (apache_find_include(file, "/e/a.conf", &begin, &end) && (begin >= end || end > file.n))
        abort();
    (void)apache_listens(file, 443);
    arena_free(a);
    return 0;
}
