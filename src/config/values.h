/*
 * The kinds of single values: how each is read from text, written as text, and described to people and in a
 * JSON Schema. The configuration, the options of the command line and the JSON of a wish all use them.
 */
#ifndef EVERCERT_CONFIG_VALUES_H
#define EVERCERT_CONFIG_VALUES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct setting;

enum {
    VALUE_TEXT_MAX = 4096,   /* octets of a value; the longest path of Linux */
    AUTHORITY_NAME_MAX = 64, /* octets of an entry's name */
    ACCOUNT_NAME_MAX = 63,   /* octets of a user's or group's name; Linux allows 32 */
};

struct value_type {
    const char *expected; /* for "expected ..." and the schema's descriptions: "a duration such as 30d" */
    /* Writes *field; `text` is not empty, UTF-8, at most VALUE_TEXT_MAX octets and free of control
     * characters. */
    int (*parse)(const struct setting *row, struct str text, struct arena *a, void *field, struct err *err);
    /* Appends the text that parse would read back. */
    void (*print)(const struct setting *row, const void *field, struct buf *out);
    bool mends;                      /* the text may be read as another; a wish holds only that */
    bool bare;                       /* in YAML it is written without quotes */
    bool lines;                      /* may hold line breaks and tabs */
    size_t longest;                  /* octets; 0: VALUE_TEXT_MAX - 1 */
    const char *json_type;           /* in a JSON Schema; NULL: "string" */
    const char *json_also;           /* a second type it may have there; NULL: none */
    const char *pattern;             /* in a JSON Schema; NULL: none */
    const char *(*choice)(size_t i); /* the i-th of an enumeration, NULL behind the last; or no function */
};

/* Fields are const char *, but: of type_bool and type_rejected bool, of type_duration int64_t, of type_mode
 * and type_copy_mode unsigned, of type_account_key enum key_type, of type_propagation_check
 * enum propagation_check, of type_count int64_t, of type_output_mode unsigned, of type_wait struct wait.
 * type_entries is several names parted by commas. */
extern const struct value_type type_account, type_account_key, type_argument, type_authority, type_bool,
    type_chain, type_challenge, type_copy_format, type_copy_mode, type_copy_path, type_csr, type_csr_file,
    type_dialect, type_domain, type_duration, type_endpoint, type_entries, type_event, type_host,
    type_pattern, type_propagation_check, type_provider_setting, type_resolver, type_starttls, type_variable,
    type_eab_algorithm, type_email, type_hmac, type_key_type, type_kid, type_label, type_listen,
    type_log_format, type_mode, type_name, type_path, type_rejected, type_secret_file, type_term, type_url;
/* Of docker, actions and templates (values_containers.c). */
extern const struct value_type type_allow, type_container, type_container_user, type_count, type_dns_entry,
    type_file, type_glob, type_label_key, type_output_mode, type_reader, type_signal, type_socket,
    type_template_kind, type_wait;

/* Reads the file of a secret of at most `max` octets into *out, in `a`; blanks around it are taken off. A
 * `path` without '/' is a name among $CREDENTIALS_DIRECTORY (systemd). What others may read is
 * ERR_PERMISSION; ERR_CONFIG where it is empty or relative. No text of an error holds any of it. */
int secret_file_read(const char *path, size_t max, struct arena *a, const char **out, struct err *err);
/* The same for a value of `row`, which is that of the secret. */
int secret_read(
    const struct setting *row, const char *path, struct arena *a, const char **out, struct err *err);

/* Reads `text` as a value of `row` into `field` (of the row's C type). ERR_INPUT says what is expected and
 * what is there. */
int value_parse(const struct setting *row, struct str text, struct arena *a, void *field, struct err *err);

/* A name under `authorities`. */
int authority_name_check(struct str name, struct err *err);

#endif
