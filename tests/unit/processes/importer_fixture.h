/* Another client's state, made by hand in a folder of its own, and read. */
#ifndef EVERCERT_TESTS_IMPORTER_FIXTURE_H
#define EVERCERT_TESTS_IMPORTER_FIXTURE_H

#include "base/arena.h"
#include "processes/importer/found.h"

#include <stdbool.h>
#include <sys/types.h>

struct key;

struct state {
    char path[128];
    struct arena *a;
    struct tree tree, also;
    struct found f;
    bool read;
};

/* For cmocka: *state is a struct state with an empty folder; afterwards it is all removed. */
int state_setup(void **state);
int state_teardown(void **state);
#define STATE_TEST(fn) cmocka_unit_test_setup_teardown(fn, state_setup, state_teardown)

/* A file below the folder with its folders, replaced where it is there; a link; an empty folder. */
void put(struct state *s, const char *path, const char *text);
void put_mode(struct state *s, const char *path, const char *text, mode_t mode);
void put_link(struct state *s, const char *path, const char *target);
void put_folder(struct state *s, const char *path);

/* A key as PEM; `kept` (may be NULL) gets the key itself, to be freed. */
const char *key_text(struct state *s, struct key **kept);
/* A chain of two for that key; `san` as in "DNS:a.example,DNS:b.example". */
const char *chain_text(struct state *s, struct key *key, const char *san);
/* Both, written to two files. */
void put_pair(struct state *s, const char *key_path, const char *chain_path, const char *san);

/* Opens the folder (or `below` in it) and runs a reader; its result. */
int read_state(struct state *s, const char *format, const char *below, struct err *err);
/* The same, asserted; `n` certificates have been found. */
void read_good(struct state *s, const char *format, size_t n);

/* Asserted to be there. */
struct found_certificate *certificate(struct state *s, const char *name);
/* Whether one of the warnings has that in it. */
bool warned(const struct found_texts *warnings, const char *part);
/* "a.example b.example" */
const char *domains(struct state *s, const struct found_certificate *c);
/* The file published at that path below the folder; NULL for none. */
const struct found_file *file_at(struct state *s, const struct found_certificate *c, const char *path);

#endif
