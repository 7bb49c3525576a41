/* The state directory, for who takes it first: a parent, or a command that writes down there what it changes.
 */
#ifndef EVERCERT_PROCESSES_STATE_DIRECTORY_H
#define EVERCERT_PROCESSES_STATE_DIRECTORY_H

#include "base/err.h"

/* Makes it and the directories above it (0755), where they are not there. ERR_USAGE for a path that is empty
 * or too long; else what mkdir says, with the directory that could not be made. */
int state_directory_make(const char *path, struct err *err);

#endif
