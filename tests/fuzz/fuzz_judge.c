/* Claims of containers, one a line, of fields parted by blanks: "engine id created project service image
 * network domains word=value ...", an empty field as "-". However they are, what is granted is allowed by a
 * row of the policy, and nothing is granted twice. */
#include "acme/identifier.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "containers/judge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLAIMS_MAX = 200, DOMAINS_MAX = 120, OPTIONS_MAX = 8 };

static const char yaml[] =
    "challenge: [http-01, dns-01]\n"
    "dns: {corp: {provider: rfc2136}, other: {provider: rfc2136}}\n"
    "authorities: {own: {directory: \"https://own.test/dir\", staging: \"https://own.test/try\"}}\n"
    "certificates: [{domains: [taken.web.test], dns: corp, publish: [{format: cert, path: /s/file}]}]\n"
    "templates: [{source: /t, output: /s/made}]\n"
    "docker:\n"
    "  engines: {far: {socket: \"unix:///x\"}}\n"
    "  publish: [{format: cert, path: \"/s/{name}\"}]\n"
    "  policy:\n"
    "    - {allow: [web.test], project: web}\n"
    "    - {allow: [=one.test, \"=*.two.test\"], service: \"s*\", max-names: 3}\n"
    "    - {allow: [\"*.img.test\", 192.0.2.1], image: \"*/i:*\", dns: corp, authority: [own, letsencrypt]}\n"
    "    - {allow: [\"*\"], engine: far, network: front}\n";

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static const struct settings *settings(void)
{
    static struct settings s;
    static struct arena *forever;
    if (forever == NULL) {
        forever = arena_new();
        must(settings_parse("f", STR(yaml), forever, &s, NULL, NULL) == 0);
    }
    return &s;
}

/* The next field of a line; "" for "-". */
static const char *field(struct str *line, struct arena *a)
{
    struct str word;
    (void)str_cut(*line, ' ', &word, line);
    return str_eq_c(word, "-") ? "" : arena_dup(a, word);
}

static void read_domains(struct claim *c, struct str text, struct arena *a)
{
    const char **domains = arena_array(a, DOMAINS_MAX, sizeof *domains);
    struct str item;
    for (bool more = true; more && c->domain_n < DOMAINS_MAX;) {
        more = str_cut(text, ',', &item, &text);
        domains[c->domain_n++] = arena_dup(a, item);
    }
    c->domains = domains;
}

static struct claim read_claim(struct str line, struct arena *a)
{
    struct claim c = {.key = "k"};
    struct holder *h = &c.holder;
    const char **network = arena_array(a, 1, sizeof *network);
    struct wish_option *options = arena_array(a, OPTIONS_MAX, sizeof *options);
    h->engine = field(&line, a);
    h->id = h->name = field(&line, a);
    h->created_s = strtol(field(&line, a), NULL, 10);
    h->project = field(&line, a);
    h->service_name = field(&line, a);
    h->image = field(&line, a);
    *network = field(&line, a);
    h->networks = network;
    h->network_n = 1;
    read_domains(&c, str_c(field(&line, a)), a);
    while (line.n > 0 && c.option_n < OPTIONS_MAX) {
        struct str key, value;
        (void)str_cut(str_c(field(&line, a)), '=', &key, &value);
        if (str_eq_c(key, "staging"))
            c.staging = true;
        else
            options[c.option_n++] = (struct wish_option){arena_dup(a, key), arena_dup(a, value)};
    }
    c.options = options;
    return c;
}

/* The policy once more, by looking at every word. */

static bool listed(const char *const *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (glob_fits(words[i], text))
            return true;
    return n == 0;
}

static bool pattern_allows(const char *pattern, const char *name)
{
    struct str base = identifier_base(str_c(name)), above = dns_pattern_base(pattern);
    if (pattern[0] == '=')
        return strcmp(pattern + 1, name) == 0;
    if (above.n == 0 || str_eq(base, above))
        return true;
    return !identifier_is_ip(base) && str_ends(base, above) && base.p[base.n - above.n - 1] == '.';
}

static bool is_allowed(const struct holder *h, const char *name)
{
    const struct docker_settings *d = &settings()->docker;
    for (size_t i = 0; i < d->policy_n; i++) {
        const struct docker_policy *p = &d->policy[i];
        bool fits =
            listed(p->projects, p->project_n, h->project) && listed(p->images, p->image_n, h->image) &&
            listed(p->services, p->service_n, h->service_name) &&
            listed(p->engines, p->engine_n, h->engine) && listed(p->networks, p->network_n, h->networks[0]);
        for (size_t k = 0; k < p->allow_n && fits; k++)
            if (pattern_allows(p->allow[k], name))
                return true;
    }
    return false;
}

static void check_alone(const struct judgement *j, size_t i)
{
    const struct wish *w = &j->wishes[i], *own = &settings()->certificates[0];
    must(strcmp(w->name, own->name) != 0);
    for (size_t d = 0; d < w->domain_n; d++)
        must(!wish_has_domain(own, w->domains[d]));
    for (size_t k = 0; k < i; k++) {
        must(strcmp(j->wishes[k].name, w->name) < 0);
        for (size_t d = 0; d < w->domain_n; d++)
            must(!wish_has_domain(&j->wishes[k], w->domains[d]));
    }
}

static void check_decodes(const struct wish *w, struct arena *a)
{
    struct buf text = buf_new(WISH_TEXT_MAX);
    struct wish again;
    wish_encode(w, &text);
    must(!buf_failed(&text));
    must(wish_decode(buf_str(&text), a, &again, NULL) == 0);
    buf_free(&text);
}

static void check_clean(const char *text, struct arena *a)
{
    char *copy = arena_dup_c(a, text);
    text_clean_in_place(copy);
    must(strcmp(copy, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct claim *claims = arena_array(a, CLAIMS_MAX, sizeof *claims);
    struct str line, text = {(const char *)data, size};
    struct judgement j;
    size_t n = 0;
    for (bool more = true; more && n < CLAIMS_MAX;) {
        more = str_cut(text, '\n', &line, &text);
        claims[n++] = read_claim(line, a);
    }
    claims_judge(settings(), claims, n, a, &j);
    for (size_t i = 0; i < n; i++) {
        const struct verdict *v = &j.verdicts[i];
        must(v->claim == &claims[i] && (v->wish == SIZE_MAX) == (v->reason[0] != '\0'));
        check_clean(v->reason, a);
        must(v->wish == SIZE_MAX || v->wish < j.wish_n);
        for (size_t d = 0; v->wish != SIZE_MAX && d < j.wishes[v->wish].domain_n; d++)
            must(is_allowed(&claims[i].holder, j.wishes[v->wish].domains[d]));
    }
    for (size_t i = 0; i < j.wish_n; i++) {
        check_alone(&j, i);
        check_decodes(&j.wishes[i], a);
        check_clean(j.holders[i], a);
    }
    arena_free(a);
    return 0;
}
