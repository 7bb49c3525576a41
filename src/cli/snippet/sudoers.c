#include "cli/snippet/sudoers.h"

#include "os/child.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where a hook's first word is looked for (processes/parent/hooks.c), and sudo's secure_path on Debian. */
static const char program_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum {
    RULE_TEXT_MAX = 4 * WISH_DEPLOY_TEXT_MAX, /* one command with every octet escaped, and room */
    GROUP_TEXT_MAX = SNIPPET_TEXT_MAX,
};

/* What one user may do as another: one alias, one rule. */
struct group {
    struct group *next;
    const char *who, *as;
    struct buf commands, env;
    size_t n;
};

struct sudoers {
    const struct snippet_source *source;
    struct snippet_scope *root;
    struct arena *arena;
    struct group *groups;
};

/* A command as it will be given to sudo. */
struct request {
    const char *who, *as;
    const char *const *argv;
    size_t argc;
    const struct deploy *step;
    const char *const *names; /* more variables to keep */
    size_t name_n;
};

/* --- texts of sudoers(5) --- */

static bool is_plain(const char *text, const char *also)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._";
    for (const char *c = text; *c != '\0'; c++)
        if (strchr(plain, *c) == NULL && strchr(also, *c) == NULL)
            return false;
    return text[0] != '\0';
}

/* A user or group: a name as it is, a number behind '#', anything unusual in quotes. */
static const char *user_text(const char *user, struct arena *a)
{
    if (user[strspn(user, "0123456789")] == '\0')
        return arena_printf(a, "#%s", user);
    return is_plain(user, "-#:") ? user : arena_printf(a, "\"%s\"", user);
}

/* One argument. Characters that sudoers has its own use for lose it by a backslash, and so do those of its
 * patterns; a backslash is both. False where it cannot be written. */
static bool put_argument(struct buf *out, const char *word)
{
    if (word[0] == '\0')
        return false;
    for (const char *c = word; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '"')
            return false;
        if (*c == '\\')
            buf_put_c(out, "\\\\\\");
        else if (strchr(",:= #*?[]!^", *c) != NULL)
            buf_put_char(out, '\\');
        buf_put_char(out, *c);
    }
    return true;
}

/* The program's path: plain, but for what sudoers wants escaped in it. */
static bool put_path(struct buf *out, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f || strchr("\"'\\*?[]!^", *c) != NULL)
            return false;
        if (strchr(",:= #", *c) != NULL)
            buf_put_char(out, '\\');
        buf_put_char(out, *c);
    }
    return true;
}

/* --- rules --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static const char *joined(struct arena *a, const char *const *argv, size_t argc)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(RULE_TEXT_MAX);
    for (size_t i = 0; i < argc; i++) {
        buf_put_c(&b, i > 0 ? " " : "");
        for (const char *c = argv[i]; *c != '\0'; c++)
            buf_put_char(&b, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c); /* it goes into a comment */
    }
    return arena_dup(a, buf_str(&b));
}

static void refuse(struct sudoers *s, const char *const *argv, size_t argc, const char *why)
{
    struct snippet_scope *item = snippet_add(s->root, "refused");
    snippet_set(item, "command", joined(s->arena, argv, argc));
    snippet_set(item, "why", why);
}

/* How hooks that were written for other clients are told what happened, besides the variables that all have
 * (processes/parent/dialect.c): by arguments behind the step's own, by more variables. */
static const struct {
    const char *dialect;
    bool arguments;
    const char *variables;
} told[] = {
    {"certbot", false, "FAILED_DOMAINS"},
    {"dehydrated", true, "COMMAND CERTDIR KEY_ALGO altnames alias"},
    {"lego", false, "LEGO_*"},
    {"mod_md", true, ""},
    {"acme.sh", false,
        "Le_Domain Le_Alt DOMAIN_PATH CERT_PATH CERT_KEY_PATH CA_CERT_PATH CERT_FULLCHAIN_PATH"},
};

static size_t told_row(const struct deploy *step)
{
    size_t i = 0;
    while (i < ARRAY_LEN(told) && strcmp(told[i].dialect, step->dialect) != 0)
        i++;
    return i;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The command of the request as sudoers has it. False, and refused, where it can't be written. */
static bool put_command(struct sudoers *s, const struct request *q, struct buf *out)
{
    char path[PATH_MAX];
    const char *program = q->argv[0];
    struct err err = ERR_INIT;
    if (program[0] != '/') {
        if (child_find_program(program, program_path, path, &err) < 0) {
            refuse(s, q->argv, q->argc, arena_printf(s->arena, "%s; write its whole path", err.text));
            return false;
        }
        program = path;
    }
    bool folder = strcmp(q->step->dialect, "certbot") == 0 && is_folder(program);
    bool good = put_path(out, program);
    if (folder && str_ends(str_c(program), STR("/renewal-hooks"))) {
        struct buf one ATTR_CLEANUP(buf_free) = buf_new(RULE_TEXT_MAX);
        buf_put_str(&one, buf_str(out));
        buf_printf(out, "/pre/, %s/deploy/, %s/post/", buf_c(&one), buf_c(&one));
    } else if (folder) {
        buf_put_char(out, '/'); /* whatever is in it, as certbot does */
    }
    for (size_t i = 1; i < q->argc && good && !folder; i++) {
        buf_put_char(out, ' ');
        good = put_argument(out, q->argv[i]);
    }
    size_t row = told_row(q->step);
    if (row < ARRAY_LEN(told) && told[row].arguments)
        buf_put_c(out, " *");
    else if (q->argc == 1 && !folder)
        buf_put_c(out, " \"\""); /* without arguments and no others */
    if (!good)
        refuse(s, q->argv, q->argc,
            "an empty word, a quote, a control character, or a pattern in its path cannot be written here; "
            "put the command into a script");
    return good && !buf_failed(out);
}

static struct group *group_of(struct sudoers *s, const char *who, const char *as)
{
    struct group **at = &s->groups;
    for (; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->who, who) == 0 && strcmp((*at)->as, as) == 0)
            return *at;
    struct group *g = *at = arena_alloc(s->arena, sizeof *g);
    g->who = who;
    g->as = as;
    g->commands = buf_new(GROUP_TEXT_MAX);
    g->env = buf_new(GROUP_TEXT_MAX);
    buf_put_c(&g->env, "EVERCERT_* RENEWED_*");
    return g;
}

/* Whether `word` is one of those in `list`, parted by `part`. */
static bool in_list(const struct buf *list, const char *part, const char *word)
{
    size_t n = strlen(word), part_n = strlen(part);
    const char *from = buf_c(list);
    for (const char *at = strstr(from, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins =
            at == from || ((size_t)(at - from) >= part_n && strncmp(at - part_n, part, part_n) == 0);
        if (begins && (at[n] == '\0' || strncmp(at + n, part, part_n) == 0))
            return true;
    }
    return false;
}

static void keep_variable(struct group *g, const char *name)
{
    if (is_plain(name, "*") && !in_list(&g->env, " ", name))
        buf_printf(&g->env, " %s", name);
}

static void keep_variables(struct sudoers *s, struct group *g, const struct request *q)
{
    size_t row = told_row(q->step);
    struct str left = str_c(row < ARRAY_LEN(told) ? told[row].variables : ""), name;
    while (left.n > 0) {
        (void)str_cut(left, ' ', &name, &left);
        keep_variable(g, arena_dup(s->arena, name));
    }
    for (size_t i = 0; i < q->step->env_n; i++)
        keep_variable(g, q->step->env[i].name);
    for (size_t i = 0; i < q->name_n; i++)
        keep_variable(g, q->names[i]);
}

static void add_rule(struct sudoers *s, const struct request *q)
{
    static const char part[] = ", \\\n    ";
    struct buf command ATTR_CLEANUP(buf_free) = buf_new(RULE_TEXT_MAX);
    if (strcmp(q->who, "root") == 0 || !put_command(s, q, &command))
        return;
    struct group *g = group_of(s, q->who, q->as);
    if (!in_list(&g->commands, part, buf_c(&command)))
        buf_printf(&g->commands, "%s%s", g->n++ > 0 ? part : "", buf_c(&command));
    keep_variables(s, g, q);
}

/* --- the words behind `sudo` --- */

enum { SUDO_NAMES_MAX = WISH_DEPLOY_ARGS_MAX };

struct sudo_words {
    const char *user, *group;
    const char *names[SUDO_NAMES_MAX];
    size_t name_n;
    size_t at;       /* of the command */
    const char *bad; /* why no rule is written; NULL */
};

/* "A,B" of --preserve-env=A,B, and A of A=value. */
static void take_names(struct sudo_words *w, struct str list, struct arena *a)
{
    struct str name, rest;
    for (; list.n > 0; list = rest) {
        (void)str_cut(list, ',', &name, &rest);
        if (w->name_n < SUDO_NAMES_MAX)
            w->names[w->name_n++] = arena_dup(a, name);
    }
}

/* Options of sudo(8) that a hook has a use for: of one, with its value where it has one. */
static void take_option(struct sudo_words *w, const char *const *argv, size_t argc, struct arena *a)
{
    static const struct {
        const char *word, *letter;
    } with_value[] = {{"--user", "-u"}, {"--group", "-g"}, {"--host", "-h"}, {"--prompt", "-p"},
        {"--chdir", "-D"}, {"--chroot", "-R"}, {"--command-timeout", "-T"}};
    static const char *const alone[] = {"-n", "--non-interactive", "-H", "--set-home", "-k",
        "--reset-timestamp", "-S", "--stdin", "-B", "--bell"};
    struct str option = str_c(argv[w->at]);
    for (size_t i = 0; i < ARRAY_LEN(with_value); i++) {
        struct str word = str_c(with_value[i].word), name, value;
        bool exact = str_eq(option, word) || str_eq_c(option, with_value[i].letter);
        bool joined_to = str_cut(option, '=', &name, &value) && str_eq(name, word);
        if (!exact && !joined_to && option.n > 2 && strncmp(option.p, with_value[i].letter, 2) == 0) {
            joined_to = true;
            value = (struct str){option.p + 2, option.n - 2};
        }
        if (!exact && !joined_to)
            continue;
        if (exact && ++w->at < argc)
            value = str_c(argv[w->at]);
        if (w->at < argc && i < 2)
            *(i == 0 ? &w->user : &w->group) = arena_dup(a, value);
        w->at++;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(alone); i++)
        if (str_eq_c(option, alone[i])) {
            w->at++;
            return;
        }
    if (str_starts(option, STR("--preserve-env="))) {
        take_names(w, (struct str){option.p + 15, option.n - 15}, a);
        w->at++;
        return;
    }
    if (str_eq_c(option, "-E") || str_eq_c(option, "--preserve-env"))
        w->bad = "sudo -E would take a rule that lets every variable through; without it those of evercert "
                 "come through as well";
    else
        w->bad = arena_printf(a, "with sudo %s it is no single command", argv[w->at]);
}

static struct sudo_words read_sudo(const char *const *argv, size_t argc, struct arena *a)
{
    struct sudo_words w = {.user = "root", .at = 1};
    while (w.at < argc && w.bad == NULL) {
        struct str word = str_c(argv[w.at]), name, value;
        if (str_eq_c(word, "--")) {
            w.at++;
            break;
        }
        if (word.n > 0 && word.p[0] == '-') {
            take_option(&w, argv, argc, a);
        } else if (word.n > 0 && word.p[0] != '/' && str_cut(word, '=', &name, &value)) {
            take_names(&w, name, a);
            w.at++;
        } else {
            break;
        }
    }
    if (w.bad == NULL && w.at >= argc)
        w.bad = "no command stands behind sudo";
    return w;
}

/* --- steps --- */

static void add_sudo_step(struct sudoers *s, const struct deploy *step, const char *who)
{
    struct sudo_words w = read_sudo(step->argv, step->argc, s->arena);
    if (w.bad != NULL) {
        refuse(s, step->argv, step->argc, w.bad);
        return;
    }
    const struct request q = {
        .who = who,
        .as = w.group != NULL ? arena_printf(s->arena, "%s:%s", w.user, w.group) : w.user,
        .argv = step->argv + w.at,
        .argc = step->argc - w.at,
        .step = step,
        .names = w.names,
        .name_n = w.name_n,
    };
    add_rule(s, &q);
}

static void add_step(struct sudoers *s, const struct deploy *step)
{
    const char *daemon = s->source->user, *user = step->user[0] != '\0' ? step->user : daemon;
    const struct settings *set = s->source->settings;
    if (strcmp(user, daemon) != 0 && strcmp(daemon, "root") != 0) {
        const struct request q = {
            .who = daemon, .as = user, .argv = step->argv, .argc = step->argc, .step = step};
        if (set->sudo_n > 0 && strcmp(base_name(set->sudo[0]), "sudo") != 0)
            refuse(s, step->argv, step->argc,
                arena_printf(
                    s->arena, "it is run as %s by %s, which has rules of its own", user, set->sudo[0]));
        else
            add_rule(s, &q);
    }
    if (strcmp(base_name(step->argv[0]), "sudo") == 0)
        add_sudo_step(s, step, user);
}

int snippet_sudoers(const struct snippet_source *source, struct snippet_scope *root, struct err *err)
{
    struct sudoers s = {.source = source, .root = root, .arena = source->arena};
    for (size_t i = 0; i < source->wish_n; i++)
        for (size_t k = 0; k < source->wishes[i]->deploy_n; k++)
            if (source->wishes[i]->deploys[k].argc > 0)
                add_step(&s, &source->wishes[i]->deploys[k]);
    unsigned n = 0;
    bool failed = false;
    for (struct group *g = s.groups; g != NULL; g = g->next) {
        struct snippet_scope *rule = snippet_add(root, "rules");
        snippet_set(rule, "alias", arena_printf(s.arena, "EVERCERT_%u", ++n));
        snippet_set(rule, "who", user_text(g->who, s.arena));
        snippet_set(rule, "as", user_text(g->as, s.arena));
        snippet_set(rule, "commands", arena_dup(s.arena, buf_str(&g->commands)));
        snippet_set(rule, "env", arena_dup(s.arena, buf_str(&g->env)));
        failed = failed || buf_failed(&g->commands) || buf_failed(&g->env);
        buf_free(&g->commands);
        buf_free(&g->env);
    }
    return failed ? err_set(err, ERR_LIMIT, "the commands of all steps are too long for a fragment") : 0;
}
