#include "config/container_checks.h"

#include "base/attr.h"
#include "base/str.h"
#include "config/certificate.h"
#include "config/names.h"
#include "config/read.h"

#include <arpa/inet.h>
#include <string.h>

/* The entries that the values of a list name. */
static void read_listed(struct reader *r, const struct node *map, const struct where *where, const char *key,
    enum reference_kind kind, const char *const *names, size_t n)
{
    const struct node *node = read_member(map, key);
    struct where list = {where, key, 0};
    for (size_t i = 0; i < n; i++) {
        bool alone = node->kind != NODE_LIST;
        struct where item = {&list, NULL, i};
        read_reference(r, alone ? node : node->list.items[i], alone ? &list : &item, kind, names[i]);
    }
}

/* Engines. */

static bool is_tcp(const char *socket)
{
    return str_starts(str_c(socket), STR("tcp://"));
}

/* Of "tcp://host:port". */
static bool is_loopback(const char *socket)
{
    char host[INET6_ADDRSTRLEN];
    struct in_addr ip;
    struct in6_addr ip6;
    const char *begin = socket + strlen("tcp://"), *end = strrchr(begin, ':');
    if (end == NULL)
        return false;
    struct str text = {begin, (size_t)(end - begin)};
    if (str_eq_c(text, "localhost"))
        return true;
    if (text.n > 2 && text.p[0] == '[')
        text = (struct str){text.p + 1, text.n - 2};
    if (text.n >= sizeof host)
        return false;
    memcpy(host, text.p, text.n);
    host[text.n] = '\0';
    if (inet_pton(AF_INET, host, &ip) == 1)
        return ntohl(ip.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, host, &ip6) == 1 && IN6_IS_ADDR_LOOPBACK(&ip6);
}

void docker_engine_init(void *element, const struct settings *defaults)
{
    *(struct docker_engine *)element =
        (struct docker_engine){.name = "", .socket = "", .ca_file = "", .cert_file = "", .key_file = ""};
}

const char *docker_engine_misplaced(const struct setting *row, const void *element)
{
    const struct docker_engine *e = element;
    if (strcmp(row->key, "socket") == 0 || e->socket[0] == '\0')
        return NULL;
    if (!is_tcp(e->socket))
        return "belongs to an engine at tcp://; the file of a socket says by itself who may use it";
    return e->insecure && strcmp(row->key, "insecure") != 0
               ? "is of no use beside insecure, which is without TLS"
               : NULL;
}

bool docker_engine_implied(const void *element)
{
    return strcmp(((const struct docker_engine *)element)->name, ENGINE_DEFAULT) == 0;
}

static const char *tcp_problem(const struct docker_engine *e, const char **key)
{
    *key = "socket";
    if (e->insecure && !is_loopback(e->socket))
        return "insecure is for this machine alone: who reaches an engine without TLS is root there; write "
               "127.0.0.1, [::1] or localhost, or set ca-file";
    if (!e->insecure && e->ca_file[0] == '\0')
        return "an engine at tcp:// is spoken to with TLS; set ca-file to the roots that its certificate "
               "comes from";
    *key = e->cert_file[0] == '\0' ? "cert-file" : "key-file";
    if ((e->cert_file[0] == '\0') != (e->key_file[0] == '\0'))
        return "is missing; cert-file and key-file belong together";
    return NULL;
}

void docker_engine_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    struct docker_engine *e = element;
    if (key->kind == NODE_TEXT && str_eq_c(key->text, ENGINE_DEFAULT)) {
        read_problem(r, key, where, "that is the name of the engine of docker.socket; choose another");
        return;
    }
    if (!read_entry_name(r, &r->engines, key, where, "engine", &e->name) || e->socket[0] == '\0')
        return;
    read_misplaced(r, map, &schema_docker_engine, where, e);
    struct where at = {where, NULL, 0};
    const char *why = is_tcp(e->socket) ? tcp_problem(e, &at.key) : NULL;
    const struct node *node = why == NULL ? NULL : read_member(map, at.key);
    if (why != NULL)
        read_problem(r, node != NULL ? node : map, &at, why);
}

/* The policy. */

void docker_policy_init(void *element, const struct settings *defaults)
{
    *(struct docker_policy *)element = (struct docker_policy){.max_names = 0};
}

void docker_policy_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    const struct docker_policy *p = element;
    read_listed(r, map, where, "authority", REFERENCE_AUTHORITY, p->authorities, p->authority_n);
    read_listed(r, map, where, "dns", REFERENCE_DNS, p->dns, p->dns_n);
    /* A word with a '*' is no name. */
    const char **engines = arena_array(r->scratch, p->engine_n, sizeof *engines);
    for (size_t i = 0; i < p->engine_n; i++)
        engines[i] = p->engines[i] == NULL || strchr(p->engines[i], '*') != NULL ? NULL : p->engines[i];
    read_listed(r, map, where, "engine", REFERENCE_ENGINE, engines, p->engine_n);
}

/* All of docker. */

void docker_init(struct docker_settings *docker)
{
    static const char *const readers[] = {
#define READER_TEXT(id, text) text,
        CLAIM_READERS(READER_TEXT)
#undef READER_TEXT
    };
    *docker = (struct docker_settings){.socket = "",
        .readers = readers,
        .reader_n = ARRAY_LEN(readers),
        .grace_s = GRACE_S,
        .wait = {WAIT_MIN_MS, WAIT_MAX_MS}};
}

void docker_finish(struct docker_settings *docker, struct arena *a)
{
    if (docker->socket[0] == '\0')
        return;
    struct docker_engine *all = arena_array(a, docker->engine_n + 1, sizeof *all);
    docker_engine_init(&all[0], NULL);
    all[0].name = ENGINE_DEFAULT;
    all[0].socket = docker->socket;
    if (docker->engine_n > 0)
        memcpy(all + 1, docker->engines, docker->engine_n * sizeof *all);
    docker->engines = all;
    docker->engine_n++;
}

/* The text of a key of the i-th item; "" where it has none. */
static struct str item_text(const struct node *list, size_t i, const char *key, const struct node **out)
{
    const struct node *item = list->list.items[i];
    *out = item->kind == NODE_MAP ? read_member(item, key) : NULL;
    return *out != NULL && (*out)->kind == NODE_TEXT ? (*out)->text : STR("");
}

/* Copies are made of every certificate, so the name tells them apart. */
static void check_shared_copies(struct reader *r, const struct node *list, const struct where *where)
{
    struct names paths = names_new(r->scratch);
    const struct node *node;
    for (size_t i = 0; list->kind == NODE_LIST && i < list->list.n; i++) {
        struct where item = {where, NULL, i}, at = {&item, "path", 0};
        struct str path = item_text(list, i, "path", &node);
        if (path.n == 0)
            continue;
        if (memmem(path.p, path.n, PUBLICATION_NAME, strlen(PUBLICATION_NAME)) == NULL)
            read_problem(r, node, &at,
                "the copies of all certificates would go to one place; write " PUBLICATION_NAME
                " where their names shall tell them apart");
        if (names_get(&paths, path) != NULL)
            read_problem(r, node, &at, "two copies go to one place");
        names_put(&paths, path, node);
    }
}

void docker_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    const struct docker_settings *docker = &((const struct settings *)element)->docker;
    const struct node *socket = read_member(map, "socket"), *publish = read_member(map, "publish"),
                      *deploy = read_member(map, "deploy");
    struct where at_socket = {where, "socket", 0}, at_publish = {where, "publish", 0},
                 at_deploy = {where, "deploy", 0};
    struct err err = ERR_INIT;
    if (socket != NULL && is_tcp(docker->socket))
        read_problem(r, socket, &at_socket,
            "is for a socket of this machine; write an entry of engines, with ca-file, for one at tcp://");
    if (publish != NULL)
        check_shared_copies(r, publish, &at_publish);
    if (deploy != NULL && deploys_check(docker->deploys, docker->deploy_n, &err) < 0)
        read_problem(r, deploy, &at_deploy, err.text);
}

/* Actions. */

/* What an action does, one of these. */
enum deed {
    DEED_EXEC = 1 << 0,
    DEED_RUN = 1 << 1,
    DEED_SIGNAL = 1 << 2,
    DEED_RESTART = 1 << 3,
    DEED_ACTION = 1 << 4,
    DEED_RELOAD = 1 << 5,
    DEED_IN_CONTAINER = DEED_EXEC | DEED_SIGNAL | DEED_RESTART,
};

static const struct {
    const char *key;
    enum deed deed;
} deeds[] = {{"exec", DEED_EXEC}, {"run", DEED_RUN}, {"signal", DEED_SIGNAL}, {"restart", DEED_RESTART},
    {"action", DEED_ACTION}, {"reload", DEED_RELOAD}};

/* 0 where nothing is said, or nothing that could be read. */
static unsigned deed_of(const struct action *x)
{
    return x->exec_n > 0          ? DEED_EXEC
           : x->run_n > 0         ? DEED_RUN
           : x->signal[0] != '\0' ? DEED_SIGNAL
           : x->restart           ? DEED_RESTART
           : x->action[0] != '\0' ? DEED_ACTION
           : x->reload            ? DEED_RELOAD
                                  : 0;
}

void action_init(void *element, const struct settings *defaults)
{
    *(struct action *)element = (struct action){.name = "",
        .container = "",
        .engine = "",
        .exec_user = "",
        .user = "",
        .signal = "",
        .action = "",
        .timeout_s = ACTION_TIMEOUT_S};
}

const char *action_misplaced(const struct setting *row, const void *element)
{
    static const struct {
        const char *key;
        unsigned with;
        const char *why;
    } others[] = {
        {"container", DEED_IN_CONTAINER, "belongs to exec, signal and restart, which concern a container"},
        {"engine", DEED_IN_CONTAINER, "belongs to exec, signal and restart, which concern a container"},
        {"exec-user", DEED_EXEC, "belongs to exec; the user of run is user"},
        {"user", DEED_RUN, "belongs to run; the user of exec is exec-user"},
        {"timeout", DEED_IN_CONTAINER | DEED_RUN, "belongs to exec, run, signal and restart"},
    };
    unsigned deed = deed_of(element);
    for (size_t i = 0; deed != 0 && i < ARRAY_LEN(others); i++)
        if (strcmp(row->key, others[i].key) == 0)
            return (others[i].with & deed) != 0 ? NULL : others[i].why;
    for (size_t i = 0; deed != 0 && i < ARRAY_LEN(deeds); i++)
        if (strcmp(row->key, deeds[i].key) == 0)
            return deeds[i].deed == deed ? NULL : "is set beside another thing to do; write one of them";
    return NULL;
}

/* The first words of commands, and how long they are. */
static void check_commands(
    struct reader *r, const struct node *map, const struct where *where, const struct action *x)
{
    bool host = x->run_n > 0;
    const struct deploy command = {.argv = host ? x->run : x->exec, .argc = host ? x->run_n : x->exec_n};
    struct where list = {where, host ? "run" : "exec", 0}, first = {&list, NULL, 0};
    const struct node *node = read_member(map, list.key);
    struct err err = ERR_INIT;
    if (command.argc == 0 || command.argv[0] == NULL)
        return;
    if (host && deploy_run_check(&command, &err) < 0)
        read_problem(r, node->list.items[0], &first, err.text);
    if (!host && command.argv[0][0] == '\0')
        read_problem(r, node->list.items[0], &first, "the first word, the command, is empty");
    if (deploys_check(&command, 1, &err) < 0)
        read_problem(r, node, &list, err.text);
}

static void check_deed(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, struct action *x)
{
    const char *word = NULL;
    bool notify = section == &schema_notify;
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        const struct node *node =
            section_row(section, str_c(deeds[i].key)) == NULL ? NULL : read_member(map, deeds[i].key);
        struct where at = {where, deeds[i].key, 0};
        if (node == NULL)
            continue;
        if (word != NULL) {
            problem_add(
                r->problems, node_mark(r->file, node), &at, "is set beside %s; write one of them", word);
            return;
        }
        word = deeds[i].key;
        if (node->kind == NODE_TEXT && node->plain && str_eq_nocase(node->text, STR("false")) &&
            (deeds[i].deed & (DEED_RESTART | DEED_RELOAD)) != 0)
            read_problem(r, node, &at, "is false, so that nothing would be done");
    }
    if (word == NULL) {
        read_problem(r, map, where,
            notify ? "says nothing to do; write one of exec, run, signal, restart, action and reload"
                   : "says nothing to do; write one of exec, run, signal and restart");
        return;
    }
    read_misplaced(r, map, section, where, x);
    check_commands(r, map, where, x);
    struct where container = {where, "container", 0};
    if (notify && (deed_of(x) & DEED_IN_CONTAINER) != 0 && read_member(map, "container") == NULL)
        problem_add(r->problems, node_mark(r->file, map), &container,
            "is missing; %s needs to know whose it is", word);
}

static void check_named(
    struct reader *r, const struct node *map, const struct where *where, const struct action *x)
{
    struct where engine = {where, "engine", 0}, action = {where, "action", 0};
    read_reference(r, read_member(map, "engine"), &engine, REFERENCE_ENGINE, x->engine);
    read_reference(r, read_member(map, "action"), &action, REFERENCE_ACTION, x->action);
}

void action_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    struct action *x = element;
    (void)read_entry_name(r, &r->actions, key, where, "action", &x->name);
    check_deed(r, map, &schema_action, where, x);
    check_named(r, map, where, x);
}

void notify_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    check_deed(r, map, &schema_notify, where, element);
    check_named(r, map, where, element);
}

/* Templates. */

enum { OUTPUT_MODE = 0644 };

void template_init(void *element, const struct settings *defaults)
{
    *(struct template_setting *)element = (struct template_setting){.source = "",
        .output = "",
        .kind = template_kind_text(TEMPLATE_NONE),
        .check_in = "",
        .mode = OUTPUT_MODE,
        .owner = "",
        .group = ""};
}

const char *template_misplaced(const struct setting *row, const void *element)
{
    return strcmp(row->key, "check-in") == 0 && ((const struct template_setting *)element)->check_n == 0
               ? "belongs to check, the command that is run in it"
               : NULL;
}

static void check_output(
    struct reader *r, const struct node *map, const struct where *where, const struct template_setting *t)
{
    const struct node *node = read_member(map, "output");
    struct where at = {where, "output", 0};
    if (t->output[0] == '\0')
        return;
    if (strcmp(t->output, t->source) == 0)
        read_problem(r, node, &at, "is the template itself");
    const struct mark *other = names_get(&r->copies, str_c(t->output));
    if (other != NULL) {
        problem_add(r->problems, node_mark(r->file, node), &at, "the template at %s makes that file too",
            mark_text(*other, r->scratch));
        return;
    }
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, node);
    names_put(&r->copies, str_c(t->output), mark);
}

void template_entry_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    struct template_setting *t = element;
    const struct deploy command = {.argv = t->check, .argc = t->check_n};
    struct where check = {where, "check", 0}, first = {&check, NULL, 0};
    struct err err = ERR_INIT;
    if (read_member(map, "kind") == NULL)
        t->kind = template_kind_text(template_kind_by_name(t->output));
    read_misplaced(r, map, &schema_template, where, t);
    check_output(r, map, where, t);
    if (t->check_n == 0 || t->check[0] == NULL)
        return;
    if (t->check[0][0] == '\0' || (t->check_in[0] == '\0' && deploy_run_check(&command, &err) < 0))
        read_problem(r, read_member(map, "check")->list.items[0], &first,
            t->check[0][0] == '\0' ? "the first word, the command, is empty" : err.text);
    if (deploys_check(&command, 1, &err) < 0)
        read_problem(r, read_member(map, "check"), &check, err.text);
}
