/* Alerts: the engine says what happened, the configuration who is told, and a messenger, a process of that
 * one message, carries it. */
#include "processes/alert_document.h"
#include "processes/parent/parent.h"

#include "base/attr.h"
#include "base/text.h"
#include "os/child.h"
#include "os/file.h"
#include "os/user.h"
#include "processes/parent/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct alerting {
    struct alerting *next;
    struct parent *p;
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    char *name;
    struct buf output;
};

static void finish(struct alerting *x, const struct err *why)
{
    struct channel *engine = member_channel(x->p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (engine != NULL && x->life == x->p->engine_life &&
        channel_send(engine, MSG_done, x->id, &(struct msg_done){msg_error_of(why)}, -1, &err) < 0)
        log_error("%s", err.text);
    for (struct alerting **at = &x->p->alertings; *at != NULL; at = &(*at)->next)
        if (*at == x) {
            *at = x->next;
            break;
        }
    free(x->name);
    buf_free(&x->output);
    free(x);
}

static void on_over(int wait_status, bool timed_out, void *arg)
{
    struct alerting *x = arg;
    char status[CHILD_STATUS_TEXT_MAX];
    struct buf said ATTR_CLEANUP(buf_free) = buf_new(2 * ALERT_OUTPUT_MAX);
    struct err err = ERR_INIT;
    text_clean(&said, str_trim(buf_str(&x->output)), TEXT_FOREIGN_MAX);
    if (timed_out)
        err_set(&err, ERR_TIMEOUT, "it was not sent within %d s", (int)ALERT_TIMEOUT_S);
    else if (wait_status != 0)
        err_set(&err, ERR_FAILED, "%s", said.n > 0 ? buf_c(&said) : child_status_text(wait_status, status));
    finish(x, err.code != 0 ? &err : NULL);
}

/* In a file without a name, which needs nobody to write it while the messenger reads. */
static int put_input(const struct buf *document, int *out, struct err *err)
{
    int fd = memfd_create("alert", MFD_CLOEXEC);
    if (fd < 0 || write(fd, document->p, document->n) != (ssize_t)document->n ||
        lseek(fd, 0, SEEK_SET) != 0) {
        int r = err_errno(err, errno, "memfd");
        fd_close(&fd);
        return r;
    }
    *out = fd;
    return 0;
}

static int start(struct alerting *x, int input, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct user user;
    char *argv[] = {arena_dup_c(a, "evercert-messenger"),
        x->p->options.sandbox_log ? arena_dup_c(a, "--sandbox=log") : NULL, NULL};
    bool other = geteuid() == 0 && user_by_name(x->p->settings.user_engine, &user, NULL) == 0;
    struct run_spec spec = {.path = arena_printf(a, "%s/messenger", member_libexec()),
        .argv = argv,
        .envp = environ,
        .set_user = other,
        .uid = other ? user.uid : 0,
        .gid = other ? user.gid : 0,
        .input = input,
        .timeout_s = ALERT_TIMEOUT_S,
        .output = &x->output,
        .over = on_over,
        .arg = x};
    return run_start(x->p, &spec, err);
}

/* One message of each entry at a time, which is all that an honest engine asks for: whatever it asks for,
 * there are never more messengers than entries. */
static bool is_under_way(const struct parent *p, const char *name)
{
    for (const struct alerting *x = p->alertings; x != NULL; x = x->next)
        if (strcmp(x->name, name) == 0)
            return true;
    return false;
}

void alert_send(struct parent *p, uint32_t id, const struct msg_alert_send *m)
{
    struct buf document ATTR_CLEANUP(buf_free) = buf_new_sensitive(ALERT_DOCUMENT_MAX);
    const struct alert *alert = alert_find(&p->settings, m->alert);
    struct alerting *x = calloc(1, sizeof *x);
    struct err err = ERR_INIT;
    int input ATTR_CLEANUP(fd_close) = -1;
    if (x == NULL || (x->name = strdup(m->alert)) == NULL)
        abort();
    x->p = p;
    x->life = p->engine_life;
    x->id = id;
    x->output = buf_new(ALERT_OUTPUT_MAX);
    int r = alert == NULL ? err_set(&err, ERR_NOT_FOUND, "there is no entry %s of alerts", m->alert)
            : is_under_way(p, m->alert) ? err_set(&err, ERR_LIMIT, "the message before it is still under way")
                                        : alert_document(alert, m->what, &document, &err);
    x->next = p->alertings;
    p->alertings = x;
    if (r == 0)
        r = put_input(&document, &input, &err);
    if (r == 0)
        r = start(x, input, &err);
    if (r != 0)
        finish(x, &err);
}

int alerts_feed(struct parent *p, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    size_t n = p->settings.alert_n;
    const char **names = arena_array(a, n, sizeof *names), **events = arena_array(a, n, sizeof *events);
    for (size_t i = 0; i < n; i++) {
        const struct alert *x = &p->settings.alerts[i];
        names[i] = x->name;
        events[i] = arena_printf(a, "%s %s", alert_is_for(x, "failing") ? "failing" : "",
            alert_is_for(x, "expiring") ? "expiring" : "");
    }
    return channel_send(member_channel(p, MEMBER_ENGINE), MSG_alerts, 0,
        &(struct msg_alerts){{names, n}, {events, n}}, -1, err);
}
