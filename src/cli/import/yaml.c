/* The file for evercert.d: YAML as a person would write it. */
#include "cli/import/plan.h"

#include "base/attr.h"
#include "base/text.h"
#include "base/time.h"
#include "config/yaml_text.h"

#include <string.h>
#include <sys/stat.h>

static void put(struct buf *out, const char *text)
{
    yaml_put_text(out, str_c(text));
}

/* A line of a comment; what another client wrote may hold anything. */
static void comment(struct buf *out, unsigned indent, const char *text)
{
    buf_printf(out, "%*s# ", (int)indent, "");
    text_clean(out, str_c(text), TEXT_FOREIGN_MAX);
    buf_put_char(out, '\n');
}

static void pair(struct buf *out, unsigned indent, const char *key, const char *value)
{
    buf_printf(out, "%*s%s: ", (int)indent, "", key);
    put(out, value);
    buf_put_char(out, '\n');
}

static void list(struct buf *out, unsigned indent, const char *key, const char *const *p, size_t n)
{
    buf_printf(out, "%*s%s: [", (int)indent, "", key);
    for (size_t i = 0; i < n; i++) {
        buf_put_c(out, i > 0 ? ", " : "");
        put(out, p[i]);
    }
    buf_put_c(out, "]\n");
}

/* --- authorities --- */

static void put_authority(const struct import_plan *p, const struct import_authority *x, struct buf *out)
{
    buf_put_c(out, "  ");
    put(out, x->name);
    buf_put_c(out, ":\n");
    if (x->account != NULL && x->account->url[0] != '\0')
        comment(out, 4, x->account->url);
    pair(out, 4, "directory", x->directory);
    if (x->label[0] != '\0')
        pair(out, 4, "account", x->label);
    if (x->staging[0] != '\0' && strcmp(x->staging, x->directory) != 0)
        pair(out, 4, "staging", x->staging);
    if (p->options.ca_file[0] != '\0')
        pair(out, 4, "ca-file", p->options.ca_file);
    if (x->email[0] != '\0')
        pair(out, 4, "email", x->email);
    if (!x->agree)
        return;
    comment(
        out, 4, p->options.agree_tos ? "agreed to with --agree-tos" : "agreed to when the account was made");
    buf_put_c(out, "    agree-tos: true\n");
}

/* --- certificates --- */

static bool is_only(const char *const *p, size_t n, const char *text)
{
    return n == 1 && strcmp(p[0], text) == 0;
}

static void put_challenge(
    const struct import_plan *p, const struct import_item *item, bool alone, struct buf *out)
{
    const struct import_certificate *c = item->from;
    const struct wish *d = &p->settings->defaults;
    const char *challenge = item->dns != NULL ? "dns-01" : c->challenge[0] != '\0' ? c->challenge : "http-01";
    if (alone || !is_only(d->challenges, d->challenge_n, challenge))
        pair(out, 4, "challenge", challenge);
    if (item->dns != NULL)
        pair(out, 4, "dns", item->dns);
    if (strcmp(challenge, "http-01") != 0)
        return;
    if (!c->webroot_unknown && strcmp(c->webroot, d->webroot) != 0)
        pair(out, 4, "webroot", c->webroot);
    if (c->webroot_n == 0)
        return;
    buf_put_c(out, "    webroot-map:\n");
    for (size_t i = 0; i < c->webroot_n; i++) {
        buf_put_c(out, "      ");
        put(out, c->webroots[i].name);
        buf_put_c(out, ": ");
        put(out, c->webroots[i].path);
        buf_put_char(out, '\n');
    }
}

static void put_key(const struct import_plan *p, const struct import_certificate *c, struct buf *out)
{
    const struct wish *d = &p->settings->defaults;
    const char *type = c->key_type[0] != '\0' ? c->key_type : d->key_types[0];
    if (!is_only(d->key_types, d->key_type_n, type))
        pair(out, 4, "key-type", type);
    if (c->reuse_key != d->reuse_key)
        buf_printf(out, "    reuse-key: %s\n", c->reuse_key ? "true" : "false");
    if (c->must_staple != d->must_staple)
        buf_printf(out, "    must-staple: %s\n", c->must_staple ? "true" : "false");
}

static void put_preferences(const struct import_plan *p, const struct import_certificate *c, struct buf *out)
{
    char text[DURATION_TEXT_MAX];
    if (strcmp(c->profile, p->settings->defaults.profile) != 0)
        pair(out, 4, "profile", c->profile);
    if (c->preferred_profile[0] != '\0')
        list(out, 4, "preferred-profile", &c->preferred_profile, 1);
    if (c->preferred_chain[0] != '\0')
        list(out, 4, "preferred-chain", &c->preferred_chain, 1);
    if (c->renew_before_s > 0)
        buf_printf(out, "    renew-before: %s\n", duration_format(c->renew_before_s, text));
}

/* Whose words the other client's hooks expect; what has no dialect of its own has none of its words either.
 */
static const struct {
    const char *format, *dialect;
    bool whole; /* its hook is a program that is told the event, not a line for a shell */
} dialects[] = {
    {"certbot", "certbot", false},
    {"acme.sh", "acme.sh", false},
    {"lego", "lego", false},
    {"dehydrated", "dehydrated", true},
    {"odoo", "odoo", false},
};

static void put_dialect(const struct import_plan *p, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (strcmp(dialects[i].format, p->document->format) == 0)
            buf_printf(out, ", dialect: %s", dialects[i].dialect);
}

static bool is_program(const struct import_plan *p, const struct import_hook *h)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (dialects[i].whole && strcmp(dialects[i].format, p->document->format) == 0)
            return h->command[0] == '/' && strpbrk(h->command, " \t\n") == NULL;
    return false;
}

static void put_hook(const struct import_plan *p, const struct import_hook *h, struct buf *out)
{
    bool program = is_program(p, h);
    if (h->source[0] != '\0')
        comment(out, 6, h->source);
    buf_put_c(out, program ? "      - {run: [" : "      - {run: [sh, -c, ");
    put(out, h->command);
    buf_put_c(out, "]");
    put_dialect(p, out);
    if (!program && strcmp(h->event, "issued") != 0) {
        buf_put_c(out, ", on: [");
        put(out, h->event);
        buf_put_c(out, "]");
    }
    buf_put_c(out, "}\n");
}

static void put_deploy(const struct import_plan *p, const struct import_certificate *c, struct buf *out)
{
    if (c->hook_n + c->hook_directories.n == 0)
        return;
    buf_put_c(out, "    deploy:\n");
    for (size_t i = 0; i < c->hook_directories.n; i++) {
        buf_put_c(out, "      - {run: [");
        put(out, c->hook_directories.p[i]);
        buf_put_c(out, "]");
        put_dialect(p, out);
        buf_put_c(out, "}\n");
    }
    for (size_t i = 0; i < c->hook_n; i++)
        put_hook(p, &c->hooks[i], out);
}

static bool holds_key(const char *format)
{
    return strcmp(format, "key") == 0 || strcmp(format, "combined") == 0 || strcmp(format, "pkcs12") == 0;
}

/* Octal digits; 0 for what is none. */
static unsigned mode_of(const char *text)
{
    unsigned mode = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '7' || mode > 0777)
            return 0;
        mode = mode * 8 + (unsigned)(*c - '0');
    }
    return mode;
}

/* As it is now, but for what no file with a key in it may be. */
static void put_file(const struct import_file *f, struct buf *out)
{
    struct stat st;
    unsigned mode = mode_of(f->mode) & (holds_key(f->format) ? 0660U : 0664U);
    buf_put_c(out, "      - {format: ");
    put(out, f->format);
    buf_put_c(out, ", path: ");
    put(out, f->path);
    if ((mode & 0400) != 0)
        buf_printf(out, ", mode: \"%04o\"", mode);
    if (f->owner[0] != '\0') {
        buf_put_c(out, ", owner: ");
        put(out, f->owner);
    }
    if (f->group[0] != '\0') {
        buf_put_c(out, ", group: ");
        put(out, f->group);
    }
    if (lstat(f->path, &st) == 0 && S_ISLNK(st.st_mode))
        buf_put_c(out, ", replace-symlink: true");
    buf_put_c(out, "}\n");
}

void import_yaml_certificate(
    const struct import_plan *p, const struct import_item *item, bool alone, struct buf *out)
{
    const struct import_certificate *c = item->from;
    const struct wish *d = &p->settings->defaults;
    buf_put_c(out, "  - name: ");
    put(out, c->name);
    buf_put_char(out, '\n');
    for (size_t i = 0; i < c->warnings.n; i++)
        comment(out, 4, c->warnings.p[i]);
    if (!item->whole)
        comment(out, 4, "no key and chain that fit were found: a new certificate is asked for");
    list(out, 4, "domains", c->domains.p, c->domains.n);
    if (!alone && !is_only(d->authorities, d->authority_n, item->authority->name))
        pair(out, 4, "authority", item->authority->name);
    put_challenge(p, item, alone, out);
    put_key(p, c, out);
    put_preferences(p, c, out);
    if (p->options.publish_in_place && c->file_n > 0) {
        buf_put_c(out, "    publish:\n");
        for (size_t i = 0; i < c->file_n; i++)
            put_file(&c->files[i], out);
    }
    put_deploy(p, c, out);
}

void import_plan_yaml(const struct import_plan *p, struct buf *out)
{
    const struct import_document *d = p->document;
    bool entries = false;
    buf_put_c(out, "# From ");
    text_clean(out, str_c(d->format), TEXT_FOREIGN_MAX);
    buf_put_c(out, " in ");
    text_clean(out, str_c(d->path), TEXT_FOREIGN_MAX);
    buf_put_c(out, ", by evercert import. It is yours now: evercert never writes it again.\n");
    if (p->listen[0] != '\0') {
        buf_put_c(out, "\nhttp-01:\n");
        pair(out, 2, "listen", p->listen);
    }
    for (size_t i = 0; i < p->authority_n; i++) {
        const struct import_authority *x = &p->authorities[i];
        if (!x->used || !x->entry)
            continue;
        buf_put_c(out, entries ? "" : "\nauthorities:\n");
        entries = true;
        put_authority(p, x, out);
    }
    if (p->written > 0)
        buf_put_c(out, "\ncertificates:\n");
    for (size_t i = 0; i < d->certificate_n; i++)
        if (p->items[i].left == NULL && p->items[i].configured == NULL)
            import_yaml_certificate(p, &p->items[i], false, out);
}
