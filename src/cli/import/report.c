#include "cli/import/report.h"

#include "base/attr.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>

enum { LINE_MAX = 4 * TEXT_FOREIGN_MAX };

/* What another client wrote goes to a terminal here. */
static void line(FILE *out, const char *name, const char *text)
{
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(LINE_MAX);
    buf_put_c(&clean, "  ");
    text_clean(&clean, str_c(name), TEXT_FOREIGN_MAX);
    buf_put_c(&clean, name[0] != '\0' ? ": " : "");
    text_clean(&clean, str_c(text), TEXT_FOREIGN_MAX);
    fprintf(out, "%s\n", buf_c(&clean));
}

static void heading(FILE *out, bool *said, const char *text)
{
    if (!*said)
        fprintf(out, "\n%s\n", text);
    *said = true;
}

static void put_left(const struct import_plan *p, FILE *out)
{
    bool said = false;
    for (size_t i = 0; i < p->document->certificate_n; i++)
        if (p->items[i].left != NULL) {
            heading(out, &said, "Not carried over:");
            line(out, p->items[i].from->name, p->items[i].left);
        }
}

static void put_warnings(const struct import_plan *p, FILE *out)
{
    const struct import_document *d = p->document;
    bool said = false;
    for (size_t i = 0; i < d->warnings.n; i++) {
        heading(out, &said, "To look at:");
        line(out, "", d->warnings.p[i]);
    }
    for (size_t i = 0; i < d->certificate_n; i++)
        for (size_t k = 0; k < d->certificates[i].warnings.n; k++) {
            heading(out, &said, "To look at:");
            line(out, d->certificates[i].name, d->certificates[i].warnings.p[k]);
        }
}

/* Who reads the old files gets no new certificate from here. */
static void put_files(const struct import_plan *p, const char *state, FILE *out)
{
    enum { SHOWN = 3 };
    size_t n = 0;
    for (size_t i = 0; i < p->document->certificate_n; i++) {
        const struct import_item *item = &p->items[i];
        for (size_t k = 0; item->left == NULL && k < item->from->file_n; k++)
            n++;
    }
    if (n == 0)
        return;
    if (p->options.publish_in_place) {
        fprintf(out,
            "\nServers need no new paths: evercert keeps %zu files of the other client up to date.\n", n);
        return;
    }
    fprintf(out,
        "\nNew certificates will be in %s/live/NAME. Servers that read the other client's files have to be "
        "told\n"
        "before the first renewal, or give --publish-in-place, which keeps those files up to date:\n",
        state);
    size_t shown = 0;
    for (size_t i = 0; i < p->document->certificate_n && shown < SHOWN; i++) {
        const struct import_item *item = &p->items[i];
        for (size_t k = 0; item->left == NULL && k < item->from->file_n && shown < SHOWN; k++, shown++)
            line(out, "", item->from->files[k].path);
    }
    if (n > SHOWN)
        fprintf(out, "  and %zu more\n", n - SHOWN);
}

static void put_timers(const struct import_plan *p, FILE *out)
{
    bool said = false;
    for (size_t i = 0; i < p->document->timers.n; i++) {
        heading(out, &said, "Two clients would renew the same certificates. To end the other's renewals:");
        line(out, "", p->document->timers.p[i]);
    }
}

void import_report(
    const struct import_plan *p, const char *path, struct str yaml, const char *state, FILE *out)
{
    if (p->written > 0)
        fprintf(out, "# %s\n%.*s", path, STR_ARG(yaml));
    else if (p->carried > 0)
        fprintf(out, "The configuration has them already; %zu certificates are carried over.\n", p->carried);
    else
        fprintf(out, "There is nothing to carry over.\n");
    put_left(p, out);
    put_warnings(p, out);
    put_files(p, state, out);
    put_timers(p, out);
    if (p->carried > 0)
        fputc('\n', out);
    fflush(out);
}

static json_t *texts(const struct import_texts *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(list, json_string(t->p[i]));
    return list;
}

void import_report_json(const struct import_plan *p, const char *path, struct str yaml, FILE *out)
{
    json_t *carried = json_array(), *left = json_array(), *warnings = texts(&p->document->warnings);
    for (size_t i = 0; i < p->document->certificate_n; i++) {
        const struct import_item *item = &p->items[i];
        const struct import_texts *its = &item->from->warnings;
        if (item->left == NULL)
            json_array_append_new(carried, json_string(item->from->name));
        else
            json_array_append_new(left, json_pack("{s:s, s:s}", "name", item->from->name, "why", item->left));
        for (size_t k = 0; k < its->n; k++)
            json_array_append_new(warnings, json_sprintf("%s: %s", item->from->name, its->p[k]));
    }
    json_t *o = json_object();
    json_object_set_new(o, "file", p->written > 0 ? json_string(path) : json_null());
    json_object_set_new(o, "yaml", p->written > 0 ? json_stringn(yaml.p, yaml.n) : json_null());
    json_object_set_new(o, "certificates", carried);
    json_object_set_new(o, "left", left);
    json_object_set_new(o, "warnings", warnings);
    json_object_set_new(o, "timers", texts(&p->document->timers));
    json_dumpf(o, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', out);
    fflush(out);
    json_decref(o);
}
