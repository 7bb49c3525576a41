/* The behaviour that every driver must show (test_store.c runs it): where a test stands, and walks that note
 * what they see. */
#ifndef EVERCERT_TESTS_STORE_SUITE_H
#define EVERCERT_TESTS_STORE_SUITE_H

#include "fixture.h"

/* The state of each test: an open, empty store. */
struct place {
    struct scratch scratch;
    struct store *s;
    struct arena *a;
};

struct walk {
    struct place *p;
    char seen[512];
    int answer; /* given for the record named `at` (every one where NULL) */
    const char *at;
    void (*act)(struct walk *w, const char *name); /* done with each record, or NULL */
};

/* Callbacks for the walks; `arg` is a struct walk. They append what they see to `seen`, blanks between. */
int visit_certificate(const struct certificate *c, void *arg);
int visit_challenge(const struct challenge_record *c, void *arg);
int visit_history(const struct history_record *h, void *arg);

/* That a walk sees just these, in this order. */
void assert_each(struct place *p, const char *names);
void assert_due(struct place *p, int64_t now, size_t limit, const char *names);
void assert_deploy_due(struct place *p, int64_t now, size_t limit, const char *names);
void assert_ari_due(struct place *p, int64_t now, size_t limit, const char *names);
void assert_next_due(struct place *p, int64_t at);
void assert_challenges(struct place *p, const char *names);
void assert_history(struct place *p, const char *name, int64_t after, size_t limit, const char *texts);

/* A named test; takes a struct place. */
struct behaviour {
    const char *name;
    void (*function)(void **state);
};

#define BEHAVIOUR(function) {#function, function},

/* suite_certificate.c */
extern const struct behaviour certificate_behaviours[];
extern const size_t certificate_behaviour_n;
/* suite_record.c */
extern const struct behaviour record_behaviours[];
extern const size_t record_behaviour_n;

#endif
