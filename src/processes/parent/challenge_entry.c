#include "processes/parent/challenge_entry.h"

#include "acme/challenge.h"
#include "acme/identifier.h"
#include "base/attr.h"
#include "config/dns.h"
#include "os/file.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

enum { TXT_VALUE_LEN = 43 }; /* base64url of a SHA-256 digest (RFC 8555 8.4) */

/* --- settings --- */

static const char *text_of(const json_t *json, const char *key, struct arena *a)
{
    const char *text = json_string_value(json_object_get(json, key));
    return arena_dup_c(a, text != NULL ? text : "");
}

/* A list of texts, or one text. */
static int words_of(const struct dns_entry *from, const json_t *json, const char *key, struct arena *a,
    const char *const **out, size_t *n, struct err *err)
{
    const json_t *value = key[0] != '\0' ? json_object_get(json, key) : NULL;
    size_t have = json_is_array(value) ? json_array_size(value) : json_is_string(value) ? 1 : 0;
    if (have > CHALLENGE_WORDS_MAX)
        return err_set(
            err, ERR_CONFIG, "%s: more than %d words in %s", from->where, CHALLENGE_WORDS_MAX, key);
    const char **list = arena_array(a, have + 1, sizeof *list);
    for (size_t i = 0; i < have; i++) {
        const json_t *word = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(word) || strlen(json_string_value(word)) != json_string_length(word))
            return err_set(err, ERR_CONFIG, "%s: %s is no list of texts", from->where, key);
        list[i] = arena_dup_c(a, json_string_value(word));
    }
    *out = list;
    *n = have > 0 && list[0][0] != '\0' ? have : 0;
    return 0;
}

static int read_settings(const struct dns_entry *from, const json_t *json, struct arena *a,
    struct challenge_entry *e, struct err *err)
{
    const char *add = challenge_dialect_setting(e->dialect, false);
    const char *remove = challenge_dialect_setting(e->dialect, true);
    const json_t *timeout = json_object_get(json, "timeout");
    int r = words_of(from, json, add, a, &e->add, &e->add_n, err);
    if (r == 0)
        r = words_of(from, json, remove, a, &e->remove, &e->remove_n, err);
    if (r == 0)
        r = words_of(from, json, "env", a, &e->env, &e->env_n, err);
    if (r < 0)
        return r;
    if (e->add_n == 0)
        return err_set(err, ERR_CONFIG, "%s: dns entry %s has no %s", from->where, from->name, add);
    if (remove[0] == '\0') {
        e->remove = e->add;
        e->remove_n = e->add_n;
    }
    e->user = text_of(json, "user", a);
    e->env_file = text_of(json, "env-file", a);
    e->timeout_s = json_is_integer(timeout) ? json_integer_value(timeout) : CHALLENGE_TIMEOUT_S;
    e->raw = e->dialect == PROGRAM_LEGO && strcmp(text_of(json, "mode", a), "raw") == 0;
    e->bare_teardown =
        e->dialect == PROGRAM_MOD_MD && json_integer_value(json_object_get(json, "version")) == 1;
    if (e->timeout_s < 1 || e->timeout_s > DEPLOY_TIMEOUT_MAX_S)
        return err_set(
            err, ERR_CONFIG, "%s: the timeout of dns entry %s is out of bounds", from->where, from->name);
    return 0;
}

int challenge_entry_read(
    const struct dns_entry *from, struct arena *a, struct challenge_entry *out, struct err *err)
{
    struct challenge_entry e = {.name = arena_dup_c(a, from->name)};
    if (!challenge_dialect_parse(from->provider, &e.dialect))
        return err_set(err, ERR_REFUSED, "dns entry %s is no program", from->name);
    json_t *json = json_loads(from->settings != NULL ? from->settings : "", 0, NULL);
    int r = json_is_object(json)
                ? read_settings(from, json, a, &e, err)
                : err_set(err, ERR_CONFIG, "%s: dns entry %s has no settings", from->where, from->name);
    json_decref(json);
    if (r == 0)
        *out = e;
    return r;
}

/* --- variables --- */

static int from_environ(char *const *environment, const char *const *options, size_t option_n,
    struct arena *a, struct variables *out, struct err *err)
{
    struct str name, value;
    int r = 0;
    for (char *const *e = environment; r == 0 && e != NULL && *e != NULL; e++)
        for (size_t i = 0; i < option_n && str_cut(str_c(*e), '=', &name, &value); i++)
            if (str_eq_c(name, options[i])) {
                r = variables_set(out, options[i], arena_dup(a, value), err);
                break;
            }
    return r;
}

static int from_file(const char *path, struct arena *a, struct variables *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(VARIABLES_TEXT_MAX);
    int r = file_read_secret(AT_FDCWD, path, VARIABLES_TEXT_MAX, &text, err);
    if (r < 0)
        return r;
    r = variables_read(buf_str(&text), a, out, err);
    return r < 0 ? err_prefix(err, "%s", path) : 0;
}

int challenge_entry_variables(const struct challenge_entry *e, char *const *from_environment,
    const char *const *options, size_t option_n, struct arena *a, struct variables *out, struct err *err)
{
    int r = from_environ(from_environment, options, option_n, a, out, err);
    if (r == 0 && e->env_file[0] != '\0')
        r = from_file(e->env_file, a, out, err);
    for (size_t i = 0; r == 0 && i < e->env_n; i++) {
        struct str name, value;
        if (!str_cut(str_c(e->env[i]), '=', &name, &value) || !variable_name_ok(name) ||
            variable_is_reserved(name))
            return err_set(
                err, ERR_CONFIG, "word %zu of env is no NAME=value, or its name cannot be set", i + 1);
        r = variables_set(out, arena_dup(a, name), arena_dup(a, value), err);
    }
    return r;
}

/* --- what is asked for --- */

const char *challenge_identifier(const struct msg_challenge_run *m)
{
    return strncmp(m->identifier, "*.", 2) == 0 ? m->identifier + 2 : m->identifier;
}

static bool is_base64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            c != '_')
            return false;
    }
    return s.n > 0;
}

static bool label_ok(struct str label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* A name of records: labels as in host names, and '_' among them. */
static bool name_ok(struct str name)
{
    bool more = name.n > 0 && name.n <= IDENTIFIER_MAX, ok = more;
    struct str label;
    while (more && ok) {
        more = str_cut(name, '.', &label, &name);
        ok = label_ok(label);
    }
    return ok;
}

static bool is_at_or_below(struct str name, struct str zone)
{
    return str_ends(name, zone) && (name.n == zone.n || name.p[name.n - zone.n - 1] == '.');
}

/* A record may be anywhere: a chain of CNAMEs may have led there, which only the solver has seen. */
static int check_texts(const struct msg_challenge_run *m, struct err *err)
{
    struct str record = str_c(m->record), zone = str_c(m->zone), thumbprint, token;
    if (!name_ok(record) || !name_ok(zone) || !is_at_or_below(record, zone))
        return err_set(err, ERR_REFUSED, "%s: \"%s\" in the zone \"%s\" is no place for a challenge",
            m->identifier, m->record, m->zone);
    if (strlen(m->value) != TXT_VALUE_LEN || !is_base64url(str_c(m->value)))
        return err_set(
            err, ERR_REFUSED, "%s: the value of the record is no digest in base64url", m->identifier);
    bool ok = strlen(m->token) <= TOKEN_MAX && is_base64url(str_c(m->token)) &&
              strlen(m->key_authorization) <= TOKEN_MAX + 1 + TXT_VALUE_LEN &&
              str_cut(str_c(m->key_authorization), '.', &token, &thumbprint) && str_eq_c(token, m->token) &&
              is_base64url(thumbprint);
    if (!ok)
        return err_set(err, ERR_REFUSED, "%s: token and key authorization do not fit", m->identifier);
    return 0;
}

int challenge_check(const struct msg_challenge_run *m, const struct wish *w, struct arena *a, struct err *err)
{
    const char *base = challenge_identifier(m);
    size_t n;
    if (!acme_challenge_in_dns((enum acme_challenge)m->challenge) || m->challenge >= CHALLENGE_END_)
        return err_set(err, ERR_REFUSED, "%s: challenge number %u is none of the DNS", m->identifier,
            (unsigned)m->challenge);
    if (identifier_check(str_c(base), NULL) < 0 || identifier_is_ip(str_c(base)) ||
        (!wish_has_domain(w, base) && !wish_has_domain(w, arena_printf(a, "*.%s", base))))
        return err_set(err, ERR_REFUSED, "\"%s\" is not in the permit of %s", m->identifier, w->name);
    int r = check_texts(m, err);
    if (r < 0)
        return r;
    const char *const *chosen = dns_choose(w->dns, w->dns_n, m->record, a, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(chosen[i], m->entry) == 0)
            return 0;
    return err_set(
        err, ERR_REFUSED, "dns entry %s is not the one that %s chooses for %s", m->entry, w->name, m->record);
}
