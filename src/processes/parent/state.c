/* How it goes with everything, told in the log: SIGUSR1, for those who have no terminal at the daemon. */
#include "base/time.h"
#include "processes/parent/outputs.h"
#include "processes/parent/watching.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { TOLD_MAX = 20 }; /* refusals, and templates with errors: `evercert containers` has them all */

static const char *const names[] = {
#define MEMBER_NAME(id, text) [id] = text,
    MEMBERS(MEMBER_NAME)
#undef MEMBER_NAME
};

/* Rows of `evercert containers`, counted and in part told. */
struct tally {
    size_t granted, refused, problems, consumers, troubles, troubles_told;
};

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static bool is(const json_t *row, const char *key, const char *value)
{
    return strcmp(text_of(row, key), value) == 0;
}

/* The first few of them; the rest is counted. */
static void trouble(struct tally *t, const char *what, const char *of, const char *key, const char *why)
{
    t->troubles++;
    if (t->troubles_told >= TOLD_MAX)
        return;
    t->troubles_told++;
    log_info("state: %s %s%s%s: %s", what, of, key[0] != '\0' ? ": " : "", key, why);
}

static void on_engine(struct tally *t, const json_t *row)
{
    const char *error = text_of(row, "error");
    (void)t;
    if (json_is_true(json_object_get(row, "connected")))
        log_info("state: engine %s: connected, %s, %lld containers", text_of(row, "engine"),
            text_of(row, "version"), (long long)json_integer_value(json_object_get(row, "containers")));
    else
        log_info("state: engine %s: not connected%s%s", text_of(row, "engine"), error[0] != '\0' ? ": " : "",
            error);
}

static void on_claim(struct tally *t, const json_t *row)
{
    if (is(row, "state", "granted")) {
        t->granted++;
        return;
    }
    t->refused++;
    trouble(t, "refused", text_of(row, "container"), text_of(row, "key"), text_of(row, "reason"));
}

static void on_problem(struct tally *t, const json_t *row)
{
    t->problems++;
    trouble(t, "not understood", text_of(row, "container"), text_of(row, "key"), text_of(row, "reason"));
}

static void on_consumer(struct tally *t, const json_t *row)
{
    (void)row;
    t->consumers++;
}

static void on_template(struct tally *t, const json_t *row)
{
    const char *error = text_of(row, "error");
    if (error[0] != '\0')
        trouble(t, "template", text_of(row, "output"), "", error);
}

static const struct {
    const char *kind;
    void (*tell)(struct tally *t, const json_t *row);
} kinds[] = {
    {"engine", on_engine},
    {"claim", on_claim},
    {"problem", on_problem},
    {"consumer", on_consumer},
    {"template", on_template},
};

static void on_row(const char *text, void *arg)
{
    json_t *row = json_loads(text, 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is(row, "kind", kinds[i].kind))
            kinds[i].tell(arg, row);
    json_decref(row);
}

static void tell_members(const struct parent *p)
{
    for (int i = 0; i < MEMBER_END_; i++) {
        const struct member *m = &p->members[i];
        if (m->pid > 0)
            log_info("state: %s: process %d", names[i], (int)m->pid);
        else if (m->wanted)
            log_info("state: %s: not running, is started again", names[i]);
    }
}

static void tell_containers(struct parent *p)
{
    struct tally t = {0};
    if (!watcher_is_wanted(p))
        return;
    watching_rows(p, on_row, &t);
    grants_rows(p, on_row, &t);
    outputs_rows(p, on_row, &t);
    if (t.troubles > t.troubles_told)
        log_info("state: %zu more: see evercert containers", t.troubles - t.troubles_told);
    log_info(
        "state: containers: %zu requests granted, %zu refused, %zu labels not understood, %zu are told of "
        "certificates, %zu templates",
        t.granted, t.refused, t.problems, t.consumers, p->settings.template_n);
}

void state_log(struct parent *p)
{
    char up[DURATION_TEXT_MAX];
    log_info("state: evercert %s, process %d, up %s", EVERCERT_VERSION, (int)getpid(),
        duration_about((clock_mono(&system_clock).ms - p->started_ms) / 1000, up));
    tell_members(p);
    log_info("state: %zu certificates configured, %zu of them refused by the keeper",
        declared_count(p->declared), p->feed_refused);
    tell_containers(p);
    log_info("state: %zu hooks under way, %zu commands connected%s", hooks_count(p), control_count(p),
        p->feed_done ? "" : "; certificates are still handed to the engine");
}
