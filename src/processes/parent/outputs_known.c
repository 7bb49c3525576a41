/* Which files of templates there are, what is known of them and told to people, and what a crash left of
 * them. */
#include "processes/parent/outputs_priv.h"

#include "base/attr.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = (TEMPLATE_OUTPUT_MAX + 1) * sizeof(uint32_t) }; /* as many lines as octets */

struct outputs *outputs_of(struct parent *p)
{
    struct err err = ERR_INIT;
    if (p->outputs == NULL && (p->outputs = calloc(1, sizeof *p->outputs)) == NULL)
        abort();
    if (!p->outputs->journal_read && journal_open(p->state, &p->outputs->journal, &err) < 0)
        log_error("%s", err.text);
    p->outputs->journal_read = true;
    return p->outputs;
}

/* --- which there are --- */

static char *copy(const char *text)
{
    char *s = strdup(text);
    if (s == NULL)
        abort();
    return s;
}

const struct template_setting *output_setting(const struct parent *p, const char *path)
{
    for (size_t i = 0; i < p->settings.template_n; i++)
        if (strcmp(p->settings.templates[i].output, path) == 0)
            return &p->settings.templates[i];
    return NULL;
}

struct output *output_find(struct parent *p, const struct template_setting *t)
{
    struct outputs *all = outputs_of(p);
    struct output **at = &all->list;
    while (*at != NULL && strcmp((*at)->path, t->output) != 0)
        at = &(*at)->next;
    if (*at == NULL) {
        struct output *o = calloc(1, sizeof *o);
        if (o == NULL)
            abort();
        *o = (struct output){.p = p,
            .path = copy(t->output),
            .source = copy(t->source),
            .text = buf_new(TEMPLATE_OUTPUT_MAX),
            .lines = buf_new(LINES_MAX),
            .next_text = buf_new(TEMPLATE_OUTPUT_MAX),
            .next_lines = buf_new(LINES_MAX),
            .unreadable = copy(""),
            .unrendered = copy(""),
            .error = copy(""),
            .since = clock_wall(&system_clock)};
        *at = o;
    }
    if (strcmp((*at)->source, t->source) != 0) {
        free((*at)->source);
        (*at)->source = copy(t->source);
    }
    return *at;
}

static void output_free(struct output *o)
{
    if (o->retry != NULL)
        event_free(o->retry);
    buf_free(&o->text);
    buf_free(&o->lines);
    buf_free(&o->next_text);
    buf_free(&o->next_lines);
    arena_free(o->arena);
    free(o->path);
    free(o->source);
    free(o->unreadable);
    free(o->unrendered);
    free(o->error);
    free(o);
}

static void free_forgotten(struct parent *p)
{
    for (struct output **at = &p->outputs->list; *at != NULL;) {
        struct output *o = *at;
        if (o->state != OUTPUT_IDLE || output_setting(p, o->path) != NULL) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        output_free(o);
    }
}

void outputs_settings(struct parent *p)
{
    if (p->settings.template_n == 0 && p->outputs == NULL)
        return;
    outputs_of(p);
    free_forgotten(p);
    for (size_t i = 0; i < p->settings.template_n; i++)
        (void)output_find(p, &p->settings.templates[i]);
}

/* --- what is wrong --- */

/* The same but for numbers: programs put times and their own numbers before what they say. */
static bool says_the_same(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    while (*a != '\0' && *b != '\0') {
        size_t an = strspn(a, digits), bn = strspn(b, digits);
        if (an == 0 && *a != *b)
            return false;
        if ((an == 0) != (bn == 0))
            return false;
        a += an > 0 ? an : 1;
        b += bn > 0 ? bn : 1;
    }
    return *a == *b;
}

void output_complain(struct output *o, char **about, const char *text)
{
    bool news = !says_the_same(*about, text), was_well = (*about)[0] == '\0';
    free(*about);
    *about = copy(text);
    if (text[0] == '\0' || !news)
        return;
    if (was_well)
        o->since = clock_wall(&system_clock);
    log_error("templates: %s", text);
}

void output_source(struct parent *p, const struct template_setting *t, const struct err *why)
{
    struct output *o = output_find(p, t);
    struct err err = ERR_INIT;
    if (why != NULL) {
        err = *why;
        err_prefix(&err, "%s", o->source);
    }
    output_complain(o, &o->unreadable, err.text);
}

/* --- for people --- */

static const char *state_text(const struct output *o)
{
    static const char *const texts[] = {[OUTPUT_IDLE] = "current",
        [OUTPUT_QUEUED] = "checking",
        [OUTPUT_CHECKING] = "checking",
        [OUTPUT_PLACED] = "telling",
        [OUTPUT_TELLING] = "telling"};
    if (o->state != OUTPUT_IDLE)
        return texts[o->state];
    if (o->unreadable[0] != '\0' || o->unrendered[0] != '\0' || o->error[0] != '\0')
        return "failed";
    return o->known ? texts[OUTPUT_IDLE] : "waiting";
}

void outputs_rows(struct parent *p, grants_row_fn *fn, void *arg)
{
    char since[TIME_TEXT_MAX];
    for (struct output *o = p->outputs != NULL ? p->outputs->list : NULL; o != NULL; o = o->next) {
        if (output_setting(p, o->path) == NULL)
            continue;
        const char *error = o->unreadable[0] != '\0'   ? o->unreadable
                            : o->unrendered[0] != '\0' ? o->unrendered
                                                       : o->error;
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", "template", "output", o->path, "source",
                o->source, "state", state_text(o), "since", wall_format(o->since, since), "error", error);
        char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
        json_decref(row);
        if (text == NULL)
            abort();
        fn(text, arg);
        free(text);
    }
}

/* --- after a crash --- */

static void recover(struct parent *p, const struct template_setting *t)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const struct journal_entry *e = journal_find(&p->outputs->journal, t->output);
    bool unchecked = e != NULL && e->state == JOURNAL_UNCHECKED, had = e != NULL && e->had;
    struct output_file f;
    struct err err = ERR_INIT;
    int r = output_file_open(t, p->state, a, &f, &err);
    if (r < 0) {
        if (unchecked)
            log_error("templates: %s was not yet checked: %s", t->output, err.text);
        return;
    }
    output_file_discard(&f);
    if (unchecked) {
        r = output_file_back(&f, had, &err);
        if (r == 0)
            r = journal_note(&p->outputs->journal, t->output, JOURNAL_NONE, false, &err);
        if (r < 0)
            log_error("templates: %s: %s", t->output, err.text);
        else
            log_info("templates: %s had not been checked when evercert ended: %s", t->output,
                had ? "the one before is back" : "it is taken away");
    } else {
        output_file_settle(&f);
    }
    output_file_close(&f);
}

void outputs_recover(struct parent *p)
{
    if (p->settings.template_n == 0)
        return;
    outputs_of(p);
    for (size_t i = 0; i < p->settings.template_n; i++)
        recover(p, &p->settings.templates[i]);
}
