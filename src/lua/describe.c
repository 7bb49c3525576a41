/* Where providers lie, and what all of them say of themselves. */
#include "lua/internal.h"
#include "os/file.h"
#include "os/trusted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000 }; /* of one directory; we ship a hundred or so */

/* "NAME.lua" whose NAME is one of a provider. */
static bool is_provider_file(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t n = strlen(name);
    return n > 4 && strspn(name, letters) == n && strchr("-._", name[0]) == NULL &&
           strcmp(name + n - 4, ".lua") == 0;
}

/* Whoever may write what is here says what happens with the operator's credentials. */
static int check_owner(int at, const char *name, const char *path, struct err *err)
{
    struct stat st;
    if (fstatat(at, name, &st, 0) < 0)
        return err_errno(err, errno, "%s", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_set(err, ERR_REFUSED, "%s belongs to user %u; it has to be root's: chown root %s", path,
            (unsigned)st.st_uid, path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(err, ERR_REFUSED, "%s may be changed by others (mode %04o): chmod go-w %s", path,
            (unsigned)(st.st_mode & 07777), path);
    return 0;
}

static int open_directory(const char *path, bool local, int *out, struct err *err)
{
    static const struct trusted_rule rule = {.secret = true, .group = 0};
    if (local) {
        int r = dir_open_trusted(path, &rule, out, err);
        return r == ERR_REFUSED ? err_prefix(err, "providers in %s are not used", path) : r;
    }
    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out < 0 ? err_errno(err, errno, "%s", path) : 0;
}

static int read_one(
    int at, const char *directory, const char *name, bool local, struct buf *text, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *path = arena_printf(a, "%s/%s", directory, name);
    int r = local ? check_owner(at, name, path, err) : 0;
    if (r == 0)
        r = file_read(at, name, LUA_FILE_MAX, text, err);
    return r < 0 && err != NULL && strstr(err->text, directory) == NULL ? err_prefix(err, "%s", path) : r;
}

int lua_file_read(const struct lua_directories *d, const char *provider, struct arena *a, const char **file,
    struct str *text, struct err *err)
{
    const char *const directories[] = {d->local, d->shipped}, *name = arena_printf(a, "%s.lua", provider);
    if (!is_provider_file(name))
        return err_set(err, ERR_INPUT, "%s is no name of a provider", provider);
    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        int fd ATTR_CLEANUP(fd_close) = -1;
        struct buf content ATTR_CLEANUP(buf_free) = buf_new(LUA_FILE_MAX);
        bool local = directories[i] == d->local;
        struct err why = ERR_INIT;
        int r = open_directory(directories[i], local, &fd, &why);
        if (r == 0)
            r = read_one(fd, directories[i], name, local, &content, &why);
        if (r == ERR_NOT_FOUND)
            continue;
        if (r < 0) {
            *err = why;
            return r;
        }
        *file = arena_printf(a, "%s/%s", directories[i], name);
        *text = arena_str(a, buf_str(&content));
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "there is no provider %s in %s or %s", provider, d->local, d->shipped);
}

/* --- all of them --- */

struct listing {
    json_t *providers, *problems;
    json_t *seen; /* names that are there already, or that a file in the way hides */
    const char *directory;
    bool local;
    size_t files;
};

void lua_describe_one(
    const char *file, const char *name, struct str text, json_t *providers, json_t *problems)
{
    struct lua_info info;
    struct err err = ERR_INIT;
    if (lua_info_read(file, text, &info, &err) < 0) {
        json_array_append_new(problems, json_string(err.text));
        return;
    }
    json_object_set_new(info.root, "name", json_string(name));
    json_object_set_new(info.root, "file", json_string(file));
    static const char *const inside[] = {"endpoints", "concurrency", "per_second", "serial"};
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        json_object_del(info.root, inside[i]);
    json_array_append(providers, info.root);
    lua_info_free(&info);
}

static int list_one(int at, const char *name, int type, void *arg, struct err *err)
{
    struct listing *l = arg;
    struct err why = ERR_INIT;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(LUA_FILE_MAX);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    (void)type;
    if (!is_provider_file(name))
        return 0;
    if (++l->files > FILES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d providers", l->directory, (int)FILES_MAX);
    const char *provider = arena_dup(a, (struct str){name, strlen(name) - 4});
    if (json_object_get(l->seen, provider) != NULL)
        return 0;
    json_object_set_new(l->seen, provider, json_true());
    if (read_one(at, l->directory, name, l->local, &text, &why) < 0)
        json_array_append_new(l->problems, json_string(why.text));
    else
        lua_describe_one(arena_printf(a, "%s/%s", l->directory, name), provider, buf_str(&text), l->providers,
            l->problems);
    return 0;
}

static void list_directory(struct listing *l, const char *directory, bool local)
{
    struct err err = ERR_INIT;
    int fd ATTR_CLEANUP(fd_close) = -1;
    l->directory = directory;
    l->local = local;
    l->files = 0;
    int r = open_directory(directory, local, &fd, &err);
    if (r == 0)
        r = dir_each(fd, list_one, l, &err);
    if (r < 0 && r != ERR_NOT_FOUND)
        json_array_append_new(l->problems, json_string(err.text));
}

static int by_name(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    return strcmp(
        json_string_value(json_object_get(*x, "name")), json_string_value(json_object_get(*y, "name")));
}

static json_t *sorted(const json_t *list)
{
    size_t n = json_array_size(list);
    const json_t **all = calloc(n + 1, sizeof *all);
    json_t *out = json_array();
    if (all == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        all[i] = json_array_get(list, i);
    qsort(all, n, sizeof(const json_t *), by_name);
    for (size_t i = 0; i < n; i++)
        json_array_append(out, (json_t *)(uintptr_t)all[i]);
    free(all);
    return out;
}

static int put(const char *p, size_t n, void *out)
{
    buf_put(out, p, n);
    return 0;
}

void lua_describe(const struct lua_directories *d, struct buf *out)
{
    struct listing l = {.providers = json_array(), .problems = json_array(), .seen = json_object()};
    list_directory(&l, d->local, true);
    list_directory(&l, d->shipped, false);
    json_t *all = json_pack("{s:o, s:o}", "providers", sorted(l.providers), "problems", l.problems);
    json_dump_callback(all, put, out, JSON_COMPACT);
    json_decref(all);
    json_decref(l.providers);
    json_decref(l.seen);
}
