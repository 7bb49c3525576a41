/*
 * Every message of every channel, once: its fields, its size limit, whether a descriptor travels with it.
 * Structs, codec and fuzz target all come from this table.
 *
 * Field kinds: u32, i64, flag (0/1), text (const char *, no NUL inside), blob (struct str), list (texts),
 * error (struct msg_error). A decoded message lives in the arena it was decoded into; its pointers are never
 * NULL.
 */
#ifndef EVERCERT_IPC_MESSAGES_H
#define EVERCERT_IPC_MESSAGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MSG_SMALL = 16 * 1024,
    MSG_WISH = 256 * 1024,       /* 100 names, hooks and a permit of the same size take under 100 kB */
    MSG_LARGE = 3 * 1024 * 1024, /* a chain at its limit (1 MB) and what goes with it */
    MSG_MAX = 4 * 1024 * 1024,   /* no frame of any type is larger */
    MSG_LIST_MAX = 10000,        /* texts in one list */
};

struct msg_list {
    const char *const *p;
    size_t n;
};

/* A struct err as it travels; code 0 is success. */
struct msg_error {
    int32_t code;
    const char *text, *problem;
    int64_t retry_at_s;
};

/* --- general --- */

/* The plain answer to a request that has nothing to give back. */
#define MSG_FIELDS_done(F) F(error, error)
/* From parent: the other end of a channel to that process; a new one replaces the old. Carries the
 * descriptor. */
#define MSG_FIELDS_peer(F) F(text, process)
/* To parent, from a process that cannot start: why. It ends next. */
#define MSG_FIELDS_unable(F) F(error, error)
/* From parent: end in good order. */
#define MSG_FIELDS_stop(F) F(flag, unused)

/* --- parent and keeper --- */

/* An account the operator configured: its id is the directory's URL, with "#LABEL" behind it where there are
 * several at one directory. Only for these is an account key made or used, and only for URLs of the
 * directory's origin. eab_kid empty: no external account binding. eab_hmac is the text the CA gave. */
#define MSG_FIELDS_keeper_account(F) \
    F(text, account)                 \
    F(text, email)                   \
    F(flag, agree_tos) F(text, key_type) F(text, eab_kid) F(text, eab_algorithm) F(text, eab_hmac)
/* A wish of the operator, to be sealed; answered by permit_made. */
#define MSG_FIELDS_permit_make(F) F(text, wish)
#define MSG_FIELDS_permit_made(F) F(blob, permit) F(error, error)
/* What did the operator permit? Answered by permit_opened. */
#define MSG_FIELDS_permit_open(F)   F(blob, permit)
#define MSG_FIELDS_permit_opened(F) F(text, wish) F(error, error)
/* An operator's own request (enum acme_request) to revoke what is live as `name` (reason: RFC 5280 5.3.1), or
 * to change the key of or deactivate the account `name`; answered by ticket_made. */
#define MSG_FIELDS_ticket_make(F) F(u32, request) F(text, name) F(u32, reason)
#define MSG_FIELDS_ticket_made(F) F(blob, ticket) F(error, error)
/* What is live as `name`, in that form (a format of publish: in the configuration, or "pem": chain and key);
 * `existing`: what there is in that form now, "" for nothing; where that is the `same` (the same content is
 * the same bytes, also of a pkcs12), none are given back. password: of pkcs12. Answered by export_made. */
#define MSG_FIELDS_export_make(F) F(text, name) F(text, format) F(text, password) F(blob, existing)
#define MSG_FIELDS_export_made(F) F(blob, bytes) F(flag, same) F(error, error)
/* An account's key from another client, as that one wrote it (PEM, a JWK, or DER in base64): it becomes the
 * key of an account that was announced and has none yet, or has this very one; answered by done. */
#define MSG_FIELDS_account_import(F) F(text, account) F(text, key)
/* Whether that account has this very key (success), none yet (ERR_NOT_FOUND) or another (ERR_EXISTS); nothing
 * is changed; answered by done. */
#define MSG_FIELDS_account_look(F) F(text, account) F(text, key)
/* A certificate's key from another client, which is sealed for that generation; answered by key_made. */
#define MSG_FIELDS_key_import(F) F(blob, permit) F(u32, variant) F(i64, generation) F(text, key)
/* Move the files of `name` to the archive; answered by done. */
#define MSG_FIELDS_files_forget(F) F(text, name)

/* --- parent and engine --- */

/* `staging`: id of the account at its staging directory, "" where it has none. */
#define MSG_FIELDS_engine_authority(F) \
    F(text, name)                      \
    F(text, account)                   \
    F(blob, ca_pem) F(text, email) F(flag, agree_tos) F(flag, has_eab) F(flag, pre_authorize) F(text, staging)
/* The wishes of the configuration begin, are offered, and end: what came from an earlier configuration and
 * was not among them is released, where they were complete. containers: they are watched, so there may be
 * some to tell. */
#define MSG_FIELDS_wishes_begin(F) F(flag, containers)
/* Between begin and end, which of these are wanted as they are already? names: of the certificates, in the
 * order of strcmp(), and above all that were offered before; wishes: the wish of each. Every wish of the
 * configuration is offered (one for two key types with each of its names), so what lies between two names and
 * came from an earlier configuration is released. Answered by wishes_judged: an octet for each, '1' where the
 * wish is to be put, '0' where the engine has it. */
#define MSG_FIELDS_wishes_offer(F)  F(list, names) F(list, wishes)
#define MSG_FIELDS_wishes_judged(F) F(blob, wanted) F(error, error)
/* holder: of containers' wishes, who has it, for people; "" of the configuration's. */
#define MSG_FIELDS_wish_put(F)   F(text, wish) F(blob, permit) F(text, holder)
#define MSG_FIELDS_wishes_end(F) F(flag, schedule) F(flag, complete)
/* The same of what containers ask for, between claims_begin and claims_end; complete: every engine has
 * answered, so what is not among them nobody asks for any more. grace: seconds that such a one is renewed on.
 */
#define MSG_FIELDS_grants_begin(F) F(flag, unused)
/* As it was put before, in this life of the engine. */
#define MSG_FIELDS_grant_keep(F) F(text, name)
#define MSG_FIELDS_grants_end(F) F(flag, complete) F(i64, grace)
/* From engine: what `list` says is no longer as it was. */
#define MSG_FIELDS_certificates_changed(F) F(flag, unused)
/* From engine: tell the containers that use these certificates; answered by consumers_told with the
 * servers to look at (host:port) and what commands printed. verify_of: which certificate is to be seen there,
 * for each of verify; "": each of them. Where there is an error, failed are the certificates it is about, in
 * order (none: all of them), and reasons what went wrong with the first of these. */
#define MSG_FIELDS_consumers_tell(F) F(list, names)
#define MSG_FIELDS_consumers_told(F) \
    F(list, told)                    \
    F(list, verify) F(list, verify_of) F(list, failed) F(list, reasons) F(text, output) F(error, error)
/* A command of the operator (processes/command.h). */
#define MSG_FIELDS_engine_command(F) \
    F(u32, session) F(u32, verb) F(list, names) F(list, options) F(text, wish) F(blob, permit) F(blob, ticket)
/* The client of that session has gone. */
#define MSG_FIELDS_session_gone(F) F(u32, session)
/* From keeper: its files are there. From engine: the store is open, the commands may come. */
#define MSG_FIELDS_ready(F) F(flag, unused)
/* From engine: somebody must listen for that kind of challenge (acme/challenge.h); answered by done when the
 * responder does. */
#define MSG_FIELDS_responder_need(F) F(u32, challenge)
/* From engine: the authority that the permit names is unknown to it; announced before the answer, which is
 * done. */
#define MSG_FIELDS_authority_need(F) F(blob, permit)
/* From engine: write or remove the challenge file that the permit's webroot asks for; answered by done. */
#define MSG_FIELDS_webroot_put(F)    F(blob, permit) F(text, identifier) F(text, token) F(text, value)
#define MSG_FIELDS_webroot_remove(F) F(blob, permit) F(text, identifier) F(text, token)

/* From engine: run that step (a command) of the permit's wish for that event (config/deploy.h); answered by
 * hook_ran. names: of a batch, all certificates that it is for. finished: `error` is why the attempt failed,
 * "" where it did not; `names` and `failed` are the certificates of the attempts that are over. */
#define MSG_FIELDS_hook_run(F) \
    F(blob, permit)            \
    F(u32, variant)            \
    F(u32, step)               \
    F(text, event) F(text, fingerprint) F(i64, not_after) F(text, error) F(list, names) F(list, failed)
#define MSG_FIELDS_hook_ran(F) F(text, output) F(error, error)
/* From engine: write the permit's copies of what is live, and give its files to its key-group, where they are
 * not so already; answered by copies_made with the paths that were written. */
#define MSG_FIELDS_copies_make(F) F(blob, permit) F(u32, variant)
#define MSG_FIELDS_copies_made(F) F(list, written) F(error, error)
/* From engine: could the permit's hooks, copies and webroots be carried out? Nothing is changed. Answered by
 * steps_checked with what could not, a line each. */
#define MSG_FIELDS_steps_check(F)   F(blob, permit) F(u32, variant)
#define MSG_FIELDS_steps_checked(F) F(list, problems) F(error, error)
/* An account's URL, "" where it is not known, and a certificate, from another client; its key is sealed for
 * generation 1. Their outcome is progress of that session; import_over ends it. */
#define MSG_FIELDS_account_take(F) F(u32, session) F(text, account) F(text, url)
#define MSG_FIELDS_certificate_take(F) \
    F(u32, session) F(text, wish) F(blob, permit) F(text, account) F(blob, sealed_key) F(blob, chain)
#define MSG_FIELDS_import_over(F) F(u32, session)
/* Which servers answer for names: settings.resolvers. */
#define MSG_FIELDS_resolvers(F) F(list, servers)

/* --- engine and keeper --- */

/* The key of an account, made when there is none; answered by account_opened. refused: the CA, which has no
 * account with it, does not take keys of its type, so one of the configured type is made where that is
 * another. pending: a key change was begun and its end is not known. */
#define MSG_FIELDS_account_open(F) F(text, account) F(flag, refused)
#define MSG_FIELDS_account_opened(F) \
    F(text, thumbprint) F(text, key_type) F(flag, is_new) F(flag, pending) F(error, error)
/* Make the account's next key, durable beside the one in force (RFC 8555 7.3.5); needs an operator's ticket;
 * done at once where one is pending already; answered by done. */
#define MSG_FIELDS_rollover_begin(F) F(text, account) F(blob, ticket)
/* The CA took it (commit) or did not: the pending key comes into force or is put away; answered by
 * account_opened with the key that is in force then. */
#define MSG_FIELDS_rollover_end(F) F(text, account) F(flag, commit)
/* Sign one request (acme/payload.h: enum acme_request) for that account; the keeper builds header and payload
 * from the permit, the sealed key or the ticket. kid empty: the public key stands in the header. `variant`:
 * which key type of the permit's wish. Of a new order: names of the permit to leave out (where it allows
 * that), one of the permit's profiles or "", and whether it replaces the live certificate (RFC 9773 5). Of a
 * pre-authorization: which of the permit's names. Answered by signed. */
#define MSG_FIELDS_sign(F) \
    F(text, account)       \
    F(u32, request)        \
    F(text, kid)           \
    F(text, nonce)         \
    F(text, url)           \
    F(blob, permit)        \
    F(u32, variant)        \
    F(blob, sealed_key)    \
    F(i64, generation) F(blob, ticket) F(list, omitted) F(text, profile) F(flag, replaces) F(text, identifier)
#define MSG_FIELDS_signed(F) F(blob, body) F(error, error)
/* A certificate key for that generation, sealed; the one of an earlier generation again where the permit says
 * reuse-key and that one is given; answered by key_made. */
#define MSG_FIELDS_key_make(F) \
    F(blob, permit) F(u32, variant) F(i64, generation) F(blob, previous) F(i64, previous_generation)
#define MSG_FIELDS_key_made(F) F(blob, sealed_key) F(error, error)
/* How well a chain fits the permit's preferred chains: rank 0 is the first of them, UINT32_MAX none; leaf is
 * the SHA-256 of its first certificate. Answered by chain_judged. */
#define MSG_FIELDS_chain_judge(F)  F(blob, permit) F(blob, chain)
#define MSG_FIELDS_chain_judged(F) F(u32, rank) F(text, leaf) F(error, error)
/* Verify the chain against permit and key and make it live (rehearsal: only verify); answered by published.
 * ari_id: RFC 9773 4.1, "" where it has none. key_hash: SHA-256 of the public key. */
#define MSG_FIELDS_publish(F) \
    F(blob, permit)           \
    F(u32, variant) F(i64, generation) F(blob, sealed_key) F(blob, chain) F(list, omitted) F(flag, rehearsal)
#define MSG_FIELDS_published(F) \
    F(text, fingerprint)        \
    F(text, serial)             \
    F(text, issuer)             \
    F(list, subjects) F(i64, not_before) F(i64, not_after) F(text, ari_id) F(text, key_hash) F(error, error)
/* As publish, of a first variant with all its names, for what may become live a moment later: the keeper
 * makes several durable at once. Answered by published. */
#define MSG_FIELDS_publish_together(F) F(blob, permit) F(i64, generation) F(blob, sealed_key) F(blob, chain)
/* Make another generation live: `generation` itself, or with `before` the newest below it that is there and
 * has not expired. Answered by live_switched with what is live then. ERR_NOT_FOUND: there is none. */
#define MSG_FIELDS_live_switch(F)   F(blob, permit) F(u32, variant) F(i64, generation) F(flag, before)
#define MSG_FIELDS_live_switched(F) F(i64, generation) F(text, fingerprint) F(i64, not_after) F(error, error)
/* --- solver --- */

/* From parent: all of `dns:` follows and is complete; what was said before is forgotten then. propagation:
 * JSON (config/dns.h) of the settings. */
#define MSG_FIELDS_dns_begin(F) F(text, propagation)
/* kind: of the provider ("lua", "program", "builtin"). settings: a JSON object, with secrets. propagation: ""
 * where the entry has none of its own. */
#define MSG_FIELDS_dns_entry(F) \
    F(text, name) F(text, provider) F(text, kind) F(text, settings) F(text, propagation)
#define MSG_FIELDS_dns_end(F) F(flag, unused)
/* From parent: a socket for the built-in answerer: bound (udp) or listening. Carries the descriptor. */
#define MSG_FIELDS_dns_listen(F) F(text, address) F(flag, udp)
/* From engine: see that there is a solver; answered by done when its channel is on the way. */
#define MSG_FIELDS_solver_need(F) F(flag, unused)
/* From engine: show the answer to a challenge of that kind (acme/challenge.h) for `identifier`, a name of the
 * permit without "*."; label: of dns-account-01, "_" and 16 characters. `handle` names it in dns_step.
 * Answered by dns_presented when the record has spread. note: what withdraw wants to know; there may be
 * something to withdraw after an error too. */
#define MSG_FIELDS_dns_present(F) \
    F(blob, permit)               \
    F(u32, handle)                \
    F(u32, challenge)             \
    F(text, identifier) F(text, label) F(text, token) F(text, key_authorization)
#define MSG_FIELDS_dns_presented(F) F(text, note) F(error, error)
/* From solver, for those that wait: how far it is, and the note as it is now ("": not changed). */
#define MSG_FIELDS_dns_step(F) F(u32, handle) F(text, step) F(text, note)
/* From engine: take that value out of the DNS again, and no other; answered by done. note "": it got lost. */
#define MSG_FIELDS_dns_withdraw(F) \
    F(blob, permit)                \
    F(u32, challenge)              \
    F(text, identifier) F(text, label) F(text, token) F(text, key_authorization) F(text, note)
/* From engine: does a standing record of dns-persist-01 for that name of the permit say one of these (issuer,
 * account URI), of each the one that goes with it? wildcard: its policy must be. Answered by
 * persist_looked: until when (0: for ever), and the record. */
#define MSG_FIELDS_persist_look(F) \
    F(blob, permit) F(text, identifier) F(flag, wildcard) F(list, issuers) F(list, account_uris)
#define MSG_FIELDS_persist_looked(F) F(i64, until) F(text, record) F(error, error)
/* From solver to parent: run the program of that entry of dns:, which must be one that the permit's wish
 * chooses for `record` (the name that the TXT record gets, after CNAMEs), for a name of the permit. value: of
 * the TXT record. output: of cleanup, what the first run printed. Answered by challenge_ran. */
#define MSG_FIELDS_challenge_run(F) \
    F(blob, permit)                 \
    F(text, entry)                  \
    F(flag, cleanup)                \
    F(u32, challenge)               \
    F(text, identifier)             \
    F(text, record)                 \
    F(text, zone) F(text, value) F(text, token) F(text, key_authorization) F(u32, remaining) F(text, output)
#define MSG_FIELDS_challenge_ran(F) F(text, output) F(error, error)

/* --- watcher: from parent --- */

/* All that it watches and renders follows and is complete at watch_end; what was said before is forgotten
 * then. readers: bits of enum claim_reader. labels: keys that the policy looks at. wait: milliseconds.
 * settings: JSON for templates (lua/template.h). */
#define MSG_FIELDS_watch_begin(F) \
    F(u32, readers) F(list, labels) F(i64, wait_min) F(i64, wait_max) F(text, settings)
/* unfit: why it cannot be watched, its files being as they are, ""; what it has is not known then. */
#define MSG_FIELDS_watch_engine(F) \
    F(text, name) F(text, socket) F(blob, ca) F(blob, cert) F(blob, key) F(flag, insecure) F(text, unfit)
/* output: names it, everywhere. */
#define MSG_FIELDS_watch_template(F) \
    F(text, output) F(text, source) F(blob, text) F(text, kind) F(i64, wait_min) F(i64, wait_max)
/* rescan: engines are listed again, also those that were known already; and all templates are handed in
 * again. */
#define MSG_FIELDS_watch_end(F) F(flag, rescan)
/* Certificates for templates: rows of `list` begin, follow, and are complete. */
#define MSG_FIELDS_model_begin(F) F(flag, unused)
#define MSG_FIELDS_model_row(F)   F(text, json)
#define MSG_FIELDS_model_end(F)   F(flag, unused)
/* A connected socket for that engine (carries the descriptor), or why there is none. */
#define MSG_FIELDS_engine_socket(F)    F(text, engine)
#define MSG_FIELDS_engine_no_socket(F) F(text, engine) F(error, error)
/* Do that (enum docker_verb) in a container; by its id, or where that is "" by a name as in `actions`
 * (config/containers.h) that the watcher looks up. engine "": any. Answered by acted. */
#define MSG_FIELDS_act(F) \
    F(text, engine)       \
    F(text, id)           \
    F(text, container)    \
    F(flag, service)      \
    F(u32, verb)          \
    F(text, signal) F(list, argv) F(text, user) F(i64, timeout)
#define MSG_FIELDS_acted(F) F(text, output) F(error, error)
/* Render that once and keep nothing; answered by template_tried when all engines have answered once. */
#define MSG_FIELDS_template_try(F)   F(text, source) F(blob, text) F(text, kind)
#define MSG_FIELDS_template_tried(F) F(blob, text) F(error, error)

/* --- watcher: to parent --- */

/* A connected socket for that engine is wanted. */
#define MSG_FIELDS_engine_want(F) F(text, engine)
/* How it goes with an engine (docker/follow.h). */
#define MSG_FIELDS_engine_state(F) \
    F(text, engine)                \
    F(flag, connected) F(flag, synced) F(text, version) F(u32, containers) F(u32, services) F(text, error)
/* All that containers ask for, again after each change: claims, consumers and problems follow. */
#define MSG_FIELDS_claims_begin(F) F(flag, unused)
/* Of both: networks are names, labels "key=value" (those of watch_begin), options "word=value". */
#define MSG_FIELDS_claim(F) \
    F(text, engine)         \
    F(text, id)             \
    F(text, container)      \
    F(flag, service)        \
    F(text, image)          \
    F(text, project)        \
    F(text, service_name)   \
    F(i64, created)         \
    F(list, networks)       \
    F(list, labels) F(u32, reader) F(text, key) F(list, domains) F(list, options) F(flag, staging)
#define MSG_FIELDS_consumer(F) \
    F(text, engine)            \
    F(text, id)                \
    F(text, container)         \
    F(flag, service)           \
    F(text, project)           \
    F(text, service_name)      \
    F(text, key) F(list, uses) F(u32, change) F(text, value) F(list, verify)
#define MSG_FIELDS_claim_problem(F) \
    F(text, engine) F(text, id) F(text, container) F(text, key) F(text, reason)
/* complete: every engine has been listed at least once. */
#define MSG_FIELDS_claims_end(F) F(flag, complete)
/* A template's text, or why there is none; lines: lua/template.h. Answered by done when the file is as it
 * should be, its check passed and who is to be told was told. */
#define MSG_FIELDS_template_output(F) F(text, output) F(blob, text) F(blob, lines) F(error, error)
/* Something that templates see is no longer as it was. */
#define MSG_FIELDS_world_changed(F) F(flag, unused)

/* --- responder --- */

/* From parent: a listening socket (carries the descriptor) for that kind of challenge. */
#define MSG_FIELDS_listen(F) F(text, address) F(u32, challenge)
/* From parent: close all listening sockets. */
#define MSG_FIELDS_unlisten(F) F(flag, unused)
/* From engine; put is answered by done. */
#define MSG_FIELDS_token_put(F)    F(text, token) F(text, value)
#define MSG_FIELDS_token_remove(F) F(text, token)
/* The same for tls-alpn-01: the certificate to show for that identifier, made by the responder. */
#define MSG_FIELDS_alpn_put(F)    F(text, identifier) F(text, token) F(text, key_authorization)
#define MSG_FIELDS_alpn_remove(F) F(text, identifier) F(text, token)
/* From responder: somebody fetched a live token. */
#define MSG_FIELDS_hit(F) F(text, token) F(text, peer)

/* --- control: a command and the parent --- */

/* The one request of a control connection: verb from processes/command.h, names it is about, options
 * "word=value". */
#define MSG_FIELDS_command(F) F(u32, verb) F(list, names) F(list, options)
/* After the command `import`: what another client had, piece by piece. Keys and chain as that one wrote them;
 * `account` is an authority's name in the configuration; `wish` JSON of config/wish.h. */
#define MSG_FIELDS_import_account(F)     F(text, account) F(text, key) F(text, url)
#define MSG_FIELDS_import_certificate(F) F(text, wish) F(text, account) F(text, key) F(blob, chain)
#define MSG_FIELDS_import_end(F)         F(flag, unused)
/* One line of the answer, a JSON object; engine to parent and parent to command. */
#define MSG_FIELDS_row(F) F(u32, session) F(text, json)
/* What happens with one certificate just now; `final` with success or error when its part is over. */
#define MSG_FIELDS_progress(F) F(u32, session) F(text, name) F(text, step) F(flag, final) F(error, error)
/* Something that whoever gives a command should know, whatever the command: a text for standard error. */
#define MSG_FIELDS_notice(F) F(text, text)
/* The command is over: exit status, and an error where one concerns the whole. */
#define MSG_FIELDS_finished(F) F(u32, session) F(u32, status) F(error, error)

/* name, size limit of its frame, whether a descriptor comes with it */
#define MESSAGES(M)                           \
    M(done, MSG_SMALL, false)                 \
    M(peer, MSG_SMALL, true)                  \
    M(stop, MSG_SMALL, false)                 \
    M(keeper_account, MSG_SMALL, false)       \
    M(permit_make, MSG_WISH, false)           \
    M(permit_made, MSG_WISH, false)           \
    M(permit_open, MSG_WISH, false)           \
    M(permit_opened, MSG_WISH, false)         \
    M(ticket_make, MSG_SMALL, false)          \
    M(ticket_made, MSG_SMALL, false)          \
    M(files_forget, MSG_SMALL, false)         \
    M(engine_authority, MSG_LARGE, false)     \
    M(wishes_begin, MSG_SMALL, false)         \
    M(wish_put, 2 * MSG_WISH, false)          \
    M(wishes_end, MSG_SMALL, false)           \
    M(engine_command, 4 * MSG_WISH, false)    \
    M(session_gone, MSG_SMALL, false)         \
    M(ready, MSG_SMALL, false)                \
    M(responder_need, MSG_SMALL, false)       \
    M(authority_need, MSG_WISH, false)        \
    M(webroot_put, MSG_WISH, false)           \
    M(webroot_remove, MSG_WISH, false)        \
    M(account_open, MSG_SMALL, false)         \
    M(account_opened, MSG_SMALL, false)       \
    M(sign, 2 * MSG_WISH, false)              \
    M(signed, 2 * MSG_WISH, false)            \
    M(key_make, MSG_WISH, false)              \
    M(key_made, MSG_SMALL, false)             \
    M(publish, MSG_LARGE, false)              \
    M(published, MSG_SMALL, false)            \
    M(listen, MSG_SMALL, true)                \
    M(unlisten, MSG_SMALL, false)             \
    M(token_put, MSG_SMALL, false)            \
    M(token_remove, MSG_SMALL, false)         \
    M(hit, MSG_SMALL, false)                  \
    M(command, MSG_WISH, false)               \
    M(row, MSG_LARGE, false)                  \
    M(progress, MSG_SMALL, false)             \
    M(finished, MSG_SMALL, false)             \
    M(unable, MSG_SMALL, false)               \
    M(rollover_begin, MSG_SMALL, false)       \
    M(rollover_end, MSG_SMALL, false)         \
    M(chain_judge, MSG_LARGE, false)          \
    M(chain_judged, MSG_SMALL, false)         \
    M(alpn_put, MSG_SMALL, false)             \
    M(alpn_remove, MSG_SMALL, false)          \
    M(export_make, MSG_LARGE, false)          \
    M(export_made, MSG_LARGE, false)          \
    M(account_import, MSG_SMALL, false)       \
    M(key_import, MSG_WISH, false)            \
    M(hook_run, MSG_LARGE, false)             \
    M(hook_ran, MSG_SMALL, false)             \
    M(copies_make, MSG_WISH, false)           \
    M(copies_made, MSG_WISH, false)           \
    M(steps_check, MSG_WISH, false)           \
    M(steps_checked, MSG_WISH, false)         \
    M(account_take, MSG_SMALL, false)         \
    M(certificate_take, MSG_LARGE, false)     \
    M(import_over, MSG_SMALL, false)          \
    M(resolvers, MSG_SMALL, false)            \
    M(live_switch, MSG_WISH, false)           \
    M(live_switched, MSG_SMALL, false)        \
    M(import_account, MSG_SMALL, false)       \
    M(import_certificate, MSG_LARGE, false)   \
    M(import_end, MSG_SMALL, false)           \
    M(account_look, MSG_SMALL, false)         \
    M(publish_together, MSG_LARGE, false)     \
    M(dns_begin, MSG_SMALL, false)            \
    M(dns_entry, MSG_WISH, false)             \
    M(dns_end, MSG_SMALL, false)              \
    M(dns_listen, MSG_SMALL, true)            \
    M(solver_need, MSG_SMALL, false)          \
    M(dns_present, MSG_WISH, false)           \
    M(dns_presented, MSG_SMALL, false)        \
    M(dns_step, MSG_SMALL, false)             \
    M(dns_withdraw, 2 * MSG_WISH, false)      \
    M(persist_look, MSG_WISH, false)          \
    M(persist_looked, MSG_SMALL, false)       \
    M(challenge_run, 2 * MSG_WISH, false)     \
    M(challenge_ran, MSG_SMALL, false)        \
    M(grants_begin, MSG_SMALL, false)         \
    M(grant_keep, MSG_SMALL, false)           \
    M(grants_end, MSG_SMALL, false)           \
    M(certificates_changed, MSG_SMALL, false) \
    M(consumers_tell, MSG_LARGE, false)       \
    M(consumers_told, MSG_LARGE, false)       \
    M(watch_begin, MSG_WISH, false)           \
    M(watch_engine, MSG_LARGE, false)         \
    M(watch_template, MSG_LARGE, false)       \
    M(watch_end, MSG_SMALL, false)            \
    M(model_begin, MSG_SMALL, false)          \
    M(model_row, MSG_LARGE, false)            \
    M(model_end, MSG_SMALL, false)            \
    M(engine_socket, MSG_SMALL, true)         \
    M(engine_no_socket, MSG_SMALL, false)     \
    M(act, MSG_WISH, false)                   \
    M(acted, MSG_SMALL, false)                \
    M(template_try, MSG_LARGE, false)         \
    M(template_tried, MSG_LARGE, false)       \
    M(engine_want, MSG_SMALL, false)          \
    M(engine_state, MSG_SMALL, false)         \
    M(claims_begin, MSG_SMALL, false)         \
    M(claim, MSG_WISH, false)                 \
    M(consumer, MSG_WISH, false)              \
    M(claim_problem, MSG_SMALL, false)        \
    M(claims_end, MSG_SMALL, false)           \
    M(template_output, MSG_LARGE, false)      \
    M(world_changed, MSG_SMALL, false)        \
    M(wishes_offer, 2 * MSG_WISH, false)      \
    M(wishes_judged, MSG_SMALL, false)        \
    M(notice, MSG_SMALL, false)

enum msg_type {
    MSG_none = 0,
#define MSG_ENUM(name, max, fd) MSG_##name,
    MESSAGES(MSG_ENUM)
#undef MSG_ENUM
        MSG_END_
};

#define MSG_MEMBER_u32(name)   uint32_t name;
#define MSG_MEMBER_i64(name)   int64_t name;
#define MSG_MEMBER_flag(name)  bool name;
#define MSG_MEMBER_text(name)  const char *name;
#define MSG_MEMBER_blob(name)  struct str name;
#define MSG_MEMBER_list(name)  struct msg_list name;
#define MSG_MEMBER_error(name) struct msg_error name;
#define MSG_MEMBER(kind, name) MSG_MEMBER_##kind(name)

#define MSG_STRUCT(name, max, fd)     \
    struct msg_##name {               \
        MSG_FIELDS_##name(MSG_MEMBER) \
    };
MESSAGES(MSG_STRUCT)
#undef MSG_STRUCT

/* "sign"; "?" for a number that is none. Static storage. */
const char *msg_name(enum msg_type t);
/* Largest frame of that type; 0 for a number that is none. */
size_t msg_max(uint32_t type);
/* Whether a descriptor comes with it. */
bool msg_has_fd(uint32_t type);
/* Size of its struct, to allocate one. */
size_t msg_size(enum msg_type t);

/* Append the fields of `msg` (a struct msg_NAME of that type). NULL texts count as "". ERR_LIMIT when the
 * frame would be larger than its limit or a list too long, and `out` holds a part of it then; ERR_IPC for a
 * number that is no message. */
int msg_encode(enum msg_type t, const void *msg, struct buf *out, struct err *err);
/* Decode exactly `fields` into *out (msg_size(t) bytes, zeroed by this call); memory from `a`. ERR_INPUT for
 * fields that end early, bytes left over, a text with NUL, a flag that is neither 0 nor 1; ERR_LIMIT for a
 * list longer than MSG_LIST_MAX. */
int msg_decode(enum msg_type t, struct str fields, struct arena *a, void *out, struct err *err);

/* An error to send; NULL or code 0 gives success. Points into `err`. */
struct msg_error msg_error_of(const struct err *err);
/* Fills *err from a received one and returns its code; 0 and untouched for success. Text is cleaned again: it
 * comes from a process that talks to strangers. */
int msg_error_get(const struct msg_error *e, struct err *err);
/* What became of a request: `e` is the error field of its answer, or NULL and `why` where none came. Code as
 * above. */
int msg_outcome(const struct msg_error *e, const struct err *why, struct err *err);

#endif
