/*
 * Crash points: the instants between two writes, by name. A build with -Dcrash_points=true stops at the one
 * it is told to, so that a test can kill it there and see what the next start makes of it; any other build
 * has nothing of it, not even the names.
 *
 * EVERCERT_CRASH_POINT in the environment of the command, which its processes inherit:
 *
 * NAME, or NAME:N: the process that passes NAME (for the Nth time) says "crash point NAME" on standard error
 * and stops itself (SIGSTOP); nothing of it moves until it is killed or continued.
 *
 * list: each says "crash point passed NAME" whenever it passes one.
 *
 * A point stands where the state on disk, at the CA or with others has just become another one, or is about
 * to. Their table says what is durable there. tests/crash has a scenario for each and fails for one that has
 * none.
 */
#ifndef EVERCERT_BASE_CRASH_POINT_H
#define EVERCERT_BASE_CRASH_POINT_H

/* name, what is durable when it is passed */
#define CRASH_POINTS(X)                                                                                  \
    /* files, whoever writes them */                                                                     \
    X(file_begun, "the new file, empty, under its own name or a temporary one")                          \
    X(file_written, "the new file, whole, under a temporary name; the old one is in force")              \
    X(file_copied, "the same, in a folder of somebody else")                                             \
    X(file_link_made, "the new link under a temporary name; the old one is in force")                    \
    X(socket_bound, "the control socket under a temporary name")                                         \
    /* keeper: keys */                                                                                   \
    X(keeper_seal_key_made, "seal.key, and nothing else of a new state")                                 \
    X(keeper_secrets_prepared, "all that a new state begins with, but the store")                        \
    X(keeper_entry_unsynced, "perhaps an entry of account-key or burnt-keys, or half of one")            \
    X(keeper_account_key_made, "the account's key; the CA has not heard of it")                          \
    X(keeper_account_key_taken, "the key of an imported account; nobody has heard of it")                \
    X(keeper_next_key_pending, "the account's next key, pending; nothing is signed with it")             \
    X(keeper_rollover_decided, "which key the account has; the engine has not heard of it")              \
    X(keeper_key_burnt, "that the key is compromised; the revocation is not signed")                     \
    X(keeper_certificate_key_made, "nothing: the key is in memory, sealed")                              \
    X(keeper_request_signed, "nothing new: a request is signed and has not left")                        \
    /* keeper: live/ and archive/ */                                                                     \
    X(keeper_generation_begun, "an empty folder under a temporary name")                                 \
    X(keeper_generation_has_key, "the key, alone in that folder")                                        \
    X(keeper_generation_written, "all files of the generation, in that folder")                          \
    X(keeper_generation_named, "the generation under its number; live/ leads to the one before")         \
    X(keeper_generation_live, "live/ leads to it; an older one still lies beside it")                    \
    X(keeper_generation_archived, "the older one is in the archive")                                     \
    X(keeper_generation_told, "live/ is as it will be; the engine has not heard of it")                  \
    X(keeper_together_written, "of many: their files, perhaps, and no link")                             \
    X(keeper_together_linked, "of many: all files, their links perhaps")                                 \
    X(keeper_earlier_found, "the generation to go back to beside the others; live/ leads to the newest") \
    X(keeper_earlier_live, "live/ leads to an earlier generation; the engine has not heard of it")       \
    X(keeper_forget_unlinked, "live/NAME is gone, its generations lie where they were")                  \
    X(keeper_forget_archived, "its generations are in the archive, their empty folder is left")          \
    X(keeper_forgotten, "nothing of it but the archive; the engine has its row")                         \
    /* store */                                                                                          \
    X(store_file_made, "an empty file that is to be the database")                                       \
    X(store_migrated, "nothing: the tables wait for their commit")                                       \
    X(store_commit_ahead, "nothing of this turn")                                                        \
    X(store_committed, "all of this turn; nothing of what depends on it has left")                       \
    /* engine: what it notes, and nothing of it is durable before the commit */                          \
    X(engine_wish_noted, "the store has no row, or one of the wish before")                              \
    X(engine_order_noted, "the order at the CA")                                                         \
    X(engine_key_noted, "the order's URL; the sealed key is in memory")                                  \
    X(engine_publish_asked, "the certificate at the CA, the sealed key")                                 \
    X(engine_publish_answered, "live/ is new, the store has the order under way")                        \
    X(engine_issued_noted, "the same")                                                                   \
    X(engine_placed_noted, "the order's URL; the file or record is not there")                           \
    X(engine_placed_shown, "the row of a challenge's file or record, and that one itself")               \
    X(engine_placed_gone, "the row; its file or record is gone")                                         \
    X(engine_deploy_begun, "the certificate, as due for its deployment")                                 \
    X(engine_deploy_stepped, "what a step of the deployment did")                                        \
    X(engine_deploy_noted, "what all of its steps did")                                                  \
    X(engine_put_back_noted, "live/ leads to an earlier generation")                                     \
    X(engine_account_noted, "the account at the CA")                                                     \
    X(engine_rollover_answered, "the CA's word on the next key; the keeper does not know it")            \
    X(engine_revoked_noted, "the revocation at the CA")                                                  \
    X(engine_import_noted, "live/ of an imported certificate")                                           \
    X(engine_forget_noted, "files are in the archive, the row is there")                                 \
    /* engine: signed requests, before each leaves and when its answer is in memory */                   \
    X(engine_new_account_leaves, "the account's key")                                                    \
    X(engine_new_account_answered, "the account at the CA")                                              \
    X(engine_new_order_leaves, "the wish")                                                               \
    X(engine_new_order_answered, "the order at the CA; its URL is lost with this process")               \
    X(engine_challenge_leaves, "the order's URL, and what is shown")                                     \
    X(engine_challenge_answered, "the same; the CA validates")                                           \
    X(engine_read_leaves, "the order's URL")                                                             \
    X(engine_read_answered, "the same; an object or the certificate is read")                            \
    X(engine_finalize_leaves, "the sealed key")                                                          \
    X(engine_finalize_answered, "the same; the CA has the CSR")                                          \
    X(engine_key_change_leaves, "the next key, pending")                                                 \
    X(engine_key_change_answered, "the next key, pending here and in force at the CA")                   \
    X(engine_revoke_leaves, "that the key is compromised, where it is")                                  \
    X(engine_revoke_answered, "the revocation at the CA")                                                \
    X(engine_deactivate_leaves, "nothing new")                                                           \
    X(engine_deactivate_answered, "the account is closed at the CA")                                     \
    X(engine_other_leaves, "nothing new: what is kept does not change with it")                          \
    X(engine_other_answered, "the same")                                                                 \
    /* parent */                                                                                         \
    X(parent_state_taken, "the state directory and its lock")                                            \
    X(parent_reloaded, "nothing: the new configuration is in memory")                                    \
    X(parent_challenge_file_ahead, "the row of a challenge file that is not there yet")                  \
    X(parent_challenge_file_made, "the row and the file")                                                \
    X(parent_challenge_file_gone, "the row of a file that was removed")                                  \
    X(parent_copy_ahead, "copies before this one, perhaps")                                              \
    X(parent_copy_written, "this copy")                                                                  \
    X(parent_hook_begun, "whatever the command does meanwhile")                                          \
    X(parent_hook_ended, "what the command did")                                                         \
    X(parent_output_written, "a template's new text under a temporary name; the old one is in force")    \
    X(parent_output_unchecked,                                                                           \
        "the new text in force, the old one beside it, and a note that it is to be checked")             \
    X(parent_output_passed, "the new text in force, and a note of who is to be told")                    \
    /* solver, responder */                                                                              \
    X(solver_record_ahead, "the row with the name of a record that is not there yet")                    \
    X(solver_record_written, "the record; its row has the note from before")                             \
    X(solver_record_gone, "the row of a record that was removed")                                        \
    X(responder_token_shown, "nothing: it is shown from memory")                                         \
    /* commands */                                                                                       \
    X(import_settings_written, "the imported settings; no key was sent")                                 \
    X(import_carried, "all that was imported")                                                           \
    X(install_journal_written, "what is about to be changed in a server's configuration")                \
    X(install_change_made, "one of these changes")                                                       \
    X(install_in_force, "all of them, in force; the journal says that they are under way")

enum crash_point {
#define CRASH_POINT_ENUM(name, text) CRASH_POINT_##name,
    CRASH_POINTS(CRASH_POINT_ENUM)
#undef CRASH_POINT_ENUM
};

#ifdef EVERCERT_CRASH_POINTS

/* Passes one, as the environment says. */
void crash_point_pass(enum crash_point p);
/* What is started from now on is not to stop any more: what was to die has died, and begins anew. */
void crash_points_over(void);

#define crash_point(name) crash_point_pass(CRASH_POINT_##name)
#else
/* A name that does not stand in the table does not compile here either. */
#define crash_point(name)    ((void)CRASH_POINT_##name)
#define crash_points_over()  ((void)0)
#define crash_point_pass(of) ((void)(of))
#endif

#endif
