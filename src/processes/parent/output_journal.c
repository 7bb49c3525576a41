#include "processes/parent/output_journal.h"

#include "base/attr.h"
#include "base/buf.h"
#include "os/file.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER    "templates"
#define FILE_NAME "journal.json"

enum { JOURNAL_MAX = JOURNAL_ENTRIES_MAX * (PATH_MAX + 64) };

static struct journal_entry *find(const struct journal *j, const char *path)
{
    for (size_t i = 0; i < j->n; i++)
        if (strcmp(j->entries[i].path, path) == 0)
            return &j->entries[i];
    return NULL;
}

const struct journal_entry *journal_find(const struct journal *j, const char *path)
{
    return find(j, path);
}

static struct journal_entry *add(struct journal *j, const char *path)
{
    char *own = strdup(path);
    struct journal_entry *grown = realloc(j->entries, (j->n + 1) * sizeof *grown);
    if (own == NULL || grown == NULL)
        abort();
    j->entries = grown;
    grown[j->n] = (struct journal_entry){.path = own};
    return &grown[j->n++];
}

static void drop(struct journal *j, struct journal_entry *e)
{
    free(e->path);
    *e = j->entries[--j->n];
}

static void read_entry(struct journal *j, const json_t *row)
{
    const char *path = json_string_value(json_object_get(row, "output"));
    const char *state = json_string_value(json_object_get(row, "state"));
    if (path == NULL || state == NULL || find(j, path) != NULL || j->n >= JOURNAL_ENTRIES_MAX)
        return;
    struct journal_entry *e = add(j, path);
    e->state = strcmp(state, "unchecked") == 0 ? JOURNAL_UNCHECKED : JOURNAL_UNTOLD;
    e->had = json_is_true(json_object_get(row, "had"));
}

int journal_open(int state, struct journal *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(JOURNAL_MAX);
    struct err why = ERR_INIT;
    *out = (struct journal){.state = state};
    int r = file_read_secret(state, FOLDER "/" FILE_NAME, JOURNAL_MAX, &text, &why);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r;
    }
    json_t *all = json_loadb(text.p != NULL ? text.p : "", text.n, 0, NULL);
    const json_t *list = json_object_get(all, "outputs");
    for (size_t i = 0; i < json_array_size(list); i++)
        read_entry(out, json_array_get(list, i));
    if (!json_is_array(list))
        r = err_set(err, ERR_INPUT, FOLDER "/" FILE_NAME " is damaged");
    json_decref(all);
    return r;
}

void journal_close(struct journal *j)
{
    for (size_t i = 0; i < j->n; i++)
        free(j->entries[i].path);
    free(j->entries);
    *j = (struct journal){.state = -1};
}

/* With `path` as it is to be. A path that is no UTF-8 is not noted: a template's is from YAML, which is. */
static json_t *document(const struct journal *j, const char *path, enum journal_state state, bool had)
{
    json_t *list = json_array();
    for (size_t i = 0; i <= j->n; i++) {
        bool own = i == j->n;
        const struct journal_entry *e = own ? NULL : &j->entries[i];
        if (own ? state == JOURNAL_NONE : strcmp(e->path, path) == 0)
            continue;
        enum journal_state s = own ? state : e->state;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:b}", "output", own ? path : e->path, "state",
                      s == JOURNAL_UNCHECKED ? "unchecked" : "untold", "had", own ? had : e->had));
    }
    return json_pack("{s:o}", "outputs", list);
}

static int save(int state, json_t *all, struct err *err)
{
    int folder ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make(state, FOLDER, 0700, &folder, err);
    char *text = json_dumps(all, JSON_COMPACT);
    if (r == 0 && text == NULL)
        r = err_set(err, ERR_MEMORY, "out of memory");
    if (r == 0)
        r = file_replace(folder, FILE_NAME, 0600, str_c(text), err);
    free(text);
    return r;
}

int journal_note(struct journal *j, const char *path, enum journal_state state, bool had, struct err *err)
{
    struct journal_entry *e = find(j, path);
    struct err why = ERR_INIT;
    if (e == NULL ? state == JOURNAL_NONE : e->state == state && e->had == had)
        return 0;
    json_t *all = document(j, path, state, had);
    int r = save(j->state, all, &why);
    json_decref(all);
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return err_prefix(err, "what is under way with templates cannot be noted");
    }
    if (state == JOURNAL_NONE) {
        drop(j, e);
        return 0;
    }
    if (e == NULL)
        e = add(j, path);
    e->state = state;
    e->had = had;
    return 0;
}
