/* From an invocation to the command that a parent gets. */
#ifndef EVERCERT_CLI_REQUEST_H
#define EVERCERT_CLI_REQUEST_H

#include "cli/command_table.h"
#include "ipc/messages.h"

/* The given options of the command itself as "word=value" ("word=true" for flags), without those in
 * `leave_out` (ends with NULL; may be NULL); directories are made absolute, for a parent works elsewhere. In
 * the invocation's arena. */
struct msg_list request_options(const struct invocation *i, const char *const *leave_out);
/* Its arguments. */
struct msg_list request_names(const struct invocation *i);

#endif
