#include "processes/parent/action.h"

#include "base/buf.h"

#include <string.h>

enum { TITLE_MAX = 200 }; /* octets; a long command is cut */

static const char *const *copy_list(const char *const *from, size_t n, struct arena *a)
{
    const char **list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = arena_dup_c(a, from[i]);
    return list;
}

struct action *action_copy(const struct action *from, struct arena *a)
{
    struct action *to = arena_alloc(a, sizeof *to);
    *to = *from;
    const char **texts[] = {
        &to->name, &to->container, &to->engine, &to->exec_user, &to->user, &to->signal, &to->action};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup_c(a, *texts[i] != NULL ? *texts[i] : "");
    to->exec = copy_list(from->exec, from->exec_n, a);
    to->run = copy_list(from->run, from->run_n, a);
    return to;
}

const struct action *action_follow(const struct settings *s, const struct action *action, struct arena *a)
{
    struct action *own = action_copy(action, a);
    if (own->action[0] == '\0')
        return own;
    const struct action *entry = action_find(s, own->action);
    if (entry == NULL || (entry->action != NULL && entry->action[0] != '\0'))
        return NULL;
    struct action *to = action_copy(entry, a);
    if (to->container[0] == '\0' && own->container[0] != '\0') {
        to->container = own->container;
        to->engine = own->engine;
    }
    return to;
}

static bool same_list(const char *const *x, size_t xn, const char *const *y, size_t yn)
{
    for (size_t i = 0; xn == yn && i < xn; i++)
        if (strcmp(x[i], y[i]) != 0)
            return false;
    return xn == yn;
}

bool action_same(const struct action *x, const struct action *y)
{
    return strcmp(x->container, y->container) == 0 && strcmp(x->engine, y->engine) == 0 &&
           strcmp(x->exec_user, y->exec_user) == 0 && strcmp(x->user, y->user) == 0 &&
           strcmp(x->signal, y->signal) == 0 && strcmp(x->action, y->action) == 0 &&
           x->restart == y->restart && x->reload == y->reload &&
           same_list(x->exec, x->exec_n, y->exec, y->exec_n) && same_list(x->run, x->run_n, y->run, y->run_n);
}

static void add_words(struct buf *out, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, " %.60s", list[i]);
}

const char *action_title(const struct action *action, struct arena *a)
{
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(TITLE_MAX);
    const char *before = " in";
    if (action->reload)
        return "reload of evercert";
    if (action->run_n > 0) {
        buf_put_c(&out, "run");
        add_words(&out, action->run, action->run_n);
        return arena_dup_c(a, buf_c(&out));
    }
    if (action->action[0] != '\0')
        buf_printf(&out, "action %.60s", action->action);
    else if (action->exec_n > 0) {
        buf_put_c(&out, "exec");
        add_words(&out, action->exec, action->exec_n);
    } else if (action->restart) {
        buf_put_c(&out, "restart");
        before = " of";
    } else {
        buf_printf(&out, "signal %.20s", action->signal);
        before = " to";
    }
    const char *what = arena_dup_c(a, buf_c(&out));
    return action->container[0] == '\0'
               ? what
               : arena_printf(a, "%s%s container %s", what, before, action->container);
}

bool action_is_fixed(const struct action *action)
{
    return action->run_n > 0 || action->reload || action->container[0] != '\0';
}
