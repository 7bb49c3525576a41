/* Running the importer. */
#include "cli/import/document.h"

#include "base/attr.h"
#include "base/buf.h"
#include "cli/connect.h"
#include "processes/program_answer.h"

enum {
    IMPORTER_TIMEOUT_S = 120
}; /* a thousand lineages take it a second; this is a file system that hangs */

int import_document_fetch(
    const struct import_source *source, struct arena *a, struct import_document *out, struct err *err)
{
    struct buf document ATTR_CLEANUP(buf_free) = buf_new_sensitive(IMPORT_DOCUMENT_MAX);
    char *argv[6], **word = argv;
    *word++ = arena_dup_c(a, "importer");
    if (source->sandbox_log)
        *word++ = arena_dup_c(a, "--sandbox=log");
    if (source->directory[0] != '\0')
        *word++ = arena_printf(a, "--directory=%s", source->directory);
    *word++ = arena_dup_c(a, source->format);
    *word++ = arena_dup_c(a, source->path);
    *word = NULL;
    int r = program_answer(connect_program("importer", a), argv, IMPORTER_TIMEOUT_S, &document, err);
    if (r < 0 || (r = import_document_read(buf_str(&document), a, out, err)) < 0)
        return err_prefix(err, "reading %s", source->path);
    return 0;
}
