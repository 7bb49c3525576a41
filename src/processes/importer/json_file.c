#include "processes/importer/json_file.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* Before each block, so that free knows how much to wipe; keeps malloc's alignment. */
union head {
    size_t n;
    max_align_t aligned;
};

static void *wiping_malloc(size_t n)
{
    union head *h = n <= SIZE_MAX - sizeof *h ? malloc(sizeof *h + n) : NULL;
    if (h == NULL)
        return NULL;
    h->n = n;
    return h + 1;
}

static void wiping_free(void *p)
{
    if (p == NULL)
        return;
    union head *h = (union head *)p - 1;
    explicit_bzero(p, h->n);
    free(h);
}

void json_file_wipe(void)
{
    json_set_alloc_funcs(wiping_malloc, wiping_free);
}

int json_file_parse(struct str text, json_t **out, struct err *err)
{
    json_error_t why;
    json_t *j = json_loadb(text.n > 0 ? text.p : "", text.n, 0, &why);
    if (j == NULL)
        return err_set(
            err, ERR_INPUT, "not JSON (line %d)", why.line); /* jansson's words could quote a key */
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ERR_INPUT, "not a JSON object");
    }
    *out = j;
    return 0;
}

int json_file_read(const struct tree *t, const char *path, size_t max, json_t **out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf text = buf_new_sensitive(max);
    int r = tree_read(t, path, max, &text, err);
    if (r < 0)
        return r;
    r = json_file_parse(buf_str(&text), out, err);
    return r < 0 ? err_prefix(err, "%s", tree_absolute(t, path)) : 0;
}

void json_file_freep(json_t **j)
{
    json_decref(*j);
}

struct str json_file_text(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_is_string(value) ? (struct str){json_string_value(value), json_string_length(value)}
                                 : str_c("");
}

const char *json_file_c(const json_t *object, const char *member)
{
    struct str s = json_file_text(object, member);
    return strlen(s.p) == s.n ? s.p : "";
}

const char *json_file_contact(const json_t *account)
{
    const json_t *list = json_object_get(account, "contact");
    const char *first = json_string_value(json_is_array(list) ? json_array_get(list, 0) : list);
    return first != NULL && strncmp(first, "mailto:", 7) == 0 ? first + 7 : "";
}
