/* A program of ours that prints one answer and ends: the importer, and the solver's catalogue. */
#ifndef EVERCERT_PROCESSES_PROGRAM_ANSWER_H
#define EVERCERT_PROCESSES_PROGRAM_ANSWER_H

#include "base/buf.h"
#include "base/err.h"

/* Runs `path` (argv with its NULL) in our environment and waits until it ends: its standard output is
 * appended to `out`. ERR_FAILED with the last line of its standard error where it exits with anything but 0;
 * ERR_TIMEOUT after `timeout_s`, ERR_LIMIT where it says more than `out` holds: it is killed then. Errors of
 * starting it name the path. */
int program_answer(const char *path, char *const *argv, int timeout_s, struct buf *out, struct err *err);

#endif
