/* What the tests of the store share: a folder of their own, records to store, and walks that note what they
 * see. */
#ifndef EVERCERT_TESTS_STORE_FIXTURE_H
#define EVERCERT_TESTS_STORE_FIXTURE_H

#include "base/buf.h"
#include "store/store.h"

/* A new folder with room for a database; removed with what is in it by scratch_free. */
struct scratch {
    char dir[64];
    char db[80];
};

void scratch_make(struct scratch *s);
void scratch_free(struct scratch *s);
/* Copy the database as it lies on the disk (file and -wal) to `to`, as a crash would leave it. In a child,
 * because closing a database file drops the locks that this process has on it. */
void scratch_copy(const struct scratch *s, const char *to);

/* A record with every member empty or 0 but the name. */
struct certificate empty_certificate(const char *name);
/* A record with every member set, each one differently; `seed` makes records differ. */
struct certificate full_certificate(struct arena *a, const char *name, int64_t seed);
void assert_certificate_equal(const struct certificate *a, const struct certificate *b);

/* Puts empty_certificate(name) with these times. */
void put_due(struct store *s, const char *name, int64_t due_at, int64_t deploy_due_at);
/* Puts empty_certificate(name) with only this time. */
void put_look_due(struct store *s, const char *name, int64_t look_due_at);
void put_expiring(struct store *s, const char *name, int64_t expiring_at);
void put_queued(struct store *s, const char *name, const char *queue, int64_t due_at, int64_t urgent_at);
void put_ari_due(struct store *s, const char *name, int64_t ari_due_at);
void put_bucket(struct store *s, const char *key, int64_t at_us, int64_t expires);
bool has_bucket(struct store *s, const char *key);
void put_key(struct store *s, const char *name, int64_t generation, const char *sealed);
void put_challenge(struct store *s, const char *certificate, const char *token);
void put_history(struct store *s, int64_t at, const char *certificate, const char *text);
bool has_certificate(struct store *s, const char *name);
bool has_key(struct store *s, const char *name, int64_t generation);

/* Everything that the walks tell, as text; for comparing two stores. */
void dump_store(struct store *s, struct buf *out);

#endif
