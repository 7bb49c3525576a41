/* Why a claim is refused, in words for people. What others wrote is cut and clean in them. */
#include "base/buf.h"
#include "base/text.h"
#include "config/yaml_text.h"
#include "containers/judge_priv.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum {
    REASON_MAX = 1024,    /* octets of a reason: a line or two on a terminal */
    SHOWN_NAMES_MAX = 8,  /* names in the lines that would allow them */
    TITLE_PART_MAX = 100, /* octets of a container's name in its title */
};

const char *shown(const char *text, size_t most, struct arena *a)
{
    struct buf b = buf_new(4 * most);
    text_clean(&b, str_c(text), most);
    const char *clean = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return clean;
}

const char *holder_title(const struct holder *h, struct arena *a)
{
    const char *own = h->service && h->service_name[0] != '\0' ? h->service_name : h->name;
    const char *name = shown(own[0] != '\0' ? own : h->id, TITLE_PART_MAX, a);
    const char *kind = h->service ? "service" : "container";
    return h->project[0] == '\0'
               ? arena_printf(a, "%s %s", kind, name)
               : arena_printf(a, "%s %s (project %s)", kind, name, shown(h->project, TITLE_PART_MAX, a));
}

bool refuse(struct judge *j, size_t i, const char *fmt, ...)
{
    struct buf text = buf_new(4 * REASON_MAX);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    j->verdicts[i].reason = shown(buf_c(&text), REASON_MAX, j->a);
    buf_free(&text);
    return false;
}

/* A selector of the lines that would allow something: what tells this holder best from others. */
static void put_selector(struct judge *j, struct buf *out, const struct holder *h)
{
    const char *key = h->project[0] != '\0' ? "project" : h->image[0] != '\0' ? "image" : NULL;
    if (key == NULL)
        return;
    buf_printf(out, ", %s: ", key);
    yaml_put_text(out, str_c(shown(h->project[0] != '\0' ? h->project : h->image, SHOWN_MAX, j->scratch)));
}

static const char *lines_to_allow(struct judge *j, const struct holder *h, const char *const *names, size_t n)
{
    struct buf text = buf_new(8 * REASON_MAX);
    buf_put_c(&text, "docker: {policy: [{allow: [");
    for (size_t i = 0; i < n && i < SHOWN_NAMES_MAX; i++) {
        buf_put_c(&text, i == 0 ? "" : ", ");
        yaml_put_text(&text, str_c(shown(names[i], SHOWN_MAX, j->scratch)));
    }
    buf_put_c(&text, n > SHOWN_NAMES_MAX ? ", ...]" : "]");
    put_selector(j, &text, h);
    buf_put_c(&text, "}]}");
    const char *lines = arena_dup(j->scratch, buf_str(&text));
    buf_free(&text);
    return lines;
}

bool refuse_all(struct judge *j, const struct turn *t)
{
    const struct claim *c = t->claim;
    return refuse(j, t->i, "docker.policy is empty, so nobody is allowed anything; to allow it: %s",
        lines_to_allow(j, &c->holder, c->domains, c->domain_n));
}

bool refuse_row(struct judge *j, const struct turn *t, const struct wish *w, const char *name,
    enum row_state why, size_t row)
{
    const struct docker_policy *p = &j->s->docker.policy[row];
    if (why == ROW_AUTHORITY)
        return refuse(j, t->i,
            "docker.policy[%zu], which allows %s for it, allows another authority than %s; to allow it, add "
            "it to authority of that row",
            row, name, shown(w->authorities[0], SHOWN_MAX, j->scratch));
    if (why == ROW_DNS)
        return refuse(j, t->i,
            "docker.policy[%zu], which allows %s for it, allows another entry of dns than %s; to allow it, "
            "add it to dns of that row",
            row, name, shown(w->dns[0].value, SHOWN_MAX, j->scratch));
    return refuse(j, t->i,
        "docker.policy[%zu], which allows %s for it, grants %d names at most, and has; to allow it, raise "
        "max-names of that row",
        row, name, (int)p->max_names);
}

bool refuse_names(struct judge *j, const struct turn *t, const struct question *q, const char *first)
{
    const struct wish *w = q->wish;
    const char **names = arena_array(j->scratch, w->domain_n + 1, sizeof *names);
    size_t n = 0, objector;
    enum row_state why;
    if (!wish_has_domain(w, first))
        names[n++] = first;
    for (size_t i = 0; i < w->domain_n && n <= SHOWN_NAMES_MAX; i++)
        if (policy_row(&j->policy, q, w->domains[i], false, &why, &objector) == SIZE_MAX && why == ROW_OTHERS)
            names[n++] = w->domains[i];
    return refuse(j, t->i, "no row of docker.policy allows %s for it; to allow it: %s", first,
        lines_to_allow(j, q->holder, names, n));
}
