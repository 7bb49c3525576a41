/* What both servers have in common: programs, names of files, messages. */
#include "cli/install/install.h"

#include "base/text.h"
#include "os/child.h"
#include "os/file.h"
#include "site/pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SAY_TEXT_MAX = ERR_TEXT_MAX };

const char *const *install_argv(const struct install *in, const char *const *words)
{
    size_t n = 0, k = 0;
    while (words[n] != NULL)
        n++;
    const char **argv = arena_array(in->a, n + 4, sizeof *argv);
    argv[k++] = in->program;
    if (in->config != NULL) {
        argv[k++] = in->kind->config_option;
        argv[k++] = in->config;
    }
    memcpy(&argv[k], words, n * sizeof *argv);
    return argv;
}

int install_folder(struct install *in, const char *main_file, struct err *err)
{
    struct stat st;
    const char *slash = strrchr(main_file, '/');
    if (in->folder != NULL)
        return 0;
    if (slash == NULL)
        return err_set(err, ERR_INPUT, "%s is no absolute path", main_file);
    in->folder = arena_printf(in->a, "%.*s/evercert", (int)(slash - main_file), main_file);
    if (in->removes || lstat(in->folder, &st) == 0)
        return 0;
    const struct change one = {.kind = CHANGE_FOLDER, .path = in->folder};
    return changes_add(&in->changes, &one, err);
}

int install_file(struct install *in, const char *folder, const char *name, const char *suffix,
    const char **out, struct err *err)
{
    char *path = arena_printf(
        in->a, "%s/%s%s%s", folder, name[0] == '*' ? "_" : "", name[0] == '*' ? name + 1 : name, suffix);
    for (char *c = path; *c != '\0'; c++)
        if (*c == ':') /* of an IPv6 address */
            *c = '-';
    if (!path_is_plain(path))
        return err_set(
            err, ERR_USAGE, "%s: a path with such characters cannot be written into a configuration", path);
    *out = path;
    return 0;
}

int install_read_note(
    struct install *in, const char *path, struct site_note *note, bool *there, struct err *err)
{
    struct str text;
    int r = change_read(path, in->a, &text, err);
    *there = r == 0 && text.p != NULL && site_read_head(text, in->a, note);
    return r;
}

static bool has_name(const struct install *in, const char *name)
{
    for (size_t i = 0; i < in->name_n; i++)
        if (strcmp(in->names[i], name) == 0)
            return true;
    return false;
}

int install_may_write(struct install *in, const char *path, struct err *err)
{
    struct site_note note;
    struct str text;
    int r = change_read(path, in->a, &text, err);
    if (r < 0 || text.p == NULL)
        return r;
    if (!site_read_head(text, in->a, &note))
        return err_set(err, ERR_REFUSED,
            "%s is there already, and evercert install did not make it: move it away", path);
    for (size_t i = 0; i < note.name_n; i++)
        if (!has_name(in, note.names[i]))
            return err_set(err, ERR_REFUSED,
                "%s is part of a site that has the certificate %s for %s already: name all that it shall be "
                "for, as "
                "in -d %s -d %s, or evercert uninstall %s -d %s first",
                path, note.certificate, note.names[i], note.names[i], in->names[0], in->kind->word,
                note.names[i]);
    return 0;
}

int install_real_path(struct install *in, const char *path, const char **out, struct err *err)
{
    char *real = realpath(path, NULL);
    if (real == NULL)
        return err_errno(err, errno, "%s", path);
    *out = arena_dup_c(in->a, real);
    free(real);
    return 0;
}

void install_add_end(struct install *in, const char *address, const char *host)
{
    struct str s = str_c(address), inner = s, tail;
    const char *to = "127.0.0.1";
    if (s.n > 0 && s.p[0] == '[') {
        inner = (struct str){s.p + 1, s.n - 1};
        str_cut(inner, ']', &inner, &tail);
        to = str_eq(inner, STR("::")) ? "::1" : arena_dup(in->a, inner);
    } else {
        str_cut(s, ':', &inner, &tail);
        bool number = inner.n > 0 && strspn(s.p, "0123456789.") >= inner.n;
        if (number && !str_eq(inner, STR("0.0.0.0")))
            to = arena_dup(in->a, inner);
    }
    for (size_t i = 0; i < in->end_n; i++)
        if (strcmp(in->ends[i].address, to) == 0 && strcmp(in->ends[i].host, host) == 0)
            return;
    if (in->end_n < INSTALL_ENDS_MAX)
        in->ends[in->end_n++] = (struct install_end){to, host};
}

void install_say(const struct install *in, const char *fmt, ...)
{
    char text[SAY_TEXT_MAX];
    va_list ap;
    if (in->i->globals->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say_note("%s", text);
}
