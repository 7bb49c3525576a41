#include "processes/catalogue.h"

#include "processes/program_answer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { CATALOGUE_TIME_S = 30 }; /* a hundred files take it a tenth of one */

const char *catalogue_directory(const char *config, struct arena *a)
{
    const char *slash = strrchr(config, '/');
    size_t n = slash != NULL ? (size_t)(slash - config) : 0;
    const char *folder = slash == NULL ? "." : n == 0 ? "/" : arena_dup(a, (struct str){config, n});
    char *real = realpath(folder, NULL);
    const char *out = arena_printf(a, "%s/providers", real != NULL ? real : "/etc/evercert");
    free(real);
    return out;
}

int catalogue_read(const char *libexec, const char *directory, bool sandbox_log, struct arena *a,
    struct providers *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(PROVIDERS_TEXT_MAX);
    char *argv[5], **word = argv;
    *word++ = arena_dup_c(a, "solver");
    *word++ = arena_dup_c(a, "--describe");
    *word++ = arena_printf(a, "--providers=%s", directory);
    if (sandbox_log)
        *word++ = arena_dup_c(a, "--sandbox=log");
    *word = NULL;
    int r = program_answer(arena_printf(a, "%s/solver", libexec), argv, CATALOGUE_TIME_S, &text, err);
    if (r < 0 || (r = providers_parse(buf_str(&text), a, out, err)) < 0)
        return err_prefix(err, "the providers of dns: cannot be listed");
    return 0;
}
