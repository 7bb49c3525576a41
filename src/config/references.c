/* Words that name an entry which may stand further down, or in a file that is read later. */
#include "config/certificate.h"
#include "config/container_checks.h"
#include "config/nearest.h"
#include "config/read.h"

#include <string.h>

void read_reference(struct reader *r, const struct node *node, const struct where *where,
    enum reference_kind kind, const char *name)
{
    if (name == NULL || name[0] == '\0')
        return;
    struct reference *ref = arena_alloc(r->scratch, sizeof *ref);
    *ref = (struct reference){
        .kind = kind, .mark = node_mark(r->file, node), .path = where_text(where, r->scratch), .name = name};
    *r->references_end = ref;
    r->references_end = &ref->next;
}

static int dns_check(const struct reader *r, const char *name, struct err *err)
{
    const struct pair choice = {"*", name};
    return names_get(&r->dns, str_c(name)) != NULL ? 0 : wish_entries_check(r->settings, &choice, r->a, err);
}

static int engine_check(const struct reader *r, const char *name, struct err *err)
{
    const struct docker_settings *docker = &r->settings->docker;
    char meant[NEAREST_TEXT_MAX];
    struct nearest near = nearest_new(str_c(name));
    bool has_default = docker->socket[0] != '\0';
    if (names_get(&r->engines, str_c(name)) != NULL || (has_default && strcmp(name, ENGINE_DEFAULT) == 0))
        return 0;
    if (has_default)
        nearest_try(&near, ENGINE_DEFAULT);
    for (size_t i = 0; i < docker->engine_n; i++)
        nearest_try(&near, docker->engines[i].name);
    return err_set(err, ERR_CONFIG,
        "there is no engine %s%s; write an entry of docker.engines, or " ENGINE_DEFAULT
        " for the one of docker.socket",
        name, nearest_text(&near, meant));
}

static int action_check_name(const struct reader *r, const char *name, struct err *err)
{
    const struct settings *s = r->settings;
    char meant[NEAREST_TEXT_MAX];
    struct nearest near = nearest_new(str_c(name));
    if (names_get(&r->actions, str_c(name)) != NULL)
        return 0;
    for (size_t i = 0; i < s->action_n; i++)
        nearest_try(&near, s->actions[i].name);
    return err_set(err, ERR_CONFIG, "there is no entry %s of actions%s", name, nearest_text(&near, meant));
}

void references_check(struct reader *r)
{
    for (const struct reference *ref = r->references; ref != NULL && !r->problems->broken_file;
         ref = ref->next) {
        struct where where = {NULL, ref->path, 0};
        struct err err = ERR_INIT;
        int bad = ref->kind == REFERENCE_AUTHORITY ? authority_use(r, ref->name, &err)
                  : ref->kind == REFERENCE_DNS     ? dns_check(r, ref->name, &err)
                  : ref->kind == REFERENCE_ENGINE  ? engine_check(r, ref->name, &err)
                                                   : action_check_name(r, ref->name, &err);
        if (bad < 0)
            problem_add(r->problems, ref->mark, &where, "%s", err.text);
    }
}
