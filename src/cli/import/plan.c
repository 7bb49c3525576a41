#include "cli/import/plan.h"

#include "acme/url.h"
#include "base/attr.h"
#include "config/names.h"
#include "config/presets.h"
#include "config/yaml_text.h"

#include <stdio.h>
#include <string.h>

/* Accounts of ours at one directory, for each of which the keeper is asked: nobody has had so many. */
enum { LABELS_MAX = 9, ENTRY_YAML_MAX = 1024 * 1024 };

/* --- authorities --- */

static const char *label_of(const struct import_plan *p, unsigned number)
{
    return number == 1 ? p->document->format : arena_printf(p->a, "%s-%u", p->document->format, number);
}

static void ask(struct import_plan *p, const struct import_account *account, const char *id)
{
    for (size_t i = 0; i < p->question_n; i++)
        if (p->questions[i].account == account && strcmp(p->questions[i].id, id) == 0)
            return;
    p->questions[p->question_n++] = (struct import_question){account, id, IMPORT_KEY_NONE};
}

/* Of an account whose client did not keep it: by the origin of the account's URL. */
static const char *directory_of(const struct settings *s, const char *url)
{
    if (acme_url_check(str_c(url), NULL) < 0)
        return "";
    for (size_t i = 0; i < s->authority_n; i++)
        if (acme_url_same_origin(str_c(s->authorities[i].directory), str_c(url)))
            return s->authorities[i].directory;
    for (size_t i = 0; i < preset_n; i++)
        if (presets[i].refused == NULL &&
            acme_url_same_origin(str_c(presets[i].authority.directory), str_c(url)))
            return presets[i].authority.directory;
    return "";
}

void import_plan_begin(struct import_plan *p, struct import_document *d, const struct settings *s,
    const struct import_options *o, struct arena *a)
{
    *p = (struct import_plan){.a = a, .document = d, .settings = s, .options = *o, .listen = ""};
    p->questions = arena_array(a, d->account_n * (s->authority_n + LABELS_MAX + 1), sizeof *p->questions);
    for (size_t i = 0; i < d->account_n; i++) {
        struct import_account *account = &d->accounts[i];
        if (account->directory[0] == '\0')
            account->directory = directory_of(s, account->url);
        if (account->directory[0] == '\0')
            continue;
        for (size_t k = 0; k < s->authority_n; k++)
            if (strcmp(s->authorities[k].directory, account->directory) == 0)
                ask(p, account, s->authorities[k].id);
        ask(p, account, account->directory);
        for (unsigned n = 1; n <= LABELS_MAX; n++)
            ask(p, account, authority_id(account->directory, label_of(p, n), a));
    }
    /* One for each account, and one for each certificate whose account is not known. */
    p->authorities = arena_array(a, d->account_n + d->certificate_n, sizeof *p->authorities);
    p->items = arena_array(a, d->certificate_n, sizeof *p->items);
}

static bool is_taken(const struct import_plan *p, const char *id)
{
    for (size_t i = 0; i < p->authority_n; i++)
        if (strcmp(p->authorities[i].id, id) == 0)
            return true;
    return false;
}

/* Where the account is already, else the first place that is free; NULL where there is none. */
static const char *place_of(const struct import_plan *p, const struct import_account *account)
{
    const char *free_one = NULL;
    for (size_t i = 0; i < p->question_n; i++) {
        const struct import_question *q = &p->questions[i];
        if (q->account != account || is_taken(p, q->id))
            continue;
        if (q->answer == IMPORT_KEY_SAME)
            return q->id;
        if (q->answer == IMPORT_KEY_NONE && free_one == NULL)
            free_one = q->id;
    }
    return free_one;
}

static bool name_is_free(const struct import_plan *p, const char *name)
{
    for (size_t i = 0; i < p->settings->authority_n; i++)
        if (strcmp(p->settings->authorities[i].name, name) == 0)
            return false;
    for (size_t i = 0; i < p->authority_n; i++)
        if (strcmp(p->authorities[i].name, name) == 0)
            return false;
    return preset_find(str_c(name)) == NULL;
}

/* After the host of the directory, or the preset, and the label. */
static const char *new_name(const struct import_plan *p, const struct import_authority *x)
{
    const struct preset *preset = preset_of_directory(str_c(x->directory));
    const char *host = x->directory + strcspn(x->directory, ":");
    host += strspn(host, ":/[");
    struct str base =
        preset != NULL ? str_c(preset->authority.name) : (struct str){host, strcspn(host, "]:/?#@")};
    char *name =
        arena_printf(p->a, "%.40s%s%.20s", arena_dup(p->a, base), x->label[0] != '\0' ? "-" : "", x->label);
    for (char *c = name; *c != '\0'; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c) == NULL)
            *c = '-';
    if (name[0] == '-' || name[0] == '.' || name[0] == '_' || name[0] == '\0')
        name = arena_printf(p->a, "ca%.60s", name);
    const char *free_name = name;
    for (unsigned n = 2; !name_is_free(p, free_name); n++)
        free_name = arena_printf(p->a, "%s-%u", name, n);
    return free_name;
}

/* The preset itself serves where nothing is to be said of it. One that wants a binding, which an account that
 * exists has behind it, is named by its directory. */
static void use_preset(const struct import_plan *p, const struct preset *preset, struct import_authority *x)
{
    x->name = preset->eab != NULL ? x->directory : preset->authority.name;
    x->staging = preset->authority.staging;
    x->entry = preset->eab == NULL && (x->email[0] != '\0' || x->agree || p->options.ca_file[0] != '\0');
}

/* Whether an authority of the settings is a preset of which the configuration says nothing, so that an entry
 * of its name may. */
static bool is_bare(const struct authority *a)
{
    const struct preset *preset = preset_find(str_c(a->name));
    return preset != NULL && strcmp(a->id, preset->authority.id) == 0 && a->email[0] == '\0' &&
           !a->agree_tos && a->ca_file[0] == '\0' && a->eab_kid[0] == '\0' && !a->pre_authorize &&
           a->orders_in_flight == 0 && a->account_key_type == preset->authority.account_key_type;
}

static struct import_authority *add_authority(
    struct import_plan *p, const char *directory, const char *id, const struct import_account *account)
{
    struct import_authority *x = &p->authorities[p->authority_n];
    const struct preset *preset = preset_of_directory(str_c(directory));
    const struct authority *there = settings_authority_of_id(p->settings, str_c(id));
    const char *hash = strchr(id, '#');
    *x = (struct import_authority){.directory = directory,
        .id = id,
        .label = hash != NULL ? hash + 1 : "",
        .account = account,
        .email = "",
        .staging = ""};
    if (there != NULL && !is_bare(there)) {
        x->name = there->name;
    } else {
        bool agreed = p->options.agree_tos || (account != NULL && account->agreed);
        x->agree = agreed && !p->settings->agree_tos;
        /* The contact stays what the CA was told. */
        const char *email = "";
        if (account != NULL && settings_email(account->email, p->a, &email, NULL) == 0 &&
            strcmp(email, p->settings->email) != 0)
            x->email = email;
        if (preset != NULL && preset->refused == NULL && x->label[0] == '\0') {
            use_preset(p, preset, x);
        } else {
            x->name = new_name(p, x);
            x->entry = true;
        }
    }
    p->authority_n++;
    return x;
}

/* The authority of that account; of no account, any at that directory. */
static struct import_authority *authority_for(struct import_plan *p, const struct import_certificate *c)
{
    const char *directory = c->account != NULL ? c->account->directory : c->directory;
    for (size_t i = 0; i < p->authority_n; i++)
        if (c->account != NULL ? p->authorities[i].account == c->account
                               : strcmp(p->authorities[i].directory, directory) == 0)
            return &p->authorities[i];
    if (c->account != NULL) {
        const char *id = place_of(p, c->account);
        return id != NULL ? add_authority(p, directory, id, c->account) : NULL;
    }
    for (size_t i = 0; i < p->settings->authority_n; i++)
        if (strcmp(p->settings->authorities[i].directory, directory) == 0)
            return add_authority(p, directory, p->settings->authorities[i].id, NULL);
    return add_authority(p, directory, directory, NULL);
}

/* --- certificates --- */

static bool has_wildcard(const struct import_certificate *c)
{
    for (size_t i = 0; i < c->domains.n; i++)
        if (strncmp(c->domains.p[i], "*.", 2) == 0)
            return true;
    return false;
}

/* What the schema says against the entry, without its place in a text that nobody sees. */
static const char *refused(const struct import_plan *p, const struct import_item *item)
{
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf yaml ATTR_CLEANUP(buf_free) = buf_new(ENTRY_YAML_MAX);
    struct settings s;
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    static const char at[] = "certificates[0]";
    if (item->dns != NULL) {
        buf_put_c(&yaml, "dns: {");
        yaml_put_text(&yaml, str_c(item->dns));
        buf_put_c(&yaml, ": {provider: any}}\n");
    }
    buf_put_c(&yaml, "certificates:\n");
    import_yaml_certificate(p, item, true, &yaml);
    if (buf_failed(&yaml))
        return "it is too large";
    if (settings_parse("imported", buf_str(&yaml), scratch, &s, &problems, &err) == 0)
        return NULL;
    const char *found = strstr(err.text, at);
    if (found == NULL)
        return arena_dup_c(p->a, err.text);
    found += strlen(at);
    return arena_dup_c(p->a, found + strspn(found, ".: "));
}

/* --- what an import that was cut short left to do --- */

static bool says(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static bool same_names(const struct wish *w, const struct import_certificate *c)
{
    bool same = w->domain_n == c->domains.n;
    for (size_t i = 0; same && i < w->domain_n; i++)
        same = says(c->domains.p, c->domains.n, w->domains[i]);
    return same;
}

/* The authority that the configuration gives it, with the other client's account where that is its own. */
static struct import_authority *authority_configured(
    struct import_plan *p, const struct wish *w, const struct import_certificate *c)
{
    const struct authority *of = settings_authority(p->settings, str_c(w->authorities[0]), p->a);
    if (of == NULL)
        return NULL;
    for (size_t i = 0; i < p->authority_n; i++)
        if (strcmp(p->authorities[i].id, of->id) == 0)
            return &p->authorities[i];
    const struct import_account *account = NULL;
    for (size_t i = 0; i < p->question_n; i++)
        if (p->questions[i].account == c->account && strcmp(p->questions[i].id, of->id) == 0 &&
            p->questions[i].answer != IMPORT_KEY_OTHER)
            account = c->account;
    return add_authority(p, of->directory, of->id, account);
}

static const char *why_configured_left(struct import_plan *p, struct import_item *item)
{
    if (!item->whole || !same_names(item->configured, item->from))
        return "it is in the configuration already";
    item->authority = authority_configured(p, item->configured, item->from);
    return item->authority == NULL || item->authority->account != item->from->account
               ? "it is in the configuration already, with another account"
               : NULL;
}

/* --- all together --- */

/* By name: what is here. */
struct known {
    struct names live, pending; /* in the state, with a certificate or without */
    struct names configured;    /* wishes */
    struct names taken, paths;  /* of the document: certificates, and files that are kept up to date */
};

static const struct import_file *file_of_another(
    const struct import_plan *p, const struct import_certificate *c, const struct known *k)
{
    for (size_t i = 0; p->options.publish_in_place && i < c->file_n; i++)
        if (names_get(&k->paths, str_c(c->files[i].path)) != NULL)
            return &c->files[i];
    return NULL;
}

static const char *why_left(struct import_plan *p, struct import_item *item, const struct known *k)
{
    const struct import_certificate *c = item->from;
    struct str name = str_c(c->name);
    if (names_get(&k->taken, name) != NULL)
        return "there are two of that name, and the first is taken";
    item->configured = names_get(&k->configured, name);
    if (names_get(&k->live, name) != NULL)
        return "it is here already, and stays as it is";
    if (item->configured != NULL)
        return why_configured_left(p, item);
    if (names_get(&k->pending, name) != NULL)
        return "it is being issued by command, and comes from there";
    const char *no = NULL;
    if (strcmp(c->challenge, "dns-01") == 0 || has_wildcard(c)) {
        item->dns = import_dns_entry(p->settings, c, p->a, &no);
        if (item->dns == NULL)
            return no;
    }
    const char *directory = c->account != NULL ? c->account->directory : c->directory;
    if (directory[0] == '\0')
        return "the directory of its CA is not known: add an authority with it to the configuration first, "
               "or "
               "say it with --directory URL";
    if (acme_url_check(str_c(directory), NULL) < 0 || strchr(directory, '#') != NULL)
        return "the directory of its CA is no https URL";
    no = refused(p, item);
    if (no != NULL)
        return no;
    const struct import_file *twice = file_of_another(p, c, k);
    if (twice != NULL)
        return arena_printf(p->a, "its file %s is that of another, too", twice->path);
    item->authority = authority_for(p, c);
    return item->authority == NULL ? "evercert has more accounts at its CA already than can be told apart"
                                   : NULL;
}

/* The other client's own port, where evercert is told no address and all agree on one. */
static void choose_listen(struct import_plan *p)
{
    const struct settings *s = p->settings;
    uint16_t port = 0;
    if (s->http01_listen_n != 2 || !says(s->http01_listen, 2, "[::]:80") ||
        !says(s->http01_listen, 2, "0.0.0.0:80"))
        return;
    for (size_t i = 0; i < p->document->certificate_n; i++) {
        const struct import_certificate *c = p->items[i].from;
        if (p->items[i].left != NULL || p->items[i].configured != NULL || c->webroot[0] != '\0' ||
            (c->webroot_unknown && s->defaults.webroot[0] != '\0') ||
            strcmp(c->challenge, "tls-alpn-01") == 0)
            continue;
        uint16_t its = c->http_port != 0 ? c->http_port : 80;
        if (port != 0 && its != port)
            return;
        port = its;
    }
    if (port != 0 && port != 80) /* there is one that is written */
        p->listen = arena_printf(p->a, ":%u", (unsigned)port);
}

void import_plan_make(struct import_plan *p, const struct import_had *had, size_t had_n)
{
    struct known k = {names_new(p->a), names_new(p->a), names_new(p->a), names_new(p->a), names_new(p->a)};
    for (size_t i = 0; i < had_n; i++)
        names_put(had[i].live ? &k.live : &k.pending, str_c(had[i].name), &had[i]);
    for (size_t i = 0; i < p->settings->certificate_n; i++)
        names_put(&k.configured, str_c(p->settings->certificates[i].name), &p->settings->certificates[i]);
    for (size_t i = 0; i < p->document->certificate_n; i++) {
        struct import_item *item = &p->items[i];
        item->from = &p->document->certificates[i];
        item->whole = item->from->key[0] != '\0' && item->from->chain[0] != '\0';
        item->left = why_left(p, item, &k);
        if (item->left != NULL)
            continue;
        names_put(&k.taken, str_c(item->from->name), item);
        for (size_t n = 0; n < item->from->file_n; n++)
            names_put(&k.paths, str_c(item->from->files[n].path), item);
        item->authority->used = true;
        p->carried++;
        p->written += item->configured == NULL;
    }
    choose_listen(p);
}

int import_plan_wishes(struct import_plan *p, const struct settings *made, struct err *err)
{
    struct names names = names_new(p->a);
    for (size_t i = 0; i < made->certificate_n; i++)
        names_put(&names, str_c(made->certificates[i].name), &made->certificates[i]);
    for (size_t i = 0; i < p->document->certificate_n; i++) {
        struct import_item *item = &p->items[i];
        struct buf text ATTR_CLEANUP(buf_free) = buf_new(WISH_TEXT_MAX);
        const struct wish *w = names_get(&names, str_c(item->from->name));
        if (item->left != NULL)
            continue;
        if (w == NULL)
            return err_set(err, ERR_CONFIG, "%s is not in the file that was made for it", item->from->name);
        wish_encode(w, &text);
        if (buf_failed(&text))
            return err_set(err, ERR_LIMIT, "%s is too large", item->from->name);
        item->wish = arena_dup(p->a, buf_str(&text));
    }
    return 0;
}
