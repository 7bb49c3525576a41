/*
 * The keeper: the only process that ever holds a private key. It talks to the parent and the engine over two
 * channels, has no network and sees no file but live/, archive/ and two open key files. What it signs it
 * builds itself, out of permits (the operator's wishes, sealed by it) and of tickets (an operator's command).
 */
#ifndef EVERCERT_PROCESSES_KEEPER_KEEPER_H
#define EVERCERT_PROCESSES_KEEPER_KEEPER_H

#include "base/arena.h"
#include "base/secret.h"
#include "config/wish.h"
#include "crypto/chain.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "processes/process.h"

/* One authority the operator configured. */
struct keeper_account {
    struct keeper_account *next;
    char *id, *email; /* id: the directory's URL, and "#LABEL" */
    bool agree_tos;
    bool configured; /* named by the parent in this run: only then it is used */
    struct key *key; /* NULL: none yet */
    bool key_is_new; /* made in this run: the CA cannot know it yet */
};

enum { SHELF_PLACES = 32 }; /* as many as orders are under way at once (engine.h) */

struct shelf_place {
    unsigned char digest[SHA256_LEN]; /* of the key's DER */
    struct key *key;                  /* NULL: empty */
};

struct keeper {
    struct process process;
    struct channel *parent, *engine;
    struct secret seal_key;
    int live, archive; /* directories */
    int account_file;  /* account-key, open for appending */
    struct keeper_account *accounts;
    struct shelf_place shelf[SHELF_PLACES];
    size_t shelf_next; /* the place that is given away next, the oldest */
};

/* secrets.c: seal.key and account-key. Opens (or makes, 0600 from birth) what lies in the state directory.
 * Two steps: with the rights the process was started with, and as the user it became. */
int secrets_prepare(struct keeper *k, struct err *err);
int secrets_open(struct keeper *k, struct err *err);
/* The account of that directory, NULL where the operator configured none. */
struct keeper_account *secrets_account(struct keeper *k, const char *directory);
/* Configure one. */
void secrets_configure(struct keeper *k, const char *directory, const char *email, bool agree_tos);
/* Its key, made and stored durably when there is none. */
int secrets_account_key(struct keeper *k, struct keeper_account *a, struct err *err);

/* permits.c: what the operator wished, sealed. */
int permit_make(struct keeper *k, struct str wish, struct buf *out, struct err *err);
int permit_open(struct keeper *k, struct str permit, struct buf *out, struct err *err);
/* permit_open and wish_decode. */
int permit_wish(struct keeper *k, struct str permit, struct arena *a, struct wish *out, struct err *err);
int ticket_make(struct keeper *k, const char *name, uint32_t reason, struct buf *out, struct err *err);
/* The reason of a ticket for `name`; ERR_REFUSED for another name or a ticket that is too old. */
int ticket_open(struct keeper *k, struct str ticket, const char *name, uint32_t *out_reason, struct err *err);
int sealed_key_make(
    struct keeper *k, const struct wish *w, int64_t generation, struct buf *out, struct err *err);
int sealed_key_open(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct key **out, struct err *err);

/* shelf.c: the keys used last, by their DER, so that they need not be read again. */
void shelf_put(struct keeper *k, struct str der, const struct key *key);
bool shelf_find(struct keeper *k, struct str der, struct key **out);
void shelf_clear(struct keeper *k);

/* signing.c: one JWS, header and payload built here from the request's meaning. */
int signing_sign(struct keeper *k, const struct msg_sign *m, struct buf *out, struct err *err);

/* publish.c: live/NAME. */
int publish_chain(struct keeper *k, const struct wish *w, int64_t generation, const struct key *key,
    struct str chain_pem, struct arena *a, struct chain *out, struct err *err);
/* DER of the certificate that is live under that name. */
int publish_live_leaf(
    struct keeper *k, const char *name, struct arena *a, struct str *out_der, struct err *err);
/* Everything of that name into the archive; no error where there is nothing. */
int publish_forget(struct keeper *k, const char *name, struct err *err);

#endif
