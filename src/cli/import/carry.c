#include "cli/import/carry.h"

#include "base/attr.h"
#include "cli/session.h"

#include <string.h>
#include <unistd.h>

bool import_state_is_there(const struct globals *g, struct arena *a)
{
    return access(arena_printf(a, "%s/evercert.db", g->state), F_OK) == 0;
}

/* --- names --- */

enum { NAMES_MAX = 1000 * 1000 };

struct names_sink {
    struct sink sink;
    struct arena *a;
    struct import_had *p;
    size_t n, cap;
};

static void names_row(struct sink *sink, const json_t *row)
{
    struct names_sink *s = (struct names_sink *)sink;
    const char *name = json_string_value(json_object_get(row, "name"));
    if (name == NULL || s->n == NAMES_MAX)
        return;
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
        struct import_had *p = arena_array(s->a, cap, sizeof *p);
        if (s->n > 0)
            memcpy(p, s->p, s->n * sizeof *p);
        s->p = p;
        s->cap = cap;
    }
    json_int_t generation = json_integer_value(json_object_get(row, "generation"));
    s->p[s->n++] = (struct import_had){arena_dup_c(s->a, name), generation > 0};
}

int import_names(const struct globals *g, struct arena *a, const struct import_had **out, size_t *out_n)
{
    struct names_sink s = {.sink = {.row = names_row, .out = stdout}, .a = a};
    const struct session_request q = {.verb = VERB_LIST, .sink = &s.sink};
    int status = session_run(g, &q, a);
    *out = s.p;
    *out_n = s.n;
    return status;
}

/* --- accounts that are here --- */

/* Answers come in the order of the questions: the keeper has one queue. */
struct look {
    struct session_pieces pieces;
    struct sink sink;
    struct import_plan *plan;
    struct msg_import_account msg;
    size_t asked, answered;
};

#define LOOK_OF(member, at) ((struct look *)(void *)((char *)(at)-offsetof(struct look, member)))

static bool next_question(struct session_pieces *pieces, enum msg_type *type, const void **msg)
{
    struct look *l = LOOK_OF(pieces, pieces);
    if (l->asked == l->plan->question_n)
        return false;
    const struct import_question *q = &l->plan->questions[l->asked++];
    l->msg = (struct msg_import_account){q->id, q->account->key, ""};
    *type = MSG_import_account;
    *msg = &l->msg;
    return true;
}

static void look_row(struct sink *sink, const json_t *row)
{
    struct look *l = LOOK_OF(sink, sink);
    const char *key = json_string_value(json_object_get(row, "key"));
    if (key == NULL || l->answered == l->plan->question_n)
        return;
    l->plan->questions[l->answered++].answer = strcmp(key, "same") == 0   ? IMPORT_KEY_SAME
                                               : strcmp(key, "none") == 0 ? IMPORT_KEY_NONE
                                                                          : IMPORT_KEY_OTHER;
}

int import_look(const struct globals *g, struct import_plan *p)
{
    static const char *const option = "look=true";
    struct look l = {.pieces = {.next = next_question}, .sink = {.row = look_row, .out = stdout}, .plan = p};
    const struct session_request q = {
        .verb = VERB_IMPORT, .options = {&option, 1}, .sink = &l.sink, .pieces = &l.pieces};
    return p->question_n == 0 ? EXIT_DONE : session_run(g, &q, p->a);
}

/* --- carrying over --- */

struct carry {
    struct session_pieces pieces;
    const struct import_plan *plan;
    size_t authority, item;
    struct msg_import_account account;
    struct msg_import_certificate certificate;
};

/* Accounts first, so that the history tells of them first. */
static bool next_piece(struct session_pieces *pieces, enum msg_type *type, const void **msg)
{
    struct carry *c = (struct carry *)pieces;
    const struct import_plan *p = c->plan;
    while (c->authority < p->authority_n) {
        const struct import_authority *x = &p->authorities[c->authority++];
        if (!x->used || x->account == NULL)
            continue;
        c->account = (struct msg_import_account){x->name, x->account->key, x->account->url};
        *type = MSG_import_account;
        *msg = &c->account;
        return true;
    }
    while (c->item < p->document->certificate_n) {
        const struct import_item *i = &p->items[c->item++];
        if (i->left != NULL || !i->whole)
            continue;
        c->certificate =
            (struct msg_import_certificate){i->wish, i->authority->name, i->from->key, str_c(i->from->chain)};
        *type = MSG_import_certificate;
        *msg = &c->certificate;
        return true;
    }
    return false;
}

static void no_row(struct sink *s, const json_t *row)
{
    (void)s, (void)row;
}

int import_carry(const struct globals *g, struct import_plan *p, size_t *out_answered)
{
    struct carry c = {.pieces = {.next = next_piece}, .plan = p};
    struct sink sink = {.row = no_row, .out = stdout};
    const struct session_request q = {.verb = VERB_IMPORT, .acts = true, .sink = &sink, .pieces = &c.pieces};
    int status = session_run(g, &q, p->a);
    *out_answered = c.pieces.answered;
    return status;
}
