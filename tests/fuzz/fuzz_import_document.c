/* The importer's document: whatever is read of it becomes a file that the configuration takes, or is left
 * behind with a reason. */
#include "cli/import/plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always, const char *what)
{
    if (true_always)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct import_options options = {.publish_in_place = true, .ca_file = ""};
    struct arena *a = arena_new();
    struct import_document d;
    struct import_plan p;
    struct settings before, after;
    struct err err = ERR_INIT;
    if (import_document_read((struct str){(const char *)data, size}, a, &d, &err) == 0) {
        struct buf yaml = buf_new(IMPORT_YAML_MAX);
        must(settings_parse("before", STR(""), a, &before, NULL, NULL) == 0, "no settings");
        import_plan_begin(&p, &d, &before, &options, a);
        import_plan_make(&p, NULL, 0);
        import_plan_yaml(&p, &yaml);
        must(!buf_failed(&yaml), "too large");
        must(settings_parse("after", buf_str(&yaml), a, &after, NULL, &err) == 0, err.text);
        must(after.certificate_n == p.written, "another number");
        must(import_plan_wishes(&p, &after, &err) == 0, err.text);
        buf_free(&yaml);
    }
    arena_free(a);
    return 0;
}
