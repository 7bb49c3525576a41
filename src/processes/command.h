/*
 * The operator's commands as they travel: from the command line to a parent (a daemon's, over control.sock,
 * or one started for the job, over a socketpair on descriptor 3), and from there to the engine.
 *
 * The client sends one `command` and reads until `finished`:
 *   row       a JSON object: a certificate (list, show), a history entry (log), an account (account ...),
 *             records to set (dns record), a step that is over (dns test), what was exported (its bytes in
 * base64url) rows many of them (list, log), each ended by a newline; answered by rows_taken, or no more come
 *   progress  a step of one certificate; with `final` its end, an error in it when it failed ready
 * of an import: the pieces may come, import_account and import_certificate, at most IMPORT_WINDOW at a time,
 * then import_end. Each is answered by a final progress, or by a row
 *             {"key": "same|none|other"} where it only looks
 *   finished  exit status (0, 1, 2) and, where one concerns the whole command, an error
 */
#ifndef EVERCERT_PROCESSES_COMMAND_H
#define EVERCERT_PROCESSES_COMMAND_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* verb, its words on the command line */
#define COMMAND_VERBS(X)                             \
    X(VERB_ISSUE, "issue")                           \
    X(VERB_RENEW, "renew")                           \
    X(VERB_LIST, "list")                             \
    X(VERB_SHOW, "show")                             \
    X(VERB_REVOKE, "revoke")                         \
    X(VERB_FORGET, "forget")                         \
    X(VERB_LOG, "log")                               \
    X(VERB_ACCOUNT_SHOW, "account show")             \
    X(VERB_ACCOUNT_REGISTER, "account register")     \
    X(VERB_ACCOUNT_UPDATE, "account update")         \
    X(VERB_ACCOUNT_ROLLOVER, "account rollover")     \
    X(VERB_ACCOUNT_DEACTIVATE, "account deactivate") \
    X(VERB_DNS_RECORD, "dns record")                 \
    X(VERB_DNS_TEST, "dns test")                     \
    X(VERB_EXPORT, "export")                         \
    X(VERB_CHECK, "check")                           \
    X(VERB_IMPORT, "import")                         \
    X(VERB_CONTAINERS, "containers")                 \
    X(VERB_TEMPLATE_RENDER, "template render")

enum command_verb {
#define VERB_ENUM(id, text) id,
    COMMAND_VERBS(VERB_ENUM)
#undef VERB_ENUM
        VERB_END_
};

/* Static storage; "?" for a number that is none. */
const char *command_verb_text(uint32_t verb);

/* Exit statuses of every command (product contract). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_LOCKED = 3,
};

/* Pieces of an import (accounts, certificates) that are on their way and not answered: as many as the keeper
 * makes live at once. A chain has a few kilobytes; with the longest that any process takes they are 128 MB.
 */
enum { IMPORT_WINDOW = 128 };

/* Messages of rows that are on their way to a command and not taken: about 64 kB each, so that there is
 * always one to write while the next is made, and no more. */
enum { ROWS_WINDOW = 4 };

/* The descriptor on which a parent that was started for one command finds its client. */
enum { COMMAND_FD = 3 };

/*
 * Options as "word=value" texts. Words, by verb:
 *   - issue: domain (several), name, authority (several), email, eab-kid, eab-hmac-file, challenge (several),
 * dns (several), webroot, http-port, tls-port, key-type (several), profile, preferred-profile (several),
 * preferred-chain (several), reuse-key=true, csr-file, must-staple=true, not-before, not-after,
 * on-rejected-name, deploy (several), verify (several), publish (several), renew-before, retry, key-group,
 * key-mode, staging=true, agree-tos=true; of the lists in order of preference but preferred-chain, a value
 * may be several parted by commas; paths are absolute
 *   - renew: force=true (names: the certificates, none: all that are due)
 *   - revoke: reason=TEXT, keep=true, with-key=true (signed with the certificate's own key)
 *   - log: follow=true
 *   - list: due=true, failing=true, expires-within, match (several); names: the certificates, none: all
 *   - account: authority, email, agree-tos=true, eab-kid, eab-hmac-file
 *   - import: look=true (nothing is taken; of each account it is told whether its key is here)
 *   - export: format, password-file
 *   - dns record: authority (names: the one DNS name it is about)
 *   - containers: none; a row's "kind" is engine, claim, consumer, problem or template
 *   - template render: kind, watch=true (names: the file's absolute path, which the parent reads); each
 * rendering is a row {"octets": base64url}, or with watch {"error": "..."} where there is none
 *   - dns test: none (names: an entry of dns, and the DNS name to try it with)
 */

/* The value of the first option of that word in a list of "word=value" texts, or NULL. */
const char *command_option(const char *const *options, size_t n, const char *word);

/* CRLReason names of RFC 5280 5.3.1 that a subscriber may give; false for another text. */
bool command_reason_parse(struct str text, uint32_t *out);

#endif
