/* Labels of evercert's own: evercert.X, and evercert.ID.X for further certificates. */
#include "config/nearest.h"
#include "config/problems.h"
#include "containers/internal.h"

#include <string.h>

static const struct str prefix = {"evercert.", sizeof "evercert." - 1};

enum kind {
    WORD_DOMAINS,
    WORD_NAME,    /* an option of its own claim alone */
    WORD_OPTION,  /* an option that counts for what other readers find, too */
    WORD_STAGING, /* the same, true or false */
    WORD_CONSUMER,
};

static const struct word {
    const char *text;
    enum kind kind;
} words[] = {
    {"domains", WORD_DOMAINS},
    {"name", WORD_NAME},
    {"challenge", WORD_OPTION},
    {"dns", WORD_OPTION},
    {"authority", WORD_OPTION},
    {"profile", WORD_OPTION},
    {"key-type", WORD_OPTION},
    {"staging", WORD_STAGING},
    {"use", WORD_CONSUMER},
    {"on-change", WORD_CONSUMER},
    {"verify", WORD_CONSUMER},
};

/* evercert.ID.WORD; the ID is empty in evercert.WORD. */
struct label {
    struct str id;
    const struct word *word;
};

static const struct word *find_word(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(text, words[i].text))
            return &words[i];
    return NULL;
}

static bool is_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = str_lower(id.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return id.n > 0 && id.n <= CLAIM_ID_MAX;
}

static bool is_ours(const char *key)
{
    return str_starts(str_c(key), prefix);
}

/* False for a key that is none of the table; `word` is what stands in its place. */
static bool label_parse(const char *key, struct label *out, struct str *word)
{
    struct str rest = {key + prefix.n, strlen(key) - prefix.n};
    bool numbered = str_cut(rest, '.', &out->id, word);
    if (!numbered) {
        out->id = (struct str){"", 0};
        *word = rest;
    }
    out->word = find_word(*word);
    return out->word != NULL && (!numbered || is_id(out->id));
}

static void say_unknown(struct reading *r, const char *key, const struct label *l, struct str word)
{
    char meant[NEAREST_TEXT_MAX];
    if (l->word != NULL) {
        say(r, key,
            "what stands between evercert. and .%s is of letters, digits, '-' and '_' and at most %d octets "
            "long, as in evercert.1.%s",
            l->word->text, (int)CLAIM_ID_MAX, l->word->text);
        return;
    }
    struct nearest near = nearest_new(word);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        nearest_try(&near, words[i].text);
    say(r, key,
        "is no label of evercert%s; there are domains, name, challenge, dns, authority, profile, key-type, "
        "staging, use, on-change and verify",
        nearest_text(&near, meant));
}

static const char *label_key(struct reading *r, struct str id, const char *word)
{
    return id.n == 0 ? arena_printf(r->a, "evercert.%s", word)
                     : arena_printf(r->a, "evercert.%.*s.%s", STR_ARG(id), word);
}

static bool has_domains(struct reading *r, struct str id)
{
    return container_label(r->c, label_key(r, id, "domains")) != NULL;
}

/* The options that stand beside evercert.ID.domains. */
static void add_options(struct reading *r, struct draft *d, struct str id, bool own)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct word *w = &words[i];
        if (w->kind == WORD_DOMAINS || w->kind == WORD_CONSUMER || (w->kind == WORD_NAME && !own))
            continue;
        const char *key = label_key(r, id, w->text), *value = container_label(r->c, key);
        if (value == NULL)
            continue;
        if (w->kind == WORD_STAGING)
            draft_staging(r, d, key, value);
        else
            draft_option(r, d, key, w->text, value);
    }
}

static void add_claim(struct reading *r, struct str id)
{
    struct draft d = {.reader = READER_EVERCERT, .key = label_key(r, id, "domains")};
    const char *list = container_label(r->c, d.key);
    if (id.n == 0) { /* its other options were read, and judged, already */
        const char *name = container_label(r->c, "evercert.name");
        d = r->common;
        d.key = "evercert.domains";
        if (name != NULL)
            draft_option(r, &d, "evercert.name", "name", name);
    } else {
        add_options(r, &d, id, true);
    }
    draft_names(r, &d, str_c(list), true);
    if (!d.broken && d.domain_n == 0) {
        d.broken = true;
        say(r, d.key, "holds no name; write the names of the certificate, as in \"a.example, b.example\"");
    }
    (void)draft_finish(r, &d);
}

/* What belongs to a certificate that nobody asks for; said once for each. */
static void check_orphan(struct reading *r, const char *key, const struct label *l, struct str *last)
{
    if (l->word->kind == WORD_CONSUMER) {
        if (l->id.n > 0)
            say(r, key, "is for the container as a whole; write evercert.%s", l->word->text);
    } else if (l->id.n > 0 && !str_eq(l->id, *last) && !has_domains(r, l->id)) {
        *last = l->id;
        say(r, key, "belongs to no certificate; evercert.%.*s.domains is missing", STR_ARG(l->id));
    } else if (l->word->kind == WORD_NAME && l->id.n == 0 && !has_domains(r, l->id)) {
        say(r, key, "names no certificate; evercert.domains is missing");
    }
}

static void check_keys(struct reading *r)
{
    struct str word, last = {"", 0};
    for (size_t i = 0; i < r->c->label_n; i++) {
        const char *key = r->c->labels[i].name;
        struct label l;
        if (!is_ours(key))
            continue;
        if (label_parse(key, &l, &word))
            check_orphan(r, key, &l, &last);
        else
            say_unknown(r, key, &l, word);
    }
}

void read_evercert(struct reading *r)
{
    struct str word, none = {"", 0};
    check_keys(r);
    add_options(r, &r->common, none, false);
    if (has_domains(r, none))
        add_claim(r, none);
    for (size_t i = 0; i < r->c->label_n && !r->full; i++) {
        const char *key = r->c->labels[i].name;
        struct label l;
        if (is_ours(key) && label_parse(key, &l, &word) && l.word->kind == WORD_DOMAINS && l.id.n > 0)
            add_claim(r, l.id);
    }
}

void read_evercert_rest(struct reading *r)
{
    const char *key = "evercert.staging";
    const struct draft *d = &r->common;
    if (r->draft_n > 0 || d->broken || (d->option_n == 0 && !d->staging_said))
        return;
    if (d->option_n > 0)
        key = arena_printf(r->a, "evercert.%s", d->options[0].option);
    say(r, key,
        "is of no use, for nothing asks for a certificate; write its names into the label evercert.domains");
}
