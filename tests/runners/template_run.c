/* A template on its own, for tests: template_run FILE KIND renders FILE over the model on standard input
 * (template_world.h) to standard output; template_run FILE lines prints "OUTPUT-LINE TEMPLATE-LINE" for each
 * line of it instead. 1, and the error on standard error, where it
 * fails; 2 for a limit. */
#include "template_world.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static enum template_kind kind_of(const char *word)
{
    static const char *const words[] = {
#define KIND_TEXT(id, text) text,
        TEMPLATE_KINDS(KIND_TEXT)
#undef KIND_TEXT
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum template_kind)i;
    return TEMPLATE_NONE;
}

static int failed(const struct err *err)
{
    fprintf(stderr, "%s\n", err->text);
    return err->code == ERR_LIMIT ? 2 : 1;
}

static void print_lines(struct str lines)
{
    for (uint32_t i = 0, line; i < lines.n / sizeof line; i++) {
        memcpy(&line, lines.p + i * sizeof line, sizeof line);
        printf("%u %u\n", i + 1, line);
    }
}

int main(int argc, char **argv)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_FILE_MAX);
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(4 * TEMPLATE_OUTPUT_MAX);
    struct err err = ERR_INIT;
    if (argc != 3)
        return 64;
    if (file_read(AT_FDCWD, argv[1], TEMPLATE_FILE_MAX, &text, &err) < 0)
        return failed(&err);
    json_error_t why;
    json_t *root = json_loadf(stdin, 0, &why);
    if (root == NULL) {
        fprintf(stderr, "the model: %s\n", why.text);
        return 64;
    }
    struct template_model model = template_world(root, a);
    json_decref(root);
    if (template_render(argv[1], buf_str(&text), kind_of(argv[2]), &model, &out, &lines, &err) < 0)
        return failed(&err);
    if (strcmp(argv[2], "lines") == 0)
        print_lines(buf_str(&lines));
    else
        fwrite(out.p != NULL ? out.p : "", 1, out.n, stdout);
    return 0;
}
