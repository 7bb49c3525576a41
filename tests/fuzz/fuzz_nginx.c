/* What `nginx -T` printed. Every directive lies within its file, and a line that is put into a server block
 * is found there again, and its going leaves what was there. */
#include "site/edit.h"
#include "site/nginx_write.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVERS_MAX = 3 }; /* to be tried of one input */

static void check_places(const struct nginx_directive *d)
{
    for (size_t inner = 0; d != NULL; inner = d->end, d = d->next) {
        if (d->begin < inner || d->end <= d->begin || d->end > d->file->text.n || d->word_n == 0)
            abort();
        if (d->block && (d->body <= d->begin || d->body > d->end))
            abort();
        (void)nginx_line(d->file, d->begin);
        check_places(d->inside);
    }
}

/* One file that is the whole configuration, where lines may be put in. */
static void there_and_back(const struct nginx_server *s, const char *main_path, struct arena *a)
{
    struct str text = s->block->file->text;
    struct buf dump = buf_new(2 * NGINX_DUMP_MAX), back = buf_new(NGINX_DUMP_MAX);
    struct insertion in = nginx_include_line(s, "/evercert/a.conf", a);
    buf_printf(&dump, "# configuration file %s:\n", main_path);
    size_t head = dump.n;
    edit_insert(text, in, &dump);
    struct str changed = {dump.p + head, dump.n - head};
    if (!edit_remove(changed, in, &back) || (text.n > 0 && !str_eq(buf_str(&back), text)))
        abort();
    struct nginx_config c;
    buf_put_char(&dump, '\n');
    if (nginx_read(buf_str(&dump), a, &c, NULL) < 0 || c.file_n != 1)
        abort();
    buf_free(&dump);
    buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct nginx_config c;
    struct nginx_servers servers;
    if (nginx_read((struct str){(const char *)data, size}, a, &c, NULL) == 0) {
        for (size_t i = 0; i < c.file_n; i++)
            check_places(c.files[i].content);
        if (nginx_servers(&c, a, &servers, NULL) == 0)
            for (size_t i = 0; i < servers.n && i < SERVERS_MAX; i++) {
                const struct nginx_server *s = &servers.list[i];
                const char *path;
                (void)nginx_fit(s, "www.example.com");
                (void)nginx_find_include(s, &path, a);
                if (c.file_n == 1)
                    there_and_back(s, c.files[0].path, a);
            }
    }
    arena_free(a);
    return 0;
}
