#include "config/schema.h"

#include "base/attr.h"
#include "config/certificate.h"
#include "config/presets.h"
#include "config/schema_rows.h"

#include <string.h>

enum {
    DAY_S = 86400,
    RENEW_MAX_S = 3650 * DAY_S, /* of private CAs; publicly 398 days was the longest */
    RETRY_MAX_S = 30 * DAY_S,
    STOP_TIMEOUT_MAX_S = 3600, /* a service manager that is to wait longer than 90 s has to be told */
    HISTORY_MIN_S = DAY_S,     /* what happened last night is there in the morning */
    LISTEN_MAX = 64,           /* addresses; a machine with more has a wildcard address too */
    SUDO_MAX = 16,             /* words */
    WEBROOTS_MAX = 100 * 1000, /* of the defaults: a directory for each customer of a large platform */
};

#define HELP_AUTHORITY                                                                                       \
    "The CA: a preset, an entry of authorities, or the https URL of an ACME directory; of a list, the next " \
    "one is tried where the one before fails."
#define HELP_CHALLENGE "How control of the names is proven, in order of preference."
#define HELP_WEBROOT                                                                                    \
    "Directory that a web server on port 80 serves; challenge files are put into its .well-known/acme-" \
    "challenge. Empty: the built-in responder answers."
#define HELP_WEBROOT_MAP \
    "Other directories for some of the names; an empty one: the built-in responder answers."
#define HELP_KEY_TYPE                                                                                  \
    "Kind of the private key; of two, one ECDSA and one RSA, a certificate of each, the second named " \
    "NAME-rsa or NAME-ecdsa."
#define HELP_KEY_GROUP "Group that owns the key files. Empty: that of the keeper."
#define HELP_KEY_MODE  "Mode of the key files in octal; nothing for others, nothing executable."
#define HELP_PROFILE   "Profile of the CA that is required. Empty: none."
#define HELP_PREFERRED_PROFILE \
    "Profiles to ask for, in this order, where the CA offers them; it is asked for none otherwise."
#define HELP_PREFERRED_CHAIN                                                                               \
    "Chain to take where the CA offers several: the common name of an issuer, or the SHA-256 fingerprint " \
    "of a certificate of the chain."
#define HELP_REUSE_KEY   "Whether a renewal keeps the private key."
#define HELP_MUST_STAPLE "Whether the certificate says that servers must staple OCSP answers (RFC 7633)."
#define HELP_NOT_BEFORE  "Start of validity, this long after the order. auto: what the CA gives."
#define HELP_NOT_AFTER   "End of validity, this long after the order. auto: what the CA gives."
#define HELP_REJECTED    "What to do when the CA rejects some of the names: fail, or issue-without them."
#define HELP_RENEW                                                                                       \
    "How long before expiry to renew. auto: when the CA suggests to; where it does not, a third of the " \
    "lifetime before, half of it for less than ten days."
#define HELP_RETRY "Wait after a failure. auto: 1 min, 10 min, 100 min, then daily."

/* What stands at the top of the file as the default of all certificates, and in each certificate; `of` leads
 * from the struct to the wish's fields. */
#define CERTIFICATE_KEYS(in, of)                                                                             \
    VALUES("authority", in, of authorities, of authority_n, type_authority,                                  \
        SETTING_ALONE | SETTING_FILLED | SETTING_UNIQUE | SETTING_COMMAS, WISH_AUTHORITIES_MAX,              \
        HELP_AUTHORITY),                                                                                     \
        VALUES("challenge", in, of challenges, of challenge_n, type_challenge,                               \
            SETTING_ALONE | SETTING_FILLED | SETTING_UNIQUE | SETTING_COMMAS, WISH_CHALLENGES_MAX,           \
            HELP_CHALLENGE),                                                                                 \
        VALUE("webroot", in, of webroot, type_path, SETTING_EMPTY, HELP_WEBROOT),                            \
        VALUES("key-type", in, of key_types, of key_type_n, type_key_type,                                   \
            SETTING_ALONE | SETTING_FILLED | SETTING_UNIQUE | SETTING_COMMAS, WISH_KEY_TYPES_MAX,            \
            HELP_KEY_TYPE),                                                                                  \
        VALUE("key-group", in, of key_group, type_account, SETTING_EMPTY, HELP_KEY_GROUP),                   \
        VALUE("key-mode", in, of key_mode, type_mode, 0, HELP_KEY_MODE),                                     \
        VALUE("profile", in, of profile, type_term, SETTING_EMPTY, HELP_PROFILE),                            \
        VALUES("preferred-profile", in, of preferred_profiles, of preferred_profile_n, type_term,            \
            SETTING_UNIQUE | SETTING_COMMAS, WISH_PREFERENCES_MAX, HELP_PREFERRED_PROFILE),                  \
        VALUES("preferred-chain", in, of preferred_chains, of preferred_chain_n, type_chain, SETTING_UNIQUE, \
            WISH_PREFERENCES_MAX, HELP_PREFERRED_CHAIN),                                                     \
        VALUE("reuse-key", in, of reuse_key, type_bool, 0, HELP_REUSE_KEY),                                  \
        VALUE("must-staple", in, of must_staple, type_bool, 0, HELP_MUST_STAPLE),                            \
        RANGE("not-before", in, of not_before_s, type_duration, SETTING_AUTO, 1, RENEW_MAX_S,                \
            HELP_NOT_BEFORE),                                                                                \
        RANGE("not-after", in, of not_after_s, type_duration, SETTING_AUTO, 1, RENEW_MAX_S, HELP_NOT_AFTER), \
        VALUE("on-rejected-name", in, of issue_without, type_rejected, 0, HELP_REJECTED),                    \
        RANGE(                                                                                               \
            "renew-before", in, of renew_before_s, type_duration, SETTING_AUTO, 1, RENEW_MAX_S, HELP_RENEW), \
        RANGE("retry", in, of retry_s, type_duration, SETTING_AUTO, 1, RETRY_MAX_S, HELP_RETRY)

static const struct setting user_rows[] = {
    VALUE("engine", settings, user_engine, type_account, 0, "User of the process that talks to the CA."),
    VALUE("keeper", settings, user_keeper, type_account, 0, "User of the process that holds the keys."),
    VALUE("responder", settings, user_responder, type_account, 0,
        "User of the process that answers challenges."),
    VALUE("solver", settings, user_solver, type_account, 0,
        "User of the process that holds the credentials of DNS providers."),
    VALUE("watcher", settings, user_watcher, type_account, 0, "User of the process that watches containers."),
};
static const struct section section_users = {SECTION("users", user_rows, settings)};

static const struct setting http01_rows[] = {
    VALUES("listen", settings, http01_listen, http01_listen_n, type_listen, SETTING_REQUIRED, LISTEN_MAX,
        "Addresses of the built-in responder."),
};
static const struct section section_http01 = {SECTION("settings of http-01", http01_rows, settings)};

static const struct setting tls_alpn01_rows[] = {
    VALUES("listen", settings, tls_alpn01_listen, tls_alpn01_listen_n, type_listen, SETTING_REQUIRED,
        LISTEN_MAX, "Addresses of the built-in responder."),
};
static const struct section section_tls_alpn01 = {
    SECTION("settings of tls-alpn-01", tls_alpn01_rows, settings)};

static const struct setting authority_rows[] = {
    VALUE("directory", authority, directory, type_url, 0,
        "URL of the ACME directory; needed unless the entry has the name of a preset."),
    VALUE("ca-file", authority, ca_file, type_path, SETTING_EMPTY,
        "PEM file with the roots to trust for this CA. Empty: those of the system."),
    VALUE("staging", authority, staging, type_url, SETTING_EMPTY,
        "URL of its staging directory, for --staging, --dry-run, and the first try after a failure."),
    VALUE("account", authority, account, type_label, SETTING_EMPTY,
        "Label that tells this account from others at the same directory."),
    VALUE("email", authority, email, type_email, SETTING_EMPTY,
        "Contact address of this account. Empty: that of the settings."),
    VALUE("agree-tos", authority, agree_tos, type_bool, 0,
        "Whether you agree to the terms of service of this CA."),
    VALUE("eab-kid", authority, eab_kid, type_kid, SETTING_EMPTY,
        "Key identifier of the external account binding (EAB), as the CA gave it."),
    SECRET("eab-hmac", authority, eab_hmac, eab_hmac_file, type_hmac,
        "Key of the external account binding in base64url or base64, as the CA gave it; a secret."),
    VALUE("eab-hmac-file", authority, eab_hmac_file, type_secret_file, SETTING_EMPTY,
        "File that holds that key, readable by its owner alone; a name without '/' is looked up among the "
        "service's credentials."),
    VALUE("eab-algorithm", authority, eab_algorithm, type_eab_algorithm, 0,
        "Algorithm of the external account binding."),
    VALUE("account-key-type", authority, account_key_type, type_account_key, 0,
        "Kind of the account's key; for a key that is made from now on."),
    VALUE("pre-authorize", authority, pre_authorize, type_bool, 0,
        "Whether names are authorized before they are ordered, where the CA offers that."),
    RANGE("orders-in-flight", authority, orders_in_flight, type_count, 0, 0, ORDERS_IN_FLIGHT_MAX,
        "How many orders may be under way at this CA at the same time. 0: as many as at all together."),
};
const struct section schema_authority = {SECTION("an authority", authority_rows, authority),
    .init = authority_init, .check = authority_check, .implied = authority_implied};

static const struct setting deploy_rows[] = {
    VALUES("run", deploy, argv, argc, type_argument, SETTING_FILLED | SETTING_EMPTY | SETTING_LIST_ONLY,
        WISH_DEPLOY_ARGS_MAX, "Command as a list of its words, run without a shell."),
    VALUE("verify", deploy, verify, type_endpoint, 0,
        "Host and port of a server that must serve the new certificate. A step has either run or verify."),
    VALUE("user", deploy, user, type_account, SETTING_EMPTY, "User to run it as. Empty: that of the daemon."),
    RANGE("timeout", deploy, timeout_s, type_duration, 0, 1, DEPLOY_TIMEOUT_MAX_S,
        "When the command is ended; until when the server must serve the new certificate."),
    MAP("env", deploy, env, env_n, type_variable, type_argument, SETTING_EMPTY, WISH_DEPLOY_ENV_MAX,
        "Variables for the command, besides those that every hook is given."),
    VALUE("batch", deploy, batch, type_bool, 0,
        "Whether the command is run once for all certificates that are deployed about now."),
    VALUE("dialect", deploy, dialect, type_dialect, 0, "Whose hooks the command is written for."),
    VALUES("on", deploy, on, on_n, type_event, SETTING_UNIQUE, DEPLOY_EVENT_END_,
        "Events that the command is run for. None: those of its dialect."),
    VALUE("starttls", deploy, starttls, type_starttls, 0,
        "Protocol that is spoken before TLS. none: TLS at once. By the port where nothing is said."),
    VALUE("server-name", deploy, server_name, type_host, SETTING_EMPTY,
        "Name to ask the server for. Empty: the host where it is a name of the certificate, else its first."),
    VALUE("rollback", deploy, rollback, type_bool, 0,
        "Whether the certificate before is put back when the server does not serve the new one."),
};
const struct section schema_deploy = {SECTION("a deploy step", deploy_rows, deploy), .init = deploy_init,
    .check = deploy_check, .misplaced = deploy_misplaced};

static const struct setting publication_rows[] = {
    VALUE("format", publication, format, type_copy_format, SETTING_REQUIRED,
        "fullchain, cert, chain, key, combined (key and fullchain) or pkcs12."),
    VALUE("path", publication, path, type_copy_path, SETTING_REQUIRED,
        "File to write; {name} stands for the name of the certificate."),
    VALUE("owner", publication, owner, type_account, SETTING_EMPTY,
        "User that owns the copy. Empty: that of the daemon."),
    VALUE("group", publication, group, type_account, SETTING_EMPTY,
        "Group that owns the copy. Empty: that of the daemon."),
    VALUE("mode", publication, mode, type_copy_mode, SETTING_AUTO,
        "Mode of the copy in octal. auto: 0600 where the key is in it (0640 with a group), else 0644."),
    VALUE("password-file", publication, password_file, type_path, SETTING_EMPTY,
        "File that holds the password of pkcs12. Empty: an empty password."),
    VALUE("replace-symlink", publication, replace_symlink, type_bool, 0,
        "Whether a symbolic link that stands at the path gives way to the copy."),
};
const struct section schema_publication = {SECTION("a copy", publication_rows, publication),
    .init = publication_init, .check = publication_check, .misplaced = publication_misplaced};

static const struct setting certificate_rows[] = {
    VALUE("name", wish, name, type_name, 0,
        "Name of the certificate and of its directory; the first domain where nothing is said."),
    VALUES("domains", wish, domains, domain_n, type_domain, SETTING_REQUIRED, 0,
        "DNS names and IP addresses in the certificate."),
    CERTIFICATE_KEYS(wish, ),
    MAP("webroot-map", wish, webroots, webroot_n, type_domain, type_path, SETTING_EMPTY, WISH_DOMAINS_MAX,
        HELP_WEBROOT_MAP),
    VALUE("csr", wish, csr, type_csr, SETTING_EMPTY,
        "PKCS #10 request in PEM of a key that evercert never sees. Empty: made here."),
    VALUE("csr-file", wish, csr, type_csr_file, SETTING_FILE, "File that holds the request."),
    STRUCTS("publish", SHAPE_OBJECTS, wish, publications, publication_n, schema_publication, 0,
        WISH_PUBLISH_MAX, "Copies besides live/, for servers that need another form or place."),
    STRUCTS("deploy", SHAPE_OBJECTS, wish, deploys, deploy_n, schema_deploy, 0, WISH_DEPLOYS_MAX,
        "What to do when a new certificate is in place."),
    {.key = "dns",
        .shape = SHAPE_CHOICES,
        .type = &type_entries,
        .keys = &type_pattern,
        .offset = offsetof(struct wish, dns),
        .count = offsetof(struct wish, dns_n),
        .max = WISH_DNS_MAX,
        .help =
            "Entry of dns that answers dns-01 and dns-account-01; a list of them for DNS servers that are "
            "updated side by side; or one of both for each pattern of names. The only entry there is "
            "where nothing is said."},
};
const struct section schema_certificate = {SECTION("a certificate", certificate_rows, wish),
    .init = certificate_init, .check = certificate_check, .misplaced = certificate_misplaced};

/* At the top, and in an entry of dns for what is different there. */
#define PROPAGATION_KEYS(in)                                                                              \
    VALUE("check", in, propagation.check, type_propagation_check, 0,                                      \
        "What is asked whether a record has spread: every server of its zone (authoritative), these and " \
        "then the resolvers (recursive), or nobody (none)."),                                             \
        RANGE("timeout", in, propagation.timeout_s, type_duration, 0, 1, PROPAGATION_TIMEOUT_MAX_S,       \
            "Until when a record must have spread."),                                                     \
        RANGE("delay", in, propagation.delay_s, type_duration, 0, 0, PROPAGATION_DELAY_MAX_S,             \
            "Wait before the first look, and again before the CA is told."),                              \
        VALUES("resolvers", in, propagation.resolvers, propagation.resolver_n, type_resolver,             \
            SETTING_UNIQUE, PROPAGATION_NAMED_MAX, "DNS resolvers to ask instead of the system's."),      \
        VALUES("nameservers", in, propagation.nameservers, propagation.nameserver_n, type_resolver,       \
            SETTING_UNIQUE, PROPAGATION_NAMED_MAX, "Servers to ask instead of those that the zone names.")

static const struct setting propagation_rows[] = {PROPAGATION_KEYS(settings)};
static const struct section section_propagation = {
    SECTION("settings of propagation", propagation_rows, settings)};

static const struct setting dns_propagation_rows[] = {PROPAGATION_KEYS(dns_entry)};
const struct section schema_dns_propagation = {
    SECTION("settings of propagation", dns_propagation_rows, dns_entry)};

static const struct setting dns_entry_rows[] = {
    VALUE("provider", dns_entry, provider, type_label, 0, "What `evercert dns list` calls it."),
    VALUE("dialect", dns_entry, provider, type_label, 0,
        "The same, of programs: whose hook or script it is, such as acme.sh or certbot."),
    KEYS("propagation", schema_dns_propagation, "What is different for records of this entry."),
};
const struct section schema_dns_entry = {SECTION("an entry of dns", dns_entry_rows, dns_entry)};

static const struct setting root_rows[] = {
    VALUE("email", settings, email, type_email, SETTING_EMPTY, "Contact address for the account at the CA."),
    VALUE("agree-tos", settings, agree_tos, type_bool, 0,
        "Whether you agree to the terms of service of the CAs."),
    RANGE("orders-in-flight", settings, orders_in_flight, type_count, 0, 1, ORDERS_IN_FLIGHT_MAX,
        "How many orders may be under way at the same time, at all CAs together."),
    CERTIFICATE_KEYS(settings, defaults.),
    MAP("webroot-map", settings, defaults.webroots, defaults.webroot_n, type_domain, type_path, SETTING_EMPTY,
        WEBROOTS_MAX, HELP_WEBROOT_MAP),
    RANGE("keep-history", settings, keep_history_s, type_duration, 0, HISTORY_MIN_S, RENEW_MAX_S,
        "How long entries of the history (log) are kept."),
    VALUES("sudo", settings, sudo, sudo_n, type_argument, SETTING_FILLED | SETTING_LIST_ONLY, SUDO_MAX,
        "Words put before a command of another user where evercert does not run as root."),
    VALUE("log-format", settings, log_format, type_log_format, 0,
        "How the log is written: lines of text, JSON objects, or fields for the journal."),
    RANGE("stop-timeout", settings, stop_timeout_s, type_duration, 0, 1, STOP_TIMEOUT_MAX_S,
        "How long the daemon waits at its end for hooks that run."),
    KEYS("users", section_users, "Users that the processes run as."),
    KEYS("http-01", section_http01, "The built-in responder of http-01."),
    KEYS("tls-alpn-01", section_tls_alpn01, "The built-in responder of tls-alpn-01."),
    KEYS("propagation", section_propagation, "How DNS is asked."),
    STRUCTS("dns", SHAPE_DNS, settings, dns, dns_n, schema_dns_entry, 0, DNS_ENTRIES_MAX,
        "Providers of DNS by name: credentials, or a program; the keys of each provider are what `evercert "
        "dns list PROVIDER` shows."),
    STRUCTS("authorities", SHAPE_ENTRIES, settings, authorities, authority_n, schema_authority, 0, 0,
        "CAs by name."),
    STRUCTS("certificates", SHAPE_OBJECTS, settings, certificates, certificate_n, schema_certificate,
        SETTING_LATE, 0, "The certificates to keep."),
    KEYS("docker", schema_docker, "Containers that are watched, and what they may ask for."),
    STRUCTS("actions", SHAPE_ENTRIES, settings, actions, action_n, schema_action, 0, ACTIONS_MAX,
        "Ways to tell somebody, by the name that labels and templates use."),
    STRUCTS("templates", SHAPE_OBJECTS, settings, templates, template_n, schema_template, 0, TEMPLATES_MAX,
        "Files that are made of the containers that run."),
    STRUCTS("alerts", SHAPE_ENTRIES, settings, alerts, alert_n, schema_alert, 0, ALERTS_MAX,
        "Who is told, by mail or webhook, when certificates fail or come near their end."),
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
    if (row->shape == SHAPE_MAP || row->shape == SHAPE_CHOICES)
        return sizeof(struct pair);
    return row->shape == SHAPE_LIST ? sizeof(const char *) : row->section->size;
}

const char *setting_misplaced(const struct section *section, const struct setting *row, const void *element)
{
    return section->misplaced == NULL ? NULL : section->misplaced(row, element);
}
