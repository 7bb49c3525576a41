/*
 * What must not be forgotten of templates' files by a crash (STATE/templates/journal.json, the parent's
 * alone): which were put in place before their check had passed, and which were changed without those that
 * are to know having been told.
 */
#ifndef EVERCERT_PROCESSES_PARENT_OUTPUT_JOURNAL_H
#define EVERCERT_PROCESSES_PARENT_OUTPUT_JOURNAL_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { JOURNAL_ENTRIES_MAX = 1000 }; /* ten times as many as a configuration has templates */

enum journal_state { JOURNAL_NONE, JOURNAL_UNCHECKED, JOURNAL_UNTOLD };

struct journal_entry {
    char *path;
    enum journal_state state;
    bool had; /* unchecked: there was a file before, which is kept beside it */
};

struct journal {
    int state; /* directory of the state, not owned */
    struct journal_entry *entries;
    size_t n;
};

/* Reads it; one that is not there is empty. ERR_INPUT for one that cannot be made sense of; it is empty
 * then. */
int journal_open(int state, struct journal *out, struct err *err);
void journal_close(struct journal *j);
/* NULL where nothing is noted of that file. */
const struct journal_entry *journal_find(const struct journal *j, const char *path);
/* Notes it, durably, before this returns; JOURNAL_NONE forgets it. On failure nothing is changed. */
int journal_note(struct journal *j, const char *path, enum journal_state state, bool had, struct err *err);

#endif
