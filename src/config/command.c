/* The options of `evercert issue` become a wish. */
#include "config/settings.h"

#include "base/attr.h"
#include "base/text.h"
#include "config/certificate.h"
#include "config/nearest.h"
#include "config/owned.h"
#include "config/presets.h"
#include "config/problems.h"
#include "config/schema.h"

#include <string.h>

/* A command line that is split into words. */
struct splitter {
    struct str left;
    struct buf word;
    bool in_word;
    struct arena *a;
    const char **argv; /* WISH_DEPLOY_ARGS_MAX */
    size_t argc;
};

static int refuse_shell(char c, struct err *err)
{
    return err_set(err, ERR_USAGE,
        "no shell runs the command, so '%c' would do nothing; put it between single quotes to pass it on, "
        "or write a script",
        c);
}

static int end_word(struct splitter *s, struct err *err)
{
    if (!s->in_word)
        return 0;
    if (s->argc == WISH_DEPLOY_ARGS_MAX)
        return err_set(err, ERR_USAGE, "more than %d words", (int)WISH_DEPLOY_ARGS_MAX);
    s->argv[s->argc++] = arena_dup(s->a, buf_str(&s->word));
    buf_clear(&s->word);
    s->in_word = false;
    return 0;
}

/* Behind a single quote, up to the next one. */
static int take_single(struct splitter *s, struct err *err)
{
    struct str inside;
    if (!str_cut(s->left, '\'', &inside, &s->left))
        return err_set(err, ERR_USAGE, "a single quote is not closed");
    buf_put_str(&s->word, inside);
    return 0;
}

/* Behind a double quote, up to the next one that has no backslash. */
static int take_double(struct splitter *s, struct err *err)
{
    for (size_t i = 0; i < s->left.n; i++) {
        char c = s->left.p[i];
        if (c == '"') {
            s->left = (struct str){s->left.p + i + 1, s->left.n - i - 1};
            return 0;
        }
        if (c == '$' || c == '`')
            return refuse_shell(c, err);
        if (c == '\\' && i + 1 < s->left.n && strchr("\"\\$`", s->left.p[i + 1]) != NULL)
            c = s->left.p[++i];
        buf_put_char(&s->word, c);
    }
    return err_set(err, ERR_USAGE, "a double quote is not closed");
}

static int take_bare(struct splitter *s, char c, struct err *err)
{
    if (c == '\\') {
        if (s->left.n == 0)
            return err_set(err, ERR_USAGE, "a backslash stands at the end");
        c = s->left.p[0];
        s->left = (struct str){s->left.p + 1, s->left.n - 1};
    } else if (strchr("|&;<>()$`*?[\n", c) != NULL || (!s->in_word && (c == '~' || c == '#'))) {
        return refuse_shell(c == '\n' ? ' ' : c, err);
    }
    buf_put_char(&s->word, c);
    return 0;
}

static int split(struct splitter *s, struct err *err)
{
    int r = 0;
    while (r == 0 && s->left.n > 0) {
        char c = s->left.p[0];
        s->left = (struct str){s->left.p + 1, s->left.n - 1};
        if (c == ' ' || c == '\t') {
            r = end_word(s, err);
            continue;
        }
        r = c == '\'' ? take_single(s, err) : c == '"' ? take_double(s, err) : take_bare(s, c, err);
        s->in_word = true;
    }
    return r == 0 ? end_word(s, err) : r;
}

static int parse_command(const char *line, struct arena *a, struct deploy *out, struct err *err)
{
    struct str text = str_trim(str_c(line));
    deploy_init(out, NULL);
    if (text.n > WISH_DEPLOY_TEXT_MAX)
        return err_set(err, ERR_USAGE, "longer than %d octets", (int)WISH_DEPLOY_TEXT_MAX);
    struct splitter s = {
        .left = text,
        .word = buf_new(WISH_DEPLOY_TEXT_MAX),
        .a = a,
        .argv = arena_array(a, WISH_DEPLOY_ARGS_MAX, sizeof(const char *)),
    };
    int r = split(&s, err);
    buf_free(&s.word);
    if (r < 0)
        return r;
    out->argv = s.argv;
    out->argc = s.argc;
    const struct setting *run = section_row(&schema_deploy, STR("run"));
    for (size_t i = 0; i < s.argc; i++)
        if ((r = value_parse(run, str_c(s.argv[i]), a, &s.argv[i], err)) < 0)
            return r;
    return deploy_run_check(out, err);
}

/* --publish FORMAT:PATH */
static int parse_publication(const char *value, struct arena *a, struct publication *out, struct err *err)
{
    struct str format, path;
    publication_init(out, NULL);
    if (!str_cut(str_c(value), ':', &format, &path))
        return err_set(err, ERR_USAGE, "expected a format and a path, as in combined:/etc/haproxy/tls.pem");
    int r = value_parse(section_row(&schema_publication, STR("format")), format, a, &out->format, err);
    return r < 0 ? r : value_parse(section_row(&schema_publication, STR("path")), path, a, &out->path, err);
}

/* --verify HOST:PORT */
static int parse_look(const char *value, struct arena *a, struct deploy *out, struct err *err)
{
    deploy_init(out, NULL);
    int r = value_parse(section_row(&schema_deploy, STR("verify")), str_c(value), a, &out->verify, err);
    if (r == 0)
        out->starttls = verify_starttls(out->verify);
    return r;
}

/* The wish that is put together. */
struct command {
    const struct settings *settings;
    struct arena *a;
    struct wish w;
    const char **domains;
    struct deploy *deploys, *looks; /* looks come behind all commands */
    size_t look_n;
    struct publication *publications;
    uint64_t said; /* rows that were given: of lists the first value replaces the default */
};

_Static_assert(SECTION_ROWS_MAX <= 64, "struct command.said is too small");

/* The row that an option of the command line means, NULL for none. */
static const struct setting *option_row(const char *option)
{
    if (strcmp(option, "domains") == 0)
        return NULL;
    struct str key = strcmp(option, "domain") == 0 ? STR("domains") : str_c(option);
    const struct setting *row = section_row(&schema_certificate, key);
    return row != NULL && row->shape != SHAPE_MAP ? row : NULL;
}

static int unknown_option(const char *option, struct err *err)
{
    char meant[NEAREST_TEXT_MAX], shown[QUOTE_MAX];
    struct nearest near = nearest_new(str_c(option));
    for (size_t i = 0; i < schema_certificate.n; i++) {
        const struct setting *row = &schema_certificate.rows[i];
        if (row->shape != SHAPE_MAP)
            nearest_try(&near, strcmp(row->key, "domains") == 0 ? "domain" : row->key);
    }
    nearest_try(&near, "verify");
    return err_set(
        err, ERR_USAGE, "unknown option %s%s", quote(str_c(option), shown), nearest_text(&near, meant));
}

/* One more value of a list. */
static int append(struct command *c, const struct setting *row, struct str value, struct err *err)
{
    size_t n;
    const char *const *had = setting_items(row, &c->w, &n);
    const char **list = arena_array(c->a, n + 1, sizeof *list);
    if (n == (uint64_t)row->max)
        return err_set(err, ERR_USAGE, "more than %zu values", n);
    if (n > 0)
        memcpy(list, had, n * sizeof *list);
    int r = value_parse(row, value, c->a, &list[n], err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && (row->flags & SETTING_UNIQUE) != 0; i++)
        if (strcmp(list[i], list[n]) == 0)
            return err_set(err, ERR_USAGE, "%s is given twice", list[n]);
    setting_set_items(row, &c->w, list, n + 1);
    return 0;
}

/* A list's option: one value, or several parted by commas where the kind of value allows that. */
static int apply_list(struct command *c, const struct setting *row, const char *value, struct err *err)
{
    uint64_t bit = (uint64_t)1 << (row - schema_certificate.rows);
    struct str item, rest = str_c(value);
    if ((c->said & bit) == 0)
        setting_set_items(row, &c->w, NULL, 0);
    c->said |= bit;
    if ((row->flags & SETTING_COMMAS) == 0)
        return append(c, row, rest, err);
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &item, &rest);
        int r = append(c, row, str_trim(item), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int too_many(int most, struct err *err)
{
    return err_set(err, ERR_USAGE, "given more than %d times", most);
}

static int apply_object(struct command *c, const struct setting *row, const char *value, struct err *err)
{
    struct wish *w = &c->w;
    if (strcmp(row->key, "publish") == 0)
        return w->publication_n == WISH_PUBLISH_MAX
                   ? too_many(WISH_PUBLISH_MAX, err)
                   : parse_publication(value, c->a, &c->publications[w->publication_n++], err);
    return w->deploy_n == WISH_DEPLOYS_MAX ? too_many(WISH_DEPLOYS_MAX, err)
                                           : parse_command(value, c->a, &c->deploys[w->deploy_n++], err);
}

/* One more entry for all names. */
static int apply_choice(struct command *c, const struct setting *row, const char *value, struct err *err)
{
    struct pair *all = arena_alloc(c->a, sizeof *all);
    const char *text = c->w.dns_n == 0 ? value : arena_printf(c->a, "%s,%s", c->w.dns[0].value, value);
    all->name = "*";
    int r = value_parse(row, str_c(text), c->a, &all->value, err);
    if (r == 0)
        setting_set_items(row, &c->w, all, 1);
    return r;
}

static int apply(struct command *c, const struct setting *row, const char *value, struct err *err)
{
    if (strcmp(row->key, "domains") == 0)
        return value_parse(row, str_c(value), c->a, &c->domains[c->w.domain_n++], err);
    if (row->shape == SHAPE_LIST)
        return apply_list(c, row, value, err);
    if (row->shape == SHAPE_OBJECTS)
        return apply_object(c, row, value, err);
    if (row->shape == SHAPE_CHOICES)
        return apply_choice(c, row, value, err);
    uint64_t bit = (uint64_t)1 << (row - schema_certificate.rows);
    if ((c->said & bit) != 0)
        return err_set(err, ERR_USAGE, "given twice");
    c->said |= bit;
    return value_parse(row, str_c(value), c->a, setting_field(row, &c->w), err);
}

/* Whatever the table calls malformed is wrong usage on a command line. */
static int as_usage(struct err *err, const char *option)
{
    err->code = ERR_USAGE;
    return option == NULL ? ERR_USAGE : err_prefix(err, "--%s", option);
}

/* One option of the command line; the error names it. */
static int apply_option(struct command *c, const struct wish_option *o, struct err *why)
{
    int r;
    const struct setting *row = option_row(o->option);
    if (strcmp(o->option, "verify") == 0)
        r = c->look_n == WISH_DEPLOYS_MAX ? too_many(WISH_DEPLOYS_MAX, why)
                                          : parse_look(o->value, c->a, &c->looks[c->look_n++], why);
    else if (row == NULL)
        return unknown_option(o->option, why);
    else
        r = apply(c, row, o->value, why);
    return r < 0 ? as_usage(why, o->option) : 0;
}

/* The copies of a command's wish, and whether another certificate has one of them. */
struct copies {
    const struct command *command;
    struct names paths;
    struct err *why;
    int result;
};

static bool compare_copies(const struct owned *o, void *arg)
{
    struct copies *c = arg;
    bool own = o->name_n > 0 && strcmp(o->names[0], c->command->w.name) == 0;
    for (size_t i = 0; i < o->path_n && !own && c->result == 0; i++)
        if (names_get(&c->paths, str_c(o->paths[i])) != NULL)
            c->result =
                err_set(c->why, ERR_USAGE, "--publish: %s is a copy of %s already", o->paths[i], o->names[0]);
    return c->result == 0;
}

/* A file that is a copy of another certificate is left to that one. */
static int check_others_copies(struct command *c, struct err *why)
{
    struct copies copies = {.command = c, .paths = names_new(c->a), .why = why};
    struct owned own = owned_of(&c->w, c->a);
    for (size_t i = 0; i < own.path_n; i++)
        names_put(&copies.paths, str_c(own.paths[i]), c);
    if (own.path_n > 0)
        owned_each(c->settings, compare_copies, &copies);
    return copies.result;
}

/* What is done with the certificate when it is there. */
static int finish_deployment(struct command *c, struct err *why)
{
    struct wish *w = &c->w;
    if (w->deploy_n + c->look_n > WISH_DEPLOYS_MAX)
        return err_set(why, ERR_USAGE, "--deploy and --verify are given more than %d times together",
            (int)WISH_DEPLOYS_MAX);
    memcpy(c->deploys + w->deploy_n, c->looks, c->look_n * sizeof *c->looks);
    w->deploy_n += c->look_n;
    w->deploys = c->deploys;
    w->publications = c->publications;
    if (deploys_check(w->deploys, w->deploy_n, why) < 0)
        return as_usage(why, "deploy");
    if (wish_publications_check(w, c->a, why) < 0)
        return as_usage(why, "publish");
    return check_others_copies(c, why);
}

static bool was_said(const struct command *c, struct str key)
{
    return (c->said & (uint64_t)1 << (section_row(&schema_certificate, key) - schema_certificate.rows)) != 0;
}

/* --webroot is for all names; the configuration's directories for some of them count where it is not given.
 */
static void finish_webroots(struct command *c)
{
    struct names index = names_new(c->a);
    wish_inherit_webroots(&c->w, &c->settings->defaults, &index, c->a);
    if (was_said(c, STR("webroot")))
        c->w.webroot_n = 0;
}

/* Whoever names an entry of dns and no challenge means dns-01. */
static void choose_challenge(struct command *c)
{
    static const char *const dns_01[] = {"dns-01"};
    if (c->w.dns_n == 0 || was_said(c, STR("challenge")) || wish_needs_dns(&c->w))
        return;
    c->w.challenges = dns_01;
    c->w.challenge_n = ARRAY_LEN(dns_01);
}

static int finish_dns(struct command *c, struct err *why)
{
    const struct setting *row = section_row(&schema_certificate, STR("dns"));
    const char *misplaced = c->w.dns_n == 0 ? NULL : setting_misplaced(&schema_certificate, row, &c->w);
    if (misplaced != NULL)
        return err_set(why, ERR_USAGE, "%s", misplaced);
    int r = wish_choose_dns(&c->w, c->settings, c->a, why);
    return r == 0 && c->w.dns_n > 0 ? wish_entries_check(c->settings, &c->w.dns[0], c->a, why) : r;
}

static int finish(struct command *c, struct err *why)
{
    struct wish *w = &c->w;
    if (w->domain_n == 0)
        return err_set(why, ERR_USAGE, "no name is given; say for which with -d example.org");
    choose_challenge(c);
    for (size_t i = 0; i < w->domain_n; i++)
        if (domain_check(w, c->domains[i], why) < 0)
            return as_usage(why, "domain");
    if (domains_tidy(c->domains, &w->domain_n, why) < 0)
        return as_usage(why, "domain");
    w->domains = c->domains;
    finish_webroots(c);
    wish_choose_profile(w);
    if (w->name[0] == '\0' && wish_name_default(w, c->a, why) < 0)
        return as_usage(why, "name");
    const char *key;
    if (wish_check(w, &key, why) < 0)
        return as_usage(why, key);
    if (finish_dns(c, why) < 0)
        return as_usage(why, "dns");
    for (size_t i = 0; i < w->authority_n; i++) {
        struct str name = str_c(w->authorities[i]);
        if (settings_authority(c->settings, name, c->a) != NULL)
            continue;
        preset_refuse(name, c->settings->authorities, c->settings->authority_n, ERR_USAGE, why);
        return as_usage(why, "authority");
    }
    int r = finish_deployment(c, why);
    if (r < 0)
        return r;
    return wish_size_check(w, why) < 0 ? as_usage(why, NULL) : 0;
}

int settings_email(const char *text, struct arena *a, const char **out, struct err *err)
{
    struct err why = ERR_INIT;
    if (value_parse(section_row(&schema_root, STR("email")), str_c(text), a, out, &why) == 0)
        return 0;
    (void)as_usage(&why, "email");
    if (err != NULL)
        *err = why;
    return ERR_USAGE;
}

int settings_eab(
    const char *kid, const char *hmac_file, struct arena *a, struct authority *authority, struct err *err)
{
    struct err why = ERR_INIT;
    const char *option = "eab-kid", *key;
    int r = 0;
    if (kid == NULL && hmac_file == NULL)
        return 0;
    if (kid != NULL)
        r = value_parse(
            section_row(&schema_authority, STR("eab-kid")), str_c(kid), a, &authority->eab_kid, &why);
    if (r == 0 && hmac_file != NULL) {
        option = "eab-hmac-file";
        authority->eab_hmac_file = hmac_file;
        r = authority_read_secret(authority, a, &why);
    }
    if (r == 0) {
        option = "eab-kid and --eab-hmac-file";
        r = authority_check_eab(authority, &key, &why);
    }
    if (r == 0)
        return 0;
    (void)as_usage(&why, option);
    if (err != NULL)
        *err = why;
    return ERR_USAGE;
}

int settings_wish(const struct settings *s, const struct wish_option *options, size_t n, struct arena *a,
    struct wish *out, struct err *err)
{
    struct err why = ERR_INIT;
    /* No more of each than there are options: containers ask with a few, and there may be thousands. */
    size_t deploys = n < WISH_DEPLOYS_MAX ? n : WISH_DEPLOYS_MAX;
    struct command c = {
        .settings = s,
        .a = a,
        .domains = arena_array(a, n, sizeof(const char *)),
        .deploys = arena_array(a, 2 * deploys, sizeof(struct deploy)),
        .looks = arena_array(a, deploys, sizeof(struct deploy)),
        .publications =
            arena_array(a, n < WISH_PUBLISH_MAX ? n : WISH_PUBLISH_MAX, sizeof(struct publication)),
    };
    certificate_init(&c.w, s);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = apply_option(&c, &options[i], &why);
    if (r == 0)
        r = finish(&c, &why);
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r;
    }
    *out = c.w;
    return 0;
}
