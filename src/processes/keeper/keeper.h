/*
 * The keeper: the only process that ever holds a private key. It talks to the parent and the engine over two
 * channels, has no network and sees no file but live/, archive/ and three open files. What it signs it builds
 * itself, out of permits (the operator's wishes, sealed by it) and of tickets (an operator's command).
 */
#ifndef EVERCERT_PROCESSES_KEEPER_KEEPER_H
#define EVERCERT_PROCESSES_KEEPER_KEEPER_H

#include "acme/payload.h"
#include "base/arena.h"
#include "base/secret.h"
#include "config/wish.h"
#include "crypto/chain.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "processes/process.h"

/* One account at one authority. */
struct keeper_account {
    struct keeper_account *next;
    char *id, *email; /* id: the directory's URL, and "#LABEL" */
    bool agree_tos;
    bool configured;        /* named by the parent in this run: only then it is used */
    enum key_type key_type; /* of a key that is made for it */
    /* External account binding; eab_kid "" for none. What is wrong with it is said when it is needed. */
    char *eab_kid, *eab_algorithm;
    struct secret eab_key;
    struct err eab_wrong;
    struct key *key;     /* in force; NULL: none yet */
    struct key *pending; /* of a key change that was begun and whose end is not known; NULL: none */
    bool key_is_new;     /* made in this run: the CA cannot know it yet */
};

/* As many as pieces of an import are under way at once (processes/command.h), which are more than orders
 * (engine.h). */
enum { SHELF_PLACES = 128 };

struct shelf_place {
    unsigned char digest[SHA256_LEN]; /* of the key's DER */
    struct key *key;                  /* NULL: empty */
};

struct keeper {
    struct process process;
    struct channel *parent, *engine, *solver;
    struct secret seal_key;
    int live, archive; /* directories */
    int account_file;  /* account-key, open for appending */
    int burnt_file;    /* burnt-keys, open for appending */
    struct keeper_account *accounts;
    char (*burnt)[SHA256_HEX_LEN]; /* hashes of the keys that are never used again */
    size_t burnt_n, burnt_cap;
    struct shelf_place shelf[SHELF_PLACES];
    size_t shelf_next;         /* the place that is given away next, the oldest */
    struct together *together; /* about to be live */
    void *listing;             /* DIR of live/, while somebody walks it (found.c) */
};

/* The key of a certificate while it is being issued. */
struct certificate_key {
    struct key *key;           /* NULL: somebody else's, known by its hash (a wish with a CSR) */
    char hash[SHA256_HEX_LEN]; /* SHA-256 of the SubjectPublicKeyInfo */
};
/* For ATTR_CLEANUP. */
void certificate_key_free(struct certificate_key *c);

/* secrets.c: what lies in the state directory. Opens (or makes, 0600 from birth) seal.key, account-key and
 * burnt-keys. Two steps: with the rights the process was started with, and as the user it became. */
int secrets_prepare(struct keeper *k, struct err *err);
int secrets_open(struct keeper *k, struct err *err);
/* Appends with one write and syncs; on failure nothing stays (or the next start cuts it off). */
int secrets_append(int fd, const char *name, struct str bytes, struct err *err);

/* accounts.c: the accounts and their keys. */
/* Configure one, or again with other settings. */
void accounts_configure(struct keeper *k, const struct msg_keeper_account *m);
/* NULL where there is none of that id. */
struct keeper_account *accounts_find(struct keeper *k, const char *id);
/* As accounts_find for one that the operator configured; ERR_REFUSED otherwise. */
int accounts_configured(struct keeper *k, const char *id, struct keeper_account **out, struct err *err);
/* Its key, made and stored durably when there is none. */
int accounts_make_key(struct keeper *k, struct keeper_account *a, struct err *err);
/* The CA does not take keys of the type that is in force: one of the configured type takes its place,
 * durably. Nothing is done where that is the same type, or a change of the key is under way. */
int accounts_replace_key(struct keeper *k, struct keeper_account *a, struct err *err);
/* Whether that key (the hash of its public half) belongs to an account, in force or pending. */
bool accounts_hold(const struct keeper *k, const char *hash);
/* RFC 8555 7.3.5: makes the next key beside the one in force, durably; done at once where one is pending.
 * Needs an operator's ticket. */
int accounts_rollover_begin(struct keeper *k, struct keeper_account *a, struct str ticket, struct err *err);
/* The pending key comes into force, or is put away; no error where none is pending. */
int accounts_rollover_end(struct keeper *k, struct keeper_account *a, bool commit, struct err *err);
/* Another client's key for the account `id`, as that one wrote it: 0 where it is the one in force here,
 * ERR_NOT_FOUND where there is none yet, ERR_EXISTS where there is another; changes nothing. */
int accounts_look(struct keeper *k, const char *id, struct str text, struct err *err);
/* It becomes the key of an account that has none, durably; no error where it is that already. ERR_EXISTS
 * where the account has another, ERR_REFUSED for one that burnt or cannot sign here, ERR_INPUT for no key. */
int accounts_import(struct keeper *k, struct keeper_account *a, struct str text, struct err *err);
/* Gives all memory back. */
void accounts_free(struct keeper *k);

/* ring.c: account-key, a ring of PEM keys that is only ever appended to, so that no key is ever lost:
 *
 *   directory ID             the key in force from here on
 *   directory ID (pending)   the next key, durable before anything is signed with it
 *   directory ID (dropped)   the pending one again: the CA did not take it
 *
 * each followed by its PEM block. An id holds no blank, so a reader that knows the first kind alone takes the
 * others for accounts that nobody configured. */
enum ring_mark { RING_IN_FORCE, RING_PENDING, RING_DROPPED };
/* Reads the text of the file into accounts, which are not configured yet; *out_good is how much of it is
 * whole: an entry that a crash cut short is at the end and was never used. */
int ring_read(struct keeper *k, struct str text, size_t *out_good, struct err *err);
/* Appends durably; a key that is not on disk must not reach a CA. */
int ring_append(
    struct keeper *k, const char *id, enum ring_mark mark, const struct key *key, struct err *err);

/* burnt.c: keys that were revoked as compromised, by the hash of their public half. */
int burnt_read(struct keeper *k, struct str text, size_t *out_good, struct err *err);
bool burnt_has(const struct keeper *k, const char *hash);
/* Durable when it returns; no error for one that burnt before. */
int burnt_add(struct keeper *k, const char *hash, struct err *err);
/* Gives the memory back; the file keeps them. */
void burnt_clear(struct keeper *k);

/* permits.c: what the operator wished, sealed. */
/* Also refuses what only the keeper can see: a CSR that is none, is not for the wish's domains, or whose key
 * is burnt or an account's. */
int permit_make(struct keeper *k, struct str wish, struct buf *out, struct err *err);
int permit_open(struct keeper *k, struct str permit, struct buf *out, struct err *err);
/* permit_open, wish_decode and wish_select. */
int permit_wish(struct keeper *k, struct str permit, uint32_t variant, struct arena *a, struct wish *out,
    struct err *err);
/* The names of a wish without those in `omitted`: ERR_REFUSED unless the wish allows that, each is one of its
 * domains, and one is left. In `a`. */
int permit_names(const struct wish *w, const struct msg_list *omitted, struct arena *a, struct str **out,
    size_t *out_n, struct err *err);
/* The request of a wish that has one, judged again. */
int permit_csr(struct keeper *k, const struct wish *w, struct arena *a, struct csr *out, struct err *err);

/* tickets.c: an operator's command, sealed. `request` is what it allows (both ways to revoke are one), `name`
 * the certificate's name or the account's id. */
int ticket_make(struct keeper *k, enum acme_request request, const char *name, uint32_t reason,
    struct buf *out, struct err *err);
/* ERR_REFUSED for another request or name, or a ticket that is too old. out_reason may be NULL. */
int ticket_open(struct keeper *k, struct str ticket, enum acme_request request, const char *name,
    uint32_t *out_reason, struct err *err);

/* sealed.c: the keys of certificates, as they leave the keeper. A sealed key opens for its certificate
 * (w->name) and generation only. */
/* A new one; the one of `previous` again where the wish says reuse-key and it can be used on. */
int sealed_key_make(struct keeper *k, const struct wish *w, const struct msg_key_make *m, struct arena *a,
    struct buf *out, struct err *err);
/* Another client's, of any kind of key. ERR_REFUSED for one that burnt or is an account's, ERR_INPUT for what
 * is no key. */
int sealed_key_import(struct keeper *k, const struct wish *w, const struct msg_key_import *m, struct arena *a,
    struct buf *out, struct err *err);
/* ERR_REFUSED for a key that burnt. The caller frees *out with certificate_key_free. */
int sealed_key_open(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct certificate_key *out, struct err *err);
/* The same for a burnt one, too: to revoke with it. */
int sealed_key_open_any(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct certificate_key *out, struct err *err);

/* shelf.c: the keys used last, by their DER, so that they need not be read again. */
void shelf_put(struct keeper *k, struct str der, const struct key *key);
bool shelf_find(struct keeper *k, struct str der, struct key **out);
void shelf_clear(struct keeper *k);

/* signing.c: one JWS, header and payload built here from the request's meaning. */
int signing_sign(struct keeper *k, const struct msg_sign *m, struct buf *out, struct err *err);

/* urls.c: whether the paths of two URLs differ in nothing but their last segment, percent-encoding, case,
 * empty segments and queries aside. */
bool urls_beside(struct str a, struct str b);

/* publish.c: live/NAME. */
/* In live/: where the generations lie, each in .generations/NAME/N. */
#define KEEPER_GENERATIONS ".generations"
/* In the folder of a wish's second key type: the name of its first, with which it is forgotten. */
#define KEEPER_VARIANT_OF ".variant"
/* Judges the chain; makes it live unless it is a rehearsal. */
int publish_chain(struct keeper *k, const struct wish *w, const struct msg_publish *m,
    const struct certificate_key *key, struct arena *a, struct chain *out, struct err *err);
/* Judges the chain and writes its generation, which is neither durable nor live then: it
 * is when the caller has synced the file system and led live/NAME to *target (in `a`). */
int publish_write(struct keeper *k, const struct wish *w, const struct msg_publish *m,
    const struct certificate_key *key, struct arena *a, struct chain *out, const char **target,
    struct err *err);
/* What is left to do when such a generation is live: older ones go to the archive. */
void publish_tidy(struct keeper *k, const char *name, int64_t generation);
/* Says in the log that it is live. */
void publish_said(const char *name, int64_t generation, const struct chain *chain);
/* The certificate that is live under that name. */
int publish_live(struct keeper *k, const char *name, struct arena *a, struct chain *out, struct err *err);
/* Everything of that name into the archive, and with it what was published as another key type of the same
 * wish; no error where there is nothing. */
int publish_forget(struct keeper *k, const char *name, struct err *err);

/* kept.c: .generations/NAME/.permit, 0600: the wish that what is live as NAME was issued for, sealed for that
 * name alone. It is for a store that was lost, and tells a reader of live/ nothing. */
struct kept {
    const char *wish, *account; /* JSON; the account that it was issued to, "" where nobody said */
    uint32_t source, variant;
};
/* Replaces what is kept in `dir`, the certificate's folder of generations, unless that says the same.
 * unsynced: the caller makes it durable. */
int kept_put(struct keeper *k, int dir, const char *name, struct str permit, const struct kept *about,
    bool unsynced, struct err *err);
/* Texts in `a`. ERR_NOT_FOUND where there is none, ERR_CRYPTO where it was not sealed by this seal.key. */
int kept_read(
    struct keeper *k, int dir, const char *name, struct arena *a, struct kept *out, struct err *err);
/* MSG_permit_keep: no error where nothing of that name is live. */
int kept_again(struct keeper *k, const struct msg_permit_keep *m, struct err *err);

/* found.c: everything that is live, one after the other (MSG_live_next). */
struct found {
    const char *name; /* "": there are no more */
    struct kept kept;
    struct str permit; /* made of it; empty where there is none that can be read */
    int64_t generation, highest;
    const char *base; /* the certificate whose second key type it is, "" */
    struct chain chain;
    struct str pem; /* of the chain */
    bool burnt;
    struct err wrong; /* why it cannot be used */
};
/* Texts in `a`; a failure ends the walk. */
int found_next(struct keeper *k, bool first, struct arena *a, struct found *out, struct err *err);
/* Nobody walks any more. */
void found_end(struct keeper *k);

/* live.c: what is live, whole; and which generation is. */
struct generation {
    struct chain chain;
    struct str fullchain; /* leaf and issuers, PEM */
    struct key *key;      /* that of the leaf; NULL where it is the operator's own */
};
/* For ATTR_CLEANUP. */
void generation_free(struct generation *g);
/* Reads a generation out of its directory; texts live in `a`, the caller frees the key with generation_free.
 * ERR_VERIFY where the key does not belong to the leaf. */
int generation_read(int dir, struct arena *a, struct generation *out, struct err *err);
/* The one that is live under that name. ERR_NOT_FOUND: there is none. */
int live_read(struct keeper *k, const char *name, struct arena *a, struct generation *out, struct err *err);
struct live {
    int64_t generation;
    struct chain chain;
};
/* Makes another generation live (MSG_live_switch), fetched back from the archive where it lies there: one
 * that is whole, has not expired and whose key is not burnt. ERR_NOT_FOUND where there is none. */
int live_switch(struct keeper *k, const struct wish *w, const struct msg_live_switch *m, struct arena *a,
    struct live *out, struct err *err);

/* export.c: what is live, in another form (MSG_export_make). `out` is a sensitive buffer; it stays empty
 * where *same says that this is what exists already. ERR_NOT_FOUND for a name that has nothing live, and for
 * a form with a key where the key is the operator's own; ERR_INPUT for a form that is none. */
int export_make(
    struct keeper *k, const struct msg_export_make *m, struct buf *out, bool *same, struct err *err);

/* together.c: certificates that become live together: their files are made durable by one sync of the file
 * system, then each link is switched. */
/* One more of an import; `id` is answered by `published` when it is live, or cannot be. */
void together_put(struct keeper *k, uint32_t id, const struct msg_publish_together *m);
/* An issued one, published at the end of this turn of the loop: together with the others that came in it, or
 * by itself where they are few. Answered as keeper_publish does. */
void together_gather(struct keeper *k, uint32_t id, const struct msg_publish *m);
/* Nobody waits any more: what was not live yet stays as it is. */
void together_forget(struct keeper *k);

/* main.c: one publication by itself, or a rehearsal, and its answer. */
void keeper_publish(struct keeper *k, uint32_t id, const struct msg_publish *m);
/* The answer to a publication; `chain` may be one that was not read. */
void keeper_published(struct keeper *k, uint32_t id, const struct chain *chain, const struct err *err);

#endif
