/* The journal of changes: JSON, texts in base64url, for configuration files need not be UTF-8. */
#include "base/b64.h"
#include "cli/install/change.h"

#include <jansson.h>
#include <string.h>

static const char *const kinds[] = {
    [CHANGE_FOLDER] = "folder",
    [CHANGE_FILE] = "file",
    [CHANGE_LINE] = "line",
    [CHANGE_LINK] = "link",
};

static json_t *text_json(struct str text)
{
    if (text.p == NULL)
        return json_null();
    struct buf b64 = buf_new(JOURNAL_MAX);
    b64url_encode(&b64, text);
    json_t *j = json_string(buf_c(&b64));
    buf_free(&b64);
    return j;
}

static json_t *words_json(const char *const *words)
{
    json_t *list = json_array();
    for (size_t i = 0; words[i] != NULL; i++)
        json_array_append_new(list, json_string(words[i]));
    return list;
}

/* Of a line the line itself, of the others what was there. */
static struct str undo_text(const struct change *one)
{
    return one->kind == CHANGE_LINE ? one->text : one->before;
}

void journal_write(
    const struct changes *c, const char *const *check, const char *const *reload, struct buf *out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n; i++) {
        const struct change *one = &c->list[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:o}", "kind", kinds[one->kind], "path", one->path, "at",
                      (json_int_t)one->at, "text", text_json(undo_text(one))));
    }
    json_t *all = json_pack(
        "{s:o, s:o, s:o}", "check", words_json(check), "reload", words_json(reload), "changes", list);
    char *text = all != NULL ? json_dumps(all, JSON_INDENT(1)) : NULL;
    if (text == NULL)
        out->failed = true;
    else
        buf_put_c(out, text);
    free(text);
    json_decref(all);
}

static bool read_kind(const char *word, enum change_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (word != NULL && strcmp(kinds[i], word) == 0) {
            *out = (enum change_kind)i;
            return true;
        }
    return false;
}

static bool read_text(const json_t *j, struct arena *a, struct str *out)
{
    *out = (struct str){NULL, 0};
    if (json_is_null(j))
        return true;
    if (!json_is_string(j))
        return false;
    struct buf text = buf_new(JOURNAL_MAX);
    bool good = b64url_decode(&text, str_c(json_string_value(j))) == 0;
    *out = arena_str(a, text.p != NULL ? buf_str(&text) : STR(""));
    buf_free(&text);
    return good;
}

static bool read_change(const json_t *j, struct changes *out)
{
    struct change one = {0};
    struct str text;
    json_int_t at = json_integer_value(json_object_get(j, "at"));
    const char *path = json_string_value(json_object_get(j, "path"));
    if (path == NULL || path[0] != '/' || out->n == CHANGES_MAX ||
        !read_kind(json_string_value(json_object_get(j, "kind")), &one.kind) ||
        !read_text(json_object_get(j, "text"), out->a, &text) || (one.kind == CHANGE_LINE && text.p == NULL))
        return false;
    one.path = arena_dup_c(out->a, path);
    one.at = at > 0 ? (size_t)at : 0;
    if (one.kind == CHANGE_LINE)
        one.text = text;
    else
        one.before = text;
    out->list[out->n++] = one;
    return true;
}

static bool read_words(const json_t *j, struct arena *a, const char *const **out)
{
    size_t n = json_array_size(j);
    const char **words = arena_array(a, n + 1, sizeof *words);
    for (size_t i = 0; i < n; i++) {
        const char *word = json_string_value(json_array_get(j, i));
        if (word == NULL)
            return false;
        words[i] = arena_dup_c(a, word);
    }
    *out = words;
    return n > 0 && words[0][0] == '/';
}

int journal_read(struct str text, struct changes *out, const char *const **check, const char *const **reload,
    struct err *err)
{
    json_t *all = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL),
           *list = json_object_get(all, "changes");
    bool good = json_is_array(list) && read_words(json_object_get(all, "check"), out->a, check) &&
                read_words(json_object_get(all, "reload"), out->a, reload);
    out->n = 0;
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = read_change(json_array_get(list, i), out);
    json_decref(all);
    return good ? 0 : err_set(err, ERR_INPUT, "the journal is damaged");
}
