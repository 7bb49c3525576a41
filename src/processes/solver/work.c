/* One record: from the engine's wish to have it, or to be rid of it, to the answer. */
#include "processes/solver/solver.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void start(struct work *w);

/* --- what the engine hears --- */

/* For the log; NULL until the permit was read. */
static const char *certificate_of(const struct work *w)
{
    return w->wish != NULL ? w->wish->name : NULL;
}

/* What was written, or may have been: by this one, or by one before it that this one never came behind. Who
 * was cancelled before it began knows nothing of its own. */
static void put_note(struct work *w, struct buf *out)
{
    struct note note = {.n = 0};
    if (w->part_n == 0 && (w->note[0] != '\0' || w->cancelled)) {
        buf_put_c(out, w->note);
        return;
    }
    const struct note_key *keys[WISH_DNS_ENTRIES_MAX];
    struct err err = ERR_INIT;
    for (size_t i = 0; i < w->part_n; i++) {
        const struct part *p = &w->parts[i];
        if (!p->touched)
            continue;
        keys[note.n] = &p->entry->key;
        note.again = note.again || p->entry->kind == ENTRY_BUILTIN;
        note.parts[note.n++] = (struct note_part){
            .entry = p->entry->name, .record = p->record, .zone = p->zone, .handle = p->handle};
    }
    if (note_encode(&note, keys, w->value, out, &err) < 0) {
        log_certificate(certificate_of(w), LOG_LEVEL_WARNING, "%s: %s", w->identifier,
            err.text); /* it is found by its value then */
        buf_clear(out);
    }
}

void work_step(struct work *w, bool with_note, const char *fmt, ...)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL / 8),
                    note ATTR_CLEANUP(buf_free) = buf_new(NOTE_MAX);
    va_list ap;
    if (w->kind != WORK_PRESENT || w->answered)
        return;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (with_note)
        put_note(w, &note);
    log_certificate(certificate_of(w), LOG_LEVEL_DEBUG, "%s: %s", w->identifier, buf_c(&text));
    solver_answer(
        w->solver, w->life, MSG_dns_step, 0, &(struct msg_dns_step){w->handle, buf_c(&text), buf_c(&note)});
}

static void answer(struct work *w, const struct err *why)
{
    struct buf note ATTR_CLEANUP(buf_free) = buf_new(NOTE_MAX);
    if (w->answered)
        return;
    w->answered = true;
    if (why != NULL)
        log_certificate(certificate_of(w), LOG_LEVEL_DEBUG, "%s: %s", w->identifier, why->text);
    if (w->kind == WORK_WITHDRAW) {
        solver_answer(w->solver, w->life, MSG_done, w->id, &(struct msg_done){.error = msg_error_of(why)});
        return;
    }
    put_note(w, &note);
    solver_answer(w->solver, w->life, MSG_dns_presented, w->id,
        &(struct msg_dns_presented){buf_c(&note), msg_error_of(why)});
}

/* --- the end --- */

/* What waits for this one goes on, with what it knows of the record. */
static void finish(struct work *w, const struct err *why)
{
    struct solver *s = w->solver;
    answer(w, why);
    if (w->over)
        return;
    w->over = true;
    permit_leave(s, &w->permit_wait);
    w->wish = NULL;
    dns_cancel(w->question);
    w->question = NULL;
    for (size_t i = 0; i < w->part_n; i++)
        part_drop(&w->parts[i]);
    for (struct work *next = s->works; next != NULL; next = next->next) {
        if (next->after != w)
            continue;
        struct buf note ATTR_CLEANUP(buf_free) = buf_new(NOTE_MAX);
        next->after = NULL;
        if (w->kind == WORK_PRESENT)
            put_note(w, &note);
        if (note.n > 0)
            next->note = arena_dup_c(next->arena, buf_c(&note));
        start(next);
    }
}

static void fail(struct work *w, const struct err *why)
{
    struct err err = *why;
    err_prefix(&err, "%s", w->identifier);
    finish(w, &err);
}

static void work_free(struct work *w)
{
    w->answered = true;
    for (size_t i = 0; i < w->part_n; i++)
        part_drop(&w->parts[i]);
    dns_cancel(w->question);
    permit_leave(w->solver, &w->permit_wait);
    w->wish = NULL;
    book_unref(w->book);
    arena_free(w->arena);
    free(w);
}

void works_sweep(struct solver *s, bool all)
{
    for (struct work **at = &s->works; *at != NULL;) {
        struct work *w = *at;
        if (w->over || all) {
            *at = w->next;
            work_free(w);
        } else {
            at = &w->next;
        }
    }
}

static bool is_busy(const struct work *w)
{
    for (size_t i = 0; i < w->part_n; i++)
        if (part_is_busy(&w->parts[i]))
            return true;
    return false;
}

/* What has been asked of a provider may happen, so its end is waited for; the rest ends now. */
static void cancel(struct work *w, const char *reason)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "%s: %s", w->identifier, reason);
    w->cancelled = true;
    answer(w, &err);
    for (size_t i = 0; i < w->part_n; i++)
        part_quiet(&w->parts[i]);
    if (!is_busy(w) && w->after == NULL)
        finish(w, NULL);
}

void works_engine_gone(struct solver *s)
{
    for (struct work *w = s->works; w != NULL; w = w->next)
        if (w->kind == WORK_PRESENT && !w->over)
            cancel(w, "the engine went");
}

/* --- from part to part --- */

static const struct part *first_failure(const struct work *w)
{
    for (size_t i = 0; i < w->part_n; i++)
        if (w->parts[i].err != NULL)
            return &w->parts[i];
    return NULL;
}

static void fail_by_part(struct work *w, const struct part *p)
{
    struct err err = *p->err;
    err_prefix(&err, "%s", p->entry->name);
    fail(w, &err);
}

/* Two entries of one zone that are looked at in the same way need one look. */
static bool is_watched_by_another(const struct work *w, const struct part *p)
{
    for (const struct part *other = w->parts; other < p; other++)
        if (other->entry->view == p->entry->view && part_propagation(other) == part_propagation(p) &&
            strcmp(other->record, p->record) == 0 && strcmp(other->zone, p->zone) == 0)
            return true;
    return false;
}

static void watch(struct work *w)
{
    w->watching = true;
    for (size_t i = 0; i < w->part_n; i++)
        w->parts[i].done = is_watched_by_another(w, &w->parts[i]);
    for (size_t i = 0; i < w->part_n; i++)
        if (!w->parts[i].done)
            part_watch(&w->parts[i]);
}

void work_part_settled(struct work *w)
{
    for (size_t i = 0; i < w->part_n; i++)
        if (!w->parts[i].done)
            return;
    const struct part *failed = first_failure(w);
    bool unwanted = w->answered || w->over;
    if (failed != NULL && !unwanted)
        fail_by_part(w, failed);
    else if (unwanted || w->kind == WORK_WITHDRAW || w->watching)
        finish(w, NULL);
    else
        watch(w);
}

static void start_parts(struct work *w)
{
    if (w->part_n == 0) {
        finish(w, NULL);
        return;
    }
    /* A part that fails at once must not find all the others settled. */
    for (size_t i = 0; i < w->part_n; i++)
        w->parts[i].done = false;
    for (size_t i = 0; i < w->part_n && !w->over; i++)
        part_start(&w->parts[i]);
}

/* --- which entries --- */

static struct part *add_part(struct work *w, struct entry *e)
{
    struct part *p = &w->parts[w->part_n++];
    *p = (struct part){.work = w, .entry = e, .handle = ""};
    return p;
}

/* Where to look when no pattern fits. */
static int complain_of_choice(const struct work *w, const char *name, struct err *err)
{
    struct buf patterns ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX / 2);
    for (size_t i = 0; i < w->wish->dns_n && !buf_failed(&patterns); i++)
        buf_printf(&patterns, "%s%s", i > 0 ? ", " : "", w->wish->dns[i].name);
    if (w->wish->dns_n == 0)
        return err_set(err, ERR_CONFIG,
            "nothing says which entry of dns: answers for %s: give the certificate `dns: ENTRY`", name);
    return err_set(err, ERR_CONFIG, "no pattern of the certificate's dns: fits %s; there are %s", name,
        buf_c(&patterns));
}

static int choose(struct work *w, const char *name, struct err *err)
{
    size_t n;
    const char *const *names = dns_choose(w->wish->dns, w->wish->dns_n, name, w->arena, &n);
    if (n == 0)
        return complain_of_choice(w, name, err);
    if (n > WISH_DNS_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "there are too many entries for %s", name);
    for (size_t i = 0; i < n; i++) {
        struct entry *e = book_find(w->book, names[i]);
        if (e == NULL)
            return err_set(err, ERR_CONFIG, "%s: there is no such entry under dns: (for %s)", names[i], name);
        if (e->broken.code != 0) {
            *err = e->broken;
            return err_prefix(err, "%s", names[i]);
        }
        add_part(w, e);
    }
    return 0;
}

static bool has_own_view(const struct work *w)
{
    for (size_t i = 0; i < w->part_n; i++)
        if (w->parts[i].entry->view == w->book->view)
            return false;
    return w->part_n > 0;
}

/* Entries with resolvers of their own find the place by these, in a DNS that looks different from here. */
static void on_place(const struct dns_place *place, const struct err *why, void *arg)
{
    struct work *w = arg;
    struct err err = ERR_INIT;
    w->question = NULL;
    int r = place != NULL ? names_place(place->name, place->zone, &err) : 0;
    if (r == 0)
        r = choose(w, place != NULL ? place->name : w->name, &err);
    if (place == NULL && (r < 0 || !has_own_view(w))) {
        err = *why;
        r = err_prefix(&err, "finding the zone of %s", w->name);
    }
    if (r < 0) {
        w->part_n = 0;
        fail(w, &err);
        return;
    }
    for (size_t i = 0; place != NULL && i < w->part_n; i++) {
        struct part *p = &w->parts[i];
        if (p->entry->view != w->book->view)
            continue;
        p->record = arena_dup_c(w->arena, place->name);
        p->zone = arena_dup_c(w->arena, place->zone);
    }
    start_parts(w);
}

/* --- taking out what a note tells of --- */

static bool is_chosen(const struct work *w, const struct note_part *p)
{
    size_t n;
    const char *const *names = dns_choose(w->wish->dns, w->wish->dns_n, p->record, w->arena, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], p->entry) == 0)
            return true;
    return false;
}

/* A part with a good seal is as we wrote it, whatever the configuration says by now. Of another one only the
 * names count, and only such as the permit chooses. */
static int take_note_part(struct work *w, const struct note_part *from, struct err *err)
{
    struct entry *e = book_find(w->book, from->entry);
    if (e == NULL)
        return err_set(err, ERR_CONFIG,
            "%s: there is no such entry under dns: any more, and %s has a TXT record %s of its: put the "
            "entry "
            "back, or remove the record by hand",
            from->entry, from->record, w->value);
    if (e->broken.code != 0) {
        *err = e->broken;
        return err_prefix(err, "%s", from->entry);
    }
    bool ours = note_is_ours(&e->key, from, w->value);
    if (!ours && !is_chosen(w, from))
        return err_set(err, ERR_REFUSED, "%s: the certificate's dns: does not choose it for %s", from->entry,
            from->record);
    int r = ours ? 0 : names_place(from->record, from->zone, err);
    if (r < 0)
        return r;
    struct part *p = add_part(w, e);
    p->record = from->record;
    p->zone = from->zone;
    p->handle = ours ? from->handle : "";
    return 0;
}

static int take_note(struct work *w, const struct note *from, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < from->n; i++)
        r = take_note_part(w, &from->parts[i], err);
    if (r < 0)
        w->part_n = 0;
    return r;
}

/* --- the beginning --- */

static void on_permit(const struct wish *wish, const struct err *why, void *arg)
{
    struct work *w = arg;
    struct note note;
    struct err err = ERR_INIT;
    int r = 0;
    if (wish == NULL) {
        err = *why;
        r = why->code;
    }
    w->wish = wish;
    if (r == 0 && w->book->view == NULL) {
        err = w->book->broken;
        r = err.code;
    }
    if (r == 0)
        r = names_record(wish, w->challenge, w->identifier, w->label, w->arena, &w->name, &err);
    /* A note that cannot be read is as good as none. */
    bool noted = r == 0 && w->kind == WORK_WITHDRAW && w->note[0] != '\0' &&
                 note_decode(str_c(w->note), w->arena, &note, &err) == 0;
    if (noted)
        r = take_note(w, &note, &err);
    if (r < 0) {
        fail(w, &err);
        return;
    }
    if (noted) {
        start_parts(w);
        return;
    }
    work_step(w, false, "finding the zone of %s", w->name);
    w->question = dns_locate(w->book->view->dns, w->name, on_place, w);
}

static void start(struct work *w)
{
    if (w->answered) { /* cancelled while it waited */
        finish(w, NULL);
        return;
    }
    if (w->solver->book == NULL) {
        struct err err = ERR_INIT;
        err_set(&err, ERR_IPC, "the solver was told nothing of dns: yet");
        fail(w, &err);
        return;
    }
    w->book = book_ref(w->solver->book);
    w->permit_wait.then = on_permit;
    w->permit_wait.arg = w;
    permit_want(w->solver, w->permit, &w->permit_wait);
}

static bool is_same_record(const struct work *a, const struct work *b)
{
    return strcmp(a->value, b->value) == 0 && strcmp(a->identifier, b->identifier) == 0 &&
           strcmp(a->label, b->label) == 0;
}

/* The newest about the same record stands first. */
static struct work *before(const struct work *w)
{
    for (struct work *other = w->next; other != NULL; other = other->next)
        if (!other->over && is_same_record(other, w))
            return other;
    return NULL;
}

static struct work *work_new(struct solver *s, enum work_kind kind, uint32_t id)
{
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    w->solver = s;
    w->kind = kind;
    w->life = s->engine_life;
    w->id = id;
    w->arena = arena_new();
    w->note = "";
    w->next = s->works;
    s->works = w;
    return w;
}

static void begin(struct work *w)
{
    struct err err = ERR_INIT;
    if (names_value(w->token, w->key_authorization, w->value, &err) < 0) {
        fail(w, &err);
        return;
    }
    w->after = before(w);
    if (w->after == NULL) {
        start(w);
        return;
    }
    if (w->kind == WORK_WITHDRAW && w->after->kind == WORK_PRESENT)
        cancel(w->after, "it is no longer wanted");
}

void work_present(struct solver *s, uint32_t id, const struct msg_dns_present *m)
{
    struct work *w = work_new(s, WORK_PRESENT, id);
    w->permit = arena_str(w->arena, m->permit);
    w->handle = m->handle;
    w->challenge = m->challenge;
    w->identifier = arena_dup_c(w->arena, m->identifier);
    w->label = arena_dup_c(w->arena, m->label);
    w->token = arena_dup_c(w->arena, m->token);
    w->key_authorization = arena_dup_c(w->arena, m->key_authorization);
    begin(w);
}

void work_withdraw(struct solver *s, uint32_t id, const struct msg_dns_withdraw *m)
{
    struct work *w = work_new(s, WORK_WITHDRAW, id);
    w->permit = arena_str(w->arena, m->permit);
    w->challenge = m->challenge;
    w->identifier = arena_dup_c(w->arena, m->identifier);
    w->label = arena_dup_c(w->arena, m->label);
    w->token = arena_dup_c(w->arena, m->token);
    w->key_authorization = arena_dup_c(w->arena, m->key_authorization);
    w->note = arena_dup_c(w->arena, m->note);
    begin(w);
}
