/*
 * What scripts of acme.sh want kept until they run again: STATE/dns/ENTRY.conf for an entry, whichever
 * certificate it serves, and STATE/dns/ENTRY.d/CERTIFICATE.conf for what belongs to one certificate. Lines
 * NAME=base64url, 0600, replaced whole.
 */
#ifndef EVERCERT_PROCESSES_PARENT_CHALLENGE_STATE_H
#define EVERCERT_PROCESSES_PARENT_CHALLENGE_STATE_H

#include "processes/parent/challenge_texts.h"

/* `state` is the state directory, `entry` an entry's name, `certificate` a certificate's. Missing files are
 * empty lists. Texts in `a`. ERR_INPUT names the file that was changed by somebody. */
int challenge_state_load(int state, const char *entry, const char *certificate, struct arena *a,
    struct variables *account, struct variables *domain, struct err *err);

/* Takes in what a script said (kept_apply) and writes what changed. */
int challenge_state_save(int state, const char *entry, const char *certificate, struct str lines,
    struct arena *a, struct variables *account, struct variables *domain, struct err *err);

#endif
