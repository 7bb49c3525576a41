/* Running the importer. */
#include "cli/import/document.h"

#include "base/attr.h"
#include "base/buf.h"
#include "cli/connect.h"
#include "os/capture.h"

#include <unistd.h>

/* A thousand lineages take it a second; this is a file system that hangs. */
enum { IMPORTER_TIMEOUT_S = 120 };

static int run(const struct import_source *source, struct arena *a, struct buf *document, struct err *err)
{
    char *argv[6], **word = argv;
    *word++ = arena_dup_c(a, "importer");
    if (source->sandbox_log)
        *word++ = arena_dup_c(a, "--sandbox=log");
    if (source->directory[0] != '\0')
        *word++ = arena_printf(a, "--directory=%s", source->directory);
    *word++ = arena_dup_c(a, source->format);
    *word++ = arena_dup_c(a, source->path);
    *word = NULL;
    const struct child_spec spec = {.path = connect_program("importer", a), .argv = argv, .envp = environ};
    return capture_output(&spec, STR(""), IMPORTER_TIMEOUT_S, document, err);
}

int import_document_fetch(
    const struct import_source *source, struct arena *a, struct import_document *out, struct err *err)
{
    struct buf document ATTR_CLEANUP(buf_free) = buf_new_sensitive(IMPORT_DOCUMENT_MAX);
    int r = run(source, a, &document, err);
    if (r == 0)
        r = import_document_read(buf_str(&document), a, out, err);
    return r < 0 ? err_prefix(err, "reading %s", source->path) : 0;
}
