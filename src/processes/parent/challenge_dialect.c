#include "processes/parent/challenge_dialect.h"

#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

enum { DOMAINS_TEXT_MAX = 64 * 1024 }; /* a hundred names of 253 octets */

static const struct {
    const char *provider, *add, *remove;
} dialects[] = {
#define CHALLENGE_DIALECT_ROW(id, name, add, remove) [id] = {name, add, remove},
    CHALLENGE_DIALECTS(CHALLENGE_DIALECT_ROW)
#undef CHALLENGE_DIALECT_ROW
};

bool challenge_dialect_parse(const char *provider, enum challenge_dialect *out)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (strcmp(provider, dialects[i].provider) == 0) {
            *out = (enum challenge_dialect)i;
            return true;
        }
    return false;
}

const char *challenge_dialect_setting(enum challenge_dialect d, bool cleanup)
{
    return cleanup ? dialects[d].remove : dialects[d].add;
}

/* --- facts as texts --- */

enum fact {
    FACT_NONE,
    FACT_CHALLENGE,
    FACT_IDENTIFIER,
    FACT_RECORD,
    FACT_RECORD_DOT, /* lego ends names with a dot */
    FACT_ZONE,
    FACT_VALUE,
    FACT_TOKEN,
    FACT_KEY_AUTHORIZATION,
    FACT_REMAINING,
    FACT_DOMAINS,       /* with commas between; a wildcard by its base, as it stands in the authorization */
    FACT_DOMAINS_BLANK, /* all of them as they are, with blanks between */
    FACT_OUTPUT,
    FACT_FILE,
    FACT_RAW,
    FACT_CERTIFICATE,
    FACT_LIVE,
    FACT_KEY_ALGO,
    FACT_SIGN_DOMAINS, /* dehydrated's command that gets certificates */
};

static const char *domains_text(
    const struct challenge_facts *f, bool bases, const char *between, struct arena *a)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(DOMAINS_TEXT_MAX);
    for (size_t i = 0; i < f->domain_n; i++) {
        const char *name = f->domains[i];
        buf_printf(&b, "%s%s", i > 0 ? between : "", bases && strncmp(name, "*.", 2) == 0 ? name + 2 : name);
    }
    return arena_dup(a, buf_str(&b));
}

static const char *text_of(const struct challenge_facts *f, enum fact fact, struct arena *a)
{
    switch (fact) {
    case FACT_CHALLENGE:
        return f->challenge;
    case FACT_IDENTIFIER:
        return f->identifier;
    case FACT_RECORD:
        return f->record;
    case FACT_RECORD_DOT:
        return arena_printf(a, "%s.", f->record);
    case FACT_ZONE:
        return f->zone;
    case FACT_VALUE:
        return f->value;
    case FACT_TOKEN:
        return f->token;
    case FACT_KEY_AUTHORIZATION:
        return f->key_authorization;
    case FACT_REMAINING:
        return arena_printf(a, "%u", (unsigned)f->remaining);
    case FACT_DOMAINS:
        return domains_text(f, true, ",", a);
    case FACT_DOMAINS_BLANK:
        return domains_text(f, false, " ", a);
    case FACT_OUTPUT:
        return f->output;
    case FACT_FILE:
        return f->file;
    case FACT_RAW:
        return "RAW";
    case FACT_CERTIFICATE:
        return f->certificate;
    case FACT_LIVE:
        return f->live;
    case FACT_KEY_ALGO:
        return f->key_algo;
    case FACT_SIGN_DOMAINS:
        return "sign_domains";
    default:
        return "";
    }
}

/* --- the tables --- */

enum when { ALWAYS, ADDING, REMOVING };
enum mode { ANY, PLAIN, SPECIAL }; /* raw of exec, and the first version of mod_md, are special */

/* The words: the first is what to do, the facts follow. */
static const struct {
    enum challenge_dialect dialect;
    enum when when;
    enum mode mode;
    const char *words[2];
    enum fact args[CHALLENGE_ARGS_MAX - 1];
} calls[] = {
    {PROGRAM_ACME_SH, ALWAYS, ANY, {NULL}, {FACT_RECORD, FACT_VALUE}},
    {PROGRAM_LEGO, ADDING, PLAIN, {"present"}, {FACT_RECORD_DOT, FACT_VALUE}},
    {PROGRAM_LEGO, REMOVING, PLAIN, {"cleanup"}, {FACT_RECORD_DOT, FACT_VALUE}},
    {PROGRAM_LEGO, ADDING, SPECIAL, {"present", "--"}, {FACT_IDENTIFIER, FACT_TOKEN, FACT_KEY_AUTHORIZATION}},
    {PROGRAM_LEGO, REMOVING, SPECIAL, {"cleanup", "--"},
        {FACT_IDENTIFIER, FACT_TOKEN, FACT_KEY_AUTHORIZATION}},
    {PROGRAM_DEHYDRATED, ADDING, ANY, {"deploy_challenge"}, {FACT_IDENTIFIER, FACT_TOKEN, FACT_VALUE}},
    {PROGRAM_DEHYDRATED, REMOVING, ANY, {"clean_challenge"}, {FACT_IDENTIFIER, FACT_TOKEN, FACT_VALUE}},
    /* The last is the key authorization, of which uacme takes the digest for records. "failed" is the other
     * word for the end; hooks do the same for both. */
    {PROGRAM_UACME, ADDING, ANY, {"begin"}, {FACT_CHALLENGE, FACT_IDENTIFIER, FACT_TOKEN, FACT_VALUE}},
    {PROGRAM_UACME, REMOVING, ANY, {"done"}, {FACT_CHALLENGE, FACT_IDENTIFIER, FACT_TOKEN, FACT_VALUE}},
    {PROGRAM_MOD_MD, ADDING, ANY, {"setup"}, {FACT_IDENTIFIER, FACT_VALUE}},
    {PROGRAM_MOD_MD, REMOVING, PLAIN, {"teardown"}, {FACT_IDENTIFIER, FACT_VALUE}},
    {PROGRAM_MOD_MD, REMOVING, SPECIAL, {"teardown"}, {FACT_IDENTIFIER}},
};

#define D_(dialect) (1U << (dialect))
enum { D_ALL = D_(PROGRAM_DIALECT_END_) - 1 };

static const struct {
    unsigned dialects;
    enum when when;
    enum mode mode;
    const char *name;
    enum fact fact;
} variables[] = {
    /* Where the record is: the end of a chain of CNAMEs, which programs of most dialects are not told. */
    {D_ALL, ALWAYS, ANY, "EVERCERT_RECORD", FACT_RECORD},
    {D_ALL, ALWAYS, ANY, "EVERCERT_ZONE", FACT_ZONE},
    {D_ALL, ALWAYS, ANY, "EVERCERT_VALUE", FACT_VALUE},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_DOMAIN", FACT_IDENTIFIER},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_IDENTIFIER", FACT_IDENTIFIER},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_VALIDATION", FACT_VALUE},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_REMAINING_CHALLENGES", FACT_REMAINING},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_ALL_DOMAINS", FACT_DOMAINS},
    {D_(PROGRAM_CERTBOT), ALWAYS, ANY, "CERTBOT_ALL_IDENTIFIERS", FACT_DOMAINS},
    {D_(PROGRAM_CERTBOT), REMOVING, ANY, "CERTBOT_AUTH_OUTPUT", FACT_OUTPUT},
    {D_(PROGRAM_LEGO), ALWAYS, ANY, "EXEC_PATH", FACT_FILE},
    {D_(PROGRAM_LEGO), ALWAYS, SPECIAL, "EXEC_MODE", FACT_RAW},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "COMMAND", FACT_SIGN_DOMAINS},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "CHALLENGETYPE", FACT_CHALLENGE},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "CERTDIR", FACT_LIVE},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "KEY_ALGO", FACT_KEY_ALGO},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "altnames", FACT_DOMAINS_BLANK},
    {D_(PROGRAM_DEHYDRATED), ALWAYS, ANY, "alias", FACT_CERTIFICATE},
    {D_(PROGRAM_ODOO), ALWAYS, ANY, "LETSENCRYPT_DNS_DOMAIN", FACT_IDENTIFIER},
    {D_(PROGRAM_ODOO), ALWAYS, ANY, "LETSENCRYPT_DNS_CHALLENGE", FACT_VALUE},
};

static bool is_now(const struct challenge_facts *f, enum when when, enum mode mode)
{
    bool special = f->raw || f->bare_teardown;
    return (when == ALWAYS || (when == REMOVING) == f->cleanup) &&
           (mode == ANY || (mode == SPECIAL) == special);
}

void challenge_call(
    enum challenge_dialect d, const struct challenge_facts *f, struct arena *a, struct challenge_call *out)
{
    *out = (struct challenge_call){.arg_n = 0};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (calls[i].dialect != d || !is_now(f, calls[i].when, calls[i].mode))
            continue;
        for (size_t j = 0; j < ARRAY_LEN(calls[i].words) && calls[i].words[j] != NULL; j++)
            out->args[out->arg_n++] = calls[i].words[j];
        for (size_t j = 0; j < ARRAY_LEN(calls[i].args) && calls[i].args[j] != FACT_NONE; j++)
            out->args[out->arg_n++] = text_of(f, calls[i].args[j], a);
    }
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if ((variables[i].dialects & D_(d)) != 0 && is_now(f, variables[i].when, variables[i].mode))
            out->env[out->env_n++] = (struct pair){variables[i].name, text_of(f, variables[i].fact, a)};
}
