#include "processes/catalogue.h"

#include "base/attr.h"
#include "base/buf.h"
#include "os/capture.h"

#include <stdlib.h>
#include <unistd.h>

/* The environment's word counts only where nobody gains rights by it. */
static const char *program(struct arena *a)
{
    const char *dir = secure_getenv("EVERCERT_LIBEXEC");
    return arena_printf(a, "%s/solver", dir != NULL && dir[0] == '/' ? dir : EVERCERT_LIBEXEC);
}

int catalogue_read(bool sandbox_log, struct arena *a, struct providers *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(PROVIDERS_TEXT_MAX);
    char *argv[] = {arena_dup_c(a, "solver"), arena_dup_c(a, "--describe"),
        sandbox_log ? arena_dup_c(a, "--sandbox=log") : NULL, NULL};
    const struct child_spec spec = {.path = program(a), .argv = argv, .envp = environ};
    int r = capture_output(&spec, STR(""), CATALOGUE_TIMEOUT_S, &text, err);
    if (r == 0)
        r = providers_parse(buf_str(&text), a, out, err);
    return r < 0 ? err_prefix(err, "which DNS providers there are cannot be found out") : 0;
}

int catalogue_apply(
    bool sandbox_log, struct arena *a, struct settings *s, struct config_problems *problems, struct err *err)
{
    struct providers all;
    struct err why = ERR_INIT;
    if (s->dns_n == 0)
        return 0;
    int r = catalogue_read(sandbox_log, a, &all, &why);
    if (r == 0)
        return providers_apply(&all, a, s, problems, err);
    if (problems != NULL && problems->n < CONFIG_PROBLEMS_MAX)
        problems->list[problems->n++] = arena_dup_c(a, why.text);
    if (err != NULL)
        *err = why;
    return r;
}
