/* What the readers of this folder share: the container that is being read, the claim that is being made, and
 * how both are bounded. */
#ifndef EVERCERT_CONTAINERS_INTERNAL_H
#define EVERCERT_CONTAINERS_INTERNAL_H

#include "base/attr.h"
#include "config/names.h"
#include "config/wish.h"
#include "containers/claim.h"

enum {
    REASON_MAX = 400,       /* octets of a problem's reason; what is quoted in it is far shorter */
    KEY_SHOWN_MAX = 120,    /* octets of a label's key in a problem */
    CLAIM_ID_MAX = 64,      /* octets of ID in evercert.ID.domains */
    CLAIM_WORDS_MAX = 1000, /* names written for one certificate, repetitions included */
    CLAIM_OPTIONS_MAX = 8,  /* there are six */
    CONSUMER_VERIFY_MAX = 16,
};

/* A claim that is being made, on the stack of its reader: {.reader, .key} to begin with. The first thing that
 * is wrong with it is said, and ends it. */
struct draft {
    enum claim_reader reader;
    const char *key; /* the label or variable that asks */
    const char *domains[WISH_DOMAINS_MAX];
    size_t domain_n, word_n;
    struct wish_option options[CLAIM_OPTIONS_MAX];
    size_t option_n;
    bool staging, staging_said;
    bool broken; /* a problem was said, or another reader said it already */
    bool fills;  /* names that a claim of the container has already are left out */
};

struct reading {
    const struct container *c;
    struct arena *a;
    struct holder holder;
    struct claim claims[CLAIMS_PER_CONTAINER_MAX];
    const char *names[CLAIMS_PER_CONTAINER_MAX]; /* of their certificates */
    size_t claim_n;
    struct names asked;  /* domains of all claims */
    bool full;           /* there were more, which was said */
    size_t draft_n;      /* claims that were tried */
    struct draft common; /* evercert's unnumbered options, for all claims that are not numbered */
    const char *restart; /* the variable that wants a restart; NULL: none */
    const char *restarts[CLAIMS_PER_CONTAINER_MAX]; /* names of certificates it is wanted for */
    size_t restart_n;
    struct consumer *consumer;
    struct claim_problem problems[CLAIM_PROBLEMS_MAX];
    size_t problem_n, problem_left; /* those beyond */
};

/* Something that cannot be followed; made one clean line. Beyond CLAIM_PROBLEMS_MAX it is counted only. */
void say(struct reading *r, const char *key, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* The next word of a list parted by commas, and by blanks where `blanks`; blanks around it are taken off,
 * empty ones left out. False at the end. */
bool next_word(struct str *rest, bool blanks, struct str *word);
/* "true" or "false" in any case. */
bool truth_parse(struct str text, bool *out);
/* Label text for the key of a claim or a problem: clean and short; in the arena. */
const char *shown_key(struct reading *r, const char *key);

/* One more name, as written; `draft_names` takes a list (see next_word). */
void draft_name(struct reading *r, struct draft *d, struct str name);
void draft_names(struct reading *r, struct draft *d, struct str list, bool blanks);
/* A word of settings_wish() whose value is checked for its form; `key` is where it stands. */
void draft_option(struct reading *r, struct draft *d, const char *key, const char *option, const char *value);
/* true or false, at the staging directory. */
void draft_staging(struct reading *r, struct draft *d, const char *key, const char *value);
/* Makes it a claim (with copies of its lists), unless it is broken, without names, or a claim is there that
 * asks for the same. Returns the name of the certificate; NULL where there is none. */
const char *draft_finish(struct reading *r, struct draft *d);

/* The readers, in the order of enum claim_reader. */
void read_evercert(struct reading *r);
void read_companion(struct reading *r);
void read_traefik(struct reading *r);
void read_caddy(struct reading *r);
/* Labels of evercert that nobody took, when all readers are through. */
void read_evercert_rest(struct reading *r);
/* When all claims are known: evercert.use, .on-change and .verify where `labels`; where none of these is
 * there, a restart that was asked for. */
void read_consumer(struct reading *r, bool labels);

/* Names in a rule of Traefik. */
struct rule_names {
    const struct str *names; /* as written, in their order; not those below a '!' */
    size_t n;
};
/*
 * Host(`a`, "b") and HostSNI(`a`) of a rule made of matchers, &&, ||, ! and parentheses; names of matchers in
 * any case. `*` of HostSNI gives no name. ERR_INPUT says at which column (characters from 1) it stops being a
 * rule.
 */
int traefik_rule_names(struct str rule, struct arena *a, struct rule_names *out, struct err *err);

#endif
