/*
 * The solver: puts challenges' answers into the DNS, and takes them out again. It holds the credentials of
 * `dns:` and runs the providers' Lua; it believes the engine nothing but what a permit says, which the keeper
 * opens. One struct work for each request, as many at once as the engine asks for:
 *
 *   permit -> place (CNAMEs, zone) -> entries of the wish -> each writes -> the record has spread -> answer
 */
#ifndef EVERCERT_PROCESSES_SOLVER_SOLVER_H
#define EVERCERT_PROCESSES_SOLVER_SOLVER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "config/dns.h"
#include "config/wish.h"
#include "crypto/digest.h"
#include "dns/answerer.h"
#include "dns/client.h"
#include "dns/lookup.h"
#include "dns/propagation.h"
#include "ipc/channel.h"
#include "lua/host.h"
#include "processes/process.h"
#include "processes/solver/names.h"
#include "processes/solver/note.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct solver;

/* --- entries.c: what the parent says of `dns:` --- */

/* How the DNS looks from some resolvers, and what runs on that. Shared by all that name the same ones. */
struct view {
    struct view *next;
    unsigned refs;
    char *resolvers; /* "192.0.2.1,192.0.2.2"; "" : the system's */
    struct dns_client *dns;
    struct lua_host *lua;
};

enum entry_kind { ENTRY_LUA, ENTRY_PROGRAM, ENTRY_BUILTIN };

/* One entry of `dns:`. It outlives a reload that does not change it, and with it its cache and its pace. */
struct entry {
    unsigned refs;
    struct arena *arena;
    const char *name, *provider;
    enum entry_kind kind;
    unsigned char digest[SHA256_LEN]; /* of all that was said of it and of its file */
    struct note_key key;
    struct view *view;              /* the book's where it names no resolvers of its own */
    struct propagation propagation; /* of its own, if has_propagation */
    bool has_propagation;
    struct lua_entry *lua; /* of ENTRY_LUA */
    const char *zone;      /* of ENTRY_BUILTIN: what is said of it */
    const char *const *nameservers;
    size_t nameserver_n;
    const char *contact;
    struct err broken; /* why it cannot be used; code 0: it can */
};

/* All that the parent said between dns_begin and dns_end. What is under way keeps the one it began with. */
struct book {
    struct solver *solver;
    unsigned refs;
    struct arena *arena;
    struct propagation propagation;
    struct view *view; /* NULL where it could not be made: `broken` */
    struct err broken;
    struct entry **entries;
    size_t n, cap;
};

void entries_begin(struct solver *s, const struct msg_dns_begin *m);
void entries_put(struct solver *s, const struct msg_dns_entry *m);
void entries_end(struct solver *s);
/* NULL: none of that name. */
struct entry *book_find(const struct book *b, const char *name);
struct book *book_ref(struct book *b);
/* NULL is fine. Not from within a callback of its clients: see solver_turn. */
void book_unref(struct book *b);

/* --- permits.c: what permits say, kept for a moment --- */

struct permit;

/* Who waits for one; part of a larger struct. */
struct permit_wait {
    struct permit_wait *next;
    struct permit *permit;
    /* `wish` lives until permit_leave. NULL: the permit is not good. May come from within permit_want. */
    void (*then)(const struct wish *wish, const struct err *err, void *arg);
    void *arg;
};

void permit_want(struct solver *s, struct str bytes, struct permit_wait *w);
/* Done with it, whether it was answered or not. */
void permit_leave(struct solver *s, struct permit_wait *w);
/* Another keeper is there: it is asked what the one before did not answer. */
void permits_ask_again(struct solver *s);
/* Those that nobody uses and whose time is over; all that nobody uses with `all`. */
void permits_expire(struct solver *s, bool all);

/* --- work.c, part.c: one record --- */

enum work_kind { WORK_PRESENT, WORK_WITHDRAW };

/* One entry's share of a record. */
struct part {
    struct work *work;
    struct entry *entry;
    struct view *view;         /* asked for its place, if not the book's */
    const char *record, *zone; /* where it stands; NULL until that is known */
    const char *handle;        /* "" */
    struct dns_question *question;
    struct lua_call *call;
    bool running; /* a program, at the parent */
    struct propagation_watch *watch;
    struct event *pause; /* waits in place of a watch */
    bool touched;        /* something may have been written */
    bool written, done;
    struct err *err; /* why not; in the work's arena */
};

struct work {
    struct work *next;
    struct solver *solver;
    enum work_kind kind;
    unsigned life; /* of the engine that asked: s->engine_life */
    uint32_t id, handle, challenge;
    struct arena *arena;
    struct str permit;
    const char *identifier, *label, *token, *key_authorization, *note;
    char value[NAMES_VALUE_SIZE];
    struct work *after; /* the one before it about the same record, which ends first */
    struct book *book;
    struct permit_wait permit_wait;
    const struct wish *wish;
    const char *name; /* of the record, before CNAMEs */
    struct dns_question *question;
    struct part parts[WISH_DNS_ENTRIES_MAX];
    size_t part_n;
    bool watching; /* all parts are written */
    bool cancelled;
    bool answered; /* cancelled, or its engine is gone: it only ends what it has begun */
    bool over;     /* waits for solver_turn to be freed */
};

void work_present(struct solver *s, uint32_t id, const struct msg_dns_present *m);
void work_withdraw(struct solver *s, uint32_t id, const struct msg_dns_withdraw *m);
/* The engine went: nobody waits for the records that are being written. */
void works_engine_gone(struct solver *s);
/* Frees what is over; all of it with `all`. */
void works_sweep(struct solver *s, bool all);

/* For part.c. */
void work_step(struct work *w, bool with_note, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* A part went as far as it can for now: written, spread, taken out, or failed. */
void work_part_settled(struct work *w);

/* Finds where its record stands, unless known, and writes it or takes it out. */
void part_start(struct part *p);
/* The record is there: is it everywhere? */
void part_watch(struct part *p);
void part_fail(struct part *p, const struct err *why);
/* Ends what can be ended at once: questions and watches. What is being written goes on. */
void part_quiet(struct part *p);
/* Ends all of it. */
void part_drop(struct part *p);
/* Whether something is being written or taken out. */
bool part_is_busy(const struct part *p);
const struct propagation *part_propagation(const struct part *p);

/* --- held.c: the built-in answerer's records --- */

int held_put(struct solver *s, const char *certificate, const char *name, const char *value, struct err *err);
void held_remove(struct solver *s, const char *certificate, const char *name, const char *value);
void held_clear(struct solver *s);

/* --- persist.c: standing records --- */

struct look;
void persist_look(struct solver *s, uint32_t id, const struct msg_persist_look *m);
void looks_engine_gone(struct solver *s);
void looks_sweep(struct solver *s, bool all);

/* --- describe.c --- */

/* Prints the catalogue of providers and returns the exit status. Confines itself first. */
int describe(const struct lua_directories *dirs, bool sandbox_log);

/* --- register.c --- */

/* Reads a JSON object on standard input: "provider" and "entry", names, "settings" and "propagation", JSON
 * texts of config/dns.h. Has the provider make an account, prints what config/registration.h has, and returns
 * the exit status. Confines itself first. */
int register_account(const struct lua_directories *dirs, bool sandbox_log);

/* --- main.c --- */

/* What a solver that asks others may open: the libraries' files and the providers, and nothing that is ours.
 * Returns how many. */
enum { SOLVER_PATHS_MAX = PROCESS_NETWORK_PATHS_MAX + 2 };
size_t solver_paths(const struct lua_directories *dirs, struct sandbox_path out[SOLVER_PATHS_MAX]);

struct solver {
    struct process process;
    struct channel *parent, *engine, *keeper;
    unsigned engine_life;
    struct lua_directories directories;
    struct answerer *answerer;
    struct held *held; /* what it shows */
    struct view *views;
    struct book *book, *draft;
    struct permit *permits;
    struct work *works; /* the newest first */
    struct look *looks;
};

/* Sends to the engine, if it is that one still. */
void solver_answer(struct solver *s, unsigned life, enum msg_type t, uint32_t id, const void *msg);

#endif
