/* The rules of sudoers(5) that the deploy steps of certificates need, and no others. */
#ifndef EVERCERT_CLI_SNIPPET_SUDOERS_H
#define EVERCERT_CLI_SNIPPET_SUDOERS_H

#include "base/err.h"
#include "cli/snippet/expand.h"
#include "cli/snippet/snippet.h"

/* Adds the lists `rules` (alias, commands, env, who, as) and `refused` (command, why: what no rule can be
 * written for) to `root`. */
int snippet_sudoers(const struct snippet_source *s, struct snippet_scope *root, struct err *err);

#endif
