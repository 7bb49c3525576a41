/* A keeper without channels, in a state directory of its own. */
#ifndef EVERCERT_TESTS_KEEPER_FIXTURE_H
#define EVERCERT_TESTS_KEEPER_FIXTURE_H

#include "processes/keeper/keeper.h"

#define DIRECTORY   "https://ca.example/directory"
#define ACCOUNT_URL "https://ca.example/acct/7"

/* cmocka's set-up and tear-down; *state is the struct keeper. The account DIRECTORY is configured, and has a
 * key. */
int keeper_set_up(void **state);
int keeper_tear_down(void **state);
/* Ends it and starts it again over the same files, with nothing configured. 0, or what secrets_open says. */
int keeper_restart(struct keeper *k, struct err *err);

/* Ends it; its struct can be opened again. */
void keeper_close(struct keeper *k);

/* The text of a file of the state directory, in `a`. */
const char *keeper_file(struct arena *a, const char *name);
void keeper_file_append(const char *name, const char *text);
bool keeper_has(const char *name);

/* A permit of that wish (JSON), asserted; in `a`. */
struct str keeper_permit(struct keeper *k, struct arena *a, const char *wish);
struct str keeper_ticket(
    struct keeper *k, struct arena *a, enum acme_request request, const char *name, uint32_t reason);
/* A sealed key of variant 0 for that generation, asserted. */
struct str keeper_sealed(
    struct keeper *k, struct arena *a, struct str permit, int64_t generation, struct str previous);

/* What a JWS says, decoded; in `a`. */
struct jws_parts {
    const char *header, *payload;
};
struct jws_parts keeper_take_apart(struct arena *a, struct str jws);

#endif
