#include "config/schema.h"

#include "base/attr.h"
#include "config/certificate.h"
#include "config/presets.h"

#include <string.h>

enum {
    DAY_S = 86400,
    RENEW_MAX_S = 3650 * DAY_S, /* of private CAs; publicly 398 days was the longest */
    RETRY_MAX_S = 30 * DAY_S,
    LISTEN_MAX = 64, /* addresses; a machine with more has a wildcard address too */
};

/* Rows: key, struct, field, kind of value, flags, help; with the least and the most; a list of values, of
 * structs, structs by name; keys in the same struct; a key of a later version. */
#define VALUE(k, in, field, kind, f, text)                                                              \
    {                                                                                                   \
        .key = (k), .type = &(kind), .offset = offsetof(struct in, field), .flags = (f), .help = (text) \
    }
#define RANGE(k, in, field, kind, f, least, most, text)                                                  \
    {                                                                                                    \
        .key = (k), .type = &(kind), .offset = offsetof(struct in, field), .flags = (f), .help = (text), \
        .min = (least), .max = (most)                                                                    \
    }
#define VALUES(k, in, field, n_field, kind, f, most, text)                                      \
    {                                                                                           \
        .key = (k), .shape = SHAPE_LIST, .type = &(kind), .offset = offsetof(struct in, field), \
        .count = offsetof(struct in, n_field), .flags = (f), .max = (most), .help = (text)      \
    }
#define STRUCTS(k, form, in, field, n_field, what, f, most, text)                              \
    {                                                                                          \
        .key = (k), .shape = (form), .section = &(what), .offset = offsetof(struct in, field), \
        .count = offsetof(struct in, n_field), .flags = (f), .max = (most), .help = (text)     \
    }
#define KEYS(k, what, text)                                                   \
    {                                                                         \
        .key = (k), .shape = SHAPE_OBJECT, .section = &(what), .help = (text) \
    }
#define LATER(k, text)                                   \
    {                                                    \
        .key = (k), .shape = SHAPE_LATER, .help = (text) \
    }
#define SECTION(what, list, in) \
    .noun = (what), .rows = (list), .n = ARRAY_LEN(list), .size = sizeof(struct in)

#define NO_DNS    "DNS challenges are not in this version"
#define NO_DOCKER "watching Docker is not in this version"
#define NO_EAB    "external account binding (EAB) is not in this version"

#define HELP_AUTHORITY "The CA: a preset, an entry of authorities, or the https URL of an ACME directory."
#define HELP_CHALLENGE "How control of the names is proven."
#define HELP_WEBROOT                                                                                    \
    "Directory that a web server on port 80 serves; challenge files are put into its .well-known/acme-" \
    "challenge. Empty: the built-in responder answers."
#define HELP_KEY_TYPE  "Kind of the private key."
#define HELP_KEY_GROUP "Group that owns the key files. Empty: that of the keeper."
#define HELP_KEY_MODE  "Mode of the key files in octal; nothing for others, nothing executable."
#define HELP_RENEW     "How long before expiry to renew. auto: a third of the lifetime."
#define HELP_RETRY     "Wait after a failure. auto: 1 min, 10 min, 100 min, then daily."

/* What stands at the top of the file as the default of all certificates, and in each certificate: fields of
 * the same names in both structs. */
#define CERTIFICATE_KEYS(in)                                                                                \
    VALUE("authority", in, authority, type_authority, SETTING_LIST_OF_ONE, HELP_AUTHORITY),                 \
        VALUE("challenge", in, challenge, type_challenge, SETTING_LIST_OF_ONE, HELP_CHALLENGE),             \
        VALUE("webroot", in, webroot, type_path, SETTING_EMPTY, HELP_WEBROOT),                              \
        VALUE("key-type", in, key_type, type_key_type, 0, HELP_KEY_TYPE),                                   \
        VALUE("key-group", in, key_group, type_account, SETTING_EMPTY, HELP_KEY_GROUP),                     \
        VALUE("key-mode", in, key_mode, type_mode, 0, HELP_KEY_MODE),                                       \
        RANGE("renew-before", in, renew_before_s, type_duration, SETTING_AUTO, 1, RENEW_MAX_S, HELP_RENEW), \
        RANGE("retry", in, retry_s, type_duration, SETTING_AUTO, 1, RETRY_MAX_S, HELP_RETRY)

static const struct setting user_rows[] = {
    VALUE("engine", settings, user_engine, type_account, 0, "User of the process that talks to the CA."),
    VALUE("keeper", settings, user_keeper, type_account, 0, "User of the process that holds the keys."),
    VALUE(
        "responder", settings, user_responder, type_account, 0, "User of the process that answers http-01."),
};
static const struct section section_users = {SECTION("users", user_rows, settings)};

static const struct setting http01_rows[] = {
    VALUES("listen", settings, http01_listen, http01_listen_n, type_listen, SETTING_REQUIRED, LISTEN_MAX,
        "Addresses of the built-in responder."),
};
static const struct section section_http01 = {SECTION("settings of http-01", http01_rows, settings)};

static const struct setting authority_rows[] = {
    VALUE("directory", authority, directory, type_url, SETTING_REQUIRED, "URL of the ACME directory."),
    VALUE("ca-file", authority, ca_file, type_path, SETTING_EMPTY,
        "PEM file with the roots to trust for this CA. Empty: those of the system."),
    VALUE("staging", authority, staging, type_url, SETTING_EMPTY,
        "URL of its staging directory, for --staging and --dry-run."),
    LATER("eab-kid", NO_EAB),
    LATER("eab-hmac-file", NO_EAB),
    LATER("eab-hmac", NO_EAB),
};
const struct section schema_authority = {
    SECTION("an authority", authority_rows, authority), .init = authority_init, .check = authority_check};

static const struct setting deploy_rows[] = {
    VALUES("run", deploy, argv, argc, type_argument, SETTING_REQUIRED | SETTING_EMPTY | SETTING_LIST_ONLY,
        WISH_DEPLOY_ARGS_MAX, "Command as a list of its words, run without a shell."),
    VALUE("user", deploy, user, type_account, SETTING_EMPTY, "User to run it as. Empty: that of the daemon."),
    RANGE("timeout", deploy, timeout_s, type_duration, 0, 1, DEPLOY_TIMEOUT_MAX_S,
        "When the command is ended."),
    LATER("verify", "verify is not in this version"),
};
const struct section schema_deploy = {
    SECTION("a deploy step", deploy_rows, deploy), .init = deploy_init, .check = deploy_check};

static const struct setting certificate_rows[] = {
    VALUE("name", wish, name, type_name, 0,
        "Name of the certificate and of its directory; the first domain where nothing is said."),
    VALUES("domains", wish, domains, domain_n, type_domain, SETTING_REQUIRED, 0,
        "DNS names in the certificate."),
    CERTIFICATE_KEYS(wish),
    STRUCTS("deploy", SHAPE_OBJECTS, wish, deploys, deploy_n, schema_deploy, 0, WISH_DEPLOYS_MAX,
        "What to do when a new certificate is in place."),
    LATER("dns", NO_DNS),
    LATER("profile", "profiles are not in this version"),
    LATER("publish", "publish is not in this version"),
    LATER("reuse-key", "reuse-key is not in this version"),
};
const struct section schema_certificate = {
    SECTION("a certificate", certificate_rows, wish), .init = certificate_init, .check = certificate_check};

static const struct setting root_rows[] = {
    VALUE("email", settings, email, type_email, SETTING_EMPTY, "Contact address for the account at the CA."),
    VALUE("agree-tos", settings, agree_tos, type_bool, 0,
        "Whether you agree to the terms of service of the CAs."),
    CERTIFICATE_KEYS(settings),
    KEYS("users", section_users, "Users that the processes run as."),
    KEYS("http-01", section_http01, "The built-in responder of http-01."),
    STRUCTS("authorities", SHAPE_ENTRIES, settings, authorities, authority_n, schema_authority, 0, 0,
        "CAs by name."),
    STRUCTS("certificates", SHAPE_OBJECTS, settings, certificates, certificate_n, schema_certificate,
        SETTING_LATE, 0, "The certificates to keep."),
    LATER("tls-alpn-01", "tls-alpn-01 is not in this version"),
    LATER("dns", NO_DNS),
    LATER("propagation", NO_DNS),
    LATER("docker", NO_DOCKER),
    LATER("actions", NO_DOCKER),
    LATER("templates", "templates are not in this version"),
};
const struct section schema_root = {SECTION("settings", root_rows, settings)};

_Static_assert(ARRAY_LEN(root_rows) <= SECTION_ROWS_MAX, "SECTION_ROWS_MAX is too small");
_Static_assert(ARRAY_LEN(certificate_rows) <= SECTION_ROWS_MAX, "SECTION_ROWS_MAX is too small");

const struct setting *section_row(const struct section *section, struct str key)
{
    for (size_t i = 0; i < section->n; i++)
        if (str_eq_c(key, section->rows[i].key))
            return &section->rows[i];
    return NULL;
}

void *setting_field(const struct setting *row, void *base)
{
    return (char *)base + row->offset;
}

const void *setting_field_const(const struct setting *row, const void *base)
{
    return (const char *)base + row->offset;
}

/* Pointers to different structs are different types to the compiler, so they are copied and not cast. */
void *setting_items(const struct setting *row, const void *base, size_t *n)
{
    void *items;
    memcpy(&items, setting_field_const(row, base), sizeof items);
    memcpy(n, (const char *)base + row->count, sizeof *n);
    return items;
}

void setting_set_items(const struct setting *row, void *base, const void *items, size_t n)
{
    memcpy(setting_field(row, base), &items, sizeof items);
    memcpy((char *)base + row->count, &n, sizeof n);
}

size_t setting_item_size(const struct setting *row)
{
    return row->shape == SHAPE_LIST ? sizeof(const char *) : row->section->size;
}
