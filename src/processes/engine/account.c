/* Our account at one CA: found, registered, kept up to date; its key changed when the operator says so. */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static void replace(char **at, const char *value)
{
    free(*at);
    *at = strdup(value);
    if (*at == NULL)
        abort();
}

/* One who is told may begin something with the account (change its key); the others wait until that is over,
 * for it may not be ready any more. Each leaves the list before it is told, so that it can be forgotten until
 * then. */
static void settle(struct authority *a, const struct err *err)
{
    a->busy = false;
    a->ready = err == NULL;
    while (a->waiters != NULL && !a->busy) {
        struct authority_waiter *w = a->waiters;
        a->waiters = w->next;
        if (w->fn != NULL)
            w->fn(a->engine, err, w->arg);
        free(w);
    }
}

static int ask_keeper(struct authority *a, enum msg_type t, const void *m, enum msg_type answer,
    channel_reply_fn *fn, void *arg, struct err *err)
{
    struct channel *keeper = a->engine->keeper;
    if (keeper == NULL)
        return err_set(err, ERR_IPC, "the keeper is not running");
    return channel_request(keeper, t, m, answer, fn, arg, err);
}

/* What the keeper says of the key that is in force. */
static void take_key(struct authority *a, const struct msg_account_opened *m)
{
    replace(&a->thumbprint, m->thumbprint);
    replace(&a->key_type, m->key_type);
    a->key_change_open = m->pending;
}

/* --- the account machine --- */

static void account_step(struct authority *a, const struct account_next *next, const struct err *err);

static void on_account_answer(
    struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct account_next next;
    struct err err = ERR_INIT;
    if (why != NULL) {
        settle(a, why);
        return;
    }
    a->account_lost = r->status >= 500;
    account_response(a->account, r, engine_now(e), &next, &err);
    account_step(a, &next, &err);
}

static void account_done(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record r = authority_record_load(a, arena);
    const char *url = arena_dup(arena, account_url(a->account));
    const char *email = a->email[0] != '\0' ? a->email : r.account_email;
    bool is_new = strcmp(r.account_url, url) != 0;
    if (is_new)
        history_add(a->engine, "", "account", arena_printf(arena, "account %s at %s", url, a->name), NULL);
    if (is_new || strcmp(r.account_email, email) != 0) {
        r.account_url = url;
        r.account_email = email;
        r.account_status = "valid";
        authority_record_save(a, &r);
    }
    replace(&a->account_url, url);
    a->key_known = true;
    settle(a, NULL);
}

/* The CA's limit of new accounts; where it is reached, whoever waits is told. */
static bool may_register(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct wall may_at;
    const char *reason;
    if (ledger_may_register(a, &may_at, &reason, arena)) {
        ledger_note_registration(a);
        return true;
    }
    err_set(&err, ERR_WAIT, "%s", reason);
    err.retry_at_s = may_at.s;
    settle(a, &err);
    return false;
}

/* --- a key of a type that the CA does not take --- */

static void begin_account(struct authority *a, bool key_is_new);

static void on_another_key(const void *msg, const struct err *why, void *arg)
{
    struct authority *a = arg;
    const struct msg_account_opened *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        settle(a, &err);
    } else if (strcmp(m->thumbprint, a->thumbprint) == 0) { /* another type is not configured */
        err = a->change_error;
        settle(a, &err);
    } else {
        take_key(a, m);
        begin_account(a, true);
    }
}

/* There is no account with the key, so there is nothing to lose with it. */
static void another_key(struct authority *a, const struct err *why)
{
    struct err err = ERR_INIT;
    struct msg_account_open m = {a->id, true};
    a->change_error = *why;
    if (ask_keeper(a, MSG_account_open, &m, MSG_account_opened, on_another_key, a, &err) < 0)
        settle(a, &err);
}

static bool is_without_account(enum acme_request kind)
{
    return kind == ACME_REQUEST_NEW_ACCOUNT || kind == ACME_REQUEST_FIND_ACCOUNT ||
           kind == ACME_REQUEST_FIND_PENDING;
}

static void account_step(struct authority *a, const struct account_next *next, const struct err *err)
{
    switch (next->action) {
    case ACCOUNT_REQUEST: {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        replace(&a->account_url, arena_dup(arena, account_url(a->account)));
        struct post_spec spec = {.request = next->kind,
            .url = arena_dup(arena, next->url),
            .without_account = is_without_account(next->kind)};
        if (next->kind == ACME_REQUEST_NEW_ACCOUNT && !may_register(a))
            break;
        post_start(a, &spec, on_account_answer, a);
        break;
    }
    case ACCOUNT_READY:
        account_done(a);
        break;
    case ACCOUNT_FAILED: {
        struct err why = *err;
        err_prefix(&why, "account at %s", a->name);
        if (account_key_refused(&why) && account_url(a->account).n == 0)
            another_key(a, &why);
        else if (a->looked_only && a->register_allowed) /* who may register came while it was looked for */
            begin_account(a, false);
        else
            settle(a, &why);
        break;
    }
    }
}

/* An account that this evercert closed; the CA would say so to each request. */
static bool is_closed(const struct authority_record *r)
{
    return strcmp(r->account_status, "deactivated") == 0 || strcmp(r->account_status, "revoked") == 0;
}

static void begin_account(struct authority *a, bool key_is_new)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = authority_record_load(a, arena);
    struct account_params params = {
        .directory_url = str_c(a->directory_url),
        .new_account = a->directory.new_account,
        .terms_of_service = a->directory.terms_of_service,
        /* A key made just now is not the one that account was registered with. */
        .known_url = key_is_new ? STR("") : str_c(record.account_url),
        .email = str_c(a->email[0] != '\0' ? a->email : record.account_email),
        .registered_email = str_c(record.account_email),
        .agree_tos = a->agree_tos,
        .external_account_required = a->directory.external_account_required,
        .have_eab = a->has_eab,
        .may_register = a->register_allowed,
        .key_is_new = key_is_new,
    };
    struct account_next next;
    struct err err = ERR_INIT;
    if (!key_is_new && is_closed(&record)) {
        err_set(&err, ERR_ACME, "account at %s: it is %s, for good; " ACCOUNT_ANOTHER, a->name,
            record.account_status);
        settle(a, &err);
        return;
    }
    a->looked_only = !a->register_allowed;
    a->account_lost = false;
    account_free(a->account);
    a->account = account_new(&params);
    account_start(a->account, &next, &err);
    account_step(a, &next, &err);
}

/* --- a change of the key (RFC 8555 7.3.5) --- */

static void rollover_step(struct authority *a, const struct rollover_next *next, const struct err *err);

/* The one that was begun by command, NULL for one that an earlier life left undecided. */
struct key_change {
    struct authority *authority;
    struct str ticket;
    struct arena *arena;
    authority_ready_fn *fn;
    void *arg;
    unsigned waits; /* for orders that are under way */
};

enum {
    CHANGE_WAIT_MS = 100,
    CHANGE_WAITS_MAX = 600, /* a minute: longer than most validations, and others wait for it */
};

/* known: which key holds the account; `err` is why it is not the new one. */
static void change_end(struct authority *a, bool known, const struct err *err)
{
    struct key_change *c = a->change;
    rollover_free(a->rollover);
    a->rollover = NULL;
    a->change = NULL;
    if (c == NULL) {
        if (known)
            begin_account(a, false);
        else
            settle(a, err);
        return;
    }
    settle(a, known ? NULL : err);
    c->fn(a->engine, err, c->arg);
    arena_free(c->arena);
    free(c);
}

/* The keeper's word which key is in force now. */
static void on_rollover_ended(const void *msg, const struct err *why, void *arg)
{
    struct authority *a = arg;
    const struct msg_account_opened *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        change_end(a, false, &err);
        return;
    }
    take_key(a, m);
    if (a->change_error.code == 0)
        history_add(a->engine, "", "account", "the account's key was changed", NULL);
    err = a->change_error;
    change_end(a, true, err.code != 0 ? &err : NULL);
}

static void end_rollover(struct authority *a, bool commit, const struct err *err)
{
    struct err failure = ERR_INIT;
    struct msg_rollover_end m = {a->id, commit};
    a->change_error = (struct err)ERR_INIT;
    if (!commit)
        a->change_error = *err;
    if (ask_keeper(a, MSG_rollover_end, &m, MSG_account_opened, on_rollover_ended, a, &failure) < 0)
        change_end(a, false, &failure);
}

static void on_rollover_answer(
    struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct rollover_next next;
    struct err err = ERR_INIT;
    if (r != NULL)
        rollover_response(a->rollover, r, engine_now(e), &next, &err);
    else
        rollover_lost(a->rollover, why, &next, &err);
    rollover_step(a, &next, &err);
}

static void on_rollover_wait(evutil_socket_t fd, short what, void *arg)
{
    struct authority *a = arg;
    (void)fd, (void)what;
    struct post_spec spec = {.request = a->rollover_kind,
        .url = a->rollover_url,
        .without_account = is_without_account(a->rollover_kind)};
    post_start(a, &spec, on_rollover_answer, a);
}

static void rollover_step(struct authority *a, const struct rollover_next *next, const struct err *err)
{
    switch (next->action) {
    case ROLLOVER_REQUEST: {
        struct timeval tv = {next->wait_ms / 1000, (suseconds_t)(next->wait_ms % 1000) * 1000};
        a->rollover_kind = next->kind;
        a->rollover_url = next->url.p;
        if (event_base_once(a->engine->process.base, -1, EV_TIMEOUT, on_rollover_wait, a, &tv) != 0)
            abort();
        break;
    }
    case ROLLOVER_COMMIT:
        end_rollover(a, true, NULL);
        break;
    case ROLLOVER_ABORT:
        end_rollover(a, false, err);
        break;
    case ROLLOVER_UNDECIDED: {
        struct err why = *err;
        err_prefix(&why, "account at %s: whether its key was changed is not known yet", a->name);
        change_end(a, false, &why);
        break;
    }
    }
}

static void begin_rollover(struct authority *a, bool resumed)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = authority_record_load(a, arena);
    struct rollover_params params = {.account_url = str_c(record.account_url),
        .key_change_url = a->directory.key_change,
        .new_account_url = a->directory.new_account,
        .directory_url = str_c(a->directory_url),
        .resumed = resumed};
    struct rollover_next next;
    struct err err = ERR_INIT;
    replace(&a->account_url, record.account_url);
    a->rollover = rollover_new(&params);
    rollover_start(a->rollover, &next, &err);
    rollover_step(a, &next, &err);
}

static void on_rollover_begun(const void *msg, const struct err *why, void *arg)
{
    struct authority *a = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0) {
        change_end(a, true, &err);
        return;
    }
    a->key_change_open = true;
    begin_rollover(a, false);
}

static void begin_change(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct msg_rollover_begin m = {a->id, a->change->ticket};
    if (authority_record_load(a, arena).account_url[0] == '\0') { /* an order found out meanwhile */
        err_set(&err, ERR_FAILED, "%s does not know the account any more; a new one is made at its next use",
            a->name);
        change_end(a, false, &err);
    } else if (ask_keeper(a, MSG_rollover_begin, &m, MSG_done, on_rollover_begun, a, &err) < 0) {
        change_end(a, true, &err);
    }
}

/* Requests of an order that is under way may be signed with the old key still: it comes to its end first. No
 * other begins meanwhile, for the authority is busy. */
static void on_change_wait(evutil_socket_t fd, short what, void *arg)
{
    struct authority *a = arg;
    struct key_change *c = a->change;
    (void)fd, (void)what;
    if (!authority_is_at_work(a)) {
        begin_change(a);
    } else if (c->waits++ < CHANGE_WAITS_MAX) {
        struct timeval tv = {0, CHANGE_WAIT_MS * 1000};
        if (event_base_once(a->engine->process.base, -1, EV_TIMEOUT, on_change_wait, a, &tv) != 0)
            abort();
    } else {
        struct err err = ERR_INIT;
        err_set(&err, ERR_WAIT,
            "certificates are being got from %s and do not come to an end; give the command again later",
            a->name);
        change_end(a, true, &err);
    }
}

static void on_ready_to_change(struct engine *e, const struct err *why, void *arg)
{
    struct key_change *c = arg;
    struct authority *a = c->authority;
    struct err err = ERR_INIT;
    if (why != NULL)
        err = *why;
    else if (a->directory.key_change.n == 0)
        err_set(&err, ERR_FAILED, "%s does not offer to change an account's key", a->name);
    if (err.code != 0) {
        c->fn(e, &err, c->arg);
        arena_free(c->arena);
        free(c);
        return;
    }
    a->busy = true;
    a->ready = false;
    a->change = c;
    on_change_wait(-1, 0, a);
}

void account_rollover(struct authority *a, struct str ticket, authority_ready_fn *fn, void *arg)
{
    struct key_change *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    *c = (struct key_change){.authority = a, .arena = arena_new(), .fn = fn, .arg = arg};
    c->ticket = arena_str(c->arena, ticket);
    authority_need(a, false, on_ready_to_change, c);
}

/* --- becoming ready --- */

static void on_account_key(const void *msg, const struct err *why, void *arg)
{
    struct authority *a = arg;
    const struct msg_account_opened *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        settle(a, &err);
        return;
    }
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    take_key(a, m);
    /* Without its URL there is nothing to ask after; the old key finds the account, or a new one is made. */
    if (m->pending && authority_record_load(a, arena).account_url[0] != '\0')
        begin_rollover(a, true);
    else
        begin_account(a, m->is_new && !a->key_known);
}

static void on_directory(struct engine *e, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct err err = ERR_INIT;
    (void)e;
    if (why != NULL || a->ready) {
        settle(a, why);
        return;
    }
    struct msg_account_open m = {a->id, false};
    if (ask_keeper(a, MSG_account_open, &m, MSG_account_opened, on_account_key, a, &err) < 0)
        settle(a, &err);
}

void authority_need(struct authority *a, bool may_register, authority_ready_fn *fn, void *arg)
{
    authority_wait(&a->waiters, fn, arg);
    a->register_allowed = (a->busy && a->register_allowed) || may_register;
    if (a->busy)
        return;
    a->busy = true;
    authority_need_directory(a, on_directory, a);
}

void authority_reset_account(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = authority_record_load(a, arena);
    record.account_url = "";
    record.account_email = "";
    record.account_status = "";
    authority_record_save(a, &record);
    a->ready = false;
}
