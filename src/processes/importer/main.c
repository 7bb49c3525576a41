/*
 * importer [--directory=URL] FORMAT PATH: reads another client's state and prints what it found as one JSON
 * document. It runs for one command and then ends; what it reads was written by others, so it does so
 * confined to that one folder (and for dehydrated the one of its settings in /etc), without network, and as
 * root without root's other powers.
 */
#include "base/arena.h"
#include "crypto/warm_up.h"
#include "os/sandbox.h"
#include "os/user.h"
#include "processes/importer/document.h"
#include "processes/importer/json_file.h"
#include "processes/importer/readers.h"
#include "processes/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int confine(const struct tree *t, const struct tree *also, bool log_only, struct err *err)
{
    static const char *const calls[] = {"openat2", NULL};
    struct sandbox_path paths[] = {
        {.fd = t->fd, .access = SANDBOX_READ},
        {.fd = also != NULL ? also->fd : t->fd, .access = SANDBOX_READ},
    };
    struct sandbox sandbox = {
        .process = "importer",
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_BASE | SANDBOX_IO | SANDBOX_FILES_READ,
        .calls = calls,
        .paths = paths,
        .paths_n = ARRAY_LEN(paths),
        .log_only = log_only,
    };
    int r;
    /* Files of other users are root's to read by one power alone. */
    if (geteuid() == 0 && (r = caps_keep_reading(err)) < 0)
        return r;
    return sandbox_enter(&sandbox, NULL, err);
}

static int print(const struct buf *out, struct err *err)
{
    for (size_t at = 0; at < out->n;) {
        ssize_t n = write(STDOUT_FILENO, out->p + at, out->n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "the document cannot be written");
        at += (size_t)n;
    }
    return 0;
}

/* What the command line says. */
struct order {
    const char *format, *path;
    const char *directory; /* of the CA, where the state does not tell it; "" for none */
    const char *probe;     /* NULL, or something forbidden that is tried instead of reading */
    bool log_only;
};

static int run(const struct order *o, struct err *err)
{
    ATTR_CLEANUP(arena_freep) struct arena *a = arena_new();
    ATTR_CLEANUP(tree_close) struct tree tree = {.fd = -1};
    ATTR_CLEANUP(tree_close) struct tree also = {.fd = -1};
    const char *settings = readers_also(o->format);
    ATTR_CLEANUP(found_free) struct found f = {0};
    ATTR_CLEANUP(buf_free) struct buf out = buf_new_sensitive(DOCUMENT_MAX);
    int r;
    json_file_wipe();
    if ((r = crypto_warm_up(err)) < 0 || (r = tree_open(o->path, a, &tree, err)) < 0)
        return r;
    const struct tree *beside = settings != NULL && tree_open(settings, a, &also, NULL) == 0 ? &also : NULL;
    if ((r = confine(&tree, beside, o->log_only, err)) < 0)
        return r;
    if (o->probe != NULL)
        _exit(probe_run(o->probe));
    found_init(&f, a, &tree, beside);
    f.directory = o->directory;
    if ((r = readers_run(o->format, &f, err)) < 0 || (r = document_write(&f, &out, err)) < 0)
        return r;
    return print(&out, err);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    static const char directory[] = "--directory=", probe[] = "--probe=";
    struct order o = {.directory = ""};
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--sandbox=log") == 0)
            o.log_only = true;
        else if (strncmp(argv[at], directory, sizeof directory - 1) == 0)
            o.directory = argv[at] + sizeof directory - 1;
        else if (strncmp(argv[at], probe, sizeof probe - 1) == 0)
            o.probe = argv[at] + sizeof probe - 1;
        else
            break;
    }
    if (argc - at != 2) {
        fprintf(stderr, "evercert: error: importer is started by evercert itself; run: evercert import\n");
        _exit(2);
    }
    o.format = argv[at];
    o.path = argv[at + 1];
    int r = run(&o, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    fflush(stderr);
    _exit(r < 0 ? 1 : 0); /* nothing that runs at exit has a place in the sandbox */
}
