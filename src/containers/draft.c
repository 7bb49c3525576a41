#include "acme/identifier.h"
#include "config/certificate.h"
#include "config/problems.h"
#include "config/schema.h"
#include "containers/internal.h"

#include <stdio.h>
#include <string.h>

static void too_many_names(struct reading *r, struct draft *d)
{
    d->broken = true;
    say(r, d->key,
        "asks for more than %d names in one certificate, which no CA signs; ask for several certificates, as "
        "with evercert.1.domains and evercert.2.domains",
        (int)WISH_DOMAINS_MAX);
}

/* Whether a claim of the container has the name, or a wildcard that covers it. */
static bool is_asked(const struct reading *r, const char *name)
{
    char wildcard[IDENTIFIER_MAX + sizeof "*."];
    const char *dot = strchr(name, '.');
    if (names_get(&r->asked, str_c(name)) != NULL)
        return true;
    if (dot == NULL || identifier_is_ip(str_c(name)))
        return false;
    snprintf(wildcard, sizeof wildcard, "*%s", dot);
    return names_get(&r->asked, str_c(wildcard)) != NULL;
}

void draft_name(struct reading *r, struct draft *d, struct str name)
{
    struct err err = ERR_INIT;
    const char *ascii;
    if (d->broken)
        return;
    if (++d->word_n > CLAIM_WORDS_MAX) {
        too_many_names(r, d);
        return;
    }
    if (name_to_ascii(name, r->a, &ascii, &err) < 0) {
        d->broken = true;
        say(r, d->key, "%s", err.text);
        return;
    }
    if (d->fills && is_asked(r, ascii))
        return;
    for (size_t i = 0; i < d->domain_n; i++)
        if (strcmp(d->domains[i], ascii) == 0)
            return;
    if (d->domain_n == WISH_DOMAINS_MAX)
        too_many_names(r, d);
    else
        d->domains[d->domain_n++] = ascii;
}

void draft_names(struct reading *r, struct draft *d, struct str list, bool blanks)
{
    struct str name;
    while (!d->broken && next_word(&list, blanks, &name))
        draft_name(r, d, name);
}

/* The form that the configuration asks for; whether there is such an entry is policy's to say. */
static int check_option(const char *option, struct str value, struct arena *a, struct err *err)
{
    const struct setting *row = section_row(&schema_certificate, str_c(option));
    struct str item, rest = value;
    const char *field;
    if ((row->flags & SETTING_COMMAS) == 0)
        return value_parse(row, value, a, &field, err);
    int64_t n = 0;
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &item, &rest);
        if (++n > row->max)
            return err_set(err, ERR_INPUT, "holds more than %d values", (int)row->max);
        int r = value_parse(row, str_trim(item), a, &field, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void draft_option(struct reading *r, struct draft *d, const char *key, const char *option, const char *value)
{
    struct err err = ERR_INIT;
    struct str text = str_trim(str_c(value));
    if (d->broken)
        return;
    if (text.n == 0 || check_option(option, text, r->a, &err) < 0) {
        d->broken = true;
        say(r, key, "%s", text.n == 0 ? "is empty; write a value, or leave the label out" : err.text);
        return;
    }
    d->options[d->option_n++] = (struct wish_option){option, arena_dup(r->a, text)};
}

void draft_staging(struct reading *r, struct draft *d, const char *key, const char *value)
{
    char shown[QUOTE_MAX];
    if (d->broken)
        return;
    d->staging_said = true;
    if (!truth_parse(str_trim(str_c(value)), &d->staging)) {
        d->broken = true;
        say(r, key, "expected true or false, found %s", quote(str_c(value), shown));
    }
}

static const char *option_of(const struct wish_option *options, size_t n, const char *option)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(options[i].option, option) == 0)
            return options[i].value;
    return NULL;
}

/* What other readers' texts do not say, evercert's own labels may; the name is of evercert's own claim alone.
 */
static void inherit(struct draft *d, const struct draft *common)
{
    d->broken |= common->broken;
    for (size_t i = 0; i < common->option_n; i++)
        if (option_of(d->options, d->option_n, common->options[i].option) == NULL)
            d->options[d->option_n++] = common->options[i];
    if (!d->staging_said)
        d->staging = common->staging;
}

/* The name its certificate will have. */
static const char *certificate_name(struct reading *r, struct draft *d)
{
    struct err err = ERR_INIT;
    struct wish w = {.name = "", .domains = d->domains, .domain_n = d->domain_n};
    const char *said = option_of(d->options, d->option_n, "name");
    if (said != NULL)
        return said;
    if (wish_name_default(&w, r->a, &err) == 0)
        return w.name;
    d->broken = true;
    say(r, d->key, "a name for the certificate (the label evercert.name, or evercert.1.name) %s", err.text);
    return NULL;
}

static bool same_options(const struct claim *c, const struct draft *d)
{
    size_t n = 0, m = 0;
    for (size_t i = 0; i < c->option_n; i++)
        n += strcmp(c->options[i].option, "name") != 0;
    for (size_t i = 0; i < d->option_n; i++) {
        if (strcmp(d->options[i].option, "name") == 0)
            continue;
        const char *other = option_of(c->options, c->option_n, d->options[i].option);
        if (other == NULL || strcmp(other, d->options[i].value) != 0)
            return false;
        m++;
    }
    return n == m && c->staging == d->staging;
}

static bool same_names(const struct claim *c, const struct draft *d)
{
    if (c->domain_n != d->domain_n)
        return false;
    for (size_t i = 0; i < d->domain_n; i++) {
        size_t j = 0;
        while (j < c->domain_n && strcmp(c->domains[j], d->domains[i]) != 0)
            j++;
        if (j == c->domain_n)
            return false;
    }
    return true;
}

/* The certificate of a claim that asks for the very same; NULL where there is none. Whoever gives no name of
 * his own takes the other's. */
static const char *same_claim(const struct reading *r, const struct draft *d)
{
    const char *said = option_of(d->options, d->option_n, "name");
    for (size_t i = 0; i < r->claim_n; i++)
        if (same_names(&r->claims[i], d) && same_options(&r->claims[i], d) &&
            (said == NULL || strcmp(said, r->names[i]) == 0))
            return r->names[i];
    return NULL;
}

static const char *add_claim(struct reading *r, const struct draft *d, const char *name)
{
    if (r->claim_n == CLAIMS_PER_CONTAINER_MAX) {
        if (!r->full)
            say(r, d->key,
                "is left out with all that follow: a container may ask for %d certificates; ask for fewer "
                "with more names each",
                (int)CLAIMS_PER_CONTAINER_MAX);
        r->full = true;
        return NULL;
    }
    const char **domains = arena_array(r->a, d->domain_n, sizeof *domains);
    struct wish_option *options = arena_array(r->a, d->option_n, sizeof *options);
    memcpy(domains, d->domains, d->domain_n * sizeof *domains);
    memcpy(options, d->options, d->option_n * sizeof *options);
    for (size_t i = 0; i < d->domain_n; i++)
        names_put(&r->asked, str_c(domains[i]), name);
    r->names[r->claim_n] = name;
    r->claims[r->claim_n++] = (struct claim){
        .holder = r->holder,
        .reader = d->reader,
        .key = d->key,
        .domains = domains,
        .domain_n = d->domain_n,
        .options = options,
        .option_n = d->option_n,
        .staging = d->staging,
    };
    return name;
}

const char *draft_finish(struct reading *r, struct draft *d)
{
    r->draft_n++;
    if (d->reader != READER_EVERCERT)
        inherit(d, &r->common);
    if (d->broken || d->domain_n == 0)
        return NULL;
    const char *name = same_claim(r, d);
    if (name != NULL || (name = certificate_name(r, d)) == NULL)
        return name;
    return add_claim(r, d, name);
}
