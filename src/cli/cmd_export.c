#include "base/b64.h"
#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_MAX = 4 * 1024 * 1024 }; /* no message holds more */

static const char pkcs12[] = "pkcs12";

static const struct option_spec export_options[] = {
    {0, "format", OPTION_CHOICE, false, "pem|pkcs12|combined|fullchain|cert|chain|key",
        "pem: the chain and the private key behind it;\ncombined: the key first"},
    {'o', "output", OPTION_TEXT, false, "FILE", "a file (made or replaced) instead of standard output"},
    {0, "password-file", OPTION_TEXT, false, "FILE", "holds the password of a pkcs12 (default: none)"},
};

/* Where the one row goes. */
struct sink_export {
    struct sink sink;
    struct arena *arena;
    const char *format, *path; /* NULL: standard output */
    bool json;
    struct err err; /* why it could not be written */
};

static bool is_public(const char *format)
{
    return strcmp(format, "fullchain") == 0 || strcmp(format, "cert") == 0 || strcmp(format, "chain") == 0;
}

/* What is replaced is a file, and not what a link or a device is in its place. */
static int check_place(int dir, const char *name, const char *path, struct err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "%s", path);
    if (S_ISREG(st.st_mode))
        return 0;
    return err_set(err, ERR_REFUSED, "%s is %s: name a file that may be replaced", path,
        S_ISLNK(st.st_mode)   ? "a symbolic link"
        : S_ISDIR(st.st_mode) ? "a directory"
                              : "no ordinary file");
}

static int open_place(const char *path, int *dir, const char **name, struct err *err)
{
    int r = dir_open_parent(AT_FDCWD, path, dir, name, err);
    return r < 0 ? r : check_place(*dir, *name, path, err);
}

static int write_file(const struct sink_export *s, struct str bytes, struct err *err)
{
    const char *name;
    int dir ATTR_CLEANUP(fd_close) = -1;
    int r = open_place(s->path, &dir, &name, err);
    return r < 0 ? r : file_replace(dir, name, is_public(s->format) ? 0644 : 0600, bytes, err);
}

static void say_file(struct sink_export *s, const json_t *row)
{
    json_t *o = json_pack("{s:O, s:O, s:s}", "name", json_object_get(row, "name"), "format",
        json_object_get(row, "format"), "file", s->path);
    struct sink json;
    sink_json_object(&json, s->sink.out);
    json.row(&json, o);
    json_decref(o);
}

static int write_row(struct sink_export *s, const json_t *row, struct err *err)
{
    struct buf bytes ATTR_CLEANUP(buf_free) = buf_new_sensitive(BYTES_MAX);
    const char *text = json_string_value(json_object_get(row, "bytes"));
    if (text == NULL || b64url_decode(&bytes, str_c(text)) < 0)
        return err_set(err, ERR_INPUT, "the answer holds no certificate");
    if (s->path != NULL)
        return write_file(s, buf_str(&bytes), err);
    fwrite(buf_c(&bytes), 1, bytes.n, s->sink.out);
    return 0;
}

static void on_row(struct sink *sink, const json_t *row)
{
    struct sink_export *s = (struct sink_export *)sink;
    struct sink json;
    if (s->json && s->path == NULL) {
        sink_json_object(&json, sink->out);
        json.row(&json, row);
    } else if (write_row(s, row, &s->err) == 0 && s->json) {
        say_file(s, row);
    }
}

/* What would come out could not be used: said before anything is asked. */
static int check(const struct invocation *i, const char *format, const char *path, struct err *err)
{
    const char *name;
    int dir ATTR_CLEANUP(fd_close) = -1;
    if (strcmp(format, pkcs12) != 0 && options_has(i->options, "password-file"))
        return err_set(err, ERR_USAGE, "--password-file is for --format pkcs12; %s is not encrypted", format);
    if (path != NULL)
        return open_place(path, &dir, &name, err);
    if (strcmp(format, pkcs12) == 0 && isatty(STDOUT_FILENO) && !i->globals->json)
        return err_set(
            err, ERR_USAGE, "a pkcs12 is nothing for a terminal: write it into a file with -o FILE");
    return 0;
}

static int export(const struct invocation *i)
{
    static const char *const ours[] = {"output", NULL};
    const char *format = options_value(i->options, "format");
    struct sink_export s = {.sink = {.row = on_row, .out = stdout},
        .arena = i->arena,
        .format = format,
        .path = options_value(i->options, "output"),
        .json = i->globals->json};
    struct err err = ERR_INIT;
    if (format == NULL)
        return usage_error(
            i->command, "--format is missing: pem, pkcs12, combined, fullchain, cert, chain or key");
    if (check(i, format, s.path, &err) < 0) {
        if (err.code == ERR_USAGE)
            return usage_error(i->command, "%s", err.text);
        say_error("%s", err.text);
        return EXIT_FAILED;
    }
    const struct session_request q = {
        .verb = VERB_EXPORT,
        .names = request_names(i),
        .options = request_options(i, ours),
        .sink = &s.sink,
    };
    int status = session_run(i->globals, &q, i->arena);
    if (s.err.code == 0)
        return status;
    say_error("%s", s.err.text);
    return EXIT_FAILED;
}

const struct command command_export = {
    .words = "export",
    .arguments = "CERT",
    .summary = "a certificate in the form another program wants",
    .text = "What is in force now, once; publish: in the configuration keeps a copy up to date.\n"
            "A file with the private key is for its owner alone (mode 0600). A pkcs12 without a\n"
            "password file has an empty password, and protects nothing.\n",
    .options = {export_options, ARRAY_LEN(export_options)},
    .argument_least = 1,
    .argument_most = 1,
    .run = export,
};
