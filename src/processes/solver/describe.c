/* The catalogue of providers, for `config check`, `dns list` and the parent, which run no Lua themselves. */
#include "processes/solver/solver.h"

#include "config/provider.h"
#include "os/user.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* It runs what lies in a directory of the operator's with the rights of whoever asks, root's among them: so
 * with none of them, and with nothing but these files in reach. */
static int confine(const struct lua_directories *dirs, bool sandbox_log, struct err *err)
{
    const struct sandbox_path paths[] = {
        {.path = dirs->shipped, .access = SANDBOX_READ, .optional = true},
        {.path = dirs->local, .access = SANDBOX_READ, .optional = true},
    };
    const struct sandbox sandbox = {
        .process = "solver",
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_BASE | SANDBOX_IO | SANDBOX_FILES_READ,
        .paths = paths,
        .paths_n = ARRAY_LEN(paths),
        .log_only = sandbox_log,
    };
    int r = geteuid() == 0 ? caps_drop_all(err) : 0;
    return r < 0 ? r : sandbox_enter(&sandbox, NULL, err);
}

int describe(const struct lua_directories *dirs, bool sandbox_log)
{
    struct buf out = buf_new(PROVIDERS_TEXT_MAX);
    struct err err = ERR_INIT;
    if (confine(dirs, sandbox_log, &err) == 0) {
        lua_describe(dirs, &out);
        if (buf_failed(&out))
            err_set(&err, ERR_LIMIT, "the providers have more to say than %d MB",
                (int)PROVIDERS_TEXT_MAX / (1024 * 1024));
        else if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0)
            err_errno(&err, errno, "standard output");
    }
    buf_free(&out);
    if (err.code == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
